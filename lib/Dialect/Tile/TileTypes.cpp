// The types of the `tile` dialect: their text and what they may be.
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa::tile {
namespace {

/// `2x64x128xbf16`
ParseResult parseShape(AsmParser &parser, SmallVectorImpl<int64_t> &shape, Type &element) {
  return failure(parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(element));
}

/// The same in `<` and `>`.
ParseResult parseShaped(AsmParser &parser, SmallVectorImpl<int64_t> &shape, Type &element) {
  return failure(parser.parseLess() || parseShape(parser, shape, element) || parser.parseGreater());
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

bool isHalf(Type element) { return element.isF16() || element.isBF16(); }

/// Elements that are copied as they are.
LogicalResult verifyCopied(function_ref<InFlightDiagnostic()> emitError, Type element, StringRef what) {
  if (isHalf(element) || element.isInteger(8) || isa<Float8E4M3FNType, Float8E5M2Type>(element))
    return success();
  return emitError() << "expects a " << what << " of f16, bf16, i8, f8E4M3FN or f8E5M2, found " << element;
}

LogicalResult verifySlots(function_ref<InFlightDiagnostic()> emitError, int64_t slots, Type element,
                          StringRef what) {
  if (slots < 1)
    return emitError() << "expects a " << what << " of at least one slot, found " << slots;
  return verifyCopied(emitError, element, what);
}

} // namespace

Type FragmentType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  bool quads = false;
  if (parser.parseLess() || parseShape(parser, shape, element))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("quads"))
      return {};
    quads = true;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<FragmentType>(loc, parser.getContext(), shape, element, quads);
}

void FragmentType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType() << (getQuads() ? ", quads>" : ">");
}

LogicalResult FragmentType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape,
                                   Type element, bool quads) {
  bool isPerColumn = shape.size() == 2 && shape[0] == 1 && element.isF32();
  if (!isPerColumn && (shape.empty() || shape.size() > 2 || shape[0] != kFragmentRows))
    return emitError() << "expects a fragment of " << kFragmentRows << " rows, or of that many rows and some "
                       << "columns, found " << shape.size() << " dimensions"
                       << (shape.empty() ? "" : " of which the first is ")
                       << (shape.empty() ? "" : std::to_string(shape[0]));
  bool half = isHalf(element);
  if (shape.size() == 1 ? !element.isF32() && !element.isIndex() : !element.isF32() && !half)
    return emitError()
           << "expects a fragment of f32, f16 or bf16, or with one dimension of f32 or index, found "
           << element;
  if (quads && shape.size() == 1)
    return emitError() << "expects quads of a fragment with columns";
  int64_t multiple = half || quads ? 16 : 8;
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
  // Matrix loads read 16 rows of 32 bytes.
  int64_t multiple = 32 / bytesOf(element);
  if (rows <= 0 || rows % 16 != 0 || columns <= 0 || columns % multiple != 0)
    return emitError() << "expects multiples of 16 rows and " << multiple << " columns in a ring, found "
                       << rows << " x " << columns;
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
  int64_t multiple = kHalfPanelRowBytes / bytesOf(element);
  if (rows <= 0 || rows % 16 != 0 || rows > 256 || columns <= 0 || columns % multiple != 0 || columns > 256)
    return emitError() << "expects a multiple of 16 rows and of " << multiple
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
  if (failed(verifyCopied(emitError, element, "map")))
    return failure();
  int64_t multiple = kHalfPanelRowBytes / bytesOf(element);
  if (columns <= 0 || columns % multiple != 0)
    return emitError() << "expects a map of a multiple of " << multiple << " columns, found " << columns;
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
