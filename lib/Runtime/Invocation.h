// One call: its arguments as compiled code takes them, and what becomes of the results.
#ifndef GQA_LIB_RUNTIME_INVOCATION_H
#define GQA_LIB_RUNTIME_INVOCATION_H

#include "CheckTensor.h"
#include "Descriptor.h"

#include "gqa/Runtime/Function.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace gqa::rt {

/// An array that lives in the frame unless it is long: a call of the usual size allocates nothing for itself.
template <typename T, size_t N> class Array {
public:
  explicit Array(size_t size) : size(size), many(size > N ? new T[size]() : nullptr) {
    std::fill_n(few, many ? 0 : size, T());
  }
  T *data() { return many ? many.get() : few; }
  T &operator[](size_t i) { return data()[i]; }
  const size_t size;

private:
  T few[N];
  std::unique_ptr<T[]> many;
};

/// Without `outputs` the results are taken over.
class Invocation {
public:
  Invocation(const gqa_rt_signature &signature, const gqa_rt_code &code, const DLTensor *const *inputs,
             DLTensor *const *outputs, void *stream);

  /// Empty, or which tensor does not fit.
  std::string check();

  /// 0, or 1 with the last error set.
  int run();

  void takeResults(DLManagedTensor **results);

  /// Fills the memory for results, which on a GPU kernels have done. Empty, or which one has another size.
  std::string copyResults();

private:
  /// The GPU that some argument is on, or the CPU.
  DLDevice findDevice() const;

  bool mayBeThere(size_t output) const {
    return code.on_device && code.on_device[signature.num_inputs + output];
  }
  bool isThere(size_t output) const { return !isHost(device) && mayBeThere(output); }

  /// Those that compiled code returns.
  template <typename F> void eachResult(F visit) {
    int64_t *descriptor = words.data();
    for (size_t i = 0; i < signature.num_outputs; ++i) {
      if (donors[i])
        continue;
      visit(i, descriptor);
      descriptor += descriptorWords(signature.outputs[i].ndim);
    }
  }

  /// What runs inside of gqa_rt_call: the results' blocks must be kept before the call is over.
  static void enter(void **context);

  int runOnDevice(void **context);

  /// Whether the stream is being captured into a CUDA graph although kernels read an argument that is on the
  /// host; the last error names it.
  bool refuseCapture() const;

  /// Kernels write results while others still read arguments: sets the last error if some memory is both.
  bool refuseSharedRoom(const std::vector<gqa_rt_cuda_span> &room);

  const gqa_rt_signature &signature;
  const gqa_rt_code &code;
  const DLTensor *const *inputs;
  DLTensor *const *outputs;
  void *stream;
  DLDevice device{kDLCPU, 0};
  Array<int64_t, 96> words; ///< the results' structure, then the arguments' descriptors
  Array<void *, 12> arguments;
  Array<const DLTensor *, 4> donors; ///< for each result the argument that it is written over, or null
};

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_INVOCATION_H
