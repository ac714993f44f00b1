// libgqa through its C header: compiling, signatures, calls, and a message for each wrong argument.
#include "gqa/gqa.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

extern "C" int gqa_header_is_c(void);

namespace {

/// What is found in the cache of kernels is not compiled, and says nothing of how that went.
[[maybe_unused]] const int cacheIsOff = setenv("GQA_CACHE", "off", /*overwrite=*/1);

constexpr const char *kSum = "func.func @main(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {\n"
                             "  %s = arith.addf %a, %b : tensor<?xf32>\n  return %s : tensor<?xf32>\n}\n";

/// A dense tensor over values of one type.
template <typename T> struct Tensor {
  std::vector<int64_t> shape;
  std::vector<T> values;
  DLTensor dl{};

  Tensor(std::vector<int64_t> sizes, std::vector<T> given, DLDataTypeCode code = kDLFloat)
      : shape(std::move(sizes)), values(std::move(given)) {
    dl.data = values.data();
    dl.device = {kDLCPU, 0};
    dl.ndim = int32_t(shape.size());
    dl.dtype = {uint8_t(code), uint8_t(8 * sizeof(T)), 1};
    dl.shape = shape.data();
  }
  Tensor(const Tensor &) = delete;
};

gqa_attention describe(int64_t batch, int64_t heads, int64_t kvHeads, int64_t queries, int64_t keys,
                       int64_t dim) {
  gqa_attention attention{};
  attention.struct_size = sizeof(attention);
  attention.dtype = {kDLFloat, 32, 1};
  attention.batch = batch;
  attention.q_heads = heads;
  attention.kv_heads = kvHeads;
  attention.queries = queries;
  attention.keys = keys;
  attention.dim = attention.value_dim = dim;
  return attention;
}

struct Function {
  gqa_function *handle = nullptr;
  Function() = default;
  ~Function() { gqa_release(handle); }
  Function(const Function &) = delete;
};

std::string message() { return gqa_last_error(); }

TEST(CAPI, HeaderIsC) { EXPECT_TRUE(gqa_header_is_c()); }

TEST(CAPI, ResultsAreWrittenOverDonatedInputs) {
  constexpr const char *text =
      "func.func @main(%row: tensor<1xf32>, %all: tensor<4xf32> {gqa.donated_to = 0}) -> tensor<4xf32> {\n"
      "  %0 = tensor.insert_slice %row into %all[2] [1] [1] : tensor<1xf32> into tensor<4xf32>\n"
      "  return %0 : tensor<4xf32>\n}\n";
  Function insert;
  ASSERT_EQ(gqa_compile(text, 0, nullptr, &insert.handle), GQA_OK) << message();
  EXPECT_EQ(gqa_donated_output(insert.handle, 0), -1);
  EXPECT_EQ(gqa_donated_output(insert.handle, 1), 0);
  EXPECT_EQ(gqa_donated_output(insert.handle, 2), -1);
  Tensor<float> row({1}, {7}), all({4}, {0, 1, 2, 3}), other({4}, {0, 0, 0, 0});
  const DLTensor *inputs[] = {&row.dl, &all.dl};
  DLTensor *same[] = {&all.dl}, *elsewhere[] = {&other.dl};
  EXPECT_EQ(gqa_call(insert.handle, inputs, 2, elsewhere, 1, nullptr), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(message(),
            "output 0 is not the memory of argument 1, which it is written over; expected the same tensor");
  ASSERT_EQ(gqa_call(insert.handle, inputs, 2, same, 1, nullptr), GQA_OK) << message();
  EXPECT_EQ(all.values, (std::vector<float>{0, 1, 7, 3}));
  row.values[0] = 8;
  DLManagedTensor *view = nullptr;
  ASSERT_EQ(gqa_call_alloc(insert.handle, inputs, 2, &view, 1, nullptr), GQA_OK) << message();
  EXPECT_EQ(view->dl_tensor.data, all.values.data());
  view->deleter(view);
  EXPECT_EQ(all.values[2], 8);
}

TEST(CAPI, CompilesAndCalls) {
  Function sum;
  ASSERT_EQ(gqa_compile(kSum, 0, nullptr, &sum.handle), GQA_OK) << message();
  EXPECT_STREQ(gqa_name(sum.handle), "main");
  EXPECT_EQ(gqa_num_inputs(sum.handle), 2u);
  ASSERT_EQ(gqa_num_outputs(sum.handle), 1u);
  gqa_tensor_type type;
  ASSERT_EQ(gqa_input_type(sum.handle, 1, &type), GQA_OK);
  EXPECT_EQ(type.ndim, 1);
  EXPECT_EQ(type.shape[0], -1);
  EXPECT_EQ(type.dtype.bits, 32);
  EXPECT_STREQ(type.parameter, "");
  Tensor<float> a({3}, {1, 2, 3}), b({3}, {10, 20, 30}), out({3}, {0, 0, 0});
  const DLTensor *inputs[] = {&a.dl, &b.dl};
  DLTensor *outputs[] = {&out.dl};
  ASSERT_EQ(gqa_call(sum.handle, inputs, 2, outputs, 1, nullptr), GQA_OK) << message();
  EXPECT_EQ(out.values, (std::vector<float>{11, 22, 33}));
  DLManagedTensor *made = nullptr;
  ASSERT_EQ(gqa_call_alloc(sum.handle, inputs, 2, &made, 1, nullptr), GQA_OK) << message();
  EXPECT_EQ(static_cast<float *>(made->dl_tensor.data)[2], 33);
  made->deleter(made);
}

/// Microseconds of the processor for a call, in the round that nothing disturbed: rounds are shorter than a
/// time slice.
template <typename F> double fastest(F call) {
  auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e6 + double(time.tv_nsec) * 1e-3;
  };
  double best = INFINITY;
  for (int round = 0; round < 500; ++round) {
    double start = now();
    for (int i = 0; i < 100; ++i)
      call();
    best = std::min(best, (now() - start) / 100);
  }
  return best;
}

// Of the whole call, with one addition in it.
TEST(CAPI, ACallTakesLessThanAMicrosecond) {
  Function sum;
  ASSERT_EQ(gqa_compile(kSum, 0, nullptr, &sum.handle), GQA_OK) << message();
  Tensor<float> a({1}, {1}), b({1}, {2}), out({1}, {0});
  const DLTensor *inputs[] = {&a.dl, &b.dl};
  DLTensor *outputs[] = {&out.dl};
  double microseconds = fastest([&] { gqa_call(sum.handle, inputs, 2, outputs, 1, nullptr); });
  EXPECT_EQ(out.values[0], 3);
  EXPECT_LT(microseconds, 1);
  RecordProperty("nanoseconds", int(microseconds * 1000));
}

// Two queries, the first of which sees one key, over two sequences that use 1 and 2 keys; lse is the result
// beside.
TEST(CAPI, Attention) {
  gqa_attention attention = describe(-1, 2, 1, -1, -1, 1);
  attention.value_dim = 2;
  attention.causal = attention.offset = attention.kv_len = attention.lse = 1;
  attention.scale = 0.5;
  Function function;
  ASSERT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_OK) << message();
  ASSERT_EQ(gqa_num_inputs(function.handle), 5u);
  ASSERT_EQ(gqa_num_outputs(function.handle), 2u);
  Tensor<float> q({2, 2, 1, 1}, {0, 2, 0, 2}), k({2, 1, 2, 1}, {0, 1, 0, 1}),
      v({2, 1, 2, 2}, {1, 2, 3, 4, 1, 2, 3, 4});
  Tensor<int64_t> length({2}, {1, 2}, kDLInt), offset({2}, {5, 1}, kDLInt);
  Tensor<float> out({2, 2, 1, 2}, std::vector<float>(8)), lse({2, 2, 1}, std::vector<float>(4));
  const DLTensor *inputs[] = {&q.dl, &k.dl, &v.dl, &length.dl, &offset.dl};
  DLTensor *outputs[] = {&out.dl, &lse.dl};
  ASSERT_EQ(gqa_call(function.handle, inputs, 5, outputs, 2, nullptr), GQA_OK) << message();
  float p = 1 / (1 + std::exp(-1.0f)); // of the second key, for the head whose score is 0.5 * 2 * 1
  std::vector<float> expected = {1, 2, 1, 2, 2, 3, 1 + 2 * p, 2 + 2 * p};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(out.values[i], expected[i], 1e-6) << i;
  EXPECT_NEAR(lse.values[0], 0, 1e-6);
  EXPECT_NEAR(lse.values[3], std::log(1 + std::exp(1.0f)), 1e-6);
}

TEST(CAPI, EveryOperandOfAnAttention) {
  gqa_attention attention = describe(1, 4, 2, 3, 3, 8);
  attention.mask = attention.bias = attention.kv_len = attention.offset = attention.sinks = attention.lse = 1;
  attention.causal = attention.has_window = 1;
  attention.window_left = 1;
  attention.window_right = -1;
  attention.softcap = 5;
  for (DLDataType dtype :
       {DLDataType{kDLFloat, 16, 1}, {kDLFloat, 32, 1}, {kDLFloat, 64, 1}, {kDLBfloat, 16, 1}}) {
    attention.dtype = dtype;
    Function function;
    ASSERT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_OK) << message();
    EXPECT_EQ(gqa_num_inputs(function.handle), 8u);
    gqa_tensor_type lse;
    ASSERT_EQ(gqa_output_type(function.handle, 1, &lse), GQA_OK);
    EXPECT_EQ(lse.dtype.bits, dtype.bits == 64 ? 64 : 32);
  }
}

TEST(CAPI, StructuresOfAnOlderCaller) {
  struct {
    size_t size;
    const char *target;
  } older = {sizeof(older), "cpu"};
  Function function;
  auto *options = reinterpret_cast<const gqa_compile_options *>(&older);
  EXPECT_EQ(gqa_compile(kSum, 0, options, &function.handle), GQA_OK) << message();
}

struct Wrong {
  const char *field;
  int64_t gqa_attention::*place;
  int64_t value;
  const char *expected;
};

TEST(CAPI, WrongAttentions) {
  for (const Wrong &wrong :
       {Wrong{"heads", &gqa_attention::q_heads, 3, "q_heads is 3 and kv_heads is 2: expected a multiple"},
        {"none", &gqa_attention::kv_heads, 0, "kv_heads is 0, expected 1 to 2^40"},
        {"dim", &gqa_attention::dim, -1, "dim is -1, expected 1 to 2^40"},
        {"keys", &gqa_attention::keys, -2, "keys is -2, expected a size up to 2^40, or -1 for any"}}) {
    gqa_attention attention = describe(1, 4, 2, 3, 3, 8);
    attention.*wrong.place = wrong.value;
    gqa_function *function = reinterpret_cast<gqa_function *>(1);
    EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function), GQA_INVALID_ARGUMENT) << wrong.field;
    EXPECT_EQ(function, nullptr);
    EXPECT_EQ(message(), wrong.expected);
  }
  gqa_attention attention = describe(1, 4, 2, 3, 5, 8);
  Function function;
  attention.causal = 1;
  EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_INVALID_ARGUMENT);
  EXPECT_NE(message().find("need the operand offset"), std::string::npos);
  attention.causal = 0;
  attention.softcap = NAN;
  EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_INVALID_ARGUMENT);
  attention.softcap = 0;
  attention.dtype = {kDLInt, 32, 1};
  EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_INVALID_ARGUMENT);
  attention.struct_size = 0;
  EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "struct_size of gqa_attention is 0, expected sizeof(gqa_attention)");
}

TEST(CAPI, WrongModules) {
  Function function;
  EXPECT_EQ(gqa_compile("func.func @main( {", 0, nullptr, &function.handle), GQA_COMPILE_ERROR);
  EXPECT_EQ(message().find("<module>:1:"), 0u) << message();
  gqa_compile_options options{};
  options.struct_size = sizeof(options);
  options.function = "absent";
  EXPECT_EQ(gqa_compile(kSum, 0, &options, &function.handle), GQA_COMPILE_ERROR);
  EXPECT_NE(message().find("absent"), std::string::npos) << message();
  options.function = nullptr;
  options.target = "cpu:no-such";
  EXPECT_EQ(gqa_compile(kSum, 0, &options, &function.handle), GQA_COMPILE_ERROR);
  EXPECT_EQ(gqa_compile_file("/no/such/file.mlir", nullptr, &function.handle), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "/no/such/file.mlir: No such file or directory");
  EXPECT_EQ(gqa_compile(nullptr, 0, nullptr, &function.handle), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(gqa_compile(kSum, 0, nullptr, nullptr), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "function is a null pointer");
}

TEST(CAPI, WrongCalls) {
  Function sum;
  ASSERT_EQ(gqa_compile(kSum, 0, nullptr, &sum.handle), GQA_OK) << message();
  Tensor<float> a({3}, {1, 2, 3}), matrix({3, 1}, {1, 2, 3}), out({3}, {0, 0, 0});
  Tensor<int64_t> integers({3}, {1, 2, 3}, kDLInt);
  DLTensor empty = a.dl, strange = a.dl, strided = a.dl, unshaped = a.dl, elsewhere = a.dl;
  empty.data = nullptr;
  strange.ndim = -3;
  int64_t two = 2;
  strided.strides = &two;
  unshaped.shape = nullptr;
  elsewhere.device = {kDLOpenCL, 0};
  DLTensor *outputs[] = {&out.dl};
  struct Case {
    const DLTensor *second;
    const char *expected;
  };
  for (const Case &wrong :
       {Case{&matrix.dl, "argument 1 is f32[3x1], expected f32[?]"},
        {&integers.dl, "argument 1 is i64[3], expected f32[?]"},
        {&empty, "argument 1 has no data"},
        {&strange, "inputs[1] has ndim -3, expected 0 to 64"},
        {&strided, "argument 1 is not dense and row-major: the stride of dimension 0 is 2, expected 1"},
        {&unshaped, "inputs[1].shape is a null pointer"},
        {&elsewhere, "argument 1 is on device type 4:0; expected a tensor on the CPU"},
        {nullptr, "inputs[1] is a null pointer"}}) {
    const DLTensor *inputs[] = {&a.dl, wrong.second};
    EXPECT_EQ(gqa_call(sum.handle, inputs, 2, outputs, 1, nullptr), GQA_INVALID_ARGUMENT);
    EXPECT_EQ(message(), wrong.expected);
  }
  const DLTensor *inputs[] = {&a.dl, &a.dl};
  EXPECT_EQ(gqa_call(sum.handle, inputs, 1, outputs, 1, nullptr), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "main has 2 inputs, 1 were given");
  EXPECT_EQ(gqa_call(sum.handle, inputs, 2, nullptr, 1, nullptr), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(gqa_call(sum.handle, nullptr, 2, outputs, 1, nullptr), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(gqa_call(nullptr, inputs, 2, outputs, 1, nullptr), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(gqa_call_alloc(sum.handle, inputs, 2, nullptr, 1, nullptr), GQA_INVALID_ARGUMENT);
  gqa_tensor_type type;
  EXPECT_EQ(gqa_output_type(sum.handle, 1, &type), GQA_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "output 1 is asked for, the function has 1");
  // Sizes that differ are found when the function runs.
  Tensor<float> longer({4}, {1, 2, 3, 4});
  const DLTensor *unequal[] = {&a.dl, &longer.dl};
  EXPECT_EQ(gqa_call(sum.handle, unequal, 2, outputs, 1, nullptr), GQA_RUN_ERROR);
}

// Each thread compiles its own, and all of them call a shared one; messages are per thread.
TEST(CAPI, Threads) {
  Function shared;
  ASSERT_EQ(gqa_compile(kSum, 0, nullptr, &shared.handle), GQA_OK) << message();
  std::vector<std::thread> threads;
  std::vector<int> good(8);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Function own;
      bool failed = gqa_compile(t % 2 ? kSum : "nonsense", 0, nullptr, &own.handle) != GQA_OK;
      bool told = t % 2 ? !failed : failed && message().find("<module>:1:") == 0;
      bool right = true;
      for (int i = 0; i < 100; ++i) {
        Tensor<float> a({2}, {float(t), float(i)}), b({2}, {1, 2}), out({2}, {0, 0});
        const DLTensor *inputs[] = {&a.dl, &b.dl};
        DLTensor *outputs[] = {&out.dl};
        right &= gqa_call(shared.handle, inputs, 2, outputs, 1, nullptr) == GQA_OK &&
                 out.values == std::vector<float>{float(t + 1), float(i + 2)};
      }
      good[t] = told && right;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, std::vector<int>(8, 1));
}

// Multi-head attention of repeated K and V: recognised by its operation, and shared.
constexpr const char *kRepeated =
    "func.func @main(%q: tensor<1x6x5x8xf32>, %k: tensor<1x2x5x8xf32>) -> tensor<1x6x5x8xf32> {\n"
    "  %r = gqa.repeat_heads %k block groups(3) : tensor<1x2x5x8xf32> -> tensor<1x6x5x8xf32>\n"
    "  %o = gqa.attention %q, %r, %r : (tensor<1x6x5x8xf32>, tensor<1x6x5x8xf32>, tensor<1x6x5x8xf32>)"
    " -> tensor<1x6x5x8xf32>\n  return %o : tensor<1x6x5x8xf32>\n}\n";

struct Told {
  std::vector<std::string> lines;
  static void remark(const gqa_remark *remark, void *context) {
    EXPECT_GE(remark->struct_size, sizeof(gqa_remark));
    auto kind = std::to_string(int(remark->kind));
    static_cast<Told *>(context)->lines.push_back(kind + " " + remark->pass + " " + remark->name + " " +
                                                  remark->place + " " + remark->text);
  }
  static void log(gqa_log_level level, const char *line, void *context) {
    static_cast<Told *>(context)->lines.push_back(std::to_string(int(level)) + " " + line);
  }
};

TEST(CAPI, Remarks) {
  Told told;
  gqa_compile_options options{};
  options.struct_size = sizeof(options);
  options.on_remark = &Told::remark;
  options.remark_context = &told;
  options.filename = "model.mlir";
  Function function;
  ASSERT_EQ(gqa_compile(kRepeated, 0, &options, &function.handle), GQA_OK) << message();
  EXPECT_EQ(told.lines,
            std::vector<std::string>{"0 share-kv Shared model.mlir:3:8 K and V have 2 heads instead of 6"});
  options.keep_graph = 1; // nothing to tell: no pass looks
  Function kept;
  ASSERT_EQ(gqa_compile(kRepeated, 0, &options, &kept.handle), GQA_OK) << message();
  EXPECT_EQ(told.lines.size(), 1u);
}

TEST(CAPI, Log) {
  Told told;
  gqa_set_log(&Told::log, &told);
  Function function, none;
  ASSERT_EQ(gqa_compile(kRepeated, 0, nullptr, &function.handle), GQA_OK) << message();
  EXPECT_EQ(gqa_compile("nonsense", 0, nullptr, &none.handle), GQA_COMPILE_ERROR);
  gqa_set_log(nullptr, nullptr);
  Function silent;
  ASSERT_EQ(gqa_compile(kSum, 0, nullptr, &silent.handle), GQA_OK) << message();
  ASSERT_EQ(told.lines.size(), 3u);
  EXPECT_EQ(told.lines[0], "3 <module>:3:8: share-kv: K and V have 2 heads instead of 6");
  EXPECT_EQ(told.lines[1].find("3 compiled 'main' of <module> for cpu in "), 0u) << told.lines[1];
  EXPECT_EQ(told.lines[2].find("1 <module>:1:1: "), 0u) << told.lines[2];
}

int lentCalls;

/// What a program lends that has one thread.
void lend(void (*run)(void *), void *data, unsigned, unsigned) {
  ++lentCalls;
  run(data);
}

TEST(CAPI, LentThreads) {
  if (std::thread::hardware_concurrency() < 2)
    GTEST_SKIP() << "one thread runs every loop itself";
  Function function;
  gqa_attention attention = describe(1, 4, 2, 256, 256, 64);
  ASSERT_EQ(gqa_compile_attention(&attention, nullptr, &function.handle), GQA_OK) << message();
  std::vector<float> ones(4 * 256 * 64, 1);
  Tensor<float> q({1, 4, 256, 64}, ones), k({1, 2, 256, 64}, ones), output({1, 4, 256, 64}, ones);
  const DLTensor *inputs[] = {&q.dl, &k.dl, &k.dl};
  DLTensor *outputs[] = {&output.dl};
  gqa_set_parallel(lend);
  EXPECT_EQ(gqa_call(function.handle, inputs, 3, outputs, 1, nullptr), GQA_OK) << message();
  EXPECT_GT(lentCalls, 0);
  EXPECT_FLOAT_EQ(output.values[12345], 1);
  int before = lentCalls;
  gqa::setParallel(nullptr);
  EXPECT_EQ(gqa_call(function.handle, inputs, 3, outputs, 1, nullptr), GQA_OK) << message();
  EXPECT_EQ(lentCalls, before);
}

TEST(CxxAPI, RemarksAndLog) {
  std::vector<std::string> remarks, lines;
  gqa::RemarkHandler onRemark = [&](const gqa_remark &remark) { remarks.emplace_back(remark.name); };
  gqa::LogHandler onLog = [&](gqa_log_level, std::string_view line) { lines.emplace_back(line); };
  gqa::setLog(&onLog);
  EXPECT_TRUE(gqa::Function::compile(kRepeated, gqa::withRemarks(onRemark)));
  gqa::setLog(nullptr);
  EXPECT_EQ(remarks, std::vector<std::string>{"Shared"});
  EXPECT_EQ(lines.size(), 2u);
}

TEST(CxxAPI, ValuesAndErrors) {
  gqa::Result<gqa::Function> sum = gqa::Function::compile(kSum);
  ASSERT_TRUE(sum) << sum.error().message;
  gqa::Function moved = std::move(*sum);
  EXPECT_STREQ(moved.name(), "main");
  Tensor<float> a({2}, {1, 2}), b({2}, {10, 20}), out({2}, {0, 0});
  ASSERT_TRUE(moved.call({&a.dl, &b.dl}, {&out.dl}));
  EXPECT_EQ(out.values, (std::vector<float>{11, 22}));
  gqa::Result<std::vector<gqa::Tensor>> results = moved.run({&a.dl, &b.dl});
  ASSERT_TRUE(results) << results.error().message;
  EXPECT_EQ(static_cast<float *>((*results)[0]->dl_tensor.data)[1], 22);
  EXPECT_EQ((*moved.inputType(0)).shape[0], -1);

  EXPECT_EQ(moved.inputType(2).error().message, "input 2 is asked for, the function has 2");
  gqa::Status status = moved.call({&a.dl}, {&out.dl});
  EXPECT_FALSE(status);
  EXPECT_EQ(status.error().code, GQA_INVALID_ARGUMENT);
  EXPECT_EQ(gqa::Function::compile("").error().message, "the text is empty");
  EXPECT_EQ(gqa::Function::compile("func").error().code, GQA_COMPILE_ERROR);
  EXPECT_EQ(gqa::Function::compileFile("/no/such").error().code, GQA_INVALID_ARGUMENT);
  EXPECT_TRUE(gqa::Function::attention(gqa::describeAttention(8, 2, 64)));
  EXPECT_EQ(gqa::Function::attention(gqa::describeAttention(8, 3, 64)).error().code, GQA_INVALID_ARGUMENT);
}

} // namespace
