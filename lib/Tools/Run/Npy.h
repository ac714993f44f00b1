// NumPy's formats: .npy holds one array, .npz is a zip of them.
#ifndef GQA_LIB_TOOLS_RUN_NPY_H
#define GQA_LIB_TOOLS_RUN_NPY_H

#include "Array.h"

#include <map>

namespace gqa::run {

/// An array from the bytes of a .npy file of any version, C or Fortran order, either byte order.
llvm::Expected<Array> parseNpy(llvm::StringRef bytes);

/// The header of a version 1 .npy file of this array, whose elements follow it. bf16 is written as uint16.
std::string npyHeader(const TensorType &type);

using Arrays = std::map<std::string, Array>;

/// The arrays of a .npz file whose names are `prefix` and a number.
llvm::Expected<Arrays> readNpz(const std::string &path, llvm::StringRef prefix);

/// Writes a .npz file, whole or not at all.
llvm::Error writeNpz(const std::string &path, const Arrays &arrays);

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_NPY_H
