// Captures and graphs: what is recorded and done again, and what the driver's documentation forbids
// meanwhile.
#include "Cuda.h"

#include <thread>

extern "C" {
CUresult cuStreamBeginCapture_v2(CUstream, int);
CUresult cuStreamEndCapture(CUstream, CUgraph *);
CUresult cuStreamIsCapturing(CUstream, int *);
CUresult cuThreadExchangeStreamCaptureMode(int *);
CUresult cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph, unsigned long long);
CUresult cuGraphLaunch(CUgraphExec, CUstream);
CUresult cuGraphExecUpdate_v2(CUgraphExec, CUgraph, CUgraphExecUpdateResultInfo *);
CUresult cuGraphExecDestroy(CUgraphExec);
CUresult cuGraphDestroy(CUgraph);
CUresult cuEventQuery(CUevent);
}

namespace gqa::emulator::test {
namespace {

constexpr const char *kAdd = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 p, .param .u32 v) {
  .reg .b64 %p; .reg .b32 %v, %x;
  ld.param.u64 %p, [p]; ld.param.u32 %v, [v];
  ld.global.u32 %x, [%p]; add.u32 %x, %x, %v; st.global.u32 [%p], %x; ret;
}
)";

class CaptureTest : public CudaTest {
protected:
  void SetUp() override {
    start();
    EXPECT_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    EXPECT_CUDA(cuModuleLoadData(&module, kAdd));
    EXPECT_CUDA(cuModuleGetFunction(&add, module, "add"));
    number = upload(std::vector<unsigned>{1});
  }

  /// *at += value, in a stream.
  CUresult queueAdd(unsigned value, CUdeviceptr at, CUstream in) {
    void *parameters[] = {&at, &value};
    return cuLaunchKernel(add, 1, 1, 1, 1, 1, 1, 0, in, parameters, nullptr);
  }
  void begin(int mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) {
    ASSERT_CUDA(cuStreamBeginCapture_v2(stream, mode));
  }
  CUgraphExec end(unsigned long long flags = 0) {
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    EXPECT_CUDA(cuStreamEndCapture(stream, &graph));
    EXPECT_CUDA(cuGraphInstantiateWithFlags(&exec, graph, flags));
    EXPECT_CUDA(cuGraphDestroy(graph));
    return exec;
  }
  /// Ends a capture that something has spoilt; what is queued afterwards is done.
  void expectSpoilt() {
    int status = -1;
    CUgraph graph = nullptr;
    EXPECT_EQ(queueAdd(1, number, stream), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EXPECT_CUDA(cuStreamIsCapturing(stream, &status));
    EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EXPECT_EQ(graph, nullptr);
    unsigned before = read();
    EXPECT_CUDA(queueAdd(1, number, stream));
    EXPECT_EQ(read(), before + 1);
  }
  unsigned read() { return download<unsigned>(number, 1)[0]; }

  CUstream stream = nullptr;
  CUmodule module = nullptr;
  CUfunction add = nullptr;
  CUdeviceptr number = 0;
};

TEST_F(CaptureTest, RecordsWithCopiedParametersAndReplays) {
  int status = -1;
  begin();
  EXPECT_CUDA(cuStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  EXPECT_CUDA(cuMemsetD32Async(number, 10, 1, stream));
  EXPECT_CUDA(queueAdd(5, number, stream));
  CUgraphExec exec = end();
  EXPECT_EQ(read(), 1u) << "nothing is done while it is recorded";
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_CUDA(queueAdd(100, number, stream));
  EXPECT_EQ(read(), 115u);
  EXPECT_CUDA(cuGraphLaunch(exec, nullptr));
  EXPECT_EQ(read(), 15u);
  EXPECT_CUDA(cuGraphExecDestroy(exec));
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(CaptureTest, MemoryOfAGraphLivesFromItsAllocationToItsRelease) {
  CUdeviceptr scratch = 0;
  size_t before = 0, after = 0, total = 0;
  EXPECT_CUDA(cuMemGetInfo_v2(&before, &total));
  begin();
  EXPECT_CUDA(cuMemAllocAsync(&scratch, 64, stream));
  EXPECT_EQ(cuMemFreeAsync(number, stream), CUDA_ERROR_INVALID_VALUE) << "of another owner";
  EXPECT_CUDA(cuMemcpyAsync(scratch, number, 4, stream));
  EXPECT_CUDA(queueAdd(3, scratch, stream));
  EXPECT_CUDA(cuMemcpyAsync(number, scratch, 4, stream));
  EXPECT_CUDA(cuMemFreeAsync(scratch, stream));
  EXPECT_EQ(cuMemFreeAsync(scratch, stream), CUDA_ERROR_INVALID_VALUE) << "twice";
  CUgraphExec exec = end();
  for (unsigned want : {4u, 7u}) {
    EXPECT_CUDA(cuGraphLaunch(exec, stream));
    EXPECT_EQ(read(), want);
  }
  EXPECT_CUDA(cuMemGetInfo_v2(&after, &total));
  EXPECT_EQ(after, before);
  testing::internal::CaptureStderr();
  EXPECT_CUDA(queueAdd(1, scratch, stream));
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS) << "between launches there is nothing";
  EXPECT_NE(testing::internal::GetCapturedStderr().find("use-after-free"), std::string::npos);
}

TEST_F(CaptureTest, MemoryThatAGraphKeepsForbidsItsNextLaunch) {
  CUdeviceptr kept = 0;
  begin();
  EXPECT_CUDA(cuMemAllocAsync(&kept, 4, stream));
  EXPECT_CUDA(cuMemsetD32Async(kept, 9, 1, stream));
  CUgraphExec exec = end();
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_EQ(download<unsigned>(kept, 1)[0], 9u);
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuMemFreeAsync(kept, stream));
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_CUDA(cuGraphExecDestroy(exec));
  begin();
  EXPECT_CUDA(cuMemAllocAsync(&kept, 4, stream));
  exec = end(CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
}

TEST_F(CaptureTest, WaitingSpoilsIt) {
  begin();
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
  begin();
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
  begin(CU_STREAM_CAPTURE_MODE_RELAXED);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
}

TEST_F(CaptureTest, WhatMightWaitSpoilsItUnlessTheThreadIsRelaxed) {
  CUdeviceptr memory = 0;
  CUmodule other = nullptr;
  begin();
  EXPECT_EQ(cuMemAlloc_v2(&memory, 4), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
  begin();
  EXPECT_EQ(cuModuleLoadData(&other, kAdd), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
  begin();
  int mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  EXPECT_CUDA(cuThreadExchangeStreamCaptureMode(&mode));
  EXPECT_EQ(mode, CU_STREAM_CAPTURE_MODE_GLOBAL);
  EXPECT_CUDA(cuModuleLoadData(&other, kAdd));
  EXPECT_CUDA(cuThreadExchangeStreamCaptureMode(&mode));
  EXPECT_EQ(mode, CU_STREAM_CAPTURE_MODE_RELAXED);
  EXPECT_EQ(cuMemFree_v2(number), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
}

/// Calls cuMemAlloc in another thread.
CUresult allocateElsewhere(CUcontext context) {
  CUresult result = CUDA_SUCCESS;
  std::thread([&] {
    CUdeviceptr memory = 0;
    cuCtxSetCurrent(context);
    result = cuMemAlloc_v2(&memory, 4);
  }).join();
  return result;
}

TEST_F(CaptureTest, ModesSayWhichThreadsAreForbiddenToWait) {
  begin(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  EXPECT_CUDA(allocateElsewhere(context));
  EXPECT_CUDA(cuGraphExecDestroy(end()));
  begin(CU_STREAM_CAPTURE_MODE_GLOBAL);
  EXPECT_EQ(allocateElsewhere(context), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expectSpoilt();
}

TEST_F(CaptureTest, BelongsToTheThreadAndStreamThatBegan) {
  CUgraph graph = nullptr;
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_INVALID_VALUE) << "not begun";
  EXPECT_EQ(cuStreamBeginCapture_v2(nullptr, 0), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  begin();
  EXPECT_EQ(cuStreamBeginCapture_v2(stream, 0), CUDA_ERROR_INVALID_VALUE) << "begun already";
  std::thread([&] {
    cuCtxSetCurrent(context);
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  }).join();
  EXPECT_CUDA(cuGraphExecDestroy(end()));
}

TEST_F(CaptureTest, TheDefaultStreamWaitsForBlockingStreams) {
  EXPECT_CUDA(cuStreamCreate(&stream, 0));
  begin();
  EXPECT_EQ(queueAdd(1, number, nullptr), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  expectSpoilt();
}

class ForkTest : public CaptureTest {
protected:
  void SetUp() override {
    CaptureTest::SetUp();
    EXPECT_CUDA(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    EXPECT_CUDA(cuEventCreate(&fork, 0));
    EXPECT_CUDA(cuEventCreate(&join, 0));
  }
  /// `other` follows what is captured so far.
  void forkOff() {
    EXPECT_CUDA(cuEventRecord(fork, stream));
    EXPECT_CUDA(cuStreamWaitEvent(other, fork, 0));
  }
  CUstream other = nullptr;
  CUevent fork = nullptr, join = nullptr;
};

TEST_F(ForkTest, StreamsJoinByEvents) {
  begin();
  EXPECT_CUDA(queueAdd(1, number, stream));
  forkOff();
  EXPECT_CUDA(queueAdd(2, number, other));
  EXPECT_CUDA(cuEventRecord(join, other));
  EXPECT_CUDA(cuStreamWaitEvent(stream, join, 0));
  EXPECT_EQ(cuEventQuery(join), CUDA_ERROR_CAPTURED_EVENT);
  CUgraphExec exec = end();
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_EQ(read(), 4u);
  EXPECT_CUDA(queueAdd(1, number, other)) << "it is captured no longer";
}

TEST_F(ForkTest, WorkMustBeJoined) {
  CUgraph graph = nullptr;
  begin();
  forkOff();
  EXPECT_CUDA(queueAdd(2, number, other));
  EXPECT_EQ(cuStreamEndCapture(other, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
}

TEST_F(ForkTest, EventsFromOutsideDoNotEnter) {
  EXPECT_CUDA(cuEventRecord(fork, other));
  begin();
  EXPECT_EQ(cuStreamWaitEvent(stream, fork, 0), CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  expectSpoilt();
}

TEST_F(CaptureTest, KernelsOfAnUnloadedModuleAreGone) {
  begin();
  EXPECT_CUDA(queueAdd(1, number, stream));
  CUgraphExec exec = end();
  EXPECT_CUDA(cuModuleUnload(module));
  EXPECT_EQ(cuGraphLaunch(exec, stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(CaptureTest, IsChangedWhereTheFormStays) {
  auto capture = [&](unsigned value, unsigned count) {
    CUgraph graph = nullptr;
    begin();
    for (unsigned n = 0; n < count; ++n)
      EXPECT_CUDA(queueAdd(value, number, stream));
    EXPECT_CUDA(cuStreamEndCapture(stream, &graph));
    return graph;
  };
  CUgraphExec exec = nullptr;
  CUgraphExecUpdateResultInfo info{};
  EXPECT_CUDA(cuGraphInstantiateWithFlags(&exec, capture(1, 1), 0));
  EXPECT_CUDA(cuGraphExecUpdate_v2(exec, capture(10, 1), &info));
  EXPECT_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_EQ(read(), 11u);
  EXPECT_EQ(cuGraphExecUpdate_v2(exec, capture(10, 2), &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
}

} // namespace
} // namespace gqa::emulator::test
