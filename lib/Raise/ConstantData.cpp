// Inline constants and resources behind one face.
#include "gqa/Raise/ConstantData.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

std::optional<ConstantData> ConstantData::of(Value value) {
  ElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)))
    return std::nullopt;
  ConstantData data;
  data.type = elements.getShapedType();
  Type element = data.type.getElementType();
  if (!isa<IntegerType>(element) && !(isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 64))
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(elements)) {
    data.dense = dense;
    return data;
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(elements);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  unsigned width = element.getIntOrFloatBitWidth();
  if (!blob || width % 8 != 0 ||
      blob->getData().size() != static_cast<size_t>(data.type.getNumElements()) * width / 8)
    return std::nullopt;
  data.raw = blob->getData();
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
