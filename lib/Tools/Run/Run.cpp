// gqa-run: compiles a module and runs one of its functions, or runs what gqa-compile has made of it.
#include "Compare.h"
#include "Inputs.h"
#include "Library.h"
#include "Options.h"

#include "gqa/JIT/Guard.h"
#include "gqa/JIT/JITModule.h"
#include "gqa/JIT/Trace.h"
#include "gqa/Tools/Tools.h"
#include "gqa/Version.h"

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <cstdlib>

using namespace gqa;
using namespace gqa::run;

namespace {

/// A compiled function, or one in a library.
using Function =
    llvm::function_ref<llvm::Expected<std::vector<DLManagedTensor *>>(llvm::ArrayRef<const DLTensor *>)>;

/// One call. Results belong to the arrays.
llvm::Expected<std::vector<Array>> callOnce(Function function, llvm::ArrayRef<Array> inputs) {
  std::vector<DLTensor> views;
  for (const Array &input : inputs)
    views.push_back(input.view());
  std::vector<const DLTensor *> pointers;
  for (const DLTensor &view : views)
    pointers.push_back(&view);
  auto results = function(pointers);
  if (!results)
    return results.takeError();
  std::vector<Array> arrays;
  for (DLManagedTensor *result : *results)
    arrays.push_back(Array::adopt(result));
  return arrays;
}

llvm::Error measure(Function function, llvm::ArrayRef<Array> inputs, int repeats) {
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    auto start = std::chrono::steady_clock::now();
    auto results = callOnce(function, inputs);
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    if (!results)
      return results.takeError();
  }
  llvm::sort(times);
  llvm::outs() << llvm::format("time: median %.4f ms, minimum %.4f ms of %d calls\n", times[times.size() / 2],
                               times[0], repeats);
  return llvm::Error::success();
}

void summarize(llvm::ArrayRef<Array> results) {
  for (auto [index, result] : llvm::enumerate(results)) {
    llvm::outs() << "out" << index << ": " << toString(result.type) << " =";
    int64_t count = result.count();
    for (int64_t i = 0; i < std::min<int64_t>(count, 6); ++i)
      llvm::outs() << llvm::format(" %g", result.at(i));
    llvm::outs() << (count > 6 ? " ...\n" : "\n");
  }
}

/// True if all results are as expected.
llvm::Expected<bool> useResults(llvm::ArrayRef<Array> results, const Options &options) {
  if (!options.outputs.empty()) {
    Arrays named;
    for (auto [index, result] : llvm::enumerate(results))
      named.insert({"out" + std::to_string(index), result});
    if (llvm::Error error = writeNpz(options.outputs, named))
      return error;
  }
  if (!options.expect.empty())
    return compareResults(results, options.expect, options.tolerance);
  if (options.outputs.empty() && !options.repeats)
    summarize(results);
  return true;
}

/// Inputs for calls that write results over some of them.
std::vector<Array> withCopies(llvm::ArrayRef<Array> inputs, const Signature &signature) {
  std::vector<Array> copies(inputs);
  for (auto [input, type] : llvm::zip(copies, signature.inputs))
    if (type.donatedTo >= 0) {
      Array copy = Array::allocate(input.type.dtype, input.type.shape);
      std::copy_n(input.raw(), input.bytes(), copy.raw());
      input = copy;
    }
  return copies;
}

llvm::Expected<bool> run(Function function, const Signature &signature, llvm::ArrayRef<Array> inputs,
                         const Options &options) {
  std::vector<Array> written = withCopies(inputs, signature); // results are views of these
  auto results = callOnce(function, written);
  if (!results)
    return results.takeError();
  if (options.repeats)
    if (llvm::Error error = measure(function, withCopies(inputs, signature), options.repeats))
      return error;
  return useResults(*results, options);
}

llvm::Expected<bool> runLibrary(const Options &options) {
  if (llvm::Error error = checkForLibrary(options))
    return std::move(error);
  auto library = Library::load(options.file);
  if (!library)
    return library.takeError();
  auto inputs = makeInputs((*library)->signature(), options);
  if (!inputs)
    return inputs.takeError();
  return run([&](llvm::ArrayRef<const DLTensor *> tensors) { return (*library)->call(tensors); },
             (*library)->signature(), *inputs, options);
}

/// What the compiler makes of the module; nothing runs.
llvm::Expected<bool> showModule(const Options &options) {
  auto module = parseFileAlone(options.file, options.compile.filename);
  if (!module)
    return module.takeError();
  if (options.explain) {
    auto explanation = explainModule(**module, options.compile);
    if (!explanation)
      return explanation.takeError();
    llvm::outs() << gqa::explain(explanation->remarks);
    return true;
  }
  if (!options.dot.empty() || !options.svg.empty()) {
    bool asSVG = options.dot.empty();
    if (llvm::Error error = drawModule(**module, options.compile, asSVG ? options.svg : options.dot, asSVG))
      return error;
    return true;
  }
  if (llvm::Error error = lowerModule(**module, options.to, options.compile))
    return error;
  (**module).print(llvm::outs());
  llvm::outs() << "\n";
  return true;
}

/// Compiles the module, or finds its code in the cache. What is wrong with the inputs is said before.
llvm::Expected<bool> runModule(const Options &options) {
  auto text = readFile(options.file);
  if (!text)
    return text.takeError();
  std::vector<Array> inputs;
  CompileOptions compile = options.compile;
  compile.onSignature = [&](const Signature &signature) {
    return makeInputs(signature, options).moveInto(inputs);
  };
  auto function = CompiledFunction::compile((*text)->getBuffer(), compile);
  if (!function)
    return function.takeError();
  return run([&](llvm::ArrayRef<const DLTensor *> tensors) { return (*function)->call(tensors); },
             (*function)->signature(), inputs, options);
}

llvm::Expected<bool> runFile(const Options &options) {
  if (Library::is(options.file))
    return runLibrary(options);
  bool shows = options.explain || !options.dot.empty() || !options.svg.empty() || !options.to.empty();
  return shows ? showModule(options) : runModule(options);
}

} // namespace

int gqa::runMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  auto options = parseOptions(llvm::ArrayRef(const_cast<const char **>(argv) + 1, size_t(argc - 1)));
  if (!options)
    return reportError("gqa-run", options.takeError());
  if (options->help) {
    llvm::outs() << helpText();
    return 0;
  }
  if (options->version) {
    llvm::outs() << GQA_VERSION_LINE("gqa-run");
    return 0;
  }
  if (!options->cache || !options->trace.empty()) // a trace shows how code is made
    setenv("GQA_CACHE", "off", /*overwrite=*/1);
  return runGuarded("gqa-run", options->compile.filename,
                    [&] { return traced(options->trace, [&] { return runFile(*options); }); });
}
