// Which operations share a kernel: a reduction, such as the squares of a norm, and its neighbours that run
// over the same rows. A block of threads computes a row from the first operation to the last, so that nothing
// but its own row has to be waited for.
#include "Reduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kFewest = 8;       // below, a thread reduces a row alone
constexpr size_t kMostTogether = 16; // operations of one launch: each adds parameters, and a test

unsigned numParallelInFront(linalg::LinalgOp op) {
  unsigned count = 0;
  for (utils::IteratorType type : op.getIteratorTypesArray()) {
    if (type != utils::IteratorType::parallel)
      break;
    ++count;
  }
  return count;
}

/// How many points the loops behind the rows have; dynamic ones are kDynamic.
int64_t countInside(linalg::LinalgOp op, unsigned rows) {
  int64_t count = 1;
  SmallVector<int64_t> sizes(op.getStaticLoopRanges());
  for (int64_t size : ArrayRef<int64_t>(sizes).drop_front(rows)) {
    if (ShapedType::isDynamic(size))
      return size;
    count *= size;
  }
  return count;
}

/// The dimension of a buffer that is row loop `loop`, if one is.
std::optional<unsigned> positionOf(AffineMap map, unsigned loop) {
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(i)); dim && dim.getPosition() == loop)
      return i;
  return std::nullopt;
}

/// Whether each row has elements of its own.
bool separatesRows(AffineMap map, unsigned rows) {
  return llvm::all_of(llvm::seq(rows), [&](unsigned loop) { return positionOf(map, loop).has_value(); });
}

bool separateRowsAlike(AffineMap a, AffineMap b, unsigned rows) {
  return llvm::all_of(llvm::seq(rows), [&](unsigned loop) {
    return positionOf(a, loop) && positionOf(a, loop) == positionOf(b, loop);
  });
}

bool haveRoomWith(ArrayRef<linalg::LinalgOp> members, linalg::LinalgOp op) {
  SmallVector<linalg::LinalgOp> all(members);
  all.push_back(op);
  return countParameters(all) <= kMostParameters;
}

/// Whether the body of `reader`, or a loop around it, loads from what `writer` writes.
bool readsInBody(linalg::LinalgOp reader, linalg::LinalgOp writer) {
  return wholeOf(reader)
      ->walk([&](memref::LoadOp load) {
        bool isWritten = llvm::any_of(writer.getDpsInits(), [&](Value output) {
          return isa<MemRefType>(output.getType()) && rootOf(output) == rootOf(load.getMemRef());
        });
        return isWritten ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether two views are known to have no element in common, as the halves of a rotation.
bool areDisjoint(Value a, Value b) {
  auto x = a.getDefiningOp<memref::SubViewOp>(), y = b.getDefiningOp<memref::SubViewOp>();
  if (!x || !y || x.getSource() != y.getSource() || !x.hasUnitStride() || !y.hasUnitStride())
    return false;
  return llvm::any_of(llvm::seq<size_t>(0, x.getMixedOffsets().size()), [&](size_t dim) {
    auto begin = [&](memref::SubViewOp view) { return getConstantIntValue(view.getMixedOffsets()[dim]); };
    auto size = [&](memref::SubViewOp view) { return getConstantIntValue(view.getMixedSizes()[dim]); };
    return begin(x) && begin(y) && size(x) && size(y) &&
           (*begin(x) + *size(x) <= *begin(y) || *begin(y) + *size(y) <= *begin(x));
  });
}

class Grouping {
public:
  Grouping(linalg::LinalgOp reduction)
      : rows(numParallelInFront(reduction)), inside(countInside(reduction, rows)),
        loops(reduction.getNumLoops()), members{reduction} {}

  /// Adds an operation in front or behind, if it fits.
  bool add(linalg::LinalgOp op, bool inFront) {
    if (nestOf(op) || !hasRows(op) || !haveRoomWith(members, op) ||
        !llvm::all_of(members, [&](linalg::LinalgOp member) { return areRowsIndependent(op, member); }))
      return false;
    members.insert(inFront ? members.begin() : members.end(), op);
    return true;
  }

  RowGroup take() { return {std::move(members), rows}; }

private:
  /// Its first loops are the rows, and behind them are as many points as the reduction has, or one.
  bool hasRows(linalg::LinalgOp op) {
    unsigned parallel = numParallelInFront(op);
    if (parallel < rows || (parallel != op.getNumLoops() && (parallel != rows || !isRowReduction(op))))
      return false;
    int64_t count = countInside(op, rows);
    if (count != 1 && (count != inside || (ShapedType::isDynamic(count) && op.getNumLoops() != loops)))
      return false;
    for (OpOperand &output : op.getDpsInitsMutable())
      if (!separatesRows(op.getMatchingIndexingMap(&output), rows))
        return false;
    return llvm::all_of(llvm::seq(rows), [&](unsigned loop) { return hasSizeOf(op, loop); });
  }

  /// Sizes are the same if they are known, or are those of one dimension of one buffer.
  bool hasSizeOf(linalg::LinalgOp op, unsigned loop) {
    int64_t size = op.getStaticLoopRanges()[loop], wanted = members[0].getStaticLoopRanges()[loop];
    if (!ShapedType::isDynamic(size) || !ShapedType::isDynamic(wanted))
      return size == wanted;
    return anyShared(op, [&](AffineMap map, AffineMap other) {
      return positionOf(map, loop) && positionOf(map, loop) == positionOf(other, loop);
    });
  }

  /// Whether `holds` is true of some buffer that both `op` and a member use.
  bool anyShared(linalg::LinalgOp op, function_ref<bool(AffineMap, AffineMap)> holds) {
    for (linalg::LinalgOp member : members)
      for (OpOperand &x : op->getOpOperands())
        for (OpOperand &y : member->getOpOperands())
          if (x.get() == y.get() && isa<MemRefType>(x.get().getType()) &&
              holds(op.getMatchingIndexingMap(&x), member.getMatchingIndexingMap(&y)))
            return true;
    return false;
  }

  /// Whether no row of one needs another row of the other.
  bool areRowsIndependent(linalg::LinalgOp a, linalg::LinalgOp c) {
    for (OpOperand &x : a->getOpOperands())
      for (OpOperand &y : c->getOpOperands()) {
        bool written = a.isDpsInit(&x) || c.isDpsInit(&y);
        if (!written || !isa<MemRefType>(x.get().getType()) || !isa<MemRefType>(y.get().getType()) ||
            rootOf(x.get()) != rootOf(y.get()))
          continue;
        if (x.get() != y.get() ||
            !separateRowsAlike(a.getMatchingIndexingMap(&x), c.getMatchingIndexingMap(&y), rows))
          return false;
      }
    return !readsInBody(a, c) && !readsInBody(c, a);
  }

  unsigned rows;
  int64_t inside;
  unsigned loops;
  SmallVector<linalg::LinalgOp> members;
};

} // namespace

size_t countParameters(ArrayRef<linalg::LinalgOp> ops) {
  llvm::SmallDenseSet<Value> buffers;
  size_t words = 0;
  for (linalg::LinalgOp op : ops) {
    words += op.getNumLoops();
    wholeOf(op)->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (auto type = dyn_cast<MemRefType>(operand.getType()); type && buffers.insert(operand).second)
          words += 3 + 2 * size_t(type.getRank());
    });
  }
  return words;
}

bool areIndependent(linalg::LinalgOp a, linalg::LinalgOp b) {
  for (OpOperand &x : a->getOpOperands())
    for (OpOperand &y : b->getOpOperands()) {
      bool written = a.isDpsInit(&x) || b.isDpsInit(&y);
      if (written && isa<MemRefType>(x.get().getType()) && isa<MemRefType>(y.get().getType()) &&
          rootOf(x.get()) == rootOf(y.get()) && !areDisjoint(x.get(), y.get()))
        return false;
    }
  return !readsInBody(a, b) && !readsInBody(b, a);
}

bool isRowReduction(linalg::LinalgOp op) {
  unsigned parallel = numParallelInFront(op);
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  if (reductions.empty() || parallel + reductions.size() != op.getNumLoops())
    return false;
  int64_t count = countInside(op, parallel);
  if (!ShapedType::isDynamic(count) && count < kFewest)
    return false;
  return isShared(op) && llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
           return separatesRows(op.getMatchingIndexingMap(&output), parallel);
         });
}

/// Whether it shares no launch with operations that it is independent of.
static bool isAlone(linalg::LinalgOp op) { return isRowReduction(op) || isColumnReduction(op); }

/// Puts an operation into the first group that it may be in, or into one of its own: it may run before all
/// groups that it is independent of.
static void addAlone(SmallVectorImpl<RowGroup> &groups, linalg::LinalgOp op) {
  RowGroup *place = nullptr;
  for (RowGroup &group : llvm::reverse(groups)) {
    if (!llvm::all_of(group.members, [&](linalg::LinalgOp member) { return areIndependent(member, op); }))
      break;
    if (!isAlone(op) && llvm::none_of(group.members, isAlone) && group.members.size() < kMostTogether &&
        haveRoomWith(group.members, op))
      place = &group;
  }
  if (!place)
    place = &groups.emplace_back();
  place->members.push_back(op);
}

SmallVector<RowGroup> groupRows(ArrayRef<linalg::LinalgOp> run) {
  SmallVector<RowGroup> groups;
  size_t done = 0;
  auto alone = [&](size_t until) {
    for (; done < until; ++done)
      addAlone(groups, run[done]);
  };
  for (size_t next = 0; next < run.size(); ++next) {
    if (next < done || !isRowReduction(run[next]))
      continue;
    Grouping grouping(run[next]);
    size_t first = next, end = next + 1;
    while (first > done && grouping.add(run[first - 1], /*inFront=*/true))
      --first;
    while (end < run.size() && grouping.add(run[end], /*inFront=*/false))
      ++end;
    alone(first);
    groups.push_back(grouping.take());
    done = end;
  }
  alone(run.size());
  return groups;
}

} // namespace gqa
