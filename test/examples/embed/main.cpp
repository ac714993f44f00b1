// Compiles attention in memory and calls it on arrays of this program.
#include "gqa/JIT/JIT.h"

#include "llvm/Support/raw_ostream.h"

#include <vector>

// Two queries, of which the first sees one key and the second two; 2 query heads share 1 key/value head.
static const char *text = R"(
  func.func @main(%q: tensor<1x2x2x1xf32>, %k: tensor<1x1x2x1xf32>, %v: tensor<1x1x2x1xf32>) -> tensor<1x2x2x1xf32> {
    %o = gqa.attention %q, %k, %v causal
       : (tensor<1x2x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>) -> tensor<1x2x2x1xf32>
    return %o : tensor<1x2x2x1xf32>
  }
)";

static int fail(llvm::Error error) {
  llvm::errs() << llvm::toString(std::move(error)) << "\n";
  return 1;
}

/// A dense row-major tensor over `values`.
static DLTensor view(std::vector<float> &values, std::vector<int64_t> &shape) {
  DLTensor tensor{};
  tensor.data = values.data();
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.dtype = {kDLFloat, 32, 1};
  tensor.shape = shape.data();
  return tensor;
}

int main() {
  auto function = gqa::CompiledFunction::compile(text, {});
  if (!function)
    return fail(function.takeError());
  std::vector<int64_t> queries = {1, 2, 2, 1}, keys = {1, 1, 2, 1};
  std::vector<float> q = {0, 0, 0, 0}, k = {1, 2}, v = {10, 20};
  DLTensor arguments[] = {view(q, queries), view(k, keys), view(v, keys)};
  auto results = (*function)->call({&arguments[0], &arguments[1], &arguments[2]});
  if (!results)
    return fail(results.takeError());
  DLManagedTensor *output = results->front();
  for (int i = 0; i < 4; ++i)
    llvm::outs() << static_cast<float *>(output->dl_tensor.data)[i] << "\n";
  output->deleter(output);
  return 0;
}
