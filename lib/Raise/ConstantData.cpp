// Inline constants and resources behind one face.
#include "gqa/Raise/ConstantData.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

static bool isKnown(Type element) {
  return isa<IntegerType>(element) || (isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 64);
}

std::optional<ConstantData> ConstantData::of(Value value) {
  ElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !isKnown(elements.getShapedType().getElementType()))
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(elements)) {
    if (std::optional<ConstantData> data = of(elements.getShapedType(), dense.getRawData()))
      return data; // no splat
    ConstantData data;
    data.type = elements.getShapedType();
    data.dense = dense;
    return data;
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(elements);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  return blob ? of(elements.getShapedType(), blob->getData()) : std::nullopt;
}

std::optional<ConstantData> ConstantData::of(ShapedType type, ArrayRef<char> raw) {
  Type element = type.getElementType();
  unsigned width = isKnown(element) ? element.getIntOrFloatBitWidth() : 0;
  if (width == 0 || width % 8 != 0 || raw.size() != static_cast<size_t>(type.getNumElements()) * width / 8)
    return std::nullopt;
  ConstantData data;
  data.type = type;
  data.raw = raw;
  return data;
}

double ConstantData::at(int64_t position) const {
  Type element = type.getElementType();
  APInt bits;
  if (dense) {
    if (auto floatType = dyn_cast<FloatType>(element))
      return (dense.isSplat() ? dense.getSplatValue<APFloat>() : dense.getValues<APFloat>()[position])
          .convertToDouble();
    bits = dense.isSplat() ? dense.getSplatValue<APInt>() : dense.getValues<APInt>()[position];
    return element.isInteger(1) ? bits.getZExtValue() : bits.getSExtValue();
  }
  unsigned width = element.getIntOrFloatBitWidth();
  uint64_t word = 0;
  memcpy(&word, raw.data() + position * (width / 8), width / 8);
  bits = APInt(width, word);
  if (auto floatType = dyn_cast<FloatType>(element))
    return APFloat(floatType.getFloatSemantics(), bits).convertToDouble();
  return bits.getSExtValue();
}

} // namespace gqa
