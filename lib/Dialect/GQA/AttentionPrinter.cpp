// Printing gqa.attention: clauses in one order, defaults left out.
#include "gqa/Dialect/GQA/GQA.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace gqa {
namespace {

void printClauses(OpAsmPrinter &printer, AttentionOp op) {
  auto operand = [&](StringRef clause, Value value) {
    if (value)
      printer << " " << clause << "(" << value << ")";
  };
  auto number = [&](StringRef clause, double value) {
    printer << " " << clause << "(";
    printer.printFloat(APFloat(value));
    printer << ")";
  };
  if (op.getCausal())
    printer << " causal";
  if (std::optional<int64_t> offset = op.getOffset())
    printer << " offset(" << *offset << ")";
  operand("offset", op.getOffsets());
  if (std::optional<ArrayRef<int64_t>> window = op.getWindow()) {
    printer << " window(";
    llvm::interleaveComma(*window, printer);
    printer << ")";
  }
  if (std::optional<APFloat> scale = op.getScale())
    number("scale", scale->convertToDouble());
  operand("scale", op.getScaleValue());
  if (std::optional<APFloat> softcap = op.getSoftcap())
    number("softcap", softcap->convertToDouble());
  operand("mask", op.getMask());
  operand("bias", op.getBias());
  operand("kv_len", op.getKvLen());
  operand("sinks", op.getSinks());
  if (op.getDeadRow() != DeadRow::Zero)
    printer << " dead_row(" << stringifyDeadRow(op.getDeadRow()) << ")";
  SmallVector<std::string> layouts;
  for (auto [letter, layout] : {std::pair("q", op.getQLayout()), std::pair("k", op.getKLayout()),
                                std::pair("v", op.getVLayout()), std::pair("o", op.getOLayout())})
    if (layout != "bhsd")
      layouts.push_back((Twine(letter) + " = \"" + layout + "\"").str());
  if (!layouts.empty())
    printer << " layout(" << llvm::join(layouts, ", ") << ")";
}

void printScore(OpAsmPrinter &printer, AttentionOp op) {
  Block &block = op.getScoreBlock();
  printer << " score(";
  llvm::interleaveComma(llvm::enumerate(block.getArguments()), printer, [&](auto argument) {
    printer << argument.value();
    if (argument.index() >= 5 && argument.index() - 5 < op.getCaptures().size())
      printer << " = " << op.getCaptures()[argument.index() - 5];
  });
  printer << ") ";
  printer.printRegion(op.getScore(), /*printEntryBlockArgs=*/false);
}

} // namespace

void AttentionOp::print(OpAsmPrinter &printer) {
  printer << " " << getQ() << ", " << getK() << ", " << getV();
  printClauses(printer, *this);
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"operandSegmentSizes", "causal", "offset", "window", "scale", "softcap",
                                 "dead_row", "q_layout", "k_layout", "v_layout", "o_layout"});
  printer << " : ";
  printer.printFunctionalType(getOperation());
  if (hasScore())
    printScore(printer, *this);
}

} // namespace gqa
