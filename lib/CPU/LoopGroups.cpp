// Which loops may share tasks: rows are told apart by what each operation's maps say of its buffers.
#include "LoopGroups.h"

#include "gqa/CPU/Products.h"
#include "gqa/Pipeline/Buffers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr size_t kMostTogether = 16; // operations of a task

/// Parallel loops in front of all others. Of loops that are all parallel the last one stays whole: its
/// elements are next to each other.
unsigned rowsOf(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> loops = op.getIteratorTypesArray();
  auto isParallel = [](utils::IteratorType type) { return type == utils::IteratorType::parallel; };
  unsigned count = llvm::find_if_not(loops, isParallel) - loops.begin();
  return count == loops.size() && count > 1 ? count - 1 : count;
}

/// The dimension of a buffer that is loop `loop`, if one is.
std::optional<unsigned> positionOf(AffineMap map, unsigned loop) {
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(result); dim && dim.getPosition() == loop)
      return i;
  return std::nullopt;
}

/// How an operation, at some place of it, reads or writes a buffer.
struct Access {
  Value buffer;
  AffineMap map; // null for loads in the body, which may be anywhere
  bool writes;
};

SmallVector<Access> accessesOf(linalg::LinalgOp op) {
  SmallVector<Access> all;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<MemRefType>(operand.get().getType()))
      all.push_back({operand.get(), op.getMatchingIndexingMap(&operand), op.isDpsInit(&operand)});
  op->walk([&](memref::LoadOp load) { all.push_back({load.getMemRef(), AffineMap(), false}); });
  return all;
}

/// Whether the first `rows` dimensions of a buffer are the loops, and all of its memory is theirs.
bool isMadeOfRows(const Access &access, linalg::LinalgOp op, unsigned rows) {
  auto type = cast<MemRefType>(access.buffer.getType());
  auto root = cast<MemRefType>(rootOf(access.buffer).getType());
  if (!type.getLayout().isIdentity() || !type.hasStaticShape() || !root.hasStaticShape() ||
      !root.getLayout().isIdentity() || type.getNumElements() != root.getNumElements())
    return false;
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  return llvm::all_of(llvm::seq(rows), [&](unsigned loop) {
    return positionOf(access.map, loop) == loop && type.getDimSize(loop) == sizes[loop];
  });
}

/// Whether no row of one access meets another row of the other.
bool keepsRows(const Access &a, linalg::LinalgOp first, const Access &b, linalg::LinalgOp second,
               unsigned rows) {
  Value x = rootOf(a.buffer), y = rootOf(b.buffer);
  if ((!a.writes && !b.writes) || areApart(x, y))
    return true;
  if (x != y || !a.map || !b.map)
    return false;
  bool alike = a.buffer == b.buffer && llvm::all_of(llvm::seq(rows), [&](unsigned loop) {
                 return positionOf(a.map, loop) && positionOf(a.map, loop) == positionOf(b.map, loop);
               });
  return alike || (isMadeOfRows(a, first, rows) && isMadeOfRows(b, second, rows));
}

bool keepRows(linalg::LinalgOp first, linalg::LinalgOp second, unsigned rows) {
  SmallVector<Access> those = accessesOf(second);
  return llvm::all_of(accessesOf(first), [&](const Access &a) {
    return llvm::all_of(those, [&](const Access &b) { return keepsRows(a, first, b, second, rows); });
  });
}

bool writesRowsOfItsOwn(linalg::LinalgOp op, unsigned rows) {
  return llvm::all_of(accessesOf(op), [&](const Access &access) {
    return !access.writes || llvm::all_of(llvm::seq(rows), [&](unsigned loop) {
      return positionOf(access.map, loop).has_value();
    });
  });
}

/// Arithmetic, and loads: nothing that ends a call.
bool isPlain(linalg::LinalgOp op) {
  WalkResult walk = op->walk([&](Operation *inner) {
    bool plain = inner == op.getOperation() || isa<memref::LoadOp, linalg::YieldOp>(inner) ||
                 (isMemoryEffectFree(inner) && inner->getNumRegions() == 0);
    return plain ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !walk.wasInterrupted();
}

} // namespace

std::optional<LoopGroup> groupOf(linalg::LinalgOp op) {
  unsigned rows = op.hasPureBufferSemantics() ? rowsOf(op) : 0;
  if (!rows || matchProduct(op) || !isPlain(op) || !writesRowsOfItsOwn(op, rows) || !keepRows(op, op, rows))
    return std::nullopt;
  return LoopGroup{{op}, rows};
}

bool addTo(LoopGroup &group, linalg::LinalgOp op) {
  std::optional<LoopGroup> alone = groupOf(op);
  if (!alone || group.members.size() == kMostTogether)
    return false;
  SmallVector<int64_t> wanted = group.members[0].getStaticLoopRanges(), sizes = op.getStaticLoopRanges();
  unsigned rows = 0, most = std::min(group.rows, alone->rows);
  while (rows < most && sizes[rows] == wanted[rows] && !ShapedType::isDynamic(sizes[rows]))
    ++rows;
  auto fits = [&](linalg::LinalgOp member) { return keepRows(member, op, rows); };
  if (rows == 0 || llvm::all_of(ArrayRef(sizes).take_front(rows), [](int64_t size) { return size == 1; }) ||
      !llvm::all_of(group.members, fits))
    return false;
  group.rows = rows;
  group.members.push_back(op);
  return true;
}

int64_t costOfPoint(linalg::LinalgOp op) {
  constexpr int64_t kFunction = 8; // an exponential, say
  int64_t cost = 1;
  op->walk([&](Operation *inner) {
    cost += isa_and_nonnull<math::MathDialect>(inner->getDialect()) ? kFunction : 1;
  });
  return cost - 2; // without the operation itself and its end
}

} // namespace gqa
