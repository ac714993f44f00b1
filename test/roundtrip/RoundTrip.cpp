// Draws variants and takes them around.
#include "RoundTrip.h"
#include "CompareAttentions.h"
#include "gqa/Dialect/GQA/Transforms/Passes.h"
#include "gqa/Fuse/Simplify.h"
#include "gqa/Raise/Report.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;

namespace gqa::roundtrip {

/// Rewrites under which some attentions are still lost: `gqa-roundtrip --hard` counts them.
static bool isHard(StringRef name) {
  static const StringRef hard[] = {"collapse-loops", "collapse-reshapes", "concat-slice",
                                   "decompose",      "divide-late",       "expand-loops",
                                   "fold-unit-dims", "fuse-some",         "interchange-loops"};
  return llvm::is_contained(hard, name);
}

Variant drawVariant(uint64_t seed, bool hard) {
  Random random(seed);
  Variant variant{drawAttention(random), {}};
  auto add = [&](ArrayRef<Rewrite> rewrites) {
    const Rewrite &rewrite = rewrites[random.below(rewrites.size())];
    uint64_t seed = random.bits();
    if (hard || !isHard(rewrite.name))
      variant.steps.push_back({&rewrite, seed});
  };
  for (size_t n = random.below(8); n > 0; --n)
    add(attentionRewrites());
  for (size_t n = random.below(16); n > 0; --n)
    add(generalRewrites());
  return variant;
}

static func::FuncOp functionOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

static LogicalResult decompose(ModuleOp module) {
  PassManager manager(module.getContext());
  manager.addPass(createGQADecompose());
  return manager.run(module);
}

/// The first number that differs; empty if none does.
static std::string compareNumbers(func::FuncOp want, func::FuncOp have, ArrayRef<Array> arguments,
                                  double tolerance) {
  llvm::Expected<std::vector<Array>> wanted = interpret(want, arguments), found = interpret(have, arguments);
  if (!wanted || !found) {
    std::string message;
    for (auto *result : {&wanted, &found})
      if (!*result)
        message += llvm::toString(result->takeError());
    return message;
  }
  for (auto [a, b] : llvm::zip_equal(*wanted, *found)) {
    if (a.shape != b.shape)
      return "results of another shape";
    double largest = 0;
    for (double number : a.elements)
      largest = std::isfinite(number) ? std::max(largest, std::abs(number)) : largest;
    for (auto [n, x, y] : llvm::enumerate(a.elements, b.elements))
      if (!(x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance * largest))
        return llvm::formatv("element {0} is {1} instead of {2}", n, y, x);
  }
  return "";
}

/// Constants are rounded to the types that they are written in.
static double toleranceOf(AttentionOp op) {
  Type element = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  return element.isF16() ? 1e-2 : element.isBF16() ? 8e-2 : 1e-4;
}

/// Whether a rewrite leaves several copies of the same arithmetic.
static bool duplicates(StringRef name) { return name.starts_with("fuse") || name == "compute-twice"; }

static bool isScalar(StringRef name) {
  return llvm::any_of(scalarRewrites(), [&](const Rewrite &rewrite) { return rewrite.name == name; });
}

LogicalResult RoundTrip::scramble(const Variant &variant, const Facts &facts) {
  IRRewriter rewriter(&context);
  applied.clear();
  bool duplicated = false;
  for (const Step &step : variant.steps) {
    // No compiler rewrites one of several copies and leaves the others: a softmax of scores that are computed
    // in three places is one only as long as they are computed alike.
    if (duplicated && isScalar(step.rewrite->name))
      continue;
    duplicated |= duplicates(step.rewrite->name);
    Scrambler scrambler{functionOf(*scrambled), rewriter, Random(step.seed), facts};
    if (step.rewrite->apply(scrambler))
      applied.push_back(step.rewrite->name);
    if (failed(verify(*scrambled)))
      return failure();
  }
  return success();
}

/// Why nothing, or not one attention, was raised; empty if there is one and nothing of it is left.
static std::string whyNotRaised(func::FuncOp function, AttentionOp &raised) {
  unsigned count = 0, reductions = 0;
  function.walk([&](AttentionOp op) {
    raised = op;
    ++count;
  });
  function.walk([&](linalg::LinalgOp op) { reductions += op.getNumReductionLoops() > 0; });
  if (count == 1 && reductions == 0)
    return "";
  std::string text = llvm::formatv("{0} attentions, {1} reductions left", count, reductions);
  if (auto candidates = function->getAttrOfType<ArrayAttr>(kCandidatesAttr))
    for (Attribute candidate : candidates)
      if (auto entry = dyn_cast<DictionaryAttr>(candidate))
        if (auto reason = entry.getAs<StringAttr>("reason"))
          text += ("; " + reason.getValue()).str();
  return text;
}

std::string RoundTrip::run(const Variant &variant) {
  original = parseSourceString<ModuleOp>(variant.drawn.text, &context);
  scrambled = OwningOpRef<ModuleOp>();
  raised = OwningOpRef<ModuleOp>();
  if (!original)
    return "the attention that was drawn is not valid";
  AttentionOp attention = *functionOf(*original).getOps<AttentionOp>().begin();
  double tolerance = toleranceOf(attention);
  OwningOpRef<ModuleOp> expanded = original->clone();
  if (failed(decompose(*expanded)))
    return "gqa-decompose failed";
  scrambled = expanded->clone();
  if (failed(scramble(variant, factsOf(attention))))
    return "the rewrites made something that is not valid";
  ArrayRef<Array> arguments = variant.drawn.arguments;
  if (std::string what = compareNumbers(functionOf(*expanded), functionOf(*scrambled), arguments, tolerance);
      !what.empty())
    return "the rewrites changed the result: " + what;

  if (trace)
    llvm::errs() << *scrambled;
  raised = scrambled->clone();
  PassManager manager(&context);
  buildRaisePipeline(manager);
  buildSharePipeline(manager);
  buildFusePipeline(manager);
  if (failed(manager.run(*raised)))
    return "the passes failed";
  AttentionOp again;
  if (std::string what = whyNotRaised(functionOf(*raised), again); !what.empty())
    return "lost: " + what;
  if (std::string what = compareAttentions(attention, again); !what.empty())
    return "another attention: " + what;
  OwningOpRef<ModuleOp> back = raised->clone();
  if (failed(decompose(*back)))
    return "gqa-decompose failed on what was raised";
  if (std::string what = compareNumbers(functionOf(*expanded), functionOf(*back), arguments, tolerance);
      !what.empty())
    return "another result: " + what;
  return "";
}

} // namespace gqa::roundtrip
