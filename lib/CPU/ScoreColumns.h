// A bias or a mask in the lanes that scores have.
#ifndef GQA_LIB_CPU_SCORECOLUMNS_H
#define GQA_LIB_CPU_SCORECOLUMNS_H

#include "VectorBuilder.h"

namespace gqa {

/// What `buffer`, a bias or a mask, has for as many keys as a vector has lanes: a vector of rows for each
/// key, a bias in the type of the scores, a mask as bits. `placeOf` says where a lane's row has its first
/// key; keys are next to each other (see `isContiguous`). Rows are read as they lie, and transposed.
llvm::SmallVector<mlir::Value>
loadColumns(VectorBuilder &b, mlir::Value buffer,
            llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t lane)> placeOf);

} // namespace gqa

#endif // GQA_LIB_CPU_SCORECOLUMNS_H
