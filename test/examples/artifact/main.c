/* Loads a library that gqa-compile has written from
     func.func @main(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
   and calls it for one query over one key, whose output is the value. Prints the processor that the code is for, the output's
   first element, and the microseconds from loading to the first result. Needs nothing but the C library. */
#include <gqa/artifact.h>

#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec * 1e-3;
}

int main(int argc, char **argv) {
  static float q[8 * 64], k[2 * 64], v[2 * 64], o[8 * 64];
  int64_t of_q[] = {1, 8, 1, 64}, of_k[] = {1, 2, 1, 64};
  DLDataType f32 = {kDLFloat, 32, 1};
  DLDevice cpu = {kDLCPU, 0};
  DLTensor tensors[] = {
      {q, cpu, 4, f32, of_q, NULL, 0}, {k, cpu, 4, f32, of_k, NULL, 0}, {v, cpu, 4, f32, of_k, NULL, 0}, {o, cpu, 4, f32, of_q, NULL, 0}};
  const DLTensor *inputs[] = {&tensors[0], &tensors[1], &tensors[2]};
  DLTensor *outputs[] = {&tensors[3]};
  v[0] = 2.5f;

  double start = microseconds();
  void *library = dlopen(argc > 1 ? argv[1] : "./model.so", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fprintf(stderr, "%s\n", dlerror()), 2;
  gqa_artifact_getter get = (gqa_artifact_getter)dlsym(library, "gqa_artifact");
  const gqa_artifact *model = get();
  if (model->call(model, inputs, 3, outputs, 1, NULL) != GQA_OK)
    return fprintf(stderr, "%s\n", model->last_error()), 1;
  double took = microseconds() - start;
  printf("%s %g %.0f\n", model->target(model), o[0], took);
  return 0;
}
