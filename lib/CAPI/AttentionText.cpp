// The text of a module with one attention, from its description in C.
#include "AttentionText.h"

#include "gqa/JIT/JIT.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace llvm;

namespace gqa {
namespace {

Error invalid(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

std::string elementType(DLDataType dtype) {
  if (dtype.lanes == 1 && dtype.code == kDLFloat && is_contained({16, 32, 64}, dtype.bits))
    return ("f" + Twine(int(dtype.bits))).str();
  return dtype.lanes == 1 && dtype.code == kDLBfloat && dtype.bits == 16 ? "bf16" : "";
}

/// More along one dimension are a mistake: no memory holds them.
constexpr int64_t kMostElements = int64_t(1) << 40;

Error check(const gqa_attention &a) {
  if (elementType(a.dtype).empty())
    return invalid("dtype is expected to be float of 16, 32 or 64 bits, or bfloat of 16");
  for (auto [name, size] : {std::pair("q_heads", a.q_heads), std::pair("kv_heads", a.kv_heads),
                            std::pair("dim", a.dim), std::pair("value_dim", a.value_dim)})
    if (size < 1 || size > kMostElements)
      return invalid(Twine(name) + " is " + Twine(size) + ", expected 1 to 2^40");
  if (a.q_heads % a.kv_heads != 0)
    return invalid("q_heads is " + Twine(a.q_heads) + " and kv_heads is " + Twine(a.kv_heads) +
                   ": expected a multiple");
  for (auto [name, size] :
       {std::pair("batch", a.batch), std::pair("queries", a.queries), std::pair("keys", a.keys)})
    if (size < -1 || size > kMostElements)
      return invalid(Twine(name) + " is " + Twine(size) + ", expected a size up to 2^40, or -1 for any");
  if (a.has_window && (a.window_left < -1 || a.window_right < -1))
    return invalid("window_left and window_right are expected to be -1 or more");
  if (!std::isfinite(a.scale))
    return invalid("scale is not a finite number");
  if (!std::isfinite(a.softcap) || a.softcap < 0)
    return invalid("softcap is expected to be 0, for none, or a positive number");
  bool square = a.queries == a.keys && a.queries >= 0;
  if ((a.causal || a.has_window) && !a.offset && !square)
    return invalid("causal and window need the operand offset unless queries and keys are the same number");
  return Error::success();
}

/// One operand: `tensor<2x?xf32>`.
std::string tensor(ArrayRef<int64_t> sizes, StringRef element) {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += (size < 0 ? "?" : std::to_string(size)) + "x";
  return text + element.str() + ">";
}

} // namespace

Expected<std::string> attentionText(const gqa_attention &a) {
  if (Error error = check(a))
    return error;
  std::string element = elementType(a.dtype);
  SmallVector<std::pair<std::string, std::string>> operands = {
      {"q", tensor({a.batch, a.q_heads, a.queries, a.dim}, element)},
      {"k", tensor({a.batch, a.kv_heads, a.keys, a.dim}, element)},
      {"v", tensor({a.batch, a.kv_heads, a.keys, a.value_dim}, element)}};
  SmallVector<int64_t> scores = {a.batch, a.q_heads, a.queries, a.keys};
  std::string clauses = a.causal ? " causal" : "";
  auto add = [&](int wanted, StringRef name, const std::string &type) {
    if (!wanted)
      return;
    operands.emplace_back(name.str(), type);
    clauses += formatv(" {0}(%{0})", name);
  };
  add(a.mask, "mask", tensor(scores, "i1"));
  add(a.bias, "bias", tensor(scores, element));
  add(a.kv_len, "kv_len", tensor({a.batch}, "i64"));
  add(a.offset, "offset", tensor({a.batch}, "i64"));
  add(a.sinks, "sinks", tensor({a.q_heads}, element));
  if (a.has_window)
    clauses += formatv(" window({0}, {1})", a.window_left, a.window_right);
  if (a.scale != 0)
    clauses += formatv(" scale({0:E17})", a.scale);
  if (a.softcap != 0)
    clauses += formatv(" softcap({0:E17})", a.softcap);
  SmallVector<std::string> results = {tensor({a.batch, a.q_heads, a.queries, a.value_dim}, element)};
  if (a.lse)
    results.push_back(tensor({a.batch, a.q_heads, a.queries}, element == "f64" ? "f64" : "f32"));
  auto arguments =
      map_range(operands, [](auto &operand) { return "%" + operand.first + ": " + operand.second; });
  auto types = map_range(operands, [](auto &operand) { return operand.second; });
  std::string returned = a.lse ? "%o, %lse" : "%o";
  return formatv(
             "func.func @main({0}) -> ({1}) {{\n  {2} = gqa.attention %q, %k, %v{3}\n    : ({4}) -> ({1})\n"
             "  return {2} : {1}\n}\n",
             join(arguments, ", "), join(results, ", "), returned, clauses, join(types, ", "))
      .str();
}

} // namespace gqa
