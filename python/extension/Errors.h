// Errors for callers in Python, which shows where they came from. TVM_FFI_THROW adds the frames of C++, for
// which a process reads the symbols of all its libraries the first time: a second with LLVM and torch.
#ifndef GQA_PYTHON_EXTENSION_ERRORS_H
#define GQA_PYTHON_EXTENSION_ERRORS_H

#include <string>
#include <tvm/ffi/error.h>

namespace gqa {

/// `kind` is the name of an exception of Python.
[[noreturn]] inline void raise(const char *kind, std::string message) {
  throw tvm::ffi::Error(kind, std::move(message), /*backtrace=*/"");
}

} // namespace gqa

#endif // GQA_PYTHON_EXTENSION_ERRORS_H
