// The JIT's C++ API: signatures, calls, and what it says about arguments that do not fit.
#include "gqa/JIT/JIT.h"
#include "gqa/Runtime/Runtime.h"

#include <gtest/gtest.h>
#include <thread>

using namespace gqa;

namespace {

constexpr const char *addText = R"(
module attributes {gqa.weights = "w.safetensors"} {
  func.func @main(%a: tensor<?x4xf32>, %b: tensor<4xf32> {gqa.param = "bias"}) -> (tensor<?x4xf32>, tensor<4xf32>) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %a, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
        affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
        ins(%a, %b : tensor<?x4xf32>, tensor<4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%x: f32, %y: f32, %o: f32):
      %s = arith.addf %x, %y : f32
      linalg.yield %s : f32
    } -> tensor<?x4xf32>
    return %r, %b : tensor<?x4xf32>, tensor<4xf32>
  }
})";

/// A float tensor and all that its DLTensor points to.
struct Floats {
  std::vector<float> values;
  std::vector<int64_t> shape, strides;
  DLTensor tensor{};

  Floats(std::vector<int64_t> sizes, float start) : shape(std::move(sizes)) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(start + float(i));
    tensor.data = values.data();
    tensor.device = {kDLCPU, 0};
    tensor.ndim = int(shape.size());
    tensor.dtype = {kDLFloat, 32, 1};
    tensor.shape = shape.data();
  }
};

std::unique_ptr<CompiledFunction> compile(llvm::StringRef text, CompileOptions options = {}) {
  auto function = CompiledFunction::compile(text, options);
  if (function)
    return std::move(*function);
  ADD_FAILURE() << llvm::toString(function.takeError());
  return nullptr;
}

std::string compileError(llvm::StringRef text, CompileOptions options = {}) {
  auto function = CompiledFunction::compile(text, options);
  return function ? "" : llvm::toString(function.takeError());
}

std::string callError(CompiledFunction &function, llvm::ArrayRef<const DLTensor *> inputs) {
  auto results = function.call(inputs);
  if (!results)
    return llvm::toString(results.takeError());
  for (DLManagedTensor *result : *results)
    result->deleter(result);
  return "";
}

class JIT : public testing::Test {
protected:
  std::unique_ptr<CompiledFunction> add = compile(addText);
  Floats a{{3, 4}, 0}, b{{4}, 100};
};

TEST_F(JIT, Signature) {
  const Signature &signature = add->signature();
  EXPECT_EQ(signature.name, "main");
  EXPECT_EQ(signature.weights, "w.safetensors");
  ASSERT_EQ(signature.inputs.size(), 2u);
  EXPECT_EQ(toString(signature.inputs[0]), "f32[?x4]");
  EXPECT_EQ(signature.inputs[1].param, "bias");
  EXPECT_EQ(signature.outputs.size(), 2u);
}

TEST_F(JIT, AllocatesResults) {
  auto results = add->call({&a.tensor, &b.tensor});
  ASSERT_TRUE(bool(results));
  const DLTensor &sum = (*results)[0]->dl_tensor;
  EXPECT_EQ(sum.shape[0], 3);
  EXPECT_EQ(sum.strides[0], 4);
  EXPECT_EQ(static_cast<float *>(sum.data)[11], 11.0f + 103.0f);
  // A result that is an argument in the graph is a copy in memory.
  EXPECT_NE((*results)[1]->dl_tensor.data, b.tensor.data);
  std::thread([&] { // whoever holds the last reference frees it
    for (DLManagedTensor *result : *results)
      result->deleter(result);
  })
      .join();
}

TEST_F(JIT, WritesIntoGivenOutputs) {
  Floats sum({3, 4}, 0), copy({4}, 0);
  ASSERT_FALSE(llvm::errorToBool(add->call({&a.tensor, &b.tensor}, {&sum.tensor, &copy.tensor})));
  EXPECT_EQ(sum.values[5], 5.0f + 101.0f);
  EXPECT_EQ(copy.values, b.values);
  Floats small({2, 4}, 0);
  EXPECT_EQ(llvm::toString(add->call({&a.tensor, &b.tensor}, {&small.tensor, &copy.tensor})),
            "output 0 is f32[2x4], the result is f32[3x4]");
  // In place: an output may be an input.
  ASSERT_FALSE(llvm::errorToBool(add->call({&a.tensor, &b.tensor}, {&a.tensor, &copy.tensor})));
  EXPECT_EQ(a.values[0], 100.0f);
}

TEST_F(JIT, EmptyInput) {
  Floats none({0, 4}, 0);
  none.tensor.data = nullptr;
  EXPECT_EQ(callError(*add, {&none.tensor, &b.tensor}), "");
}

TEST_F(JIT, NamesTheArgumentThatIsWrong) {
  EXPECT_EQ(callError(*add, {&a.tensor}), "expected 2 arguments, found 1");
  Floats wrong({3, 5}, 0);
  EXPECT_EQ(callError(*add, {&wrong.tensor, &b.tensor}), "argument 0 is f32[3x5], expected f32[?x4]");
  Floats rank({4, 1}, 0);
  EXPECT_EQ(callError(*add, {&a.tensor, &rank.tensor}), "argument 1 ('bias') is f32[4x1], expected f32[4]");
  DLTensor type = a.tensor;
  type.dtype = {kDLBfloat, 16, 1};
  EXPECT_EQ(callError(*add, {&type, &b.tensor}), "argument 0 is bf16[3x4], expected f32[?x4]");
  DLTensor device = a.tensor;
  device.device = {kDLCUDA, 0};
  EXPECT_EQ(callError(*add, {&device, &b.tensor}), "argument 0 is on cuda:0; expected a tensor on the CPU");
  DLTensor address = a.tensor;
  address.byte_offset = 2;
  EXPECT_EQ(callError(*add, {&address, &b.tensor}),
            "argument 0 is not aligned: its address is not a multiple of 4 bytes");
  DLTensor null = a.tensor;
  null.data = nullptr;
  EXPECT_EQ(callError(*add, {&null, &b.tensor}), "argument 0 has no data");
  std::vector<int64_t> strides = {1, 3}, huge = {int64_t(1) << 60, 4}, negative = {-1, 4};
  DLTensor strided = a.tensor;
  strided.strides = strides.data();
  EXPECT_EQ(callError(*add, {&strided, &b.tensor}),
            "argument 0 is not dense and row-major: the stride of dimension 1 is 3, expected 1");
  for (auto *shape : {&huge, &negative}) {
    DLTensor impossible = a.tensor;
    impossible.shape = shape->data();
    EXPECT_NE(callError(*add, {&impossible, &b.tensor}).find("which cannot be in memory"), std::string::npos);
  }
}

TEST_F(JIT, ManyThreadsCallAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Floats x({64, 4}, float(t)), sum({64, 4}, 0), copy({4}, 0);
      for (int round = 0; round < 200; ++round) {
        bool failed = llvm::errorToBool(add->call({&x.tensor, &b.tensor}, {&sum.tensor, &copy.tensor}));
        wrong += failed || sum.values[255] != float(t) + 255 + 103;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(JITErrors, Compile) {
  EXPECT_EQ(compileError("").substr(0, 30), "<module>: the module is empty:");
  CompileOptions named;
  named.filename = "model.mlir";
  EXPECT_EQ(compileError("func.func @main(", named).substr(0, 16), "model.mlir:1:16:");
  EXPECT_NE(compileError("module {}").find("no function that can be called"), std::string::npos);
  CompileOptions target;
  target.target = "gpu";
  EXPECT_EQ(compileError(addText, target), "target 'gpu' is unknown; expected cpu, cpu:ARCH, cuda or cuda:sm_NN");
}

TEST(JITErrors, AssertionEndsTheCall) {
  auto function = compile(R"(func.func @main(%a: tensor<1xf32>) -> tensor<1xf32> {
    %c0 = arith.constant 0 : index
    %z = arith.constant 0.0 : f32
    %x = tensor.extract %a[%c0] : tensor<1xf32>
    %ok = arith.cmpf oge, %x, %z : f32
    cf.assert %ok, "negative"
    return %a : tensor<1xf32>
  })");
  Floats good({1}, 1), bad({1}, -1);
  EXPECT_EQ(callError(*function, {&bad.tensor}), "negative");
  EXPECT_EQ(callError(*function, {&good.tensor}), "");
}

TEST(JITErrors, NoArgumentsNoResults) {
  auto function = compile("func.func @main() { return }");
  EXPECT_EQ(callError(*function, {}), "");
}

} // namespace
