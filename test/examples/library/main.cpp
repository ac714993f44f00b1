// Compiles the text of a module, and calls it on arrays of this program.
#include <gqa/gqa.hpp>

#include <cstdio>

// Two queries, of which the first sees one key and the second two; 2 query heads share 1 key/value head.
static const char *text = R"(
  func.func @main(%q: tensor<1x2x2x1xf32>, %k: tensor<1x1x2x1xf32>, %v: tensor<1x1x2x1xf32>) -> tensor<1x2x2x1xf32> {
    %o = gqa.attention %q, %k, %v causal
       : (tensor<1x2x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>) -> tensor<1x2x2x1xf32>
    return %o : tensor<1x2x2x1xf32>
  }
)";

static int fail(const gqa::Error &error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
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
  gqa::Result<gqa::Function> function = gqa::Function::compile(text);
  if (!function)
    return fail(function.error());
  std::vector<int64_t> queries = {1, 2, 2, 1}, keys = {1, 1, 2, 1};
  std::vector<float> q = {0, 0, 0, 0}, k = {1, 2}, v = {10, 20};
  DLTensor tensors[] = {view(q, queries), view(k, keys), view(v, keys)};
  gqa::Result<std::vector<gqa::Tensor>> results = function->run({&tensors[0], &tensors[1], &tensors[2]});
  if (!results)
    return fail(results.error());
  const DLTensor &output = results->front()->dl_tensor;
  for (int i = 0; i < 4; ++i)
    std::printf("%g\n", static_cast<float *>(output.data)[i]);
  return 0;
}
