// C = A B for bf16 A (M x K, row-major) and B (K x N, row-major), f32 C: 64 x 64 tiles by 4 warps, a ring of two
// stages filled by cp.async, swizzled shared memory, ldmatrix and mma.sync.
#include <cstdint>
#include <cuda_bf16.h>

namespace {
constexpr int kTile = 64, kDepth = 64, kThreads = 128;

__device__ __forceinline__ uint32_t offset(int row, int chunk) { return row * 128 + ((chunk ^ (row & 7)) << 4); }

__device__ __forceinline__ void copyTile(uint32_t shared, const __nv_bfloat16 *from, int stride) {
  for (int n = threadIdx.x; n < kTile * 8; n += kThreads) {
    int row = n / 8, chunk = n % 8;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared + offset(row, chunk)), "l"(from + row * stride + chunk * 8));
  }
}
template <bool Transpose> __device__ __forceinline__ void load(uint32_t (&r)[4], uint32_t address) {
  if (Transpose)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}
__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
} // namespace

extern "C" __global__ void __launch_bounds__(kThreads) matmul(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c, int n, int k) {
  extern __shared__ __align__(1024) char memory[];
  uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(memory));
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  a += blockIdx.y * kTile * k;
  b += blockIdx.x * kTile;
  float sums[8][4] = {};
  int steps = k / kDepth;
  auto fill = [&](int step) {
    uint32_t stage = base + (step % 2) * 2 * kTile * 128;
    copyTile(stage, a + step * kDepth, k);
    copyTile(stage + kTile * 128, b + step * kDepth * n, n);
    asm volatile("cp.async.commit_group;");
  };
  fill(0);
  for (int step = 0; step < steps; ++step) {
    if (step + 1 < steps)
      fill(step + 1);
    else
      asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
    uint32_t left = base + (step % 2) * 2 * kTile * 128, right = left + kTile * 128;
    for (int kk = 0; kk < 4; ++kk) {
      uint32_t x[4], y[4];
      load<false>(x, left + offset(warp * 16 + lane % 16, 2 * kk + lane / 16));
      for (int nn = 0; nn < 8; nn += 2) {
        load<true>(y, right + offset(16 * kk + lane % 16, nn + lane / 16));
        multiply(sums[nn], x, y[0], y[1]);
        multiply(sums[nn + 1], x, y[2], y[3]);
      }
    }
    __syncthreads();
  }
  for (int nn = 0; nn < 8; ++nn)
    for (int half = 0; half < 2; ++half) {
      int row = blockIdx.y * kTile + warp * 16 + lane / 4 + 8 * half, column = blockIdx.x * kTile + nn * 8 + lane % 4 * 2;
      *reinterpret_cast<float2 *>(c + row * n + column) = make_float2(sums[nn][2 * half], sums[nn][2 * half + 1]);
    }
}
