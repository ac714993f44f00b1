// C = A B for bf16 A (M x K, row-major) and B (K x N, row-major), f32 C, on sm_90a: tiles of 64 x 64. A warpgroup of
// which one thread works fills a ring of three stages by TMA, the other multiplies them by wgmma and stores its tile
// by TMA. Barriers and copies through NVIDIA's own cuda::ptx.
#include <cstdint>
#include <cuda/ptx>

namespace {
namespace ptx = cuda::ptx;
constexpr int kTile = 64, kStages = 3, kBytes = kTile * 128;

struct alignas(64) Map {
  char opaque[128];
};
struct alignas(1024) Stage {
  char a[kBytes], b[kBytes];
};
struct Memory {
  Stage stages[kStages];
  alignas(1024) float c[kTile * kTile];
  uint64_t full[kStages], empty[kStages];
};

__device__ __forceinline__ uint64_t descriptor(const void *at, uint64_t leading) {
  uint64_t address = static_cast<uint32_t>(__cvta_generic_to_shared(at));
  return address >> 4 | leading >> 4 << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}
__device__ __forceinline__ void wait(uint64_t *barrier, uint32_t parity) {
  while (!ptx::mbarrier_try_wait_parity(barrier, parity))
    ;
}

__device__ __forceinline__ bool elected() {
  uint32_t one;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.b32 %0, 1, 0, p;\n}" : "=r"(one));
  return one;
}

#define F4(n) "+f"(d[n]), "+f"(d[n + 1]), "+f"(d[n + 2]), "+f"(d[n + 3])
__device__ __forceinline__ void multiply(float (&d)[32], uint64_t a, uint64_t b, int accumulate) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, "
               "%12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
               "%32, %33, p, 1, 1, 0, 1;\n}\n"
               : F4(0), F4(4), F4(8), F4(12), F4(16), F4(20), F4(24), F4(28)
               : "l"(a), "l"(b), "r"(accumulate));
}

__device__ void produce(Memory &m, const Map &a, const Map &b, int steps) {
  for (int step = 0; step < steps; ++step) {
    int s = step % kStages, round = step / kStages;
    wait(&m.empty[s], (round & 1) ^ 1);
    ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &m.full[s], 2 * kBytes);
    const int32_t atA[2] = {step * kTile, static_cast<int>(blockIdx.y) * kTile};
    const int32_t atB[2] = {static_cast<int>(blockIdx.x) * kTile, step * kTile};
    ptx::cp_async_bulk_tensor(ptx::space_cluster, ptx::space_global, m.stages[s].a, &a, atA, &m.full[s]);
    ptx::cp_async_bulk_tensor(ptx::space_cluster, ptx::space_global, m.stages[s].b, &b, atB, &m.full[s]);
  }
}

__device__ void consume(Memory &m, const Map &c, int steps) {
  int thread = threadIdx.x % 128, lane = thread % 32, warp = thread / 32;
  float d[32];
  for (int step = 0; step < steps; ++step) {
    int s = step % kStages;
    wait(&m.full[s], step / kStages & 1);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    for (int k = 0; k < 4; ++k) // A: 32 bytes along its rows; B: 16 rows of 128 bytes
      multiply(d, descriptor(m.stages[s].a + 32 * k, 0), descriptor(m.stages[s].b + 2048 * k, 0), step + k);
    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;" ::: "memory");
    if (thread == 0)
      ptx::mbarrier_arrive(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &m.empty[s]);
  }
  for (int n = 0; n < 32; ++n)
    m.c[(warp * 16 + n / 2 % 2 * 8 + lane / 4) * kTile + n / 4 * 8 + lane % 4 * 2 + n % 2] = d[n];
  ptx::fence_proxy_async(ptx::space_shared);
  asm volatile("bar.sync 1, 128;" ::: "memory");
  if (thread == 0) {
    const int32_t at[2] = {static_cast<int>(blockIdx.x) * kTile, static_cast<int>(blockIdx.y) * kTile};
    ptx::cp_async_bulk_tensor(ptx::space_global, ptx::space_shared, &c, at, m.c);
    ptx::cp_async_bulk_commit_group();
    ptx::cp_async_bulk_wait_group_read(ptx::n32_t<0>());
  }
}
} // namespace

extern "C" __global__ void __launch_bounds__(256, 2)
    hopper(const __grid_constant__ Map a, const __grid_constant__ Map b, const __grid_constant__ Map c, int steps) {
  extern __shared__ __align__(1024) char bytes[];
  Memory &m = *reinterpret_cast<Memory *>(bytes);
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      ptx::mbarrier_init(&m.full[s], 1);
      ptx::mbarrier_init(&m.empty[s], 1);
    }
    ptx::fence_mbarrier_init(ptx::sem_release, ptx::scope_cluster);
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x < 32 && elected())
      produce(m, a, b, steps);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 216;");
    consume(m, c, steps);
  }
}
