// The textual form of the operations' custom parts: the grid of a kernel, and keywords.
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gqa::tile {
namespace {

using Operands = SmallVectorImpl<OpAsmParser::UnresolvedOperand>;

/// `grid(%b = %batch, %h = %heads) work(%n) { ... }`
ParseResult parseGrid(OpAsmParser &parser, Operands &sizes,
                      std::optional<OpAsmParser::UnresolvedOperand> &work, Region &body) {
  SmallVector<OpAsmParser::Argument> points;
  auto parsePoint = [&]() -> ParseResult {
    OpAsmParser::Argument &point = points.emplace_back();
    point.type = parser.getBuilder().getIndexType();
    return failure(parser.parseArgument(point) || parser.parseEqual() ||
                   parser.parseOperand(sizes.emplace_back()));
  };
  if (parser.parseKeyword("grid") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parsePoint))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("work")))
    if (parser.parseLParen() || parser.parseOperand(work.emplace()) || parser.parseRParen())
      return failure();
  if (parser.parseRegion(body, points))
    return failure();
  if (body.empty())
    body.emplaceBlock();
  KernelOp::ensureTerminator(body, parser.getBuilder(), parser.getEncodedSourceLoc(parser.getNameLoc()));
  return success();
}

void printGrid(OpAsmPrinter &printer, KernelOp op, OperandRange sizes, Value work, Region &body) {
  printer << "grid(";
  llvm::interleaveComma(llvm::zip(body.getArguments(), sizes), printer,
                        [&](auto point) { printer << std::get<0>(point) << " = " << std::get<1>(point); });
  printer << ") ";
  if (work)
    printer << "work(" << work << ") ";
  printer.printRegion(body, /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

template <typename Attr, typename Symbolize>
ParseResult parseEnum(OpAsmParser &parser, Attr &attr, Symbolize symbolize, StringRef name,
                      StringRef choices) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  auto value = symbolize(keyword);
  if (!value)
    return parser.emitError(loc) << name << " '" << keyword << "', expected " << choices;
  attr = Attr::get(parser.getContext(), *value);
  return success();
}

ParseResult parseDeadRow(OpAsmParser &parser, DeadRowAttr &attr) {
  return parseEnum(
      parser, attr, [](StringRef word) { return symbolizeDeadRow(word); }, "dead_row",
      "zero, nan or uniform");
}

void printDeadRow(OpAsmPrinter &printer, Operation *op, DeadRowAttr attr) {
  printer << stringifyDeadRow(attr.getValue());
}

ParseResult parseRotaryKind(OpAsmParser &parser, RotaryKindAttr &attr) {
  return parseEnum(
      parser, attr, [](StringRef word) { return symbolizeRotaryKind(word); }, "rotary",
      "half or interleaved");
}

void printRotaryKind(OpAsmPrinter &printer, RotateOp, RotaryKindAttr attr) {
  printer << stringifyRotaryKind(attr.getValue());
}

} // namespace

// tile.kernel's constraints; those of the other operations are in TileVerifiers.cpp.
LogicalResult KernelOp::verifyRegions() {
  // kernel_c1
  if (getSizes().empty())
    return emitOpError("has an empty grid, expected at least one dimension");
  // kernel_c2
  Block &block = getBody().front();
  bool allIndices = llvm::all_of(block.getArgumentTypes(), [](Type type) { return type.isIndex(); });
  if (block.getNumArguments() != getSizes().size() || !allIndices)
    return emitOpError("has ") << getSizes().size()
                               << " grid dimensions, expected as many index arguments of its "
                               << "region, found " << block.getNumArguments();
  // kernel_c3
  if (getWarps() && (int64_t(*getWarps()) < 1 || *getWarps() > 32))
    return emitOpError("has ") << int64_t(*getWarps()) << " warps, expected 1 to 32";
  // kernel_c4
  if (getCluster() && !getWarps())
    return emitOpError("has clusters of tasks without warps, expected a number of warps");
  std::optional<int64_t> cluster = getCluster() ? getConstantIntValue(getCluster()) : std::nullopt;
  if (cluster && (*cluster < 1 || *cluster > kMostTasksOfCluster))
    return emitOpError("has clusters of ") << *cluster << " tasks, expected 1 to " << kMostTasksOfCluster;
  return success();
}

} // namespace gqa::tile

using namespace gqa;
using namespace gqa::tile;
#define GET_OP_CLASSES
#include "gqa/Dialect/Tile/TileOps.cpp.inc"
