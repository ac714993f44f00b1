// Scalar expressions: what one element of a tensor is, as a function of its coordinates.
#ifndef GQA_RAISE_EXPR_H
#define GQA_RAISE_EXPR_H

#include "gqa/Raise/Sizes.h"

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/FoldingSet.h"
#include <deque>

namespace gqa {

class ExprNode;
/// Expressions are immutable and unique: equal ones are the same object.
using Expr = const ExprNode *;

class ExprNode : public llvm::FoldingSetNode {
public:
  enum class Kind {
    Constant, ///< a number
    Index,    ///< an affine expression of the coordinates, as an integer of some type
    Compare,  ///< an affine expression compared with 0, as an i1
    Load,     ///< an element of a tensor, its coordinates affine
    Scalar,   ///< an SSA value that is no tensor
    Apply ///< an arith or math operation on expressions; `tensor.extract` where a coordinate is not affine
  };
  enum class Comparison { NotNegative, Zero, NotZero };

  ExprNode(Kind kind, mlir::Type type) : kind(kind), type(type) {}

  Kind kind;
  mlir::Type type;
  mlir::Attribute constant;                        // Constant
  mlir::AffineExpr affine;                         // Index, Compare
  Comparison comparison = Comparison::NotNegative; // Compare
  mlir::Value value;                               // Load, extract: the tensor. Scalar: the value
  llvm::SmallVector<mlir::AffineExpr, 4> indices;  // Load
  mlir::Operation *op = nullptr;       // Apply: stands for its kind and attributes; null: a select
  llvm::SmallVector<Expr, 3> operands; // Apply

  void Profile(llvm::FoldingSetNodeID &id) const;

  bool isApply(llvm::StringRef name) const {
    return kind == Kind::Apply && op && op->getName().getStringRef() == name;
  }
  bool isSelect() const { return kind == Kind::Apply && (!op || isApply("arith.select")); }
  bool isLoad() const { return kind == Kind::Load; }
  /// The value of a numeric constant, of a float or an integer type.
  std::optional<double> getNumber() const;
  /// The value of an i1 constant.
  std::optional<bool> getTruth() const;
};

/// Makes expressions, folding what it can: constants, integer arithmetic on coordinates, comparisons that the
/// ranges of the coordinates decide, selects of equal branches.
class ExprContext {
public:
  explicit ExprContext(mlir::MLIRContext *context) : space(context), sizes(space) {}

  Expr constant(mlir::Attribute value, mlir::Type type);
  Expr truth(bool value);
  Expr index(mlir::AffineExpr affine, mlir::Type type);
  Expr compare(ExprNode::Comparison comparison, mlir::AffineExpr affine);
  Expr load(mlir::Value tensor, llvm::ArrayRef<mlir::AffineExpr> indices);
  Expr scalar(mlir::Value value);
  Expr apply(mlir::Operation *op, llvm::ArrayRef<Expr> operands);
  /// `tensor.extract` of `tensor`; a load where all coordinates are affine.
  Expr extract(mlir::Operation *op, mlir::Value tensor, llvm::ArrayRef<Expr> coordinates);
  /// A select that no operation wrote, such as a concat implies.
  Expr select(Expr condition, Expr then, Expr otherwise);

  /// An application with other operands.
  Expr rebuild(Expr expr, llvm::ArrayRef<Expr> operands);
  /// `expr` with a variable replaced everywhere.
  Expr substitute(Expr expr, unsigned variable, mlir::AffineExpr replacement);

  /// How many expressions there are: what recognition has looked at.
  size_t getNumExpressions() const { return storage.size(); }

  IndexSpace space;
  Sizes sizes;

private:
  bool isInside(mlir::AffineExpr index, mlir::Value tensor, int64_t dim);
  Expr loadConstant(mlir::Value tensor, llvm::ArrayRef<mlir::AffineExpr> indices);
  Expr substitute(Expr expr, unsigned variable, mlir::AffineExpr replacement,
                  llvm::DenseMap<Expr, Expr> &done);
  Expr unique(ExprNode &&node);
  /// True if integer arithmetic of the type gives the value of `affine`: nothing wraps around.
  bool isExact(mlir::AffineExpr affine, mlir::Type type) const;
  Expr foldInteger(mlir::Operation *op, llvm::ArrayRef<Expr> operands);
  Expr foldIntegerPair(mlir::Operation *op, mlir::AffineExpr a, mlir::AffineExpr b, mlir::Type type);
  Expr foldBoolean(mlir::Operation *op, llvm::ArrayRef<Expr> operands);
  Expr foldNegation(Expr expr);
  Expr foldCompare(mlir::Operation *op, llvm::ArrayRef<Expr> operands);
  Expr foldZero(mlir::Operation *op, llvm::ArrayRef<Expr> operands);
  Expr foldNeutral(mlir::Operation *op, llvm::ArrayRef<Expr> operands);
  Expr foldConstants(mlir::Operation *op, llvm::ArrayRef<Expr> operands);

  llvm::DenseMap<mlir::Value, mlir::AffineExpr> indexTables; ///< constants that follow coordinates
  llvm::FoldingSet<ExprNode> nodes;
  std::deque<ExprNode> storage;
};

/// True if the expression mentions the variable.
bool dependsOn(Expr expr, unsigned variable);

/// An i1 negated by another: `x == false`, `x xor true`.
Expr getNegated(Expr expr);

} // namespace gqa

#endif // GQA_RAISE_EXPR_H
