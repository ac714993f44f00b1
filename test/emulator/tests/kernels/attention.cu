// Causal attention of one head, D = 64, bf16, online softmax: 4 warps of 16 query rows, K and V tiles of 64 rows.
#include <cmath>
#include <cstdint>
#include <cuda_bf16.h>

namespace {
constexpr int kDim = 64, kTile = 64, kThreads = 128;

__device__ __forceinline__ uint32_t offset(int row, int chunk) { return row * 128 + ((chunk ^ (row & 7)) << 4); }

/// Rows beyond `rows` become zeros.
__device__ __forceinline__ void copyRows(uint32_t shared, const __nv_bfloat16 *from, int first, int rows) {
  for (int n = threadIdx.x; n < kTile * 8; n += kThreads) {
    int row = n / 8, chunk = n % 8;
    int bytes = first + row < rows ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared + offset(row, chunk)), "l"(from + (first + row) * kDim + chunk * 8), "r"(bytes));
  }
  asm volatile("cp.async.commit_group;");
}
__device__ __forceinline__ void load(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}
__device__ __forceinline__ void loadTransposed(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}
__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ uint32_t packed(float low, float high) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<uint32_t *>(&pair);
}
} // namespace

extern "C" __global__ void __launch_bounds__(kThreads) attention(const __nv_bfloat16 *q, const __nv_bfloat16 *k, const __nv_bfloat16 *v, __nv_bfloat16 *o, int length, float scale) {
  __shared__ __align__(128) char memory[3 * kTile * 128];
  uint32_t queries = static_cast<uint32_t>(__cvta_generic_to_shared(memory)), keys = queries + kTile * 128, values = keys + kTile * 128;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, first = blockIdx.x * kTile;
  copyRows(queries, q, first, length);
  copyRows(keys, k, 0, length);
  asm volatile("cp.async.wait_group 0;");
  __syncthreads();
  uint32_t query[4][4];
  for (int kk = 0; kk < 4; ++kk)
    load(query[kk], queries + offset(warp * 16 + lane % 16, 2 * kk + lane / 16));
  float out[8][4] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  for (int tile = 0; tile <= static_cast<int>(blockIdx.x); ++tile) {
    copyRows(values, v, tile * kTile, length);
    float score[8][4] = {};
    for (int kk = 0; kk < 4; ++kk)
      for (int n = 0; n < 8; n += 2) {
        uint32_t b[4];
        load(b, keys + offset(n * 8 + lane % 8 + lane / 16 * 8, 2 * kk + lane / 8 % 2));
        multiply(score[n], query[kk], b[0], b[1]);
        multiply(score[n + 1], query[kk], b[2], b[3]);
      }
    for (int half = 0; half < 2; ++half) {
      int row = first + warp * 16 + lane / 4 + 8 * half;
      float top = most[half];
      for (int n = 0; n < 8; ++n)
        for (int x = 0; x < 2; ++x) {
          int column = tile * kTile + n * 8 + lane % 4 * 2 + x;
          float &s = score[n][2 * half + x];
          s = column <= row && column < length ? s * scale : -INFINITY;
          top = fmaxf(top, s);
        }
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
      float base = top == -INFINITY ? 0 : top, alpha = exp2f(most[half] - base), part = 0;
      for (int n = 0; n < 8; ++n)
        for (int x = 0; x < 2; ++x) {
          float &s = score[n][2 * half + x];
          s = exp2f(s - base);
          part += s;
          out[n][2 * half + x] *= alpha;
        }
      sum[half] = sum[half] * alpha + part;
      most[half] = top;
    }
    asm volatile("cp.async.wait_group 0;");
    __syncthreads();
    if (tile < static_cast<int>(blockIdx.x))
      copyRows(keys, k, (tile + 1) * kTile, length);
    for (int kk = 0; kk < 4; ++kk) {
      uint32_t p[4] = {packed(score[2 * kk][0], score[2 * kk][1]), packed(score[2 * kk][2], score[2 * kk][3]),
                       packed(score[2 * kk + 1][0], score[2 * kk + 1][1]), packed(score[2 * kk + 1][2], score[2 * kk + 1][3])};
      for (int n = 0; n < 8; n += 2) {
        uint32_t b[4];
        loadTransposed(b, values + offset(16 * kk + lane % 16, n + lane / 16));
        multiply(out[n], p, b[0], b[1]);
        multiply(out[n + 1], p, b[2], b[3]);
      }
    }
    asm volatile("cp.async.wait_group 0;");
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half) {
    int row = first + warp * 16 + lane / 4 + 8 * half;
    float total = sum[half];
    total += __shfl_xor_sync(~0u, total, 1);
    total += __shfl_xor_sync(~0u, total, 2);
    if (row < length)
      for (int n = 0; n < 8; ++n)
        *reinterpret_cast<uint32_t *>(o + row * kDim + n * 8 + lane % 4 * 2) = packed(out[n][2 * half] / total, out[n][2 * half + 1] / total);
  }
}
