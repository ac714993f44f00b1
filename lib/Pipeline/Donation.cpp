// gqa-return-donated: results that are written over arguments, as a KV cache with a new token is.
#include "gqa/Pipeline/Buffers.h"
#include "gqa/Pipeline/Entry.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_RETURNDONATED
#include "gqa/Pipeline/Passes.h.inc"

FailureOr<SmallVector<int64_t>> donatedResults(func::FuncOp entry) {
  SmallVector<int64_t> results(entry.getNumArguments(), -1);
  llvm::DenseSet<int64_t> taken;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i) {
    Attribute attribute = entry.getArgAttr(i, kDonatedAttr);
    StringRef name = attribute ? kDonatedAttr : kAliasingAttr;
    if (!attribute && !(attribute = entry.getArgAttr(i, kAliasingAttr)))
      continue;
    auto fail = [&] {
      return entry.emitError() << "argument " << i << " of '" << entry.getName() << "' has " << name << " = "
                               << attribute << ": ";
    };
    auto number = dyn_cast<IntegerAttr>(attribute);
    int64_t count = entry.getFunctionType().getNumResults();
    if (!number || number.getInt() < 0 || number.getInt() >= count)
      return fail() << "expected the number of one of its " << count << " results";
    results[i] = number.getInt();
    if (Type type = entry.getFunctionType().getResult(unsigned(results[i]));
        type != entry.getArgumentTypes()[i])
      return fail() << "the result is of type " << type << ", and the argument of type "
                    << entry.getArgumentTypes()[i] << "; expected one type, as they share memory";
    if (!taken.insert(results[i]).second)
      return fail() << "another argument is donated to the same result";
    if (entry.getArgAttr(i, "gqa.param"))
      return fail() << "the argument is a parameter, which calls do not change";
  }
  return results;
}

int64_t resultOfGraph(func::FuncOp entry, int64_t index) {
  llvm::DenseSet<int64_t> donated;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i)
    if (auto number = entry.getArgAttrOfType<IntegerAttr>(i, kDonatedAttr))
      donated.insert(number.getInt());
  int64_t result = 0;
  for (;; ++result)
    if (!donated.contains(result) && index-- == 0)
      return result;
}

namespace {

/// Whether `buffer` is all of `argument`, perhaps in another shape.
bool isWhole(Value buffer, Value argument) {
  while (
      isa_and_present<memref::ExpandShapeOp, memref::CollapseShapeOp, memref::CastOp>(buffer.getDefiningOp()))
    buffer = buffer.getDefiningOp()->getOperand(0);
  return buffer == argument;
}

class ReturnDonated {
public:
  explicit ReturnDonated(func::FuncOp entry)
      : entry(entry), end(entry.getBody().front().getTerminator()), builder(end) {}

  LogicalResult run() {
    SmallVector<Value> returned(end->getOperands()), donors(returned.size());
    for (BlockArgument argument : entry.getArguments())
      if (auto number = entry.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), kDonatedAttr))
        donors[size_t(number.getInt())] = argument;
    // What others return of a donated argument is read before something is copied over it.
    // A part of a buffer may be found by a position that is one.
    for (auto [value, donor] : llvm::zip(returned, donors)) {
      Value root = rootOf(value);
      bool isCopied = donor ? !isWhole(value, donor) && (isa<BlockArgument>(root) || !isWhole(value, root))
                            : isa<BlockArgument>(root);
      if (isCopied)
        value = copyOf(value);
    }
    SmallVector<Value> kept;
    for (auto [value, donor] : llvm::zip(returned, donors)) {
      if (!donor)
        kept.push_back(value);
      else if (!isWhole(value, donor))
        copyOver(value, donor);
      else
        ++numInPlace;
    }
    end->setOperands(kept);
    entry.setType(builder.getFunctionType(entry.getArgumentTypes(), ValueRange(kept).getTypes()));
    SmallVector<DictionaryAttr> attributes(kept.size());
    entry.setAllResultAttrs(attributes);
    return success();
  }

  int64_t numInPlace = 0;

private:
  Value copyOf(Value buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(unsigned(dim)))
        sizes.push_back(memref::DimOp::create(builder, entry.getLoc(), buffer, dim));
    auto dense = MemRefType::get(type.getShape(), type.getElementType());
    Value copy = memref::AllocOp::create(builder, entry.getLoc(), dense, sizes);
    memref::CopyOp::create(builder, entry.getLoc(), buffer, copy);
    return copy;
  }

  /// Where the result was computed in memory of its own.
  void copyOver(Value value, Value argument) {
    Location loc = value.getLoc();
    auto type = cast<MemRefType>(argument.getType());
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (!type.isDynamicDim(unsigned(dim)))
        continue;
      Value found = memref::DimOp::create(builder, loc, value, dim),
            wanted = memref::DimOp::create(builder, loc, argument, dim);
      Value same = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, found, wanted);
      cf::AssertOp::create(builder, loc, same,
                           "a result that is written over an argument has another size than it");
    }
    unsigned number = cast<BlockArgument>(argument).getArgNumber();
    constexpr int64_t kWorthTelling = 4096; // of bytes; a counter is not
    bool isSmall =
        type.hasStaticShape() && type.getNumElements() * type.getElementTypeBitWidth() < 8 * kWorthTelling;
    if (!isSmall)
      emitRemark(loc) << "this result is computed in memory of its own and copied over argument " << number
                      << " at the end of each call: it is not the argument with elements written to it";
    memref::CopyOp::create(builder, loc, value, argument);
  }

  func::FuncOp entry;
  Operation *end;
  OpBuilder builder;
};

struct ReturnDonatedPass : impl::ReturnDonatedBase<ReturnDonatedPass> {
  using ReturnDonatedBase::ReturnDonatedBase;

  void runOnOperation() override {
    for (auto entry : getOperation().getOps<func::FuncOp>()) {
      bool donates = llvm::any_of(llvm::seq(entry.getNumArguments()),
                                  [&](unsigned i) { return bool(entry.getArgAttr(i, kDonatedAttr)); });
      if (!donates || !entry.isPublic() || entry.isExternal())
        continue;
      ReturnDonated pass(entry);
      if (failed(pass.run()))
        return signalPassFailure();
      numInPlace += pass.numInPlace;
    }
  }
};

} // namespace
} // namespace gqa
