// Products of a group of four warps: 64 rows, of which each warp has 16, by all columns at once, over 16
// elements at a time. They go on behind the program's back; what they write is nobody's until they are
// awaited. For sm_90a.
#include "Channels.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kDepth = 16;      // elements of 16 bits that a product sums over
constexpr int64_t kDepthBytes = 32; // of them, or of twice as many of 8 bits
constexpr int64_t kWords = 4;       // of a 16 x 16 left operand in a lane
constexpr int64_t kUnit = 16;       // bytes that descriptors count in

/// Where a product finds a matrix in a channel's swizzled panels. `toNext`: bytes from one panel to the next,
/// which only a transposed operand asks for.
Value descriptor(NVVMBuilder &b, Value memory, tile::ChannelType type, int64_t toNext) {
  constexpr int64_t kAddressBits = 14;
  int64_t eightRows = 8 * panelRowBytesOf(type);
  uint64_t swizzle = panelRowBytesOf(type) == tile::kPanelRowBytes ? 1 : 2; // of 128 bytes, of 64
  Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), memory);
  address = b.bitAnd(b.shiftRight(address, llvm::Log2_64(kUnit)), (int64_t(1) << kAddressBits) - 1);
  Value wide = arith::ExtUIOp::create(b, b.getI64Type(), address);
  int64_t fixed = toNext / kUnit << 16 | eightRows / kUnit << 32 | int64_t(swizzle << 62);
  return arith::OrIOp::create(b, wide, arith::ConstantOp::create(b, b.getI64IntegerAttr(fixed)));
}

Value advanceDescriptor(NVVMBuilder &b, Value descriptor, int64_t bytes) {
  return b.createOrFold<arith::AddIOp>(
      descriptor, Value(arith::ConstantOp::create(b, b.getI64IntegerAttr(bytes / kUnit))));
}

Value advanceDescriptor(NVVMBuilder &b, Value descriptor, Value count, int64_t bytesOfEach) {
  Value units = b.mul(count, b.i32(bytesOfEach / kUnit));
  return arith::AddIOp::create(b, descriptor, arith::ExtUIOp::create(b, b.getI64Type(), units));
}

using Values = NVVMBuilder::Values;

/// `count` f32 out of assembly whose operands follow the results. `tied`: the first operands are in their
/// registers.
Values assemble(NVVMBuilder &b, const Twine &text, size_t count, bool tied, ValueRange operands) {
  SmallVector<std::string> constraints(count, "=f");
  for (auto [number, operand] : llvm::enumerate(operands))
    constraints.push_back(tied && number < count            ? std::to_string(number)
                          : operand.getType().isInteger(64) ? "l"
                                                            : "r");
  constraints.push_back("~{memory}");
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(count, b.getF32Type()));
  auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  auto op =
      LLVM::InlineAsmOp::create(b, type, operands, b.getStringAttr(text),
                                b.getStringAttr(llvm::join(constraints, ",")), /*has_side_effects=*/true,
                                /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None, dialect,
                                /*operand_attrs=*/ArrayAttr());
  Values results;
  for (size_t i = 0; i < count; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, op.getResult(0), int64_t(i)));
  return results;
}

std::string registers(size_t first, size_t count) {
  SmallVector<std::string> names;
  for (size_t i = first; i < first + count; ++i)
    names.push_back("$" + std::to_string(i));
  return "{" + llvm::join(names, ", ") + "}";
}

StringRef nameOf(Type element) {
  if (isa<Float8E4M3FNType>(element))
    return "e4m3";
  if (isa<Float8E5M2Type>(element))
    return "e5m2";
  return element.isBF16() ? "bf16" : "f16";
}

/// A step of a product: a left operand of 64 x 16 (of 8 bits: 32), as the descriptor of a matrix in memory or
/// the four words of one in registers, and the descriptor of a right one.
struct Step {
  Values left;
  Value right;
};

/// The sum of all steps, added to `sums` or, if there are none, in place of them. It is one piece of
/// assembly, as no register of it may be written between its fence and its end.
Values multiply(NVVMBuilder &b, const Values &sums, ArrayRef<Step> steps, int64_t columns, bool transposed,
                Type element) {
  size_t count = size_t(columns / 2), next = count + sums.size();
  StringRef type = nameOf(element);
  int64_t bytes = tile::bytesOf(element);
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "{\n.reg .pred add, first;\nsetp.ne.b32 add, 1, 0;\nsetp.ne.b32 first, " << !sums.empty()
      << ", 0;\nwgmma.fence.sync.aligned;\n";
  Values operands(sums);
  for (const Step &step : steps) {
    bool inMemory = step.left.size() == 1;
    out << "wgmma.mma_async.sync.aligned.m64n" << columns << "k" << kDepthBytes / bytes << ".f32." << type
        << "." << type << " " << registers(0, count) << ", "
        << (inMemory ? "$" + std::to_string(next) : registers(next, step.left.size()));
    next += step.left.size();
    out << ", $" << next++ << ", " << (&step == steps.begin() ? "first" : "add") << ", 1, 1";
    if (bytes == 2) // none of 8 bits is transposed
      out << (inMemory ? ", 0" : "") << (transposed ? ", 1" : ", 0");
    out << ";\n";
    operands.append(step.left);
    operands.push_back(step.right);
  }
  out << "wgmma.commit_group.sync.aligned;\n}";
  return assemble(b, text, count, !sums.empty(), operands);
}

struct LowerQK : WarpPattern<tile::GroupQKOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupQKOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::ChannelType queries = op.getQueries().getType(), keys = op.getKeys().getType();
    Value left = descriptor(b, operands.getQueries().front(), queries, kUnit);
    left = advanceDescriptor(b, left, b.toI32(operands.getGroup().front()),
                             tile::kGroupRows * panelRowBytesOf(queries));
    Value right = descriptor(b, operands.getKeys().front(), keys, kUnit);
    right = advanceDescriptor(b, right, operands.getSlot().front(), slotBytesOf(keys));
    SmallVector<Step> steps;
    for (int64_t byte = 0; byte < rowBytesOf(keys); byte += kDepthBytes) {
      int64_t panel = byte / panelRowBytesOf(keys), inside = byte % panelRowBytesOf(keys);
      steps.push_back({{advanceDescriptor(b, left, panel * panelBytesOf(queries) + inside)},
                       advanceDescriptor(b, right, panel * panelBytesOf(keys) + inside)});
    }
    return {multiply(b, {}, steps, keys.getRows(), /*transposed=*/false, keys.getElementType())};
  }
};

struct LowerPV : WarpPattern<tile::GroupPVOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupPVOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::ChannelType values = op.getValues().getType();
    Value right = descriptor(b, operands.getValues().front(), values, panelBytesOf(values));
    right = advanceDescriptor(b, right, operands.getSlot().front(), slotBytesOf(values));
    if (op.getColumn()) {
      int64_t columnsOfPanel = panelRowBytesOf(values) / tile::bytesOf(values.getElementType());
      Value panel = b.shiftRight(b.toI32(operands.getColumn().front()), llvm::Log2_64(columnsOfPanel));
      right = advanceDescriptor(b, right, panel, panelBytesOf(values));
    }
    SmallVector<Step> steps;
    for (int64_t depth = 0; depth < values.getRows() / kDepth; ++depth)
      steps.push_back({Values(operands.getP().slice(depth * kWords, kWords)),
                       advanceDescriptor(b, right, depth * kDepth * panelRowBytesOf(values))});
    return {multiply(b, Values(operands.getO()), steps, op.getO().getType().getColumns(), /*transposed=*/true,
                     values.getElementType())};
  }
};

/// The wait has the sums as operands and results, so that nothing that reads them moves in front of it.
struct LowerAwait : WarpPattern<tile::GroupAwaitOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupAwaitOp op, Adaptor operands, NVVMBuilder &b) const override {
    ValueRange pending = operands.getPending();
    return {assemble(b, "wgmma.wait_group.sync.aligned " + Twine(int64_t(op.getYounger())) + ";",
                     pending.size(),
                     /*tied=*/true, pending)};
  }
};

struct LowerRescale : WarpPattern<tile::WarpRescaleOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpRescaleOp, Adaptor operands, NVVMBuilder &b) const override {
    Values scaled;
    for (auto [i, number] : llvm::enumerate(operands.getO()))
      scaled.push_back(b.mulF(number, operands.getAlpha()[i / 2 % 2]));
    return {scaled};
  }
};

} // namespace

void populateGroupProductPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerAwait, LowerPV, LowerQK, LowerRescale>(types, patterns.getContext());
}

} // namespace gqa
