// Matrix products on the device against f64: every type, transposes, strides, batches, sums onto what is
// there.
#include "Support.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace gqa::test;

namespace {

constexpr int kTypes[] = {GQA_RT_F32, GQA_RT_F64, GQA_RT_F16, GQA_RT_BF16};

int64_t bytesOf(int type) { return type == GQA_RT_F64 ? 8 : type == GQA_RT_F32 ? 4 : 2; }

/// Half of the distance to the next value, relative to the value.
double roundingOf(int type) {
  return std::ldexp(1.0, type == GQA_RT_F64 ? -53 : type == GQA_RT_F32 ? -24 : type == GQA_RT_F16 ? -11 : -8);
}

template <typename To, typename From> To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

uint16_t roundBF16(float value) {
  uint32_t word = bits<uint32_t>(value);
  return uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

void store(int type, char *to, double value) {
  auto put = [&](auto element) { std::memcpy(to, &element, sizeof element); };
  if (type == GQA_RT_F64)
    put(value);
  else if (type == GQA_RT_F32)
    put(float(value));
  else if (type == GQA_RT_F16)
    put(_Float16(value));
  else
    put(roundBF16(float(value)));
}

double load(int type, const char *from) {
  auto get = [&](auto element) {
    std::memcpy(&element, from, sizeof element);
    return element;
  };
  if (type == GQA_RT_F64)
    return get(double());
  if (type == GQA_RT_F32)
    return double(get(float()));
  if (type == GQA_RT_F16)
    return double(get(_Float16()));
  return double(bits<float>(uint32_t(get(uint16_t())) << 16));
}

/// A batch of matrices on the device and their bytes on the host; what is between rows and matrices has a
/// pattern.
struct Operand {
  int type;
  int64_t rows, columns, row, batch, count;
  std::vector<char> bytes;
  void *device;

  Operand(int type, int64_t rows, int64_t columns, int64_t padding, int64_t batches, bool oneForAll)
      : type(type), rows(rows), columns(columns), row(columns + padding),
        batch(oneForAll ? 0 : rows * row + padding), count(oneForAll ? 1 : batches),
        bytes(size_t(std::max<int64_t>(1, count * (rows * row + padding)) * bytesOf(type)), '\x5a'),
        device(gqa_rt_cuda_reserve(0, nullptr, int64_t(bytes.size()))) {}
  ~Operand() { gqa_rt_cuda_release(0, nullptr, device); }
  Operand(const Operand &) = delete;

  size_t place(int64_t i, int64_t r, int64_t c) const {
    return size_t((i * batch + r * row + c) * bytesOf(type));
  }
  double at(int64_t i, int64_t r, int64_t c) const { return load(type, &bytes[place(i, r, c)]); }

  void fill(std::mt19937 &random) {
    std::normal_distribution<double> values;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          store(type, &bytes[place(i, r, c)], values(random));
  }
  int upload() { return gqa_rt_cuda_copy_in(0, nullptr, device, bytes.data(), int64_t(bytes.size())); }
  int download() { return gqa_rt_cuda_copy_out(0, nullptr, bytes.data(), device, int64_t(bytes.size())); }
};

struct Shape {
  int64_t batch, m, n, k;
};

struct Product {
  Shape s;
  int32_t flags;
  Operand &a, &b, &c;

  bool has(int flag) const { return (flags & flag) != 0; }

  static void enter(void **arguments) {
    auto &p = *static_cast<const Product *>(arguments[0]);
    gqa_rt_cuda_matmul(p.flags | GQA_RT_TYPES(p.a.type, p.b.type, p.c.type), p.s.batch, p.s.m, p.s.n, p.s.k,
                       p.a.device, p.a.row, p.a.batch, p.b.device, p.b.row, p.b.batch, p.c.device, p.c.row,
                       p.c.batch);
  }

  int call() const {
    gqa_rt_cuda_site site = defaultSite();
    void *arguments[] = {const_cast<Product *>(this)};
    return gqa_rt_cuda_call(&site, enter, arguments);
  }

  /// Compares with f64: each sum is rounded once a term, the result once more.
  void expect(const Operand &before) const {
    double sums = s.k * roundingOf(c.type == GQA_RT_F64 ? GQA_RT_F64 : GQA_RT_F32), last = roundingOf(c.type);
    std::vector<char> rest = c.bytes;
    for (int64_t i = 0; i < s.batch; ++i)
      for (int64_t r = 0; r < s.m; ++r)
        for (int64_t col = 0; col < s.n; ++col) {
          double want = has(GQA_RT_ACCUMULATE) ? before.at(i, r, col) : 0, size = std::fabs(want);
          for (int64_t l = 0; l < s.k; ++l) {
            double term = (has(GQA_RT_TRANSPOSE_A) ? a.at(i, l, r) : a.at(i, r, l)) *
                          (has(GQA_RT_TRANSPOSE_B) ? b.at(i, col, l) : b.at(i, l, col));
            want += term;
            size += std::fabs(term);
          }
          // Below the least normal value of f16 the distance between values does not shrink.
          double least = c.type == GQA_RT_F16 ? std::ldexp(1.0, -25) : 0;
          ASSERT_NEAR(c.at(i, r, col), want, size * (sums + 2 * last * sums) + std::fabs(want) * last + least)
              << "matrix " << i << ", row " << r << ", column " << col;
          std::memcpy(&rest[c.place(i, r, col)], &before.bytes[c.place(i, r, col)], size_t(bytesOf(c.type)));
        }
    EXPECT_EQ(rest, before.bytes) << "something outside of the result was written";
  }
};

/// One product; the padding makes all strides others than the sizes.
void check(const Shape &s, int32_t flags, int in, int out, int64_t padding, int oneForAll) {
  SCOPED_TRACE(testing::Message() << s.batch << " times " << s.m << " x " << s.n << " x " << s.k << ", flags "
                                  << flags << ", types " << in << " to " << out << ", padding " << padding
                                  << ", one for all " << oneForAll);
  std::mt19937 random(uint32_t(s.m * 31 + s.n * 7 + s.k + flags));
  bool ta = flags & GQA_RT_TRANSPOSE_A, tb = flags & GQA_RT_TRANSPOSE_B;
  Operand a(in, ta ? s.k : s.m, ta ? s.m : s.k, padding, s.batch, oneForAll & 1);
  Operand b(in, tb ? s.n : s.k, tb ? s.k : s.n, padding, s.batch, oneForAll & 2);
  Operand c(out, s.m, s.n, padding, s.batch, false), before(out, s.m, s.n, padding, s.batch, false);
  for (Operand *x : {&a, &b, &c})
    x->fill(random);
  before.bytes = c.bytes;
  ASSERT_FALSE(a.upload() || b.upload() || c.upload()) << gqa_rt_last_error();
  Product product{s, flags, a, b, c};
  ASSERT_EQ(product.call(), 0) << gqa_rt_last_error();
  ASSERT_EQ(c.download(), 0) << gqa_rt_last_error();
  product.expect(before);
}

/// The fake library knows f32 alone.
bool knows(int type) { return type == GQA_RT_F32 || !control<int()>("fake_live"); }

const Shape kShapes[] = {{1, 1, 1, 1},   {1, 1, 17, 5}, {1, 9, 1, 33},
                         {1, 8, 16, 32}, {3, 7, 5, 11}, {2, 1, 3, 300}};

TEST(CudaProduct, OfEveryForm) {
  for (const Shape &shape : kShapes)
    for (int32_t flags = 0; flags < 8; ++flags)
      for (int64_t padding : {0, 3})
        check(shape, flags, GQA_RT_F32, GQA_RT_F32, padding, 0);
}

TEST(CudaProduct, OfEveryType) {
  for (int type : kTypes)
    for (int result : {type, int(GQA_RT_F32)})
      for (int32_t flags : {0, GQA_RT_TRANSPOSE_B | GQA_RT_ACCUMULATE})
        if (knows(type) && (result == type || type == GQA_RT_F16 || type == GQA_RT_BF16))
          for (const Shape &shape : kShapes)
            check(shape, flags, type, result, 5, 0);
}

TEST(CudaProduct, OfOneMatrixForAll) {
  for (int oneForAll : {1, 2, 3})
    for (int32_t flags : {0, int(GQA_RT_TRANSPOSE_A), int(GQA_RT_TRANSPOSE_B)})
      check({4, 3, 6, 10}, flags, GQA_RT_F32, GQA_RT_F32, 1, oneForAll);
}

TEST(CudaProduct, OfNothing) {
  check({3, 4, 5, 0}, 0, GQA_RT_F32, GQA_RT_F32, 2, 0); // zeroes C
  check({1, 1, 5, 0}, 0, GQA_RT_F32, GQA_RT_F32, 0, 0);
  check({3, 4, 5, 0}, GQA_RT_ACCUMULATE, GQA_RT_F32, GQA_RT_F32, 2, 0);
  check({0, 4, 5, 6}, 0, GQA_RT_F32, GQA_RT_F32, 2, 0);
  check({3, 0, 5, 6}, 0, GQA_RT_F32, GQA_RT_F32, 2, 0);
  check({3, 4, 0, 6}, 0, GQA_RT_F32, GQA_RT_F32, 2, 0);
}

/// A form is planned once, however often it is multiplied.
TEST(CudaProduct, PlansOnce) {
  NEEDS_FAKE_DRIVER();
  auto *calls = control<int(const char *)>("fake_calls");
  check({1, 3, 4, 5}, 0, GQA_RT_F32, GQA_RT_F32, 0, 0);
  int before = calls("cublasLtMatmulAlgoGetHeuristic"), handles = calls("cublasLtCreate");
  check({1, 3, 4, 5}, 0, GQA_RT_F32, GQA_RT_F32, 0, 0);
  EXPECT_EQ(calls("cublasLtMatmulAlgoGetHeuristic"), before);
  check({1, 3, 4, 6}, 0, GQA_RT_F32, GQA_RT_F32, 0, 0);
  EXPECT_EQ(calls("cublasLtMatmulAlgoGetHeuristic"), before + 1);
  EXPECT_EQ(calls("cublasLtCreate"), handles);
}

//===--------------------------------------------------------------------===//
// What is refused
//===--------------------------------------------------------------------===//

std::string refusal(const Shape &s, int aType, int bType, int cType, int64_t aRow, int64_t cBatch) {
  Operand a(aType, s.m, s.k, 0, s.batch, false), b(bType, s.k, s.n, 0, s.batch, false),
      c(cType, s.m, s.n, 0, s.batch, false);
  if (a.upload() || b.upload())
    return gqa_rt_last_error();
  a.row = aRow;
  c.batch = cBatch;
  return Product{s, 0, a, b, c}.call() ? gqa_rt_last_error() : "";
}

TEST(CudaProductErrors, NameWhatDoesNotGoTogether) {
  Shape s{2, 3, 4, 5};
  EXPECT_EQ(
      refusal(s, GQA_RT_F16, GQA_RT_F32, GQA_RT_F32, 5, 12),
      "a product of 2 times 3x5xf16 and 5x4xf32 to 3x4xf32: cuBLASLt multiplies operands of one type, to a "
      "result of that type or, from f16 and bf16, of f32; convert an operand first");
  for (int type : kTypes)
    EXPECT_EQ(refusal(s, GQA_RT_F32, GQA_RT_F32, type, 5, 12).empty(), type == GQA_RT_F32);
  EXPECT_EQ(refusal(s, GQA_RT_F32, GQA_RT_F32, GQA_RT_F32, 4, 12),
            "a product of 2 times 3x5xf32 and 5x4xf32 to 3x4xf32: rows of A overlap (4 elements from one to "
            "the next), "
            "which cuBLASLt cannot take; copy it first");
  EXPECT_EQ(refusal(s, GQA_RT_F32, GQA_RT_F32, GQA_RT_F32, 5, 0),
            "a product of 2 times 3x5xf32 and 5x4xf32 to 3x4xf32: all results of the batch have one place");
}

TEST(CudaProductErrors, SayThatTheLibraryIsMissing) {
  std::string driver = std::getenv("GQA_CUDA_DRIVER");
  IN_CHILD(driver.c_str(), {
    setenv("GQA_CUBLASLT", "/nowhere/libcublasLt.so.12", 1);
    std::string error = refusal({1, 2, 2, 2}, GQA_RT_F32, GQA_RT_F32, GQA_RT_F32, 2, 4);
    EXPECT_EQ(error, gqa_rt_cuda_blas_error());
    EXPECT_EQ(
        error.find(
            "matrix products on a GPU need cuBLASLt, and GQA_CUBLASLT=/nowhere/libcublasLt.so.12 cannot be "
            "loaded ("),
        0u)
        << error;
  });
  IN_CHILD(driver.c_str(), {
    setenv("GQA_CUBLASLT", driver.c_str(), 1); // a library, but another one
    if (!control<int()>("fake_live"))
      EXPECT_EQ(gqa_rt_cuda_blas_error(), "matrix products on a GPU need cuBLASLt, and " + driver +
                                              " lacks the function cublasLtCreate");
  });
  IN_CHILD(driver.c_str(), {
    unsetenv("GQA_CUBLASLT");
    if (const char *error = gqa_rt_cuda_blas_error()) { // the machine may have one
      EXPECT_EQ(std::string(error).find(
                    "matrix products on a GPU need cuBLASLt, and the system finds none of libcublasLt.so.1"),
                0u)
          << error;
      EXPECT_NE(std::string(error).find(
                    "libcublasLt.so.12 and libcublasLt.so.11, the ones for this driver; install "),
                std::string::npos)
          << error;
    }
  });
}

} // namespace
