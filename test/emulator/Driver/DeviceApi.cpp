// Initialisation, the device and error names.
#include "Driver.h"

#include <cstring>

using namespace gqa::emulator;

namespace {
constexpr int kVersion = 13000; // CUDA 13.0

Driver &driver() { return Driver::get(); }

/// By the numbers of CUdevice_attribute. \returns -1 for those that are not modelled.
long long deviceAttribute(int attribute, const Settings &s) {
  Chip chip = chipOf(s.sm);
  switch (attribute) {
  case 1:
    return 1024; // threads of a block
  case 2:
  case 3:
    return 1024; // block dimensions x, y
  case 4:
    return 64; // block dimension z
  case 5:
    return 2147483647; // grid dimension x
  case 6:
  case 7:
    return 65535; // grid dimensions y, z
  case 8:
    return 49152; // shared memory of a block without asking for more
  case 9:
    return 65536; // constant memory
  case 10:
    return 32; // warp size
  case 11:
    return 2147483647; // pitch
  case 12:
    return 65536; // registers of a block
  case 13:
    return 1410000; // clock, kHz
  case 14:
    return 512; // texture alignment
  case 15:
    return 1; // copies overlap kernels
  case 16:
    return s.processors; // multiprocessors
  case 17:
  case 18:
    return 0; // kernel timeout, integrated
  case 19:
    return 1; // host memory can be mapped
  case 20:
    return 0; // compute mode
  case 31:
  case 32:
    return 1; // concurrent kernels, ECC
  case 33:
  case 34:
  case 50:
    return 0; // PCI bus, device and domain
  case 35:
    return 0; // TCC
  case 36:
    return 1512000; // memory clock, kHz
  case 37:
    return 5120; // memory bus, bits
  case 38:
    return chip.l2Bytes;
  case 39:
    return chip.threadsPerProcessor;
  case 40:
    return 3; // copy engines
  case 41:
    return 1; // unified addressing
  case 75:
    return s.sm / 10;
  case 76:
    return s.sm % 10;
  case 78:
    return 1; // stream priorities
  case 79:
  case 80:
    return 1; // L1 for globals and locals
  case 81:
    return chip.sharedPerProcessor;
  case 82:
    return 65536; // registers of a multiprocessor
  case 83:
  case 88:
  case 89:
    return 0; // managed and pageable memory
  case 95:
    return 1; // cooperative launches
  case 97:
    return chip.sharedPerBlock;
  case 106:
    return chip.blocksPerProcessor;
  case 108:
  case 109:
    return 0; // persisting L2, access windows
  case 111:
    return 1024; // shared memory that the system keeps for itself
  case 115:
    return 1; // memory pools
  case 120:
    return s.sm >= 90; // clusters
  case 127:
    return s.sm >= 90; // tensor maps
  default:
    return -1;
  }
}
} // namespace

EMULATOR_API CUresult cuInit(unsigned flags) {
  driver().readSettings();
  return driver().call("cuInit", Needs::Nothing,
                       [&] { return flags ? CUDA_ERROR_INVALID_VALUE : driver().init(); });
}

EMULATOR_API CUresult cuDriverGetVersion(int *version) {
  return driver().call("cuDriverGetVersion", Needs::Nothing, [&] {
    if (!version)
      return CUDA_ERROR_INVALID_VALUE;
    *version = kVersion;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDeviceGetCount(int *count) {
  return driver().call("cuDeviceGetCount", Needs::Init, [&] {
    if (!count)
      return CUDA_ERROR_INVALID_VALUE;
    *count = 1;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  return driver().call("cuDeviceGet", Needs::Init, [&] {
    if (!device)
      return CUDA_ERROR_INVALID_VALUE;
    if (ordinal != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    *device = 0;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  return driver().call("cuDeviceGetName", Needs::Init, [&] {
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    if (!name || length <= 0)
      return CUDA_ERROR_INVALID_VALUE;
    std::strncpy(name, driver().settings.device.c_str(), length);
    name[length - 1] = 0;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return driver().call("cuDeviceGetUuid_v2", Needs::Init, [&] {
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    if (!uuid)
      return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(uuid->bytes, "GQA-PTX-EMULATOR", sizeof uuid->bytes);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  return driver().call("cuDeviceGetAttribute", Needs::Init, [&] {
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    long long found = deviceAttribute(attribute, driver().settings);
    if (!value || found < 0)
      return CUDA_ERROR_INVALID_VALUE;
    *value = static_cast<int>(found);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return driver().call("cuDeviceTotalMem_v2", Needs::Init, [&] {
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    if (!bytes)
      return CUDA_ERROR_INVALID_VALUE;
    *bytes = driver().settings.memory;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuGetErrorName(CUresult error, const char **name) {
  return driver().call("cuGetErrorName", Needs::Nothing, [&] {
    if (!name)
      return CUDA_ERROR_INVALID_VALUE;
    *name = errorName(error);
    return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

EMULATOR_API CUresult cuGetErrorString(CUresult error, const char **text) {
  return driver().call("cuGetErrorString", Needs::Nothing, [&] {
    if (!text)
      return CUDA_ERROR_INVALID_VALUE;
    *text = errorText(error);
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}
