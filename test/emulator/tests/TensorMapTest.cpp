// What cuTensorMapEncodeTiled accepts.
#include "Cuda.h"

namespace gqa::emulator::test {
namespace {

/// A good request for a bf16 tensor of 128 x 64 x 8, of which each test spoils one thing.
struct Request {
  CUtensorMap map;
  int type = 9; // bf16
  unsigned rank = 3;
  uint64_t address = 4096;
  uint64_t sizes[5] = {128, 64, 8, 1, 1}, strides[4] = {256, 16384, 16, 16};
  uint32_t box[5] = {64, 64, 1, 1, 1}, steps[5] = {1, 1, 1, 1, 1};
  int interleave = 0, swizzle = 3, promotion = 2, fill = 0;

  CUresult encode() {
    return cuTensorMapEncodeTiled(&map, type, rank, reinterpret_cast<void *>(address), sizes, strides, box,
                                  steps, interleave, swizzle, promotion, fill);
  }
};

class TensorMapTest : public CudaTest {};

TEST_F(TensorMapTest, TheConditionsOfTheDocumentation) {
  start("sm=90");
  EXPECT_CUDA(Request().encode());
  auto spoil = [](auto change) {
    Request r;
    change(r);
    return r.encode();
  };
  EXPECT_EQ(spoil([](Request &r) { r.rank = 0; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.rank = 6; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.address += 8; }), CUDA_ERROR_INVALID_VALUE) << "16-byte alignment";
  EXPECT_EQ(spoil([](Request &r) { r.strides[0] = 264; }), CUDA_ERROR_INVALID_VALUE) << "multiples of 16";
  EXPECT_EQ(spoil([](Request &r) { r.strides[1] = uint64_t(1) << 40; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.sizes[1] = 0; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(spoil([](Request &r) { r.sizes[1] = uint64_t(1) << 32; }));
  EXPECT_EQ(spoil([](Request &r) { r.sizes[1] = (uint64_t(1) << 32) + 1; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(spoil([](Request &r) { r.box[1] = 256; }));
  EXPECT_EQ(spoil([](Request &r) { r.box[1] = 257; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.box[1] = 0; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.box[0] = 60; }), CUDA_ERROR_INVALID_VALUE)
      << "rows of a multiple of 16 bytes";
  EXPECT_EQ(spoil([](Request &r) { r.box[0] = 128; }), CUDA_ERROR_INVALID_VALUE) << "longer than the pattern";
  EXPECT_CUDA(spoil([](Request &r) { r.box[0] = 128, r.swizzle = 0; }));
  EXPECT_EQ(spoil([](Request &r) { r.box[0] = 64, r.swizzle = 2; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.steps[1] = 9; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.steps[1] = 0; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(spoil([](Request &r) { r.fill = 1; }));
  EXPECT_EQ(spoil([](Request &r) { r.fill = 1, r.type = 1; }), CUDA_ERROR_INVALID_VALUE) << "NaN of integers";
  EXPECT_EQ(spoil([](Request &r) { r.type = 16; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.promotion = 4; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(spoil([](Request &r) { r.interleave = 1; }), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(spoil([](Request &r) { r.swizzle = 5; }), CUDA_ERROR_NOT_SUPPORTED);
  Request r;
  EXPECT_EQ(cuTensorMapEncodeTiled(nullptr, 9, 1, reinterpret_cast<void *>(4096), r.sizes, nullptr, r.box,
                                   r.steps, 0, 0, 0, 0),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuTensorMapEncodeTiled(&r.map, 9, 1, reinterpret_cast<void *>(4096), r.sizes, nullptr, r.box,
                                     r.steps, 0, 0, 0, 0))
      << "a vector has no strides";
  int tensorMaps = 0;
  EXPECT_CUDA(cuDeviceGetAttribute(&tensorMaps, 127, 0));
  EXPECT_EQ(tensorMaps, 1);
}

TEST_F(TensorMapTest, OlderDevicesHaveNone) {
  start("sm=80");
  EXPECT_EQ(Request().encode(), CUDA_ERROR_NOT_SUPPORTED);
  int tensorMaps = 1;
  EXPECT_CUDA(cuDeviceGetAttribute(&tensorMaps, 127, 0));
  EXPECT_EQ(tensorMaps, 0);
}

} // namespace
} // namespace gqa::emulator::test
