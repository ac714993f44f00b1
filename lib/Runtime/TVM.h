// The part of apache-tvm-ffi's C interface that an artifact uses, so that the runtime needs neither its
// headers nor its library: whoever calls through it has the library in the process. The Python extension,
// which has the headers, asserts that they agree.
#ifndef GQA_LIB_RUNTIME_TVM_H
#define GQA_LIB_RUNTIME_TVM_H

#include <cstddef>
#include <cstdint>

namespace gqa::rt::tvm {

enum : int32_t { kNone = 0, kInteger = 1, kTensorPointer = 7, kTensor = 70 };

/// A value, or a reference to an object.
struct Any {
  int32_t typeIndex;
  uint32_t padding;
  union {
    int64_t integer;
    void *object;
  };
};

/// What stands in front of a tensor object's DLTensor.
constexpr size_t kObjectHeader = 24;

struct Bytes {
  const char *data;
  size_t size;
};

} // namespace gqa::rt::tvm

#endif // GQA_LIB_RUNTIME_TVM_H
