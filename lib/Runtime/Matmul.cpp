// Matrix products: cut into blocks by shape alone, each block one call of the BLAS on one thread.
#include "Blas.h"
#include "OneDnn.h"
#include "Threads.h"
#include "Widen.h"

#include "gqa/Runtime/Runtime.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>

using namespace gqa::rt;

namespace {

/// One operand: address, elements from one row to the next and from one matrix to the next, element type.
struct Matrix {
  void *data;
  int64_t row, batch;
  int32_t type;
};

struct Product {
  int64_t batch, m, n, k;
  bool transposeA, transposeB, accumulate;
  Matrix a, b, c;
};

/// Rows [row, row + rows) and columns [column, column + columns) of C.
struct Block {
  int64_t row, rows, column, columns;
};

int64_t elementSize(int32_t type) { return type == GQA_RT_F64 ? 8 : type == GQA_RT_F32 ? 4 : 2; }

const void *at(const Matrix &x, int64_t batch, int64_t row, int64_t column) {
  return static_cast<const char *>(x.data) + (batch * x.batch + row * x.row + column) * elementSize(x.type);
}

//===--------------------------------------------------------------------===//
// Operands as T: in place if the BLAS reads them so, else copied into scratch memory
//===--------------------------------------------------------------------===//

template <typename T> bool isStoredAs(int32_t type) {
  return type == (std::is_same_v<T, double> ? GQA_RT_F64 : GQA_RT_F32);
}

template <typename T> void load(int32_t type, const void *from, T *to, int64_t count) {
  auto *bits = static_cast<const uint16_t *>(from);
  if (isStoredAs<T>(type))
    std::memcpy(to, from, size_t(count) * sizeof(T));
  else if constexpr (std::is_same_v<T, float>)
    type == GQA_RT_F16 ? widenF16(bits, to, count) : widenBF16(bits, to, count);
}

template <typename T> void store(int32_t type, const T *from, void *to, int64_t count) {
  auto *bits = static_cast<uint16_t *>(to);
  if (isStoredAs<T>(type))
    std::memcpy(to, from, size_t(count) * sizeof(T));
  else if constexpr (std::is_same_v<T, float>)
    type == GQA_RT_F16 ? narrowF16(from, bits, count) : narrowBF16(from, bits, count);
}

/// A rectangle of an operand in T. Copies are dense and belong to the view; null data means no memory.
template <typename T> struct View {
  T *data = nullptr;
  int64_t row = 0;
  std::unique_ptr<T, void (*)(void *)> scratch{nullptr, std::free};
};

template <typename T>
View<T> view(const Matrix &x, int64_t batch, int64_t row, int64_t rows, int64_t column, int64_t columns,
             bool read) {
  View<T> result;
  // Rows that are one and the same, or go backwards, are nothing that a BLAS takes.
  if (isStoredAs<T>(x.type) && (rows == 1 || x.row >= columns)) {
    result.data = static_cast<T *>(const_cast<void *>(at(x, batch, row, column)));
    result.row = std::max(x.row, columns);
    return result;
  }
  result.scratch.reset(static_cast<T *>(std::malloc(size_t(rows * columns) * sizeof(T))));
  result.data = result.scratch.get();
  result.row = columns;
  for (int64_t i = 0; read && result.data && i < rows; ++i)
    load(x.type, at(x, batch, row + i, column), result.data + i * columns, columns);
  return result;
}

//===--------------------------------------------------------------------===//
// One block
//===--------------------------------------------------------------------===//

/// Rows of a block that are one product. A few are products with vectors each, of a part of B that stays in
/// L2: a matrix product packs B first.
int64_t rowsTogether(const Product &p, const Block &block) {
  constexpr int64_t few = 8, fewOfColumns = 2; // of a B whose columns are next to each other, or rows
  return !p.transposeA && block.rows <= (p.transposeB ? few : fewOfColumns) ? 1 : block.rows;
}

/// `depth` elements of the sum, added to C if it `accumulates`.
template <typename T>
void multiply(const Product &p, const Block &block, int64_t depth, bool accumulates, const View<T> &a,
              const View<T> &b, View<T> &c) {
  const Blas &blas = Blas::get();
  T beta = accumulates ? 1 : 0;
  int lda = int(a.row), ldb = int(b.row), ldc = int(c.row);
  if (!p.transposeA && rowsTogether(p, block) == 1) {
    int rows = int(p.transposeB ? block.columns : depth), columns = int(p.transposeB ? depth : block.columns);
    for (int64_t i = 0; i < block.rows; ++i)
      blas.gemv(T())(RowMajor, p.transposeB ? NoTrans : Trans, rows, columns, T(1), b.data, ldb,
                     a.data + i * lda, 1, beta, c.data + i * ldc, 1);
    return;
  }
  blas.gemm(T())(RowMajor, p.transposeA ? Trans : NoTrans, p.transposeB ? Trans : NoTrans, int(block.rows),
                 int(block.columns), int(depth), T(1), a.data, lda, b.data, ldb, beta, c.data, ldc);
}

bool isWidened(const Product &p) { return elementSize(p.a.type) < 4 || elementSize(p.b.type) < 4; }

/// Elements of the sum that are multiplied together: all, or of operands that are widened as many as stay in
/// L2 then.
int64_t stepOf(const Product &p, const Block &block) {
  constexpr int64_t fits = 3 << 17; // f32: 1.5 MB
  return isWidened(p) || (rowsTogether(p, block) < block.rows && !p.transposeB)
             ? std::min(p.k, std::max<int64_t>(fits / (block.rows + block.columns), 64))
             : p.k;
}

/// The block as a product of oneDNN's, which reads bf16 as it is; nothing if it is none.
std::shared_ptr<OneDnn::Primitive> findHalf(const Product &p, const Block &block) {
  if (p.a.type != GQA_RT_BF16 || p.b.type != GQA_RT_BF16 || p.c.type == GQA_RT_F16)
    return nullptr;
  // Rows that are one and the same, or go backwards, are nothing that it takes: 0.
  auto row = [](const Matrix &x, int64_t rows, int64_t columns) {
    return rows == 1 ? std::max(x.row, columns) : x.row >= columns ? x.row : 0;
  };
  HalfProduct half{rowsTogether(p, block),
                   block.columns,
                   p.k,
                   p.transposeA ? row(p.a, p.k, block.rows) : row(p.a, block.rows, p.k),
                   p.transposeB ? row(p.b, block.columns, p.k) : row(p.b, p.k, block.columns),
                   row(p.c, block.rows, block.columns),
                   p.transposeA,
                   p.transposeB,
                   p.accumulate,
                   p.c.type == GQA_RT_BF16};
  return half.aRow && half.bRow && half.cRow ? OneDnn::get().find(half) : nullptr;
}

/// False if there was no memory.
bool runHalf(const Product &p, int64_t batch, const Block &block, const OneDnn::Primitive &primitive) {
  const void *b = p.transposeB ? at(p.b, batch, block.column, 0) : at(p.b, batch, 0, block.column);
  bool good = true;
  for (int64_t i = 0; good && i < block.rows; i += rowsTogether(p, block)) {
    const void *a = p.transposeA ? at(p.a, batch, 0, block.row) : at(p.a, batch, block.row + i, 0);
    void *c = const_cast<void *>(at(p.c, batch, block.row + i, block.column));
    good = OneDnn::get().multiply(primitive, a, b, c);
  }
  return good;
}

/// False if there was no memory, for copied operands or else.
template <typename T> bool runBlock(const Product &p, int64_t batch, const Block &block) {
  if (auto half = findHalf(p, block))
    return runHalf(p, batch, block, *half);
  auto c = view<T>(p.c, batch, block.row, block.rows, block.column, block.columns, p.accumulate);
  if (!c.data)
    return false;
  int64_t step = stepOf(p, block);
  for (int64_t from = 0; from < p.k; from += step) {
    int64_t depth = std::min(step, p.k - from);
    auto a = p.transposeA ? view<T>(p.a, batch, from, depth, block.row, block.rows, true)
                          : view<T>(p.a, batch, block.row, block.rows, from, depth, true);
    auto b = p.transposeB ? view<T>(p.b, batch, block.column, block.columns, from, depth, true)
                          : view<T>(p.b, batch, from, depth, block.column, block.columns, true);
    if (!a.data || !b.data)
      return false;
    multiply(p, block, depth, p.accumulate || from > 0, a, b, c);
  }
  for (int64_t i = 0; c.scratch && i < block.rows; ++i)
    store(p.c.type, c.data + i * c.row, const_cast<void *>(at(p.c, batch, block.row + i, block.column)),
          block.columns);
  return true;
}

//===--------------------------------------------------------------------===//
// The cut
//===--------------------------------------------------------------------===//

/// Block sizes from the shape. A block is about 512 x 256, so that what the BLAS packs is used often enough,
/// and there are some 64 of them in a large product; products with few rows are cut so that each block reads
/// about 512 KiB.
struct Cut {
  int64_t rows, columns, rowBlocks, columnBlocks, together;

  explicit Cut(const Product &p) : rows(p.m), columns(p.n), together(1) {
    if (p.m <= 32 && p.transposeB) {
      columns = std::max<int64_t>(64, (int64_t(1) << 17) / std::max<int64_t>(p.k, 1));
    } else if (p.m <= 32) { // parts of rows of B, long enough for processors to fetch them ahead
      columns = std::clamp<int64_t>((p.n / 16 + 63) / 64 * 64, 64, 1024);
    } else {
      int64_t area = std::max<int64_t>(512 * 256, p.m * p.n / 64);
      // What is widened is so for each block anew.
      int64_t most = isWidened(p) ? 512 : std::max(p.m, p.n);
      while ((rows * columns > area || std::max(rows, columns) > most) && std::max(rows, columns) > 64)
        (rows >= columns ? rows : columns) = ((rows >= columns ? rows : columns) / 2 + 31) / 32 * 32;
    }
    rows = std::min(rows, p.m);
    columns = std::min(columns, p.n);
    rowBlocks = (p.m + rows - 1) / rows;
    columnBlocks = (p.n + columns - 1) / columns;
    // Small matrices of a batch go together, some four million operations at a time.
    double work = 2.0 * double(p.m) * double(p.n) * double(p.k);
    if (rowBlocks * columnBlocks == 1 && work < 4e6)
      together = std::min<int64_t>(p.batch, int64_t(4e6 / std::max(work, 1.0)) + 1);
  }
};

template <typename T> bool run(const Product &p) {
  Cut cut(p);
  int64_t perMatrix = cut.rowBlocks * cut.columnBlocks, groups = (p.batch + cut.together - 1) / cut.together;
  std::atomic<bool> good{true};
  parallelFor(groups * perMatrix, [&](int64_t task) {
    int64_t group = task / perMatrix, row = task % perMatrix / cut.columnBlocks * cut.rows;
    int64_t column = task % cut.columnBlocks * cut.columns;
    Block block{row, std::min(cut.rows, p.m - row), column, std::min(cut.columns, p.n - column)};
    for (int64_t i = group * cut.together, end = std::min(p.batch, i + cut.together); i < end; ++i)
      if (!runBlock<T>(p, i, block))
        good = false;
  });
  return good;
}

/// With nothing to sum C is zero, or stays as it is.
void clear(const Product &p) {
  for (int64_t i = 0; i < p.batch; ++i)
    for (int64_t row = 0; row < p.m; ++row) {
      char *from = static_cast<char *>(const_cast<void *>(at(p.c, i, row, 0)));
      std::fill(from, from + p.n * elementSize(p.c.type), 0);
    }
}

void fail(const char *message) { gqa_rt_fail(message, int64_t(std::char_traits<char>::length(message))); }

void check(const Product &p) {
  for (int64_t size : {p.m, p.n, p.k, p.a.row, p.b.row, p.c.row})
    if (size > INT_MAX)
      fail("a matrix product has a dimension or row stride beyond 2^31 - 1, which the BLAS cannot take");
  bool doubles[] = {p.a.type == GQA_RT_F64, p.b.type == GQA_RT_F64, p.c.type == GQA_RT_F64};
  if (doubles[0] != doubles[1] || doubles[0] != doubles[2])
    fail("a matrix product mixes f64 with narrower types");
  if (const char *error = gqa_rt_blas_error())
    fail(error);
}

} // namespace

void gqa_rt_matmul(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a,
                   int64_t a_row, int64_t a_batch, const void *b, int64_t b_row, int64_t b_batch, void *c,
                   int64_t c_row, int64_t c_batch) {
  Product p{batch,
            m,
            n,
            k,
            (flags & GQA_RT_TRANSPOSE_A) != 0,
            (flags & GQA_RT_TRANSPOSE_B) != 0,
            (flags & GQA_RT_ACCUMULATE) != 0,
            {const_cast<void *>(a), a_row, a_batch, flags >> 4 & 3},
            {const_cast<void *>(b), b_row, b_batch, flags >> 6 & 3},
            {c, c_row, c_batch, flags >> 8 & 3}};
  if (batch <= 0 || m <= 0 || n <= 0)
    return;
  if (k <= 0)
    return p.accumulate ? void() : clear(p);
  check(p);
  if (!(p.c.type == GQA_RT_F64 ? run<double>(p) : run<float>(p)))
    fail("out of memory in a matrix product");
}
