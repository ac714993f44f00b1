// Functions that launch kernels, called with tensors on the host and on a GPU. Their code is what lowering
// makes, written by hand.
#include "Cuda/Support.h"
#include "JIT/Implementation.h"

#include "gqa/JIT/JITModule.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include <atomic>
#include <cstring>
#include <thread>

using namespace gqa;
using namespace gqa::test;

namespace {

/// main(%a: f32[?]) -> f32[?], 3 * a by the kernel `scale`, of the sizes of a.
constexpr const char *kModule = R"(
module attributes {gqa.device_arguments = array<i64: 0>, gqa.device_results = array<i64: 0>} {
  llvm.mlir.global internal constant @ptx("PTX\00")
  llvm.mlir.global internal constant @chip("sm_80\00")
  llvm.mlir.global internal constant @kernel("scale\00")
  llvm.mlir.global internal constant @images() : !llvm.struct<(ptr, ptr, i64, i64)> {
    %chip = llvm.mlir.addressof @chip : !llvm.ptr
    %ptx = llvm.mlir.addressof @ptx : !llvm.ptr
    %size = llvm.mlir.constant(SIZE : i64) : i64
    %format = llvm.mlir.constant(0 : i64) : i64
    %0 = llvm.mlir.undef : !llvm.struct<(ptr, ptr, i64, i64)>
    %1 = llvm.insertvalue %chip, %0[0] : !llvm.struct<(ptr, ptr, i64, i64)>
    %2 = llvm.insertvalue %ptx, %1[1] : !llvm.struct<(ptr, ptr, i64, i64)>
    %3 = llvm.insertvalue %size, %2[2] : !llvm.struct<(ptr, ptr, i64, i64)>
    %4 = llvm.insertvalue %format, %3[3] : !llvm.struct<(ptr, ptr, i64, i64)>
    llvm.return %4 : !llvm.struct<(ptr, ptr, i64, i64)>
  }
  llvm.mlir.global external @gqa_cuda_module() : !llvm.struct<(ptr, i64, ptr)> {
    %images = llvm.mlir.addressof @images : !llvm.ptr
    %count = llvm.mlir.constant(1 : i64) : i64
    %state = llvm.mlir.zero : !llvm.ptr
    %0 = llvm.mlir.undef : !llvm.struct<(ptr, i64, ptr)>
    %1 = llvm.insertvalue %images, %0[0] : !llvm.struct<(ptr, i64, ptr)>
    %2 = llvm.insertvalue %count, %1[1] : !llvm.struct<(ptr, i64, ptr)>
    %3 = llvm.insertvalue %state, %2[2] : !llvm.struct<(ptr, i64, ptr)>
    llvm.return %3 : !llvm.struct<(ptr, i64, ptr)>
  }
  llvm.func @gqa_rt_cuda_map(!llvm.ptr, i64, i64) -> !llvm.ptr
  llvm.func @gqa_rt_cuda_unmap()
  llvm.func @gqa_rt_cuda_result(i64, i64) -> !llvm.ptr
  llvm.func @gqa_rt_cuda_launch(!llvm.ptr, !llvm.ptr, i64, i64, i64, i64, i64, i64, i64, !llvm.ptr)

  llvm.func @_mlir_ciface_main(%result: !llvm.ptr, %a: !llvm.ptr) {
    %zero = llvm.mlir.constant(0 : i64) : i64
    %one = llvm.mlir.constant(1 : i64) : i64
    %two = llvm.mlir.constant(2 : i64) : i64
    %four = llvm.mlir.constant(4 : i64) : i64
    %threads = llvm.mlir.constant(128 : i64) : i64
    %factor = llvm.mlir.constant(3.0 : f32) : f32
    %words = llvm.load %a : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, i64, i64)>
    %from = llvm.extractvalue %words[1] : !llvm.struct<(ptr, ptr, i64, i64, i64)>
    %n = llvm.extractvalue %words[3] : !llvm.struct<(ptr, ptr, i64, i64, i64)>
    %bytes = llvm.mul %n, %four : i64
    %made = llvm.call @gqa_rt_cuda_result(%zero, %bytes) : (i64, i64) -> !llvm.ptr
    %d0 = llvm.insertvalue %made, %words[0] : !llvm.struct<(ptr, ptr, i64, i64, i64)>
    %d1 = llvm.insertvalue %made, %d0[1] : !llvm.struct<(ptr, ptr, i64, i64, i64)>
    llvm.store %d1, %result : !llvm.struct<(ptr, ptr, i64, i64, i64)>, !llvm.ptr
    %to1 = llvm.call @gqa_rt_cuda_map(%made, %bytes, %two) : (!llvm.ptr, i64, i64) -> !llvm.ptr
    %from1 = llvm.call @gqa_rt_cuda_map(%from, %bytes, %one) : (!llvm.ptr, i64, i64) -> !llvm.ptr
    %values = llvm.alloca %one x !llvm.struct<(ptr, ptr, f32, i32)> : (i64) -> !llvm.ptr
    %parameters = llvm.alloca %four x !llvm.ptr : (i64) -> !llvm.ptr
    %n32 = llvm.trunc %n : i64 to i32
    %p0 = llvm.getelementptr %values[0, 0] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, ptr, f32, i32)>
    %p1 = llvm.getelementptr %values[0, 1] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, ptr, f32, i32)>
    %p2 = llvm.getelementptr %values[0, 2] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, ptr, f32, i32)>
    %p3 = llvm.getelementptr %values[0, 3] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, ptr, f32, i32)>
    llvm.store %to1, %p0 : !llvm.ptr, !llvm.ptr
    llvm.store %from1, %p1 : !llvm.ptr, !llvm.ptr
    llvm.store %factor, %p2 : f32, !llvm.ptr
    llvm.store %n32, %p3 : i32, !llvm.ptr
    %a0 = llvm.getelementptr %parameters[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %a1 = llvm.getelementptr %parameters[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %a2 = llvm.getelementptr %parameters[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %a3 = llvm.getelementptr %parameters[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %p0, %a0 : !llvm.ptr, !llvm.ptr
    llvm.store %p1, %a1 : !llvm.ptr, !llvm.ptr
    llvm.store %p2, %a2 : !llvm.ptr, !llvm.ptr
    llvm.store %p3, %a3 : !llvm.ptr, !llvm.ptr
    %module = llvm.mlir.addressof @gqa_cuda_module : !llvm.ptr
    %kernel = llvm.mlir.addressof @kernel : !llvm.ptr
    %most = llvm.mlir.constant(127 : i64) : i64
    %up = llvm.add %n, %most : i64
    %blocks = llvm.sdiv %up, %threads : i64
    llvm.call @gqa_rt_cuda_launch(%module, %kernel, %blocks, %one, %one, %one, %threads, %zero, %zero, %parameters)
      : (!llvm.ptr, !llvm.ptr, i64, i64, i64, i64, i64, i64, i64, !llvm.ptr) -> ()
    llvm.call @gqa_rt_cuda_unmap() : () -> ()
    llvm.return
  }
})";

void replace(std::string &text, const std::string &what, const std::string &by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

std::unique_ptr<CompiledFunction> compileScale() {
  mlir::DialectRegistry registry;
  registerForJIT(registry);
  mlir::MLIRContext context(registry);
  std::string text = kModule, ptx = kPTX;
  replace(text, "SIZE", std::to_string(ptx.size()));
  replace(ptx, "\n", "\\0A");
  replace(text, "PTX", ptx);
  auto module = parseModule(text, "<test>", context);
  if (!module) {
    ADD_FAILURE() << llvm::toString(module.takeError());
    return nullptr;
  }
  TensorType vector{{kDLFloat, 32, 1}, {-1}, ""};
  Signature signature{"main", {vector}, {vector}, ""};
  readPlaces(**module, signature);
  auto object = generateObject(**module, signature, "cpu", Files::Several);
  if (!object) {
    ADD_FAILURE() << llvm::toString(object.takeError());
    return nullptr;
  }
  auto code = loadObject(*object);
  if (!code) {
    ADD_FAILURE() << llvm::toString(code.takeError());
    return nullptr;
  }
  return std::make_unique<CompiledFunction>(
      std::make_unique<CompiledFunction::Implementation>(std::move(signature), std::move(*code)));
}

/// 0, 1, 2, ... as a tensor, on the host or on device 0.
struct Vector {
  std::vector<float> values;
  int64_t size;
  void *memory = nullptr;
  DLTensor tensor{};

  explicit Vector(int64_t size, bool onDevice = false) : values(size_t(size)), size(size) {
    for (int64_t i = 0; i < size; ++i)
      values[size_t(i)] = float(i);
    tensor.data = values.data();
    tensor.device = {onDevice ? kDLCUDA : kDLCPU, 0};
    tensor.ndim = 1;
    tensor.dtype = {kDLFloat, 32, 1};
    tensor.shape = &this->size;
    if (!onDevice)
      return;
    tensor.data = memory = gqa_rt_cuda_reserve(0, nullptr, 4 * size);
    EXPECT_EQ(gqa_rt_cuda_copy_in(0, nullptr, memory, values.data(), 4 * size), 0);
  }
  ~Vector() { gqa_rt_cuda_release(0, nullptr, memory); }
};

std::vector<float> valuesOf(const DLTensor &tensor) {
  std::vector<float> values(size_t(tensor.shape[0]));
  if (tensor.device.device_type == kDLCPU)
    std::memcpy(values.data(), tensor.data, 4 * values.size());
  else
    EXPECT_EQ(gqa_rt_cuda_copy_out(0, nullptr, values.data(), tensor.data, int64_t(4 * values.size())), 0);
  return values;
}

std::vector<float> tripled(int64_t size) {
  std::vector<float> values;
  for (int64_t i = 0; i < size; ++i)
    values.push_back(3 * float(i));
  return values;
}

class CudaJIT : public testing::Test {
protected:
  void SetUp() override {
    setenv("GQA_CUDA_DRIVER", GQA_FAKE_DRIVER, /*overwrite=*/0);
    scale = compileScale();
    ASSERT_TRUE(scale);
  }
  std::string error(llvm::ArrayRef<const DLTensor *> inputs, llvm::ArrayRef<DLTensor *> outputs) {
    return llvm::toString(scale->call(inputs, outputs));
  }
  std::unique_ptr<CompiledFunction> scale;
};

TEST_F(CudaJIT, TensorsOnTheHost) {
  Vector a(300);
  auto results = scale->call({&a.tensor});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  EXPECT_EQ((*results)[0]->dl_tensor.device.device_type, kDLCPU);
  EXPECT_EQ(valuesOf((*results)[0]->dl_tensor), tripled(300));
  (*results)[0]->deleter((*results)[0]);
}

TEST_F(CudaJIT, TensorsOnTheDevice) {
  Vector a(300, true);
  void *stream = gqa_rt_cuda_stream_create(0);
  auto results = scale->callOn(stream, {&a.tensor});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  EXPECT_EQ((*results)[0]->dl_tensor.device.device_type, kDLCUDA);
  EXPECT_EQ(gqa_rt_cuda_synchronize(0, stream), 0);
  EXPECT_EQ(valuesOf((*results)[0]->dl_tensor), tripled(300));
  (*results)[0]->deleter((*results)[0]);
  EXPECT_EQ(gqa_rt_cuda_stream_destroy(0, stream), 0);
}

TEST_F(CudaJIT, GivenOutputs) {
  Vector a(300, true), onDevice(300, true), host(300), onHost(300);
  EXPECT_EQ(error({&a.tensor}, {&onDevice.tensor}), "");
  EXPECT_EQ(valuesOf(onDevice.tensor), tripled(300));
  EXPECT_EQ(error({&host.tensor}, {&onHost.tensor}), "");
  EXPECT_EQ(onHost.values, tripled(300));
  EXPECT_EQ(error({&a.tensor}, {&onHost.tensor}),
            "output 0 is on cpu; expected cuda:0, where other arguments are");
  EXPECT_EQ(error({&host.tensor}, {&onDevice.tensor}), "output 0 is on cuda:0; expected a tensor on the CPU");
  Vector small(299, true);
  EXPECT_EQ(error({&a.tensor}, {&small.tensor}), "result 0 needs 1200 bytes, but 1196 are there for it");
}

TEST_F(CudaJIT, PartOfATensor) {
  Vector a(300, true);
  DLTensor part = a.tensor;
  int64_t size = 100;
  part.byte_offset = 800;
  part.shape = &size;
  auto results = scale->call({&part});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  std::vector<float> all = tripled(300);
  EXPECT_EQ(valuesOf((*results)[0]->dl_tensor), std::vector<float>(all.begin() + 200, all.end()));
  (*results)[0]->deleter((*results)[0]);
}

TEST_F(CudaJIT, WrongPlaces) {
  Vector a(4);
  DLTensor other = a.tensor;
  other.device = {kDLROCM, 1};
  auto text = [&](const DLTensor &tensor) {
    auto results = scale->call({&tensor});
    return results ? "" : llvm::toString(results.takeError());
  };
  EXPECT_EQ(text(other), "argument 0 is on device type 10:1; expected a tensor on the CPU");
  other.device = {kDLCUDA, 7};
  EXPECT_EQ(text(other), "there is no CUDA device 7; expected 0, the only one");
}

TEST_F(CudaJIT, UnloadsItsKernels) {
  NEEDS_FAKE_DRIVER();
  scale.reset();
  int before = control<int()>("fake_live")();
  for (int i = 0; i < 3; ++i) {
    Vector a(10);
    auto function = compileScale();
    EXPECT_EQ(llvm::toString(function->call({&a.tensor}, {&a.tensor})), "");
    EXPECT_EQ(control<int()>("fake_live")(), before + 1);
  }
  EXPECT_EQ(control<int()>("fake_live")(), before);
}

TEST_F(CudaJIT, ThreadsTogether) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&, number] {
      for (int64_t round = 0; round < 25; ++round) {
        Vector a(100 + number, number % 2);
        auto results = scale->call({&a.tensor});
        if (!results) {
          llvm::consumeError(results.takeError());
          continue;
        }
        good += valuesOf((*results)[0]->dl_tensor) == tripled(100 + number);
        (*results)[0]->deleter((*results)[0]);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 200);
}

} // namespace
