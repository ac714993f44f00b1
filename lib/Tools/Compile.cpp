// gqa-compile: takes a module to a phase, to LLVM IR, to code or to a library, for this processor or other
// ones.
#include "gqa/Artifact/Artifact.h"
#include "gqa/JIT/Guard.h"
#include "gqa/JIT/JITModule.h"
#include "gqa/JIT/Trace.h"
#include "gqa/Pipeline/Phases.h"
#include "gqa/Pipeline/WriteFile.h"
#include "gqa/Tools/Tools.h"
#include "gqa/Version.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"

using namespace gqa;

namespace {

constexpr const char *help =
    R"(gqa-compile FILE [options]      compiles a module of MLIR ('-': standard input)

  --emit=WHAT           so, a shared library that needs no compiler to run: see gqa/artifact.h, gqa-run, and
                        tvm_ffi.load_module in Python;
                        mlir:PHASE, the IR after input, raised, shared, fused, tiled or target;
                        llvm, optimised LLVM IR; asm, assembly; obj, an object file;
                        ptx, the kernels of a GPU; cubin, their machine code, by ptxas,
                        which is looked for in $GQA_CUDA_TOOLS, on PATH and in $CUDA_HOME/bin;
                        by default what OUT's end says: .so, .ll, .s, .o, .ptx or .cubin
  --target=cpu[:ARCH]   this processor, or any that LLVM knows (cpu:x86-64-v3, cpu:znver4)
  --target=cuda[:sm_NN] a GPU of NVIDIA's, and later ones (sm_80). cuda:sm_80,sm_86,sm_90 adds the machine code
                        of each chip, and sm_90a kernels that no other one runs; cpu:ARCH in such a list is the
                        processor of the host's part. A library can hold several: cpu:x86-64-v2,cpu:x86-64-v4,
                        cuda:sm_80, of which a call takes the best that runs; what stands behind cuda belongs to that
  -o OUT                the file to write; by default standard output
  --function=NAME       by default main, else the only public function
  --trace=FILE          a Chrome trace of the phases and passes (for chrome://tracing or ui.perfetto.dev)
  --no-simplify         lowers the graph as it stands: no recognising, sharing, fusing
  --version             which gqa this is

Examples
  gqa-compile model.mlir --target=cpu:x86-64-v3,cpu:x86-64-v4 -o model.so
  gqa-compile attention.mlir --target=cpu:sapphirerapids -o attention.s

Exit code: 0 good, 2 the input cannot be used (the first line on stderr says why).
)";

struct Options {
  std::string file, emit, output = "-", trace;
  CompileOptions compile;
  bool help = false, version = false;
};

llvm::Error fail(const llvm::Twine &message) { return llvm::createStringError(message); }

std::optional<CodeKind> kindOf(llvm::StringRef emit) {
  return llvm::StringSwitch<std::optional<CodeKind>>(emit)
      .Case("llvm", CodeKind::LLVM)
      .Case("asm", CodeKind::Assembly)
      .Case("obj", CodeKind::Object)
      .Case("ptx", CodeKind::PTX)
      .Case("cubin", CodeKind::Cubin)
      .Default(std::nullopt);
}

/// What a file of this name holds; "" if its end does not say.
std::string emitOf(llvm::StringRef output) {
  return llvm::StringSwitch<std::string>(llvm::sys::path::extension(output))
      .Case(".so", "so")
      .Case(".ll", "llvm")
      .Case(".s", "asm")
      .Case(".o", "obj")
      .Case(".ptx", "ptx")
      .Case(".cubin", "cubin")
      .Default("");
}

llvm::Error checkEmit(llvm::StringRef emit) {
  if (kindOf(emit) || emit == "so")
    return llvm::Error::success();
  if (emit.empty())
    return fail("nothing says what to write; add -o OUT.so, or --emit= with so, mlir:PHASE, llvm, asm, obj, "
                "ptx or cubin");
  if (!emit.consume_front("mlir:"))
    return fail("--emit=" + emit +
                " is unknown to this build; expected so, mlir:PHASE, llvm, asm, obj, ptx or cubin");
  llvm::Expected<Phase> phase = parsePhase(emit);
  return phase ? llvm::Error::success() : phase.takeError();
}

llvm::Error setOption(Options &options, llvm::StringRef argument, llvm::StringRef key,
                      llvm::StringRef value) {
  if (key == "emit")
    options.emit = value.str();
  else if (key == "target")
    options.compile.target = value.str();
  else if (key == "trace")
    options.trace = value.str();
  else if (key == "o")
    options.output = value.str();
  else if (key == "function")
    options.compile.function = value.str();
  else
    return fail("unknown option '" + argument + "'; see gqa-compile --help");
  return value.empty() ? fail("option '" + argument.split('=').first + "' needs a value")
                       : llvm::Error::success();
}

llvm::Expected<Options> parseOptions(llvm::ArrayRef<const char *> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i], name = argument;
    if (argument == "-" || !name.consume_front("-")) {
      if (!options.file.empty())
        return fail("two files are given, '" + options.file + "' and '" + argument + "'; expected one");
      options.file = argument.str();
      continue;
    }
    name.consume_front("-");
    if (name == "help" || name == "h") {
      options.help = true;
      return options;
    }
    if (name == "version") {
      options.version = true;
      return options;
    }
    if (name == "no-simplify") {
      options.compile.simplify = false;
      continue;
    }
    auto [key, value] = name.split('=');
    if (key == "o" && !name.contains('='))
      value = i + 1 < arguments.size() ? arguments[++i] : "";
    if (llvm::Error error = setOption(options, argument, key, value))
      return std::move(error);
  }
  if (options.file.empty())
    return fail("no file is given; expected gqa-compile FILE, see gqa-compile --help");
  if (options.emit.empty())
    options.emit = emitOf(options.output);
  if (llvm::Error error = checkEmit(options.emit))
    return std::move(error);
  if (options.emit == "so" && options.output == "-")
    return fail("a library is written to a file; add -o OUT.so");
  options.compile.filename = options.file == "-" ? "<stdin>" : options.file;
  return options;
}

llvm::Error emit(mlir::ModuleOp module, const Options &options, llvm::raw_pwrite_stream &out) {
  llvm::StringRef what = options.emit;
  if (std::optional<CodeKind> kind = kindOf(what))
    return emitModule(module, options.compile, *kind, out);
  what.consume_front("mlir:");
  if (llvm::Error error = lowerModule(module, what, options.compile))
    return error;
  module.print(out);
  return llvm::Error::success();
}

llvm::Expected<bool> compileFile(const Options &options) {
  auto module = parseFileAlone(options.file, options.compile.filename);
  if (!module)
    return module.takeError();
  printRemarks(*module->context, llvm::errs());
  if (options.emit == "so") {
    if (llvm::Error error = writeArtifact(**module, options.compile, options.output))
      return std::move(error);
    return true;
  }
  // In memory first: an error leaves no half a file behind.
  llvm::SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  if (llvm::Error error = emit(**module, options, stream))
    return std::move(error);
  if (std::error_code error = writeFile(options.output, stream.str()))
    return fail(options.output + ": " + error.message());
  return true;
}

} // namespace

int gqa::compileMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  auto options = parseOptions(llvm::ArrayRef(const_cast<const char **>(argv) + 1, size_t(argc - 1)));
  if (!options)
    return reportError("gqa-compile", options.takeError());
  if (options->help) {
    llvm::outs() << help;
    return 0;
  }
  if (options->version) {
    llvm::outs() << GQA_VERSION_LINE("gqa-compile");
    return 0;
  }
  return runGuarded("gqa-compile", options->compile.filename,
                    [&] { return traced(options->trace, [&] { return compileFile(*options); }); });
}
