// Memory in stream order, and pools of it. Everything is done at once, so that a pool holds nothing back.
#include "Driver.h"

#include <cstring>

using namespace gqa::emulator;

namespace {

Driver &driver() { return Driver::get(); }

template <class F> CUresult onPool(const char *name, CUmemoryPool pool, F body) {
  return driver().call(name, Needs::Context,
                       [&] { return driver().pools.count(pool) ? body() : CUDA_ERROR_INVALID_VALUE; });
}

/// Where an attribute lies; null for those that only report what a pool holds.
void *attributeOf(CUmemPoolHandle_st &pool, int attribute, size_t &bytes) {
  bytes = attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD ? sizeof(uint64_t) : sizeof(int);
  if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD)
    return &pool.releaseThreshold;
  bool isReuse = attribute >= CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES &&
                 attribute <= CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES;
  return isReuse ? &pool.reuse[attribute - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES] : nullptr;
}

} // namespace

EMULATOR_API CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t bytes, CUstream stream) {
  return driver().call("cuMemAllocAsync", Needs::Context,
                       [&] { return driver().allocate(pointer, bytes, stream); });
}

EMULATOR_API CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
  return driver().call("cuMemFreeAsync", Needs::Context, [&] { return driver().release(pointer, stream); });
}

EMULATOR_API CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *properties) {
  return driver().call("cuMemPoolCreate", Needs::NoCapture, [&] {
    if (!pool || !properties || properties->allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
        properties->locationType != CU_MEM_LOCATION_TYPE_DEVICE || properties->locationId != 0)
      return CUDA_ERROR_INVALID_VALUE;
    auto made = std::make_unique<CUmemPoolHandle_st>();
    *pool = made.get();
    driver().pools[*pool] = std::move(made);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  return onPool("cuMemPoolDestroy", pool, [&] {
    driver().pools.erase(pool);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void *value) {
  return onPool("cuMemPoolSetAttribute", pool, [&] {
    size_t bytes = 0;
    void *at = attributeOf(*pool, attribute, bytes);
    if (!at || !value)
      return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(at, value, bytes);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuMemPoolGetAttribute(CUmemoryPool pool, int attribute, void *value) {
  return onPool("cuMemPoolGetAttribute", pool, [&] {
    size_t bytes = 0;
    const void *at = attributeOf(*pool, attribute, bytes);
    if (!at || !value)
      return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(value, at, bytes);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuMemAllocFromPoolAsync(CUdeviceptr *pointer, size_t bytes, CUmemoryPool pool,
                                              CUstream stream) {
  return onPool("cuMemAllocFromPoolAsync", pool, [&] { return driver().allocate(pointer, bytes, stream); });
}
