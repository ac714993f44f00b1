// Writes an attention to a library for machines that have no compiler, and calls it as a program there does:
// with nothing but gqa/artifact.h and the file.
#include <gqa/artifact.h>
#include <gqa/gqa.hpp>

#include <cstdio>
#include <dlfcn.h>

static int fail(const char *message) {
  std::fprintf(stderr, "%s\n", message);
  return 1;
}

static int build(const char *path) {
  gqa_attention attention = gqa::describeAttention(/*qHeads=*/2, /*kvHeads=*/1, /*dim=*/1);
  attention.queries = attention.keys = 2;
  attention.causal = 1;
  gqa_compile_options options = gqa::defaultOptions();
  options.target = "cpu:x86-64,cpu:x86-64-v3"; // each machine takes the best that it can run
  gqa::Status status = gqa::writeLibraryOfAttention(attention, path, options);
  return status ? 0 : fail(status.error().message.c_str());
}

static int use(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail(dlerror());
  const gqa_artifact *attention = reinterpret_cast<gqa_artifact_getter>(dlsym(library, "gqa_artifact"))();
  // Two queries, of which the first sees one key and the second two; 2 query heads share 1 key/value head.
  int64_t queries[] = {1, 2, 2, 1}, keys[] = {1, 1, 2, 1};
  float q[] = {0, 0, 0, 0}, k[] = {1, 2}, v[] = {10, 20}, o[4];
  auto view = [](float *values, int64_t *shape) {
    return DLTensor{values, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
  };
  DLTensor tensors[] = {view(q, queries), view(k, keys), view(v, keys), view(o, queries)};
  const DLTensor *inputs[] = {&tensors[0], &tensors[1], &tensors[2]};
  DLTensor *outputs[] = {&tensors[3]};
  if (attention->call(attention, inputs, 3, outputs, 1, /*stream=*/nullptr) != GQA_OK)
    return fail(attention->last_error());
  for (float number : o)
    std::printf("%g\n", number);
  return 0;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "./attention.so";
  int failed = build(path);
  return failed ? failed : use(path);
}
