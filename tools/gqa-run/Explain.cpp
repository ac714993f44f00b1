// The remarks of the passes, collected and printed as sentences.
#include "Explain.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gqa::run {
namespace {

struct Line {
  bool isDone; ///< something was done; else it was not, and the text says why
  std::string pass, text, place;
};

/// Keeps every remark of this project's passes.
class Collector : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Collector(std::vector<Line> &lines) : lines(lines) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    StringRef pass = remark.getCategoryName();
    if (!pass.consume_front("gqa-"))
      return;
    Line line{remark.getRemarkType() == llvm::remarks::Type::Passed, pass.str(), {}, {}};
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      if (argument.key == "Reason" || argument.key == "Remark")
        line.text += argument.val;
    llvm::raw_string_ostream place(line.place);
    remark.getLocation().print(place);
    lines.push_back(std::move(line));
  }

private:
  std::vector<Line> &lines;
};

/// `file:12:3` of `loc("file":12:3)`.
std::string shortPlace(StringRef place) {
  place.consume_front("loc(");
  place.consume_back(")");
  std::string text = place.str();
  llvm::erase(text, '"');
  return text;
}

} // namespace

llvm::Error explain(ModuleOp module, const CompileOptions &options, llvm::raw_ostream &out) {
  std::vector<Line> lines;
  remark::RemarkCategories categories;
  categories.passed = categories.missed = "gqa-.*";
  if (failed(remark::enableOptimizationRemarks(*module.getContext(), std::make_unique<Collector>(lines),
                                               std::make_unique<remark::RemarkEmittingPolicyAll>(),
                                               categories)))
    return llvm::createStringError("remarks cannot be collected");
  if (llvm::Error error = lowerModule(module, "fused", options))
    return error;
  for (const Line &line : lines)
    out << (line.isDone ? "  done  " : "  left  ") << shortPlace(line.place) << "  [" << line.pass
        << "]\n        " << line.text << "\n";
  size_t done = llvm::count_if(lines, [](const Line &line) { return line.isDone; });
  out << done << " done, " << lines.size() - done << " left as they are\n";
  if (lines.empty())
    out << "nothing in this module looks like attention: there is no exponential that is summed over\n";
  return llvm::Error::success();
}

} // namespace gqa::run
