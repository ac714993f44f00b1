// The stand-in for cuBLASLt: what it multiplies is tested through the runtime
// (test/unit/Cuda/ProductTest.cpp); here is what it refuses, and what it finds wrong in memory.
#include "Cuda.h"

#include "Blas/CublasLt.h"

#include <utility>

extern "C" {
cublasStatus_t cublasLtCreate(cublasLtHandle_t *);
cublasStatus_t cublasLtDestroy(cublasLtHandle_t);
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *, cudaDataType_t, uint64_t, uint64_t,
                                          int64_t);
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t);
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t, int, const void *, size_t);
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *, cublasComputeType_t, cudaDataType_t);
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t, int, const void *, size_t);
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *);
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t, int, const void *, size_t);
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t *, int *);
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void *, const void *,
                              cublasLtMatrixLayout_t, const void *, cublasLtMatrixLayout_t, const void *,
                              const void *, cublasLtMatrixLayout_t, void *, cublasLtMatrixLayout_t,
                              const cublasLtMatmulAlgo_t *, void *, size_t, CUstream);
CUresult cuStreamBeginCapture_v2(CUstream, int);
}

namespace gqa::emulator::test {
namespace {

/// D = A B with A of 4 x 3, B of 3 x 5 and D of 4 x 5, of f32, everything as it has to be.
class BlasTest : public CudaTest {
protected:
  void SetUp() override {
    start();
    ASSERT_EQ(cublasLtCreate(&handle), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(cublasLtMatmulPreferenceCreate(&preference), CUBLAS_STATUS_SUCCESS);
    a = layout(CUDA_R_32F, 4, 3, 4);
    b = layout(CUDA_R_32F, 3, 5, 3);
    d = layout(CUDA_R_32F, 4, 5, 4);
    aData = upload(std::vector<float>(12, 1));
    bData = upload(std::vector<float>(15, 2));
    dData = upload(std::vector<float>(20, 3));
  }

  static cublasLtMatrixLayout_t layout(cudaDataType_t type, uint64_t rows, uint64_t columns,
                                       int64_t leading) {
    cublasLtMatrixLayout_t made = nullptr;
    EXPECT_EQ(cublasLtMatrixLayoutCreate(&made, type, rows, columns, leading), CUBLAS_STATUS_SUCCESS);
    return made;
  }

  cublasStatus_t choose() {
    int found = 0;
    return cublasLtMatmulAlgoGetHeuristic(handle, desc, a, b, d, d, preference, 1, &chosen, &found);
  }
  cublasStatus_t multiply(CUdeviceptr at = 0, size_t workspace = 0) {
    auto pointer = [](CUdeviceptr address) { return reinterpret_cast<void *>(address); };
    return cublasLtMatmul(handle, desc, &one, pointer(aData), a, pointer(bData), b, &zero, pointer(dData), d,
                          pointer(dData), d, &chosen.algo, pointer(at), workspace, nullptr);
  }
  /// What a call says on stderr, and its status.
  template <class F> static std::string refusal(cublasStatus_t want, F call) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(call(), want);
    return testing::internal::GetCapturedStderr();
  }
  /// A product that goes wrong when it is done: the fault, and the driver's error.
  std::string fault(CUresult want) {
    EXPECT_EQ(choose(), CUBLAS_STATUS_SUCCESS);
    std::string text = refusal(CUBLAS_STATUS_SUCCESS, [&] { return multiply(); });
    EXPECT_EQ(cuCtxSynchronize(), want);
    return text;
  }
  static void expectContains(const std::string &text, const std::string &part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, d = nullptr;
  cublasLtMatmulHeuristicResult_t chosen{};
  CUdeviceptr aData = 0, bData = 0, dData = 0;
  float one = 1, zero = 0;
};

TEST_F(BlasTest, Multiplies) {
  ASSERT_EQ(choose(), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(multiply(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(download<float>(dData, 20), std::vector<float>(20, 6));
}

TEST_F(BlasTest, SizesAndLeadingDimensions) {
  b = layout(CUDA_R_32F, 2, 5, 2);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return choose(); }),
                 "op(A) has 3 columns, op(B) 2 rows");
  b = layout(CUDA_R_32F, 3, 5, 2);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return choose(); }),
                 "the leading dimension of B is 2, less than its 3 rows");
  b = layout(CUDA_R_32F, 3, 6, 3);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return choose(); }),
                 "C is 4 x 5, the product 4 x 6");
}

TEST_F(BlasTest, Types) {
  b = layout(CUDA_R_16F, 3, 5, 3);
  expectContains(refusal(CUBLAS_STATUS_NOT_SUPPORTED, [&] { return choose(); }),
                 "A of f32, B of f16, C of f32 and D of f32 do not go together");
  cublasLtMatmulDesc_t other = nullptr;
  expectContains(refusal(CUBLAS_STATUS_NOT_SUPPORTED,
                         [&] { return cublasLtMatmulDescCreate(&other, CUBLAS_COMPUTE_64F, CUDA_R_32F); }),
                 "sums of type 70 scaled in type 0 are not modelled");
}

TEST_F(BlasTest, AttributesAreKnownAndOfTheirSize) {
  int32_t count = 2;
  int64_t wide = 2;
  EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(a, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
            CUBLAS_STATUS_SUCCESS);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return choose(); }),
                 "B has a batch of 1, A one of 2");
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE,
                         [&] {
                           return cublasLtMatrixLayoutSetAttribute(a, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                                   &wide, 8);
                         }),
                 "the attribute has 4 bytes, found 8");
  expectContains(refusal(CUBLAS_STATUS_NOT_SUPPORTED,
                         [&] { return cublasLtMatmulDescSetAttribute(desc, 7, &count, sizeof count); }),
                 "attribute 7 is not modelled");
}

TEST_F(BlasTest, BatchesMustNotOverlap) {
  int32_t count = 2;
  int64_t stride = 19;
  for (cublasLtMatrixLayout_t x : {a, b, d})
    cublasLtMatrixLayoutSetAttribute(x, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
  cublasLtMatrixLayoutSetAttribute(d, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return choose(); }),
                 "the matrices of the batch D overlap: 19 elements");
}

TEST_F(BlasTest, AnAlgorithmIsForItsFormAndAlignment) {
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return multiply(); }),
                 "the algorithm is none of ");
  ASSERT_EQ(choose(), CUBLAS_STATUS_SUCCESS);
  aData += 4;
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return multiply(); }),
                 "A is not aligned to 256 bytes");
  aData -= 4;
  b = layout(CUDA_R_32F, 3, 5, 4);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return multiply(); }),
                 "chosen for a product of another form than 1 times 4 x 5 x 3, f32 to f32");
}

TEST_F(BlasTest, WorkspaceIsAsLargeAsAskedForAndOnTheDevice) {
  uint64_t most = 1 << 20;
  ASSERT_EQ(
      cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, 8),
      CUBLAS_STATUS_SUCCESS);
  a = layout(CUDA_R_32F, 4, 300, 4);
  b = layout(CUDA_R_32F, 300, 5, 300);
  aData = upload(std::vector<float>(1200, 1));
  bData = upload(std::vector<float>(1500, 1));
  ASSERT_EQ(choose(), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(chosen.workspaceSize, 80u);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return multiply(); }),
                 "needs 80 bytes of workspace, found 0");
  CUdeviceptr workspace = upload(std::vector<float>(20, 1));
  ASSERT_EQ(multiply(workspace, 80), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(download<float>(dData, 20), std::vector<float>(20, 300));
  expectContains(refusal(CUBLAS_STATUS_SUCCESS, [&] { return multiply(workspace, 81); }),
                 "the workspace at 0x");
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

/// 1 + 299 times 13/4096, of bf16: what the sum is after 64, 128, 192 and 256 of them is no number of that
/// type.
TEST_F(BlasTest, PartsOfSumsAreRoundedIfTheyMay) {
  auto type = CUDA_R_16BF;
  a = layout(type, 4, 300, 4);
  b = layout(type, 300, 5, 300);
  d = layout(type, 4, 5, 4);
  constexpr uint16_t unit = 0x3f80, small = 0x3b50; // 1 and 13/4096
  std::vector<uint16_t> values(1200, small);
  std::fill_n(values.begin(), 4, unit);
  aData = upload(values);
  bData = upload(std::vector<uint16_t>(1500, unit));
  dData = upload(std::vector<uint16_t>(20));
  auto product = [&](uint32_t mask) {
    EXPECT_EQ(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                                   &mask, sizeof mask),
              CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(choose(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(multiply(), CUBLAS_STATUS_SUCCESS);
    return download<uint16_t>(dData, 1)[0];
  };
  constexpr uint16_t right = 0x3ff9; // 1.9453, of 1.9490
  EXPECT_EQ(product(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE), right);
  EXPECT_NE(product(CUBLASLT_REDUCTION_SCHEME_MASK), right);
  EXPECT_EQ(product(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE), right);
}

TEST_F(BlasTest, OutOfBounds) {
  bData = upload(std::vector<float>(14, 1));
  expectContains(fault(CUDA_ERROR_ILLEGAL_ADDRESS),
                 "ends behind its allocation of 56 bytes, of which it begins at 0");
}

TEST_F(BlasTest, FreedMemory) {
  ASSERT_CUDA(cuMemFree_v2(aData));
  expectContains(fault(CUDA_ERROR_ILLEGAL_ADDRESS), "lies in freed memory");
}

TEST_F(BlasTest, MemoryThatNobodyHasWritten) {
  ASSERT_CUDA(cuMemAlloc_v2(&aData, 48));
  expectContains(fault(CUDA_ERROR_LAUNCH_FAILED), "of 48 bytes: nobody has written byte 0");
}

TEST_F(BlasTest, AResultThatIsAnOperand) {
  aData = dData;
  expectContains(fault(CUDA_ERROR_LAUNCH_FAILED), "D and A share memory");
}

TEST_F(BlasTest, HandlesLiveInTheirContext) {
  cuCtxSetCurrent(nullptr);
  expectContains(refusal(CUBLAS_STATUS_NOT_INITIALIZED, [&] { return choose(); }), "no context is current");
  cuCtxSetCurrent(context);
  ASSERT_EQ(cublasLtDestroy(handle), CUBLAS_STATUS_SUCCESS);
  expectContains(refusal(CUBLAS_STATUS_NOT_INITIALIZED, [&] { return choose(); }), "the handle is not alive");
  ASSERT_EQ(cublasLtCreate(&handle), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cublasLtMatrixLayoutDestroy(a), CUBLAS_STATUS_SUCCESS);
  expectContains(refusal(CUBLAS_STATUS_INVALID_VALUE, [&] { return choose(); }),
                 "a descriptor or layout is not alive");
}

TEST_F(BlasTest, HandlesAreNotMadeInACapture) {
  CUstream stream = nullptr;
  cublasLtHandle_t other = nullptr;
  ASSERT_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  ASSERT_CUDA(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  expectContains(refusal(CUBLAS_STATUS_ALLOC_FAILED, [&] { return cublasLtCreate(&other); }),
                 "this thread's capture mode is not relaxed");
}

} // namespace
} // namespace gqa::emulator::test
