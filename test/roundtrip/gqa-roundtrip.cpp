// gqa-roundtrip: random attentions, expanded to linalg, rewritten at random, must be recognised again.
//
//   gqa-roundtrip --count=300            variants of the seeds 0 to 299
//   gqa-roundtrip --first=17 --print     one of them, with its modules
#include "RoundTrip.h"
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace gqa::roundtrip;
namespace cl = llvm::cl;

static cl::OptionCategory category("Options");
static cl::opt<uint64_t> first("first", cl::desc("the first seed"), cl::init(0), cl::cat(category));
static cl::opt<uint64_t> count("count", cl::desc("how many seeds"), cl::init(1), cl::cat(category));
static cl::opt<bool> print("print", cl::desc("print the modules of each variant"), cl::cat(category));
static cl::opt<bool> plain("plain", cl::desc("without rewrites"), cl::cat(category));
static cl::opt<bool> hard("hard", cl::cat(category),
                          cl::desc("with the rewrites under which some attentions are known to be lost"));
static cl::opt<bool> trace("trace", cl::desc("print each module before it is recognised"), cl::cat(category));
static cl::opt<unsigned> mostReports("reports", cl::desc("how many failures are explained"), cl::init(10),
                                     cl::cat(category));

/// The variant without the rewrites that do not matter for what is wrong with it.
static Variant shrink(RoundTrip &trip, Variant variant, llvm::StringRef problem) {
  auto kind = [](llvm::StringRef text) { return text.split(':').first; };
  for (size_t step = variant.steps.size(); step-- > 0;) {
    Variant shorter = variant;
    shorter.steps.erase(shorter.steps.begin() + step);
    if (kind(trip.run(shorter)) == kind(problem))
      variant = shorter;
  }
  return variant;
}

static void report(RoundTrip &trip, const Variant &variant, uint64_t seed, llvm::StringRef problem) {
  Variant least = shrink(trip, variant, problem);
  std::string still = trip.run(least);
  llvm::outs() << "seed " << seed << ": " << still << "\n  after:";
  for (llvm::StringRef name : trip.applied)
    llvm::outs() << " " << name;
  llvm::outs() << "\n  " << llvm::StringRef(least.drawn.text).split('\n').second.split('\n').first.trim()
               << "\n";
  if (!print)
    return;
  for (auto *module : {&trip.original, &trip.scrambled, &trip.raised})
    if (*module)
      llvm::outs() << **module << "// -----\n";
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "gqa-roundtrip: is an attention recognised however it is written\n\n"
                              "Exit code: 0 each is, 1 some are lost.\n");
  mlir::DialectRegistry registry;
  registry.insert<gqa::GQADialect, mlir::affine::AffineDialect, mlir::arith::ArithDialect,
                  mlir::func::FuncDialect, mlir::linalg::LinalgDialect, mlir::math::MathDialect,
                  mlir::scf::SCFDialect, mlir::tensor::TensorDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  RoundTrip trip(context);
  trip.trace = trace;
  uint64_t lost = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Variant variant = drawVariant(seed, hard);
    if (plain)
      variant.steps.clear();
    std::string problem = trip.run(variant);
    if (problem.empty() && !print)
      continue;
    if (!problem.empty() && ++lost > mostReports)
      continue;
    report(trip, variant, seed, problem);
  }
  llvm::outs() << "round trip: " << count << " variants, " << lost << " lost\n";
  return lost == 0 ? 0 : 1;
}
