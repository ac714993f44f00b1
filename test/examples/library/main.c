/* Describes an attention, compiles it, and calls it on arrays of this program. */
#include <gqa/gqa.h>

#include <stdio.h>

/* A dense row-major tensor over `values`. */
static DLTensor view(float *values, int64_t *shape) {
  DLTensor tensor = {0};
  tensor.data = values;
  tensor.device.device_type = kDLCPU;
  tensor.ndim = 4;
  tensor.dtype.code = kDLFloat;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  return tensor;
}

int main(void) {
  /* Two queries, of which the first sees one key and the second two; 2 query heads share 1 key/value head. */
  int64_t queries[] = {1, 2, 2, 1}, keys[] = {1, 1, 2, 1};
  float q[] = {0, 0, 0, 0}, k[] = {1, 2}, v[] = {10, 20}, o[4];
  DLTensor tensors[] = {view(q, queries), view(k, keys), view(v, keys), view(o, queries)};
  const DLTensor *inputs[] = {&tensors[0], &tensors[1], &tensors[2]};
  DLTensor *outputs[] = {&tensors[3]};

  gqa_attention attention = {0};
  attention.struct_size = sizeof attention;
  attention.dtype = tensors[0].dtype;
  attention.batch = -1; /* any */
  attention.q_heads = 2;
  attention.kv_heads = 1;
  attention.queries = attention.keys = 2;
  attention.dim = attention.value_dim = 1;
  attention.causal = 1;
  gqa_function *function;
  if (gqa_compile_attention(&attention, NULL, &function) != GQA_OK ||
      gqa_call(function, inputs, 3, outputs, 1, NULL) != GQA_OK) {
    fprintf(stderr, "%s\n", gqa_last_error());
    return 1;
  }
  gqa_release(function);
  for (int i = 0; i < 4; ++i)
    printf("%g\n", o[i]);
  return 0;
}
