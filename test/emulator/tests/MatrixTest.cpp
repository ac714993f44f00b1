// mma.sync, ldmatrix, stmatrix: the fragment layouts are written out from the formulas of the PTX ISA, lane
// by lane, and the product is computed in double.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

uint16_t toBits(float x, const std::string &type) {
  if (type == "f16")
    return std::bit_cast<uint16_t>(static_cast<_Float16>(x));
  return std::bit_cast<uint32_t>(x) >> 16; // the values used are exact in bf16
}

/// Small whole numbers and quarters: exact in every format, so that sums can be compared exactly.
std::vector<float> exactValues(size_t count, uint64_t seed) {
  std::mt19937 random(seed);
  std::vector<float> v(count);
  for (float &x : v)
    x = (static_cast<int>(random() % 65) - 32) / 4.0f;
  return v;
}

/// Where element `i` of a 16-bit A fragment of m16n8k16 (or k8) lies, as (row, column): the ISA's formulas.
std::pair<unsigned, unsigned> placeOfA(unsigned lane, unsigned i) {
  unsigned group = lane >> 2, thread = lane % 4;
  unsigned row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
  unsigned column = thread * 2 + (i & 1) + (i >= 4 ? 8 : 0);
  return {row, column};
}
std::pair<unsigned, unsigned> placeOfB(unsigned lane, unsigned i) {
  return {lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2};
}
std::pair<unsigned, unsigned> placeOfC(unsigned lane, unsigned i) {
  return {(lane >> 2) + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)};
}

/// Runs one mma of 16-bit inputs. Registers of each operand lie in memory as [register][lane].
void checkShort(unsigned k, const std::string &type, const std::string &accumulator) {
  auto a = exactValues(16 * k, 1), b = exactValues(k * 8, 2), c = exactValues(16 * 8, 3);
  unsigned ra = k / 4, rb = k / 8, rc = accumulator == "f32" ? 4 : 2;
  std::vector<uint32_t> fa(ra * 32), fb(rb * 32), fc(rc * 32);
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 2 * ra; ++i) {
      auto [row, column] = placeOfA(lane, i);
      fa[i / 2 * 32 + lane] |= uint32_t(toBits(a[row * k + column], type)) << (16 * (i & 1));
    }
    for (unsigned i = 0; i < 2 * rb; ++i) {
      auto [row, column] = placeOfB(lane, i);
      fb[i / 2 * 32 + lane] |= uint32_t(toBits(b[row * 8 + column], type)) << (16 * (i & 1));
    }
    for (unsigned i = 0; i < 4; ++i) {
      auto [row, column] = placeOfC(lane, i);
      float x = c[row * 8 + column];
      if (rc == 4)
        fc[i * 32 + lane] = std::bit_cast<uint32_t>(x);
      else
        fc[i / 2 * 32 + lane] |= uint32_t(toBits(x, "f16")) << (16 * (i & 1));
    }
  }
  auto list = [](const char *name, unsigned count) {
    std::string s = "{";
    for (unsigned n = 0; n < count; ++n)
      s += (n ? ", %" : "%") + std::string(name) + std::to_string(n);
    return s + "}";
  };
  std::string body = ".reg .b32 %a<4>, %b<2>, %c<4>, %d<4>, %l;\n.reg .b64 %t;\nmov.u32 %l, %laneid;\n";
  auto load = [&](const char *name, unsigned count, unsigned param) {
    for (unsigned n = 0; n < count; ++n)
      body += "mad.wide.u32 %t, %l, 4, %p" + std::to_string(param) + ";\nld.global.b32 %" + name +
              std::to_string(n) + ", [%t+" + std::to_string(128 * n) + "];\n";
  };
  load("a", ra, 1);
  load("b", rb, 2);
  load("c", rc, 3);
  body += "mma.sync.aligned.m16n8k" + std::to_string(k) + ".row.col." + accumulator + "." + type + "." +
          type + "." + accumulator + " " + list("d", rc) + ", " + list("a", ra) + ", " + list("b", rb) +
          ", " + list("c", rc) + ";\nmad.wide.u32 %t, %l, 4, %p0;\n";
  for (unsigned n = 0; n < rc; ++n)
    body += "st.global.b32 [%t+" + std::to_string(128 * n) + "], %d" + std::to_string(n) + ";\n";
  Device device;
  uint64_t out = device.memory.allocate(rc * 128);
  Outcome outcome =
      device.run(kernel(4, body), {1}, {32}, {out, device.upload(fa), device.upload(fb), device.upload(fc)});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(outcome.counters.tensorFlop, 2ull * 16 * 8 * k);
  auto d = device.download<uint32_t>(out, rc * 32);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      auto [row, column] = placeOfC(lane, i);
      double want = c[row * 8 + column];
      for (unsigned n = 0; n < k; ++n)
        want += double(a[row * k + n]) * b[n * 8 + column];
      if (rc == 4)
        ASSERT_EQ(asFloat(d[i * 32 + lane]), static_cast<float>(want))
            << type << " lane " << lane << " element " << i;
      else
        ASSERT_EQ(uint16_t(d[i / 2 * 32 + lane] >> (16 * (i & 1))), toBits(static_cast<float>(want), "f16"));
    }
}

TEST(Matrix, ProductOfShortFormats) {
  checkShort(16, "f16", "f32");
  checkShort(16, "bf16", "f32");
  checkShort(16, "f16", "f16");
  checkShort(8, "f16", "f32");
  checkShort(8, "bf16", "f32");
  checkShort(8, "f16", "f16");
}

TEST(Matrix, ProductOfTf32) {
  // A: a0 (g, t), a1 (g + 8, t), a2 (g, t + 4), a3 (g + 8, t + 4); B: b0 (t, g), b1 (t + 4, g)
  auto a = exactValues(16 * 8, 4), b = exactValues(8 * 8, 5);
  std::vector<uint32_t> fa(128), fb(64);
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < 4; ++i) // the low 13 bits are not read
      fa[i * 32 + lane] = std::bit_cast<uint32_t>(a[(g + (i & 1) * 8) * 8 + t + (i >> 1) * 4]) | 0x1FFF;
    for (unsigned i = 0; i < 2; ++i)
      fb[i * 32 + lane] = std::bit_cast<uint32_t>(b[(t + i * 4) * 8 + g]);
  }
  std::string body = ".reg .b32 %a<4>, %b<2>, %l;\n.reg .f32 %d<4>, %z;\n.reg .b64 %t;\nmov.u32 %l, "
                     "%laneid;\nmov.f32 %z, 0f00000000;\n";
  for (unsigned n = 0; n < 4; ++n)
    body += "mad.wide.u32 %t, %l, 4, %p1;\nld.global.b32 %a" + std::to_string(n) + ", [%t+" +
            std::to_string(128 * n) + "];\n";
  for (unsigned n = 0; n < 2; ++n)
    body += "mad.wide.u32 %t, %l, 4, %p2;\nld.global.b32 %b" + std::to_string(n) + ", [%t+" +
            std::to_string(128 * n) + "];\n";
  body += "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%d0,%d1,%d2,%d3}, {%a0,%a1,%a2,%a3}, "
          "{%b0,%b1}, {%z,%z,%z,%z};\n"
          "mad.wide.u32 %t, %l, 16, %p0;\nst.global.v4.f32 [%t], {%d0,%d1,%d2,%d3};\n";
  Device device;
  uint64_t out = device.memory.allocate(512);
  Outcome outcome = device.run(kernel(3, body), {1}, {32}, {out, device.upload(fa), device.upload(fb)});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  auto d = device.download<float>(out, 128);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      auto [row, column] = placeOfC(lane, i);
      double want = 0;
      for (unsigned n = 0; n < 8; ++n)
        want += double(a[row * 8 + n]) * b[n * 8 + column];
      ASSERT_EQ(d[lane * 4 + i], static_cast<float>(want)) << lane << ' ' << i;
    }
}

/// 128 rows of 8 elements in shared memory; lane l gives the address of row `rowOf(l)`.
std::string matrixKernel(const std::string &move) {
  return ".shared .align 16 .b8 s[2048];\n.reg .b32 %r<8>, %l, %a, %x;\n.reg .b64 %t;\nmov.u32 %l, %laneid;\n"
         // 64 bytes of input for each lane go to shared memory
         "mov.u32 %a, s;\nmad.lo.u32 %a, %l, 64, %a;\nmad.wide.u32 %t, %l, 64, %p1;\n"
         "ld.global.v4.b32 {%r0,%r1,%r2,%r3}, [%t];\nst.shared.v4.b32 [%a], {%r0,%r1,%r2,%r3};\n"
         "ld.global.v4.b32 {%r0,%r1,%r2,%r3}, [%t+16];\nst.shared.v4.b32 [%a+16], {%r0,%r1,%r2,%r3};\n"
         "ld.global.v4.b32 {%r0,%r1,%r2,%r3}, [%t+32];\nst.shared.v4.b32 [%a+32], {%r0,%r1,%r2,%r3};\n"
         "ld.global.v4.b32 {%r0,%r1,%r2,%r3}, [%t+48];\nst.shared.v4.b32 [%a+48], {%r0,%r1,%r2,%r3};\n"
         "bar.warp.sync -1;\n"
         // row 5 * lane mod 128
         "mul.lo.u32 %x, %l, 5;\nand.b32 %x, %x, 127;\nshl.b32 %x, %x, 4;\nmov.u32 %a, s;\nadd.u32 %a, %a, "
         "%x;\n" +
         move + "mad.wide.u32 %t, %l, 16, %p0;\nst.global.v4.b32 [%t], {%r0,%r1,%r2,%r3};\n";
}

TEST(Matrix, LoadWithAndWithoutTranspose) {
  std::vector<uint16_t> rows(128 * 8);
  for (unsigned n = 0; n < rows.size(); ++n)
    rows[n] = n;
  for (bool transpose : {false, true}) {
    Device device;
    uint64_t out = device.memory.allocate(512);
    std::string code = std::string("ldmatrix.sync.aligned.m8n8.x4") + (transpose ? ".trans" : "") +
                       ".shared.b16 {%r0,%r1,%r2,%r3}, [%a];\n";
    Outcome outcome = device.run(kernel(2, matrixKernel(code)), {1}, {32}, {out, device.upload(rows)});
    ASSERT_FALSE(outcome.fault) << outcome.message;
    auto d = device.download<uint16_t>(out, 256); // [lane][register][half]
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned matrix = 0; matrix < 4; ++matrix)
        for (unsigned half = 0; half < 2; ++half) {
          unsigned row = lane / 4, column = lane % 4 * 2 + half;
          if (transpose)
            std::swap(row, column);
          unsigned from = (8 * matrix + row) * 5 % 128; // the lane that gives this row's address
          ASSERT_EQ(d[lane * 8 + matrix * 2 + half], rows[from * 8 + column]) << lane << ' ' << matrix;
        }
  }
}

/// Element (r, c) of a matrix is half c % 2 of the register of lane 4 r + c / 2, transposed that of (c, r);
/// lanes 8 n to 8 n + 7 name the rows of matrix n, and other rows stay as they are.
TEST(Matrix, StoresRowsWhereLanesSay) {
  const std::string dump = "bar.warp.sync -1;\nmov.u32 %a, s;\nmad.lo.u32 %a, %l, 64, %a;\n"
                           "mad.wide.u32 %t, %l, 64, %p0;\n";
  for (unsigned matrices : {1, 2, 4})
    for (bool transpose : {false, true}) {
      std::vector<uint16_t> image(128 * 8);
      for (unsigned n = 0; n < image.size(); ++n)
        image[n] = n;
      std::string code = "mad.wide.u32 %t, %l, 16, %p1;\nld.global.v4.b32 {%r0,%r1,%r2,%r3}, [%t];\n"
                         "stmatrix.sync.aligned.m8n8.x" +
                         std::to_string(matrices) + (transpose ? ".trans" : "") + ".shared.b16 [%a], {";
      for (unsigned n = 0; n < matrices; ++n)
        code += (n ? ",%r" : "%r") + std::to_string(n);
      code += "};\n" + dump;
      for (unsigned at = 0; at < 64; at += 16)
        code += "ld.shared.v4.b32 {%r0,%r1,%r2,%r3}, [%a+" + std::to_string(at) +
                "];\nst.global.v4.b32 [%t+" + std::to_string(512 + at) + "], {%r0,%r1,%r2,%r3};\n";
      Device device;
      uint64_t out = device.memory.allocate(512 + 2048);
      Outcome outcome = device.run(kernel(2, matrixKernel(code)), {1}, {32}, {out, device.upload(image)});
      ASSERT_FALSE(outcome.fault) << outcome.message;
      std::vector<uint16_t> want = image;
      for (unsigned n = 0; n < matrices; ++n)
        for (unsigned row = 0; row < 8; ++row)
          for (unsigned column = 0; column < 8; ++column) {
            auto [r, c] = transpose ? std::pair(column, row) : std::pair(row, column);
            want[(8 * n + row) * 5 % 128 * 8 + column] = image[(4 * r + c / 2) * 8 + n * 2 + c % 2];
          }
      EXPECT_EQ(device.download<uint16_t>(out + 512, 1024), want) << matrices << ' ' << transpose;
    }
}

TEST(Matrix, StoreIsTheInverseOfLoad) {
  for (std::string form : {".x4", ".x4.trans"}) {
    std::vector<uint32_t> regs(128 * 4);
    for (unsigned n = 0; n < regs.size(); ++n)
      regs[n] = n * 0x10001 + 0x80000000;
    Device device;
    uint64_t out = device.memory.allocate(512);
    std::string code = "mad.wide.u32 %t, %l, 16, %p1;\nld.global.v4.b32 {%r0,%r1,%r2,%r3}, [%t];\n"
                       "stmatrix.sync.aligned.m8n8" +
                       form +
                       ".shared.b16 [%a], {%r0,%r1,%r2,%r3};\nbar.warp.sync -1;\n"
                       "ldmatrix.sync.aligned.m8n8" +
                       form + ".shared.b16 {%r0,%r1,%r2,%r3}, [%a];\n";
    Outcome outcome = device.run(kernel(2, matrixKernel(code)), {1}, {32}, {out, device.upload(regs)});
    ASSERT_FALSE(outcome.fault) << outcome.message;
    expectEach(device.download<uint32_t>(out, 128), [&](size_t n) { return regs[n]; }, form.c_str());
  }
}

TEST(Matrix, Transpose) {
  std::vector<uint16_t> rows(128 * 8);
  for (unsigned n = 0; n < rows.size(); ++n)
    rows[n] = n;
  Device device;
  uint64_t out = device.memory.allocate(512);
  std::string code = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, "
                     "[%a];\nmovmatrix.sync.aligned.m8n8.trans.b16 %r1, %r0;\n"
                     "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r2}, [%a];\nmov.b32 %r3, 0;\n";
  Outcome outcome = device.run(kernel(2, matrixKernel(code)), {1}, {32}, {out, device.upload(rows)});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  auto d = device.download<uint32_t>(out, 128);
  for (unsigned lane = 0; lane < 32; ++lane)
    ASSERT_EQ(d[lane * 4 + 1], d[lane * 4 + 2]) << lane;
}

} // namespace
} // namespace gqa::emulator::test
