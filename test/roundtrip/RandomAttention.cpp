// Text is the shortest way to say what an attention is.
#include "RandomAttention.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>
#include <numeric>

using namespace llvm;

namespace gqa::roundtrip {
namespace {

class Builder {
public:
  explicit Builder(Random &random) : random(random) {
    sizes = {{'b', random.pick({1, 1, 2, 3})},    {'k', random.pick({1, 1, 2, 3})},
             {'g', random.pick({1, 1, 2, 3, 4})}, {'i', random.pick({1, 2, 3, 5, 6})},
             {'j', random.pick({2, 4, 5, 6, 7})}, {'d', random.pick({2, 4, 6, 8})},
             {'e', random.pick({2, 4, 6, 8})}};
    sizes['h'] = sizes['k'] * sizes['g'];
    if (random.oneIn(3)) // in one of three, some of these are not known
      for (char letter : {'b', 'i', 'j'})
        if (random.oneIn(2) && sizes[letter] > 1)
          open += letter;
    element = random.pick({"f32", "f32", "f32", "f16", "bf16", "f64"});
    accumulator = element == "f64" ? "f64" : "f32";
  }

  Drawn build() {
    std::string q = layout("bhid"), k = layout("bkjd"), v = layout("bkje"), o = layout("bhie");
    std::vector<std::string> operands = {argument(q, element), argument(k, element), argument(v, element)};
    addMask();
    addBias();
    addPositions();
    if (random.oneIn(4))
      clause("sinks", argument("h", random.pick({StringRef("f32"), StringRef(element)})));
    addScale();
    if (random.oneIn(5))
      clauses += " softcap(" + random.pick({std::string("5.0"), std::string("30.0")}) + ")";
    addRegion();
    addDeadRow();
    std::string output = typeOf(o, element), all;
    for (const std::string &operand : operands)
      all += (all.empty() ? "" : ", ") + types[operand];
    for (const std::string &operand : used)
      all += ", " + types[operand];
    std::string text;
    raw_string_ostream(text) << "func.func @main(" << join(parameters, ", ") << ") -> " << output << " {\n"
                             << "  %r = gqa.attention " << join(operands, ", ") << clauses
                             << formatv(" layout(q = \"{0}\", k = \"{1}\", v = \"{2}\", o = \"{3}\")",
                                        letters(q), letters(k), letters(v), letters(o))
                             << " : (" << all << ") -> " << output << region << "\n  return %r : " << output
                             << "\n}\n";
    return {text, arrays};
  }

private:
  /// The letters of gqa layouts.
  static std::string letters(std::string layout) {
    for (char &letter : layout)
      letter = letter == 'k' ? 'h' : letter == 'i' || letter == 'j' ? 's' : letter == 'e' ? 'd' : letter;
    return layout;
  }

  std::string layout(std::string logical) {
    std::string result = logical;
    if (random.oneIn(2))
      return result;
    SmallVector<int64_t> order = random.oneIn(2) ? SmallVector<int64_t>{0, 2, 1, 3} : random.permutation(4);
    for (auto [letter, from] : zip(result, order))
      letter = logical[from];
    return result;
  }

  std::string typeOf(StringRef letters, StringRef type) {
    std::string text = "tensor<";
    for (char letter : letters)
      text += letter == '1' ? "1x"
                            : (StringRef(open).contains(letter) ? "?" : std::to_string(sizes[letter])) + "x";
    return text + type.str() + ">";
  }

  /// A new argument with random numbers, or with those that `number` makes.
  std::string argument(StringRef letters, StringRef type, function_ref<double()> number = nullptr) {
    Array array;
    for (char letter : letters)
      array.shape.push_back(letter == '1' ? 1 : sizes[letter]);
    int64_t count = std::accumulate(array.shape.begin(), array.shape.end(), 1, std::multiplies<>());
    for (int64_t n = 0; n < count; ++n)
      array.elements.push_back(number ? number() : random.normal());
    return declare(typeOf(letters, type), array);
  }

  std::string declare(const std::string &type, const Array &array) {
    std::string name = "%a" + std::to_string(arrays.size());
    arrays.push_back(array);
    types[name] = type;
    parameters.push_back(name + ": " + type);
    return name;
  }

  void clause(StringRef keyword, const std::string &operand) {
    clauses += formatv(" {0}({1})", keyword, operand);
    used.push_back(operand);
  }

  /// Dimensions of something that broadcasts to the scores.
  std::string broadcast() {
    std::string result = "bhij";
    for (char &letter : result)
      if (sizes[letter] == 1 || random.oneIn(3))
        letter = '1';
    return StringRef(result).take_back(random.pick({2, 3, 4, 4, 4})).str();
  }

  void addMask() {
    if (random.oneIn(4))
      clause("mask", argument(broadcast(), "i1", [&] { return double(!random.oneIn(3)); }));
  }

  void addBias() {
    if (random.oneIn(4))
      clause("bias", argument(broadcast(), random.pick({StringRef("f32"), StringRef(element)})));
  }

  /// kv_len, causality, a window, and where the queries stand among the keys.
  void addPositions() {
    std::string length;
    if (random.oneIn(5))
      clause("kv_len", argument("b", random.pick({"i64", "i32"}),
                                [&] { return double(random.below(sizes['j'] + 1)); }));
    bool causal = random.oneIn(2), window = random.oneIn(4);
    int left = -1;
    // Rows of a single KV head that positions do not tell apart are heads or queries: nothing says which.
    bool ambiguous = sizes['i'] == 1 && sizes['k'] == 1;
    if (ambiguous || (!causal && !window))
      return;
    if (causal)
      clauses += " causal";
    if (window) {
      left = random.pick({0, 1, 2, -1});
      int right = left == -1 || random.oneIn(2) ? random.pick({0, 1}) : -1;
      clauses += formatv(" window({0}, {1})", left, causal ? -1 : right);
    }
    if (random.oneIn(4))
      return clause("offset",
                    argument("b", random.pick({"i64", "i32"}), [&] { return double(random.below(4)); }));
    bool square =
        sizes['i'] == sizes['j'] && !StringRef(open).contains('i') && !StringRef(open).contains('j');
    if (square && !random.oneIn(3))
      return;
    int offset = random.pick({0, std::max(0, sizes['j'] - sizes['i']), 1, sizes['i'] > 1 ? -1 : 2});
    if (left >= 0) // somebody sees some key, else there is no attention
      offset = std::min(offset, sizes['j'] - 1 + left);
    clauses += formatv(" offset({0})", offset);
  }

  /// A fill makes a row uniform that nothing else hides keys of.
  void addDeadRow() {
    bool filled =
        !StringRef(clauses).contains("bias") && !StringRef(clauses).contains("kv_len") && region.empty();
    if (random.oneIn(2))
      clauses += formatv(" dead_row({0})", random.pick({"nan", filled ? "uniform" : "nan", "zero"}));
  }

  void addScale() {
    if (random.oneIn(3))
      clauses += formatv(" scale({0})", random.pick({"1.0", "0.3", "0.125", "-0.7"}));
    else if (random.oneIn(6))
      clause("scale", declare(accumulator, Array::scalar(0.4)));
  }

  /// ALiBi, documents, or a table of relative positions.
  void addRegion() {
    if (!random.oneIn(4))
      return;
    switch (random.below(2)) {
    case 0: {
      std::string slopes = argument("h", accumulator);
      used.push_back(slopes);
      region = formatv(R"( score(%s, %b, %h, %i, %j, %slopes = {0}) {{
    %slope = tensor.extract %slopes[%h] : {1}
    %d = arith.subi %j, %i : index
    %n = arith.index_cast %d : index to i64
    %x = arith.sitofp %n : i64 to {2}
    %t = arith.mulf %slope, %x : {2}
    %y = arith.addf %s, %t : {2}
    gqa.yield %y : {2}
  })",
                       slopes, types[slopes], accumulator);
      return;
    }
    default: {
      auto document = [&] { return double(random.below(2)); };
      std::string queries = argument("i", "i32", document), keys = argument("j", "i32", document);
      used.push_back(queries);
      used.push_back(keys);
      region = formatv(R"( score(%s, %b, %h, %i, %j, %qd = {0}, %kd = {1}) {{
    %x = tensor.extract %qd[%i] : {2}
    %y = tensor.extract %kd[%j] : {3}
    %seen = arith.cmpi eq, %x, %y : i32
    gqa.yield %s, %seen : {4}, i1
  })",
                       queries, keys, types[queries], types[keys], accumulator);
    }
    }
  }

  Random &random;
  std::map<char, int> sizes;
  std::string open, element, accumulator, clauses, region;
  std::vector<std::string> parameters, used;
  std::map<std::string, std::string> types;
  std::vector<Array> arrays;
};

} // namespace

Drawn drawAttention(Random &random) { return Builder(random).build(); }

} // namespace gqa::roundtrip
