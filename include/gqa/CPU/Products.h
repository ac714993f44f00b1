// Matrix products that the runtime computes: which they are, and the calls that they become.
#ifndef GQA_CPU_PRODUCTS_H
#define GQA_CPU_PRODUCTS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gqa {

/// C += A B, behind a batch dimension if there is one, as gqa_rt_matmul has it.
struct Product {
  struct Operand {
    mlir::Value value;
    int32_t type = 0; ///< GQA_RT_F32 and so on
    bool transposed = false;
  };
  unsigned batchDims;
  Operand a, b, c;
};

/// Nothing unless `op` is a product on memrefs whose rows are contiguous: a named one, or with `generic` any
/// operation that computes the same, as those that einsums become.
std::optional<Product> matchProduct(mlir::linalg::LinalgOp op, bool generic = false);

/// Erases the fill with zero that a product would add to, if nothing comes in between; returns whether there
/// was one.
bool takeZeroFill(mlir::linalg::LinalgOp op, const Product &product);

/// The code of GQA_RT_F32 and so on for an element type, if it has one.
std::optional<int32_t> typeCodeOf(mlir::Type element);

/// A call of `function`, which has the signature of gqa_rt_matmul.
void callProduct(mlir::ImplicitLocOpBuilder &b, const Product &product, bool accumulates,
                 llvm::StringRef function);

} // namespace gqa

#endif // GQA_CPU_PRODUCTS_H
