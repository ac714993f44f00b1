// gqa-opt: runs passes on a module, or takes it to a phase. MlirOptMain with this compiler's dialects and
// passes, behind a look at the text that keeps absurd nesting away from the parser.
#include "gqa/Pipeline/CommandLine.h"
#include "gqa/Pipeline/Phases.h"
#include "gqa/Pipeline/Prescan.h"
#include "gqa/Pipeline/Register.h"
#include "gqa/Pipeline/Trace.h"
#include "gqa/Tools/Tools.h"
#include "gqa/Version.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

namespace {

constexpr const char *overview = R"(gqa-opt: runs passes on a module of MLIR, or takes it to a phase

  gqa-opt model.mlir --gqa-simplify=report=report.json     attention recognised, shared and fused; what was found
  gqa-opt model.mlir --gqa-simplify --remarks-filter=.*    the same, with what was done and what was not, and why
  gqa-opt model.mlir --to=tiled --dump-phases=folder       the IR after each phase

Passes whose flags start with --gqa are this compiler's; the build describes them in docs/Passes. Exit code: 0 good,
1 otherwise.
)";

/// Made when the tool starts: where several tools are one library, LLVM's parser would give them to all.
struct Options {
  cl::OptionCategory phases{"Phases"};
  cl::opt<std::string> to{
      "to", cl::value_desc("phase"), cl::cat(phases),
      cl::desc("take the module to input, raised, shared, fused, tiled, target or binary")};
  cl::opt<std::string> dumpPhases{"dump-phases", cl::value_desc("folder"), cl::cat(phases),
                                  cl::desc("with --to: write the IR after every phase")};
  cl::opt<std::string> trace{"trace", cl::value_desc("file"), cl::cat(phases),
                             cl::desc("write a Chrome trace of the phases and passes")};
};

int fail(const Twine &message) {
  WithColor::error(errs(), "gqa-opt") << message << "\n";
  return EXIT_FAILURE;
}

/// Keeps the file if all of it could be written.
int finish(ToolOutputFile &out) {
  out.os().flush();
  if (std::error_code error = out.os().error()) {
    out.os().clear_error();
    return fail("cannot write '" + Twine(out.outputFilename()) + "': " + error.message());
  }
  out.keep();
  return EXIT_SUCCESS;
}

/// Passes from the command line first, then the phases.
mlir::MlirOptMainConfig makeConfig(std::optional<gqa::Phase> phase, const std::string &dumpPhases) {
  mlir::MlirOptMainConfig config = mlir::MlirOptMainConfig::createFromCLOptions();
  mlir::MlirOptMainConfig passes = config;
  config.setPassPipelineSetupFn([passes, phase, dumpPhases](mlir::PassManager &manager) {
    gqa::tracePasses(manager);
    gqa::PipelineOptions options;
    options.dumpPhases = dumpPhases;
    return mlir::failure(mlir::failed(passes.setupPassPipeline(manager)) ||
                         (phase && mlir::failed(gqa::buildPipelineTo(manager, *phase, options))));
  });
  return config;
}

} // namespace

int gqa::optMain(int argc, char **argv) {
  InitLLVM init(argc, argv);
  Options options;
  gqa::setUpCommandLine(GQA_VERSION_LINE("gqa-opt"));
  mlir::DialectRegistry registry;
  gqa::registerAll(registry);
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, overview, registry);
  std::optional<gqa::Phase> phase;
  if (!options.to.empty())
    if (Error error = gqa::parsePhase(options.to).moveInto(phase))
      return fail(toString(std::move(error)));
  if (!phase && !options.dumpPhases.empty())
    return fail("--dump-phases writes what the phases make, and none is asked for; add --to=<phase>");
  mlir::MlirOptMainConfig config = makeConfig(phase, options.dumpPhases);
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));

  std::string message;
  std::unique_ptr<MemoryBuffer> file = mlir::openInputFile(input, &message);
  if (!file)
    return fail(message);
  if (Error error = gqa::prescan(file->getBuffer()))
    return fail(file->getBufferIdentifier() + ": " + toString(std::move(error)));
  std::unique_ptr<ToolOutputFile> out = mlir::openOutputFile(output, &message);
  if (!out)
    return fail(message);
  if (!options.trace.empty())
    gqa::startTrace();
  bool good = mlir::succeeded(mlir::MlirOptMain(out->os(), std::move(file), registry, config));
  if (!options.trace.empty())
    if (Error error = gqa::writeTrace(options.trace))
      return fail(toString(std::move(error)));
  return good ? finish(*out) : EXIT_FAILURE;
}
