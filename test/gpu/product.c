/* A product as compiled code asks for it: an error of the runtime leaves a call by a jump, which only C lets through. */
#include "gqa/Runtime/Cuda.h"
#include "gqa/Runtime/Runtime.h"

struct product {
  int64_t flags, batch, m, n, k;
  void *a;
  int64_t a_row, a_batch;
  void *b;
  int64_t b_row, b_batch;
  void *c;
  int64_t c_row, c_batch;
};

void product(void **arguments) {
  const struct product *p = arguments[0];
  gqa_rt_cuda_matmul((int32_t)p->flags, p->batch, p->m, p->n, p->k, p->a, p->a_row, p->a_batch, p->b, p->b_row, p->b_batch,
                     p->c, p->c_row, p->c_batch);
}
