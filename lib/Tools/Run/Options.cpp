// Parsed by hand: LLVM's own parser knows a few hundred options of LLVM and MLIR, and exits with 1.
#include "Options.h"
#include "Array.h"

#include <cmath>
#include <functional>

namespace gqa::run {
namespace {

struct Flag {
  llvm::StringRef name;
  enum { None, Optional, Required } value;
  std::function<llvm::Error(Options &, llvm::StringRef)> apply;
};

template <typename Member> auto text(Member member) {
  return [member](Options &options, llvm::StringRef value) {
    std::invoke(member, options) = value.str();
    return llvm::Error::success();
  };
}

llvm::Error setTime(Options &options, llvm::StringRef value) {
  options.repeats = 20;
  if (!value.empty() && (value.getAsInteger(10, options.repeats) || options.repeats < 1))
    return fail("--time=" + value + " is not a number of calls; expected 1 or more");
  return llvm::Error::success();
}

llvm::Error setTolerance(Options &options, llvm::StringRef value) {
  double number;
  if (value.getAsDouble(number) || !(number >= 0) || !std::isfinite(number))
    return fail("--tolerance=" + value + " is not a tolerance; expected a number such as 1e-4");
  options.tolerance = number;
  return llvm::Error::success();
}

llvm::Error setSeed(Options &options, llvm::StringRef value) {
  if (value.getAsInteger(10, options.seed))
    return fail("--seed=" + value + " is not a seed; expected a number");
  return llvm::Error::success();
}

const std::vector<Flag> &flags() {
  using O = Options;
  using E = llvm::Error;
  static const std::vector<Flag> all = {
      {"help", Flag::None, [](O &o, llvm::StringRef) { return o.help = true, E::success(); }},
      {"version", Flag::None, [](O &o, llvm::StringRef) { return o.version = true, E::success(); }},
      {"inputs", Flag::Required, text(&O::inputs)},
      {"outputs", Flag::Required, text(&O::outputs)},
      {"expect", Flag::Required, text(&O::expect)},
      {"to", Flag::Required, text(&O::to)},
      {"trace", Flag::Required, text(&O::trace)},
      {"dot", Flag::Required, text(&O::dot)},
      {"svg", Flag::Required, text(&O::svg)},
      {"explain", Flag::None, [](O &o, llvm::StringRef) { return o.explain = true, E::success(); }},
      {"dump-phases", Flag::Required, text([](O &o) -> auto & { return o.compile.dumpPhases; })},
      {"function", Flag::Required, text([](O &o) -> auto & { return o.compile.function; })},
      {"report", Flag::Required, text([](O &o) -> auto & { return o.compile.report; })},
      {"target", Flag::Required, text([](O &o) -> auto & { return o.compile.target; })},
      {"reference", Flag::None,
       [](O &o, llvm::StringRef) { return o.compile.reference = true, E::success(); }},
      {"no-simplify", Flag::None,
       [](O &o, llvm::StringRef) { return o.compile.simplify = false, E::success(); }},
      {"no-cache", Flag::None, [](O &o, llvm::StringRef) { return o.cache = false, E::success(); }},
      {"time", Flag::Optional, setTime},
      {"tolerance", Flag::Required, setTolerance},
      {"seed", Flag::Required, setSeed},
  };
  return all;
}

/// Refuses options that would be without effect: whoever gives them relies on them.
llvm::Error checkCombination(const Options &options) {
  const CompileOptions &compile = options.compile;
  bool runs =
      !options.inputs.empty() || !options.outputs.empty() || !options.expect.empty() || options.repeats;
  if (!options.to.empty() && runs)
    return fail("--to prints the IR and runs nothing; drop it, or --inputs, --outputs, --expect and --time");
  if (options.explain && (runs || !options.to.empty()))
    return fail("--explain tells what is recognised and runs nothing; drop it, or --to, --inputs, --outputs, "
                "--expect "
                "and --time");
  if (options.explain && (compile.reference || !compile.simplify))
    return fail("--explain needs the recogniser, which --reference and --no-simplify turn off");
  bool draws = !options.dot.empty() || !options.svg.empty();
  if (draws && (runs || !options.to.empty() || options.explain))
    return fail(
        "--dot and --svg draw the graph and run nothing; drop them, or --explain, --to, --inputs, --outputs, "
        "--expect and --time");
  if (draws && !options.dot.empty() && !options.svg.empty())
    return fail("--dot and --svg are given; expected one of them, as --svg writes the graphs as well");
  if (options.tolerance && options.expect.empty())
    return fail("--tolerance is for the comparison with a file; add --expect=Y.npz");
  if (!compile.report.empty() && (compile.reference || !compile.simplify))
    return fail("--report needs the recogniser, which --reference and --no-simplify turn off");
  return llvm::Error::success();
}

} // namespace

llvm::Expected<Options> parseOptions(llvm::ArrayRef<const char *> arguments) {
  Options options;
  for (llvm::StringRef argument : arguments) {
    llvm::StringRef name = argument;
    if (argument == "-" || !name.consume_front("-")) {
      if (!options.file.empty())
        return fail("two files are given, '" + options.file + "' and '" + argument + "'; expected one");
      options.file = argument.str();
      continue;
    }
    name.consume_front("-");
    auto [key, value] = name.split('=');
    if (key == "h")
      key = "help";
    auto flag = llvm::find_if(flags(), [key = key](const Flag &known) { return known.name == key; });
    if (flag == flags().end())
      return fail("unknown option '" + argument + "'; see gqa-run --help");
    bool given = name.contains('=');
    if (given && flag->value == Flag::None)
      return fail("option '--" + key + "' takes no value");
    if (flag->value == Flag::Required && value.empty())
      return fail("option '--" + key + "' needs a value: --" + key + "=...");
    if (llvm::Error error = flag->apply(options, value))
      return std::move(error);
  }
  if (options.file.empty() && !options.help && !options.version)
    return fail("no file is given; expected gqa-run FILE, see gqa-run --help");
  if (llvm::Error error = checkCombination(options))
    return std::move(error);
  options.compile.filename = options.file == "-" ? "<stdin>" : options.file;
  return options;
}

llvm::Error checkForLibrary(const Options &options) {
  const CompileOptions &compile = options.compile, plain;
  for (auto [name, given] : {std::pair("--to", !options.to.empty()),
                             {"--explain", options.explain},
                             {"--dump-phases", !compile.dumpPhases.empty()},
                             {"--function", !compile.function.empty()},
                             {"--report", !compile.report.empty()},
                             {"--target", compile.target != plain.target},
                             {"--reference", compile.reference},
                             {"--no-simplify", !compile.simplify},
                             {"--no-cache", !options.cache}})
    if (given)
      return fail(llvm::Twine(name) + " is for modules, and " + options.file +
                  " is compiled already; drop it, or give the module");
  return llvm::Error::success();
}

llvm::StringRef helpText() {
  return R"(gqa-run FILE [options]      compiles a module of MLIR and runs one of its functions ('-': standard input)
gqa-run FILE.so [options]   runs what gqa-compile has written

What goes in and out
  --inputs=X.npz            arrays arg0, arg1, ... (parameters come from the module's gqa.weights file)
  --inputs=A.npy,B.npy      one file per argument
  --inputs=2x?...xf32,...   shapes, filled at random; without --inputs the function's own shapes are
  --outputs=O.npz           writes the results as out0, out1, ...; bf16 as uint16
  --expect=Y.npz            compares the results with out0, out1, ...
  --tolerance=T             allowed error relative to the largest value (1e-4; f16 5e-3; bf16 4e-2)
  --seed=N                  for random inputs
  --function=NAME           by default main, else the only public function

How it is compiled (not for a library)
  --reference               float64 loops instead of kernels, on the graph as it stands
  --target=cpu[:ARCH]       this processor, or one whose features it has (cpu:x86-64-v3)
  --target=cuda[:sm_NN]     the first GPU, with code for its chip or an older one (cuda:sm_80); arrays are copied
                            there and back
  --no-simplify             lowers the graph as it stands: no recognising, sharing, fusing
  --no-cache                compiles even if the code is in the cache of kernels, and keeps it nowhere
  --report=R.json           what the recogniser found
  --explain                 tells what is recognised, shared and left as it is, and why; runs nothing
  --to=PHASE                prints the IR after input, raised, shared, fused, tiled, target or binary, and stops
  --dump-phases=DIR         writes the IR after every phase
  --dot=DIR                 draws the graph: before.dot and after.dot, with attention as operations, in DIR; runs nothing
  --svg=DIR                 the same as pictures, by graphviz (before.svg and after.svg)
  --trace=FILE              a Chrome trace of the phases and passes of compiling and of the kernels that ran
                            (for chrome://tracing or ui.perfetto.dev)
  --time[=N]                median and minimum of N calls (20)

Examples
  gqa-run model.mlir --inputs=args.npz --expect=want.npz
  gqa-run attention.mlir --inputs=1x32x1x128xbf16,1x8x4096x128xbf16,1x8x4096x128xbf16 --time
  gqa-run model.mlir --to=tiled | less

Exit code: 0 good, 1 a result is wrong, 2 the input cannot be used (the first line on stderr says why). --version.
Environment: GQA_NUM_THREADS (threads per call), GQA_BLAS (the BLAS library to load), GQA_ONEDNN (the oneDNN to load for
products of bf16), GQA_CUDA_DRIVER (the driver to load, by default libcuda.so.1), GQA_CUBLASLT (the cuBLASLt for matrix
products on a GPU), GQA_CUDA_FORCE_PTX=1 (PTX, not machine code), GQA_TRACE (as --trace), GQA_CACHE_DIR (the cache of
kernels, by default ~/.cache/gqa), see gqa-cache.
)";
}

} // namespace gqa::run
