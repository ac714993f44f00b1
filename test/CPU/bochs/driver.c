// Calls every kernel of cases.inc and compares it with float64. As the first process of the emulated machine it reports
// through the emulator's debug port. Stands in for the runtime, as a static program cannot load it.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

enum { kF32, kBF16, kF16 };

struct memref { void *base, *data; int64_t offset, sizes[4], strides[4]; };

// `mask`: 0 none, 1 causal, 2 a boolean mask, 3 ALiBi in a score region.
struct shape { const char *name; void (*entry)(void **); int type, batch, heads, kvHeads, queries, keys, dim, mask; };

#include "cases.inc" // const struct shape shapes[]

void gqa_rt_parallel_for(int64_t n, int64_t work, void (*task)(int64_t, void *), void *context) {
  for (int64_t i = 0; i < n; ++i)
    task(i, context);
}
void *_mlir_memref_to_llvm_alloc(int64_t size) { return aligned_alloc(64, (size + 127) / 64 * 64); }
void *_mlir_memref_to_llvm_aligned_alloc(int64_t alignment, int64_t size) { return _mlir_memref_to_llvm_alloc(size); }
void _mlir_memref_to_llvm_free(void *memory) { free(memory); }

static void report(const char *text) {
  if (getpid() != 1)
    fputs(text, stdout);
  else
    while (*text)
      outb(*text++, 0xe9);
}

static float decode(const void *data, int64_t i, int type) {
  if (type == kF32)
    return ((const float *)data)[i];
  if (type == kF16)
    return ((const _Float16 *)data)[i];
  uint32_t bits = (uint32_t)((const uint16_t *)data)[i] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static void encode(void *data, int64_t i, int type, float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (type == kF32)
    ((float *)data)[i] = value;
  else if (type == kF16)
    ((_Float16 *)data)[i] = value;
  else
    ((uint16_t *)data)[i] = bits >> 16;
}

/// Normal numbers, as a sum of twelve uniform ones.
static float normal(void) {
  double sum = -6;
  for (int i = 0; i < 12; ++i)
    sum += rand() / (RAND_MAX + 1.0);
  return sum;
}

static struct memref tensor(int a, int b, int c, int d, int size) {
  struct memref m = {0, 0, 0, {a, b, c, d}, {(int64_t)b * c * d, (int64_t)c * d, d, 1}};
  m.base = m.data = calloc((int64_t)a * b * c * d + 64, size);
  return m;
}

static double errorOf(const struct shape *s) {
  int size = s->type == kF32 ? 4 : 2, group = s->heads / s->kvHeads;
  struct memref q = tensor(s->batch, s->heads, s->queries, s->dim, size), o = {0},
                k = tensor(s->batch, s->kvHeads, s->keys, s->dim, size),
                v = tensor(s->batch, s->kvHeads, s->keys, s->dim, size),
                mask = tensor(1, 1, s->queries, s->keys, 1);
  struct memref *inputs[] = {&q, &k, &v};
  for (int n = 0; n < 3; ++n)
    for (int64_t i = 0; i < inputs[n]->sizes[0] * inputs[n]->strides[0]; ++i)
      encode(inputs[n]->data, i, s->type, normal());
  for (int64_t i = 0; i < (int64_t)s->queries * s->keys; ++i)
    ((char *)mask.data)[i] = i % s->keys == 0 || rand() % 3 > 0;
  // A descriptor of rank 1.
  struct { void *base, *data; int64_t offset, size, stride; } slopes = {0, 0, 0, s->heads, 1};
  float *slope = slopes.base = slopes.data = calloc(s->heads + 64, sizeof(float));
  for (int h = 0; h < s->heads; ++h)
    slope[h] = 0.01f * (h + 1);
  void *arguments[] = {&o, &q, &k, &v, s->mask == 3 ? (void *)&slopes : &mask};
  s->entry(arguments);
  double worst = 0, *p = calloc(s->keys, sizeof(double));
  for (int row = 0; row < s->batch * s->heads * s->queries; ++row) {
    int i = row % s->queries, h = row / s->queries % s->heads, b = row / s->queries / s->heads;
    int64_t first = ((int64_t)b * s->kvHeads + h / group) * s->keys * s->dim;
    double most = -INFINITY, sum = 0;
    for (int j = 0; j < s->keys; ++j) {
      double x = 0;
      for (int d = 0; d < s->dim; ++d)
        x += (double)decode(q.data, (int64_t)row * s->dim + d, s->type) * decode(k.data, first + (int64_t)j * s->dim + d, s->type);
      x /= sqrt(s->dim);
      if (s->mask == 3)
        x += (double)slope[h] * (j - i);
      if ((s->mask == 1 && j > i) || (s->mask == 2 && !((char *)mask.data)[(int64_t)i * s->keys + j]))
        x = -INFINITY;
      p[j] = x;
      most = fmax(most, x);
    }
    for (int j = 0; j < s->keys; ++j)
      sum += p[j] = exp(p[j] - most);
    for (int d = 0; d < s->dim; ++d) {
      double x = 0;
      for (int j = 0; j < s->keys; ++j)
        x += p[j] * decode(v.data, first + (int64_t)j * s->dim + d, s->type);
      double got = decode(o.data, o.offset + b * o.strides[0] + h * o.strides[1] + i * o.strides[2] + d, s->type);
      double error = fabs(got - x / sum) / fmax(1, fabs(x / sum));
      worst = error <= worst ? worst : error; // NaN is the worst
    }
  }
  return worst;
}

int main(void) {
  const double caps[] = {4e-6, 1e-2, 2e-3}; // for normal inputs, by element type
  char line[200];
  if (getpid() == 1)
    iopl(3);
  report(__builtin_cpu_supports("avx512f") ? "\nprocessor with AVX-512\n" : "\nprocessor without AVX-512\n");
  for (unsigned n = 0; n < sizeof shapes / sizeof *shapes; ++n) {
    double error = errorOf(&shapes[n]);
    snprintf(line, sizeof line, "%s %s error %.3g\n", error <= caps[shapes[n].type] ? "pass" : "FAIL", shapes[n].name, error);
    report(line);
  }
  report("end\n");
  while (getpid() == 1) // the kernel stops if its first process does
    pause();
  return 0;
}
