// Weights as numbers: where they come from, and constants made of new ones.
#ifndef GQA_LIB_SHARE_WEIGHTS_H
#define GQA_LIB_SHARE_WEIGHTS_H

#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Expr.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace gqa {

/// The numbers of a tensor, if they are known at compile time: of a constant, or of a parameter whose file
/// was read.
using WeightSource = llvm::function_ref<std::optional<ConstantData>(mlir::Value)>;

/// An element of a tensor by coordinates that it depends on linearly: in row-major order it stands at
/// `base + sum strides[k] * coordinate[k]`.
struct StridedView {
  mlir::Value tensor;
  int64_t base = 0;
  llvm::SmallVector<int64_t, 3> strides;

  /// None if `load` depends on other variables, or not linearly.
  static std::optional<StridedView> of(Expr load, llvm::ArrayRef<unsigned> variables);

  int64_t position(llvm::ArrayRef<int64_t> coordinates) const;
};

/// Makes new weights: a value of the type whose elements, in row-major order, are the numbers rounded to it,
/// in front of the builder's place and of any use of it. The last value is the one that they replace.
using WeightSink = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::RankedTensorType,
                                                  llvm::ArrayRef<double>, mlir::Value)>;

/// The bits of `elements` as `element`, one behind the other.
mlir::AsmResourceBlob pack(mlir::FloatType element, llvm::ArrayRef<double> elements);

/// A WeightSink that makes constants: a constant of `type` whose elements, in row-major order, are `elements`
/// rounded to it. A resource where `like`, the one it replaces, is no inline constant: those are hashed, and
/// never freed.
mlir::Value buildConstant(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                          llvm::ArrayRef<double> elements, mlir::Value like);

} // namespace gqa

#endif // GQA_LIB_SHARE_WEIGHTS_H
