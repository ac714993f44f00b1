// Strided views of weights, and constants.
#include "Weights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

std::optional<StridedView> StridedView::of(Expr load, ArrayRef<unsigned> variables) {
  auto type = cast<RankedTensorType>(load->value.getType());
  if (!type.hasStaticShape())
    return std::nullopt;
  LinearForm form;
  int64_t stride = type.getNumElements();
  for (auto [index, size] : llvm::zip_equal(load->indices, type.getShape())) {
    stride /= std::max<int64_t>(size, 1);
    form.accumulate(index, stride);
  }
  StridedView view{load->value, form.constant, {}};
  size_t found = 0;
  for (unsigned variable : variables) {
    int64_t coefficient = form.coefficientOf(getAffineDimExpr(variable, load->value.getContext()));
    view.strides.push_back(coefficient);
    found += coefficient != 0;
  }
  auto isTerm = [](const auto &term) { return term.second != 0; };
  if (found != size_t(llvm::count_if(form.terms, isTerm)))
    return std::nullopt;
  return view;
}

int64_t StridedView::position(ArrayRef<int64_t> coordinates) const {
  int64_t position = base;
  for (auto [stride, coordinate] : llvm::zip_equal(strides, coordinates))
    position += stride * coordinate;
  return position;
}

AsmResourceBlob pack(FloatType element, ArrayRef<double> elements) {
  unsigned bytes = element.getWidth() / 8;
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<size_t>(elements.size() * bytes, 1), 64);
  char *to = blob.getMutableData().data();
  for (double number : elements) {
    APFloat value(number);
    bool losesInfo;
    value.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    memcpy(to, &bits, bytes);
    to += bytes;
  }
  return blob;
}

Value buildConstant(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<double> elements,
                    Value like) {
  auto element = cast<FloatType>(type.getElementType());
  AsmResourceBlob blob = pack(element, elements);
  ElementsAttr attribute;
  if (matchPattern(like, m_Constant<DenseElementsAttr>(nullptr)))
    attribute = DenseElementsAttr::getFromRawBuffer(
        type, blob.getData().take_front(elements.size() * element.getWidth() / 8));
  else
    attribute = DenseResourceElementsAttr::get(type, "gqa_weight", std::move(blob));
  return arith::ConstantOp::create(builder, loc, type, attribute);
}

} // namespace gqa
