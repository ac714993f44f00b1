// The types of the `tile` dialect: their text and what they may be.
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa::tile {
namespace {

/// `<2x64x128xbf16>`
ParseResult parseShaped(AsmParser &parser, SmallVectorImpl<int64_t> &shape, Type &element) {
  return failure(parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(element) || parser.parseGreater());
}

void printShaped(AsmPrinter &printer, ArrayRef<int64_t> shape, Type element) {
  printer << "<";
  printer.printDimensionList(shape);
  printer << "x" << element << ">";
}

/// `<2x64x128xbf16>` of a ring or a channel: slots x rows x columns.
template <typename Slots> Type parseSlots(AsmParser &parser, StringRef what) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  if (parseShaped(parser, shape, element))
    return {};
  if (shape.size() != 3)
    return parser.emitError(loc, "expects a ")
               << what << " of slots x rows x columns, found " << shape.size() << " dimensions",
           Type();
  return parser.getChecked<Slots>(loc, parser.getContext(), shape[0], shape[1], shape[2], element);
}

LogicalResult verifySlots(function_ref<InFlightDiagnostic()> emitError, int64_t slots, Type element,
                          StringRef what) {
  if (slots < 1)
    return emitError() << "expects a " << what << " of at least one slot, found " << slots;
  if (!element.isF16() && !element.isBF16())
    return emitError() << "expects a " << what << " of f16 or bf16, found " << element;
  return success();
}

} // namespace

Type FragmentType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  if (parseShaped(parser, shape, element))
    return {};
  return parser.getChecked<FragmentType>(loc, parser.getContext(), shape, element);
}

void FragmentType::print(AsmPrinter &printer) const { printShaped(printer, getShape(), getElementType()); }

LogicalResult FragmentType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape,
                                   Type element) {
  if (shape.empty() || shape.size() > 2 || shape[0] != kFragmentRows)
    return emitError() << "expects a fragment of " << kFragmentRows << " rows, or of that many rows and some "
                       << "columns, found " << shape.size() << " dimensions"
                       << (shape.empty() ? "" : " of which the first is ")
                       << (shape.empty() ? "" : std::to_string(shape[0]));
  bool half = element.isF16() || element.isBF16();
  if (shape.size() == 1 ? !element.isF32() && !element.isIndex() : !element.isF32() && !half)
    return emitError()
           << "expects a fragment of f32, f16 or bf16, or with one dimension of f32 or index, found "
           << element;
  int64_t multiple = half ? 16 : 8;
  if (shape.size() == 2 && (shape[1] <= 0 || shape[1] % multiple != 0))
    return emitError() << "expects a multiple of " << multiple << " columns in a fragment of " << element
                       << ", found " << shape[1];
  return success();
}

Type RingType::parse(AsmParser &parser) { return parseSlots<RingType>(parser, "ring"); }

void RingType::print(AsmPrinter &printer) const {
  printShaped(printer, {getSlots(), getRows(), getColumns()}, getElementType());
}

LogicalResult RingType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t slots, int64_t rows,
                               int64_t columns, Type element) {
  if (failed(verifySlots(emitError, slots, element, "ring")))
    return failure();
  if (rows <= 0 || rows % 16 != 0 || columns <= 0 || columns % 16 != 0)
    return emitError() << "expects multiples of 16 rows and columns in a ring, found " << rows << " x "
                       << columns;
  return success();
}

Type ChannelType::parse(AsmParser &parser) { return parseSlots<ChannelType>(parser, "channel"); }

void ChannelType::print(AsmPrinter &printer) const {
  printShaped(printer, {getSlots(), getRows(), getColumns()}, getElementType());
}

LogicalResult ChannelType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t slots, int64_t rows,
                                  int64_t columns, Type element) {
  if (failed(verifySlots(emitError, slots, element, "channel")))
    return failure();
  // A panel of 8 rows is what the swizzle repeats after, and 256 the most that one copy or product takes.
  if (rows <= 0 || rows % 16 != 0 || rows > 256 || columns <= 0 || columns % kHalfPanelColumns != 0 ||
      columns > 256)
    return emitError() << "expects a multiple of 16 rows and of " << kHalfPanelColumns
                       << " columns in a channel, at most 256 of each, found " << rows << " x " << columns;
  return success();
}

Type MapType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  if (parseShaped(parser, shape, element))
    return {};
  if (shape.size() != 1)
    return parser.emitError(loc, "expects a map of so many columns, found ") << shape.size() << " dimensions",
           Type();
  return parser.getChecked<MapType>(loc, parser.getContext(), shape[0], element);
}

void MapType::print(AsmPrinter &printer) const { printShaped(printer, {getColumns()}, getElementType()); }

LogicalResult MapType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t columns, Type element) {
  if (!element.isF16() && !element.isBF16())
    return emitError() << "expects a map of f16 or bf16, found " << element;
  if (columns <= 0 || columns % kHalfPanelColumns != 0)
    return emitError() << "expects a map of a multiple of " << kHalfPanelColumns << " columns, found "
                       << columns;
  return success();
}

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "gqa/Dialect/Tile/TileTypes.cpp.inc"
      >();
}

} // namespace gqa::tile

using namespace gqa::tile;
#define GET_TYPEDEF_CLASSES
#include "gqa/Dialect/Tile/TileTypes.cpp.inc"
