// Wrong arguments of the C API, kind by kind: each is a code and a message that names the argument; none is a
// crash.
#include "gqa/gqa.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace {

constexpr const char *kSum = "func.func @main(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {\n"
                             "  %s = arith.addf %a, %b : tensor<?xf32>\n  return %s : tensor<?xf32>\n}\n";

struct Wrong {
  const char *kind;
  std::function<gqa_status()> call;
  gqa_status status;
  std::string words; ///< of the message
};

void expectAll(const std::vector<Wrong> &table) {
  for (const Wrong &wrong : table) {
    EXPECT_EQ(wrong.call(), wrong.status) << wrong.kind << ": " << gqa_last_error();
    EXPECT_NE(std::string(gqa_last_error()).find(wrong.words), std::string::npos)
        << wrong.kind << ": " << gqa_last_error();
  }
}

gqa_attention valid() {
  gqa_attention attention{};
  attention.struct_size = sizeof(attention);
  attention.dtype = {kDLFloat, 32, 1};
  attention.batch = attention.queries = attention.keys = -1;
  attention.q_heads = 4;
  attention.kv_heads = 2;
  attention.dim = attention.value_dim = 8;
  return attention;
}

/// Compiles the valid attention with one thing changed. Nothing must come out.
Wrong attention(const char *kind, std::function<void(gqa_attention &)> change, const std::string &words,
                gqa_status status = GQA_INVALID_ARGUMENT) {
  auto call = [change] {
    gqa_attention described = valid();
    change(described);
    auto *function = reinterpret_cast<gqa_function *>(1);
    gqa_status found = gqa_compile_attention(&described, nullptr, &function);
    EXPECT_EQ(function, nullptr);
    return found;
  };
  return {kind, call, status, words};
}

TEST(WrongArguments, OfAnAttention) {
  constexpr int64_t huge = int64_t(1) << 62;
  const double infinity = std::numeric_limits<double>::infinity();
  using A = gqa_attention;
  expectAll({
      attention(
          "no size", [](A &a) { a.struct_size = 0; }, "struct_size of gqa_attention is 0"),
      attention(
          "absurd size", [](A &a) { a.struct_size = size_t(-1); }, "struct_size of gqa_attention"),
      attention(
          "only a size", [](A &a) { a.struct_size = sizeof(size_t); }, "dtype is expected"),
      attention(
          "integers", [](A &a) { a.dtype = {kDLInt, 32, 1}; }, "dtype is expected"),
      attention(
          "f8", [](A &a) { a.dtype.bits = 8; }, "dtype is expected"),
      attention(
          "bf32", [](A &a) { a.dtype.code = kDLBfloat; }, "dtype is expected"),
      attention(
          "lanes", [](A &a) { a.dtype.lanes = 4; }, "dtype is expected"),
      attention(
          "unknown code", [](A &a) { a.dtype.code = 250; }, "dtype is expected"),
      attention(
          "no query heads", [](A &a) { a.q_heads = 0; }, "q_heads is 0"),
      attention(
          "no KV heads", [](A &a) { a.kv_heads = 0; }, "kv_heads is 0"),
      attention(
          "any KV heads", [](A &a) { a.kv_heads = -1; }, "kv_heads is -1"),
      attention(
          "more KV heads", [](A &a) { a.kv_heads = 8; }, "q_heads is 4 and kv_heads is 8"),
      attention(
          "no quotient", [](A &a) { a.kv_heads = 3; }, "expected a multiple"),
      attention(
          "no dim", [](A &a) { a.dim = 0; }, "dim is 0"),
      attention(
          "no value_dim", [](A &a) { a.value_dim = -1; }, "value_dim is -1"),
      attention(
          "negative batch", [](A &a) { a.batch = -2; }, "batch is -2"),
      attention(
          "negative queries", [](A &a) { a.queries = -9; }, "queries is -9"),
      attention(
          "least keys", [](A &a) { a.keys = INT64_MIN; }, "keys is -9223372036854775808"),
      attention(
          "huge heads", [](A &a) { a.q_heads = a.kv_heads = huge; }, "4611686018427387904, expected"),
      attention(
          "huge dim", [](A &a) { a.dim = huge; }, "4611686018427387904, expected"),
      attention(
          "huge keys", [](A &a) { a.keys = huge; }, "4611686018427387904, expected"),
      attention(
          "scale nan", [](A &a) { a.scale = NAN; }, "scale is not a finite number"),
      attention(
          "scale infinite", [=](A &a) { a.scale = infinity; }, "scale is not a finite number"),
      attention(
          "scale beyond f32", [](A &a) { a.scale = 1e300; }, "scale is", GQA_COMPILE_ERROR),
      attention(
          "softcap below 0", [](A &a) { a.softcap = -1; }, "softcap is expected"),
      attention(
          "softcap nan", [](A &a) { a.softcap = NAN; }, "softcap is expected"),
      attention(
          "softcap beyond f32", [](A &a) { a.softcap = 1e300; }, "softcap is", GQA_COMPILE_ERROR),
      attention(
          "causal", [](A &a) { a.causal = 1; }, "need the operand offset"),
      attention(
          "causal of other sizes", [](A &a) { a.causal = 1, a.queries = 3, a.keys = 5; },
          "need the operand offset"),
      attention(
          "window below -1", [](A &a) { a.has_window = 1, a.window_left = -2; }, "window_left"),
      attention(
          "window above 2^60", [](A &a) { a.has_window = a.offset = 1, a.window_right = INT64_MAX; },
          "window is", GQA_COMPILE_ERROR),
  });
}

TEST(WrongArguments, OfCompiling) {
  gqa_function *function = nullptr;
  auto compile = [&](const char *text, std::function<void(gqa_compile_options &)> change) {
    return [=, &function] {
      gqa_compile_options options{};
      options.struct_size = sizeof(options);
      change(options);
      return gqa_compile(text, 0, &options, &function);
    };
  };
  auto none = [](gqa_compile_options &) {};
  using O = gqa_compile_options;
  gqa_attention described = valid();
  const std::string deep(100000, '(');
  expectAll({
      {"no text", [&] { return gqa_compile(nullptr, 0, nullptr, &function); }, GQA_INVALID_ARGUMENT,
       "text is a null pointer"},
      {"no place", [] { return gqa_compile(kSum, 0, nullptr, nullptr); }, GQA_INVALID_ARGUMENT,
       "function is a null pointer"},
      {"nothing", compile("", none), GQA_COMPILE_ERROR, "the module is empty"},
      {"a zero inside", [&] { return gqa_compile("module {}\0 x", 12, nullptr, &function); },
       GQA_COMPILE_ERROR, "<module>:1:12"},
      {"cut off", [&] { return gqa_compile(kSum, std::strlen(kSum) / 2, nullptr, &function); },
       GQA_COMPILE_ERROR, "<module>:"},
      {"too deep", compile(deep.c_str(), none), GQA_COMPILE_ERROR, "nests brackets"},
      {"no function", compile("module {}", none), GQA_COMPILE_ERROR, "no function"},
      {"foreign operations", compile("func.func @main() { \"a.b\"() : () -> ()\n return }", none),
       GQA_COMPILE_ERROR, "unregistered dialect"},
      {"types that cannot be passed",
       compile("func.func @main(%a: tensor<2xi3>) -> tensor<2xi3> { return %a : tensor<2xi3> }", none),
       GQA_COMPILE_ERROR, "argument 0 has type tensor<2xi3>"},
      {"no size", compile(kSum, [](O &o) { o.struct_size = 0; }), GQA_INVALID_ARGUMENT,
       "struct_size of gqa_compile_options is 0"},
      {"absurd size", compile(kSum, [](O &o) { o.struct_size = 1 << 20; }), GQA_INVALID_ARGUMENT,
       "struct_size of gqa_compile_options"},
      {"absent function", compile(kSum, [](O &o) { o.function = "absent"; }), GQA_COMPILE_ERROR, "absent"},
      {"target of nothing", compile(kSum, [](O &o) { o.target = ""; }), GQA_COMPILE_ERROR, "target ''"},
      {"unknown target", compile(kSum, [](O &o) { o.target = "tpu"; }), GQA_COMPILE_ERROR, "target 'tpu'"},
      {"unknown processor", compile(kSum, [](O &o) { o.target = "cpu:z80"; }), GQA_COMPILE_ERROR,
       "target 'cpu:z80'"},
      {"unknown chip", compile(kSum, [](O &o) { o.target = "cuda:sm_1"; }), GQA_COMPILE_ERROR, "cuda:sm_1"},
      {"report nowhere", compile(kSum, [](O &o) { o.report = "/no/such/folder/r.json"; }), GQA_COMPILE_ERROR,
       "/no/such/folder/r.json"},
      {"no path", [&] { return gqa_compile_file(nullptr, nullptr, &function); }, GQA_INVALID_ARGUMENT,
       "path is a null pointer"},
      {"no place of a file", [] { return gqa_compile_file("x.mlir", nullptr, nullptr); },
       GQA_INVALID_ARGUMENT, "function is a null pointer"},
      {"absent file", [&] { return gqa_compile_file("/no/such.mlir", nullptr, &function); },
       GQA_INVALID_ARGUMENT, "/no/such.mlir"},
      {"a folder", [&] { return gqa_compile_file("/", nullptr, &function); }, GQA_INVALID_ARGUMENT, "/: "},
      {"no attention", [&] { return gqa_compile_attention(nullptr, nullptr, &function); },
       GQA_INVALID_ARGUMENT, "attention is a null pointer"},
      {"no place of an attention", [&] { return gqa_compile_attention(&described, nullptr, nullptr); },
       GQA_INVALID_ARGUMENT, "function is a null pointer"},
  });
  EXPECT_EQ(function, nullptr);
}

/// A dense vector of floats with one thing changed.
struct Vector {
  int64_t size = 3, stride = 1;
  float values[8] = {1, 2, 3};
  DLTensor dl{};
  Vector(std::function<void(DLTensor &)> change = [](DLTensor &) {}) {
    dl.data = values;
    dl.device = {kDLCPU, 0};
    dl.ndim = 1;
    dl.dtype = {kDLFloat, 32, 1};
    dl.shape = &size;
    change(dl);
  }
  Vector(const Vector &) = delete;
};

TEST(WrongArguments, OfCalls) {
  gqa_function *sum = nullptr;
  ASSERT_EQ(gqa_compile(kSum, 0, nullptr, &sum), GQA_OK) << gqa_last_error();
  static int64_t negative = -3, many = int64_t(1) << 61, backwards = -1, two = 2, sizes[2] = {3, 1};
  auto input = [&](std::function<void(DLTensor &)> change) {
    return [=] {
      Vector good, bad(change), out;
      const DLTensor *inputs[] = {&good.dl, &bad.dl};
      DLTensor *outputs[] = {&out.dl};
      return gqa_call(sum, inputs, 2, outputs, 1, nullptr);
    };
  };
  auto output = [&](std::function<void(DLTensor &)> change) {
    return [=] {
      Vector good, bad(change);
      const DLTensor *inputs[] = {&good.dl, &good.dl};
      DLTensor *outputs[] = {&bad.dl};
      return gqa_call(sum, inputs, 2, outputs, 1, nullptr);
    };
  };
  using T = DLTensor;
  Vector v;
  const DLTensor *inputs[] = {&v.dl, &v.dl}, *hole[] = {&v.dl, nullptr};
  DLTensor *outputs[] = {&v.dl}, *nowhere[] = {nullptr};
  DLManagedTensor *made[1] = {};
  gqa_tensor_type type;
  const gqa_status invalid = GQA_INVALID_ARGUMENT;
  std::vector<Wrong> table = {
      {"no function", [&] { return gqa_call(nullptr, inputs, 2, outputs, 1, nullptr); }, invalid, "function"},
      {"no inputs", [&] { return gqa_call(sum, nullptr, 2, outputs, 1, nullptr); }, invalid, "inputs is a"},
      {"no outputs", [&] { return gqa_call(sum, inputs, 2, nullptr, 1, nullptr); }, invalid, "outputs is a"},
      {"too few", [&] { return gqa_call(sum, inputs, 1, outputs, 1, nullptr); }, invalid, "has 2 inputs, 1"},
      {"too many", [&] { return gqa_call(sum, inputs, 3, outputs, 1, nullptr); }, invalid, "has 2 inputs, 3"},
      {"no results", [&] { return gqa_call(sum, inputs, 2, outputs, 0, nullptr); }, invalid, "1 outputs, 0"},
      {"a hole", [&] { return gqa_call(sum, hole, 2, outputs, 1, nullptr); }, invalid, "inputs[1] is a null"},
      {"no output", [&] { return gqa_call(sum, inputs, 2, nowhere, 1, nullptr); }, invalid,
       "outputs[0] is a"},
      {"negative rank", input([](T &t) { t.ndim = -1; }), invalid, "inputs[1] has ndim -1"},
      {"absurd rank", input([](T &t) { t.ndim = 1 << 30; }), invalid, "inputs[1] has ndim 1073741824"},
      {"no shape", input([](T &t) { t.shape = nullptr; }), invalid, "inputs[1].shape is a null pointer"},
      {"other rank", input([](T &t) { t.ndim = 2, t.shape = sizes; }), invalid, "argument 1 is f32[3x1]"},
      {"scalar", input([](T &t) { t.ndim = 0; }), invalid, "argument 1 is f32[]"},
      {"negative size", input([](T &t) { t.shape = &negative; }), invalid, "argument 1 is f32["},
      {"absurd size", input([](T &t) { t.shape = &many; }), invalid, "which cannot be in memory"},
      {"no data", input([](T &t) { t.data = nullptr; }), invalid, "argument 1 has no data"},
      {"f64", input([](T &t) { t.dtype.bits = 64; }), invalid, "argument 1 is f64[3], expected f32[?]"},
      {"lanes", input([](T &t) { t.dtype.lanes = 2; }), invalid, "argument 1 is f32x2[3]"},
      {"no lanes", input([](T &t) { t.dtype.lanes = 0; }), invalid, "argument 1 is f32"},
      {"unknown code", input([](T &t) { t.dtype.code = 99; }), invalid, "argument 1 is type99:32[3]"},
      {"no bits", input([](T &t) { t.dtype.bits = 0; }), invalid, "argument 1 is f0[3]"},
      {"on a GPU", input([](T &t) { t.device = {kDLCUDA, 0}; }), invalid, "argument 1 is on cuda:0"},
      {"on no device", input([](T &t) { t.device.device_type = DLDeviceType(99); }), invalid,
       "argument 1 is on"},
      {"not aligned", input([](T &t) { t.byte_offset = 2; }), invalid, "argument 1 is not aligned"},
      {"strided", input([](T &t) { t.strides = &two; }), invalid, "the stride of dimension 0 is 2"},
      {"backwards", input([](T &t) { t.strides = &backwards; }), invalid, "the stride of dimension 0 is -1"},
      {"output of other elements", output([](T &t) { t.dtype.code = kDLInt; }), invalid,
       "output 0 is i32[3]"},
      {"output without data", output([](T &t) { t.data = nullptr; }), invalid, "output 0 has no data"},
      {"output strided", output([](T &t) { t.strides = &two; }), invalid, "output 0 is not dense"},
      {"output of another size", output([](T &t) { t.shape = &two; }), GQA_RUN_ERROR, "output 0 is f32[2]"},
      {"no room", [&] { return gqa_call_alloc(sum, inputs, 2, nullptr, 1, nullptr); }, invalid,
       "outputs is a"},
      {"room for two", [&] { return gqa_call_alloc(sum, inputs, 2, made, 2, nullptr); }, invalid,
       "1 outputs, 2"},
      {"no function, room", [&] { return gqa_call_alloc(nullptr, inputs, 2, made, 1, nullptr); }, invalid,
       "function is a null pointer"},
      {"type of no function", [&] { return gqa_input_type(nullptr, 0, &type); }, invalid, "function is a"},
      {"no type", [&] { return gqa_output_type(sum, 0, nullptr); }, invalid, "type is a null pointer"},
      {"input too far", [&] { return gqa_input_type(sum, 2, &type); }, invalid, "input 2 is asked for"},
      {"output too far", [&] { return gqa_output_type(sum, size_t(-1), &type); }, invalid, "is asked for"},
  };
  expectAll(table);
  EXPECT_EQ(made[0], nullptr);
  EXPECT_STREQ(gqa_name(nullptr), "");
  EXPECT_EQ(gqa_num_inputs(nullptr) + gqa_num_outputs(nullptr), 0u);
  gqa_release(nullptr);
  gqa_release(sum);
}

} // namespace
