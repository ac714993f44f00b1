// Text that is not PTX, or is not supported, is refused with the line and the reason.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

std::string errorOf(const std::string &ptx) {
  try {
    Module m = parseModule(ptx);
    for (const Function &f : m.functions)
      decode(m, f, {});
  } catch (const PtxError &e) {
    return e.what();
  }
  return "no error";
}
std::string body(const std::string &code) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k() {\n.reg .b32 %r<4>;\n.reg .b64 "
         "%d;\n.reg .pred %p;\n.reg .b16 %h;\n" +
         code + "\nret;\n}\n";
}

void expectError(const std::string &ptx, const std::string &words) {
  EXPECT_NE(errorOf(ptx).find(words), std::string::npos) << errorOf(ptx);
}

TEST(Syntax, Headers) {
  expectError("", "expected '.version', found ''");
  expectError("hello", "line 1: expected '.version'");
  expectError(".version 8.0\n.target compute_80\n", "unknown target 'compute_80'");
  expectError(".version 8.0\n.target sm_80\n.address_size 32\n", "64-bit");
  expectError(".version 8.0\n.target sm_80\n.what 3;", "line 3: unknown directive '.what'");
  expectError(".version 7.7\n.target sm_90\n", "sm_90 needs .version 7.8, found 7.7");
}

TEST(Syntax, Instructions) {
  expectError(body("frobnicate.s32 %r1, %r2;"), "line 9: unknown instruction 'frobnicate'");
  expectError(body("add.s32.rz %r1, %r2, %r3;"), "'add.s32.rz' is not supported; known forms: ");
  expectError(body("add.s32 %r1, %r2;"), "an operand is missing");
  expectError(body("add.s32 %r1, %r2, %r3, %r0;"), "expected 3 operands, found 4");
  expectError(body("add.s32 %r1, %d, %r3;"), "operand 2: register %d has 64 bits; expected 32");
  expectError(body("add.s64 %d, %r1, %d;"), "register %r1 has 32 bits; expected 64");
  expectError(body("add.s32 %r9, %r2, %r3;"), "unknown register '%r9'");
  expectError(body("mov.u32 %r1, nowhere;"), "unknown name 'nowhere'");
  expectError(body("bra nowhere;"), "unknown label 'nowhere'");
  expectError(body("@%r1 bra L;\nL:"), "must be a predicate register");
  expectError(body("ld.global.u32 %r1, %r2;"), "expected an address in brackets");
  expectError(body("ld.global.u32 %r1, [%h];"), "an address is a whole number of 32 or 64 bits");
  expectError(body("ld.global.v4.u64 {%d,%d,%d,%d}, [%d];"), "combination of suffixes");
  expectError(body("mma.sync.aligned.m16n8k16.row.col.f32.f16.bf16.f32 "
                   "{%r0,%r0,%r0,%r0},{%r0,%r0,%r0,%r0},{%r0,%r0},{%r0,%r0,%r0,%r0};"),
              "combination of suffixes");
  expectError(body("setp.lt.s32 %r1, %r2, %r3;"), "expected a predicate");
  expectError(body("cvt.u16.u32 %d, %r1;"), "register %d has 64 bits; expected 16");
  expectError(body("mov.u32 %r1, 0f3F;"), "0f needs 8 hexadecimal digits");
  expectError(body("wgmma.fence.sync.aligned;"), "needs .target sm_90a, found sm_80");
  expectError(body("fence.acq_rel.cluster;"), "'fence.acq_rel.cluster' needs .target sm_90, found sm_80");
  expectError(body("cvta.to.param::entry.u64 %d, %d;"), "needs .version 8.3, found 8.0");
  expectError(body("wgmma.mma_async.sync.aligned.m64n1024k16.f32.f16.f16 {%r0}, %d, %d, 1, 1, 1, 0, 0;"),
              "is not supported; known forms: ");
  expectError(body("tcgen05.alloc;"), "unknown instruction 'tcgen05'");
}

/// test_emulator_strict.py compares with ptxas.
TEST(Syntax, TypesOfOperands) {
  const std::string floats = ".reg .f32 %f<3>;\n.reg .u32 %u<3>;\n";
  expectError(body(floats + "add.s32 %r0, %f1, %r2;"), "operand 2: register %f1 is of another type");
  expectError(body(floats + "add.f32 %f0, %f1, %u2;"), "operand 3: register %u2 is of another type");
  expectError(body(floats + "shl.b32 %r0, %r1, %f2;"), "operand 3: register %f2 is of another type");
  expectError(body("add.s32 %r0, %r1, 1.5;"), "operand 3: a number of another type");
  expectError(body("add.f32 %r0, %r1, 1;"), "operand 3: a number of another type");
  expectError(body("add.u32 %r0, %tid.x, %r1;"), "operand 2: %tid.x can be read by mov and cvt only");
  expectError(body("mov.f32 %r0, %tid.x;"), "operand 2: %tid.x is a whole number");
  expectError(body("mov.u32 %r0, %cluster_ctarank;"), "'%cluster_ctarank' needs .target sm_90, found sm_80");
  expectError(body("add.u32 _, %r1, %r2;"), "operand 1: '_' is not allowed here");
  expectError(body("ld.global.v2.u32 {_, _}, [%d];"), "operand 1: a vector of nothing but '_'");
  expectError(body("ld.global.u32 %r0, [%r1];"), "operand 2: an address needs 64 bits here");
  expectError(body("ld.shared.u32 %r0, [16];"), "operand 2: only an address of local memory may be a number");
}

/// Labels of an inner block are its own: inline assembly uses the same ones again and again.
TEST(Syntax, LabelsOfBlocks) {
  std::string loop = "{\n.reg .pred P;\nsetp.eq.u32 P, %r1, %r1;\nL:\n@!P bra L;\nbra DONE;\nDONE:\n}\n";
  EXPECT_EQ(errorOf(body("mov.u32 %r1, 0;\n" + loop + "{\n" + loop + "}\n" + loop + "bra L;\nL:")),
            "no error");
  expectError(body("{\nL:\n}\nbra L;"), "unknown label 'L'");
  expectError(body("{\nL:\nL:\n}"), "label 'L' is defined twice");
}

TEST(Syntax, Structure) {
  expectError(body("L:\nL:"), "label 'L' is defined twice");
  expectError(body(".reg .b32 %r<2>;"), "register '%r0' is declared twice");
  expectError(".version 8.0\n.target sm_80\n.visible .entry k() {\n", "unexpected end");
  expectError(".version 8.0\n.target sm_80\n/* open", "comment without an end");
  expectError(".version 8.0\n.target sm_80\n.global .align 3 .b8 x[4];", "not a power of two");
  expectError(".version 8.0\n.target sm_80\n.global .b8 x[2] = {1,2,3};", "too many initial values");
  expectError(".version 8.0\n.target sm_80\n.visible .func f() { ret; }",
              "only kernels (.entry) are supported");
  EXPECT_EQ(errorOf(body("{ .reg .b32 %r1; mov.u32 %r1, 4; }\nmov.b32 {_, %h}, %r1;\nmov.u32 %r1, %r2;")),
            "no error");
}

TEST(Syntax, Variables) {
  Module m = parseModule(".version 8.0\n.target sm_90a\n.global .align 4 .b8 a[8] = {1, 2, 3};\n.const .f32 "
                         "c[2] = {0f3F800000, -1.5};\n"
                         ".global .u64 p[2] = {a, generic(a)+4};\n.extern .shared .align 1024 .b8 "
                         "dyn[];\n.visible .global .v4 .f32 v;\n");
  ASSERT_EQ(m.variables.size(), 5u);
  EXPECT_EQ(m.target, "sm_90a");
  EXPECT_EQ(m.sm, 90u);
  EXPECT_EQ(m.variables[0].initial, (std::vector<uint8_t>{1, 2, 3, 0, 0, 0, 0, 0}));
  float c[2];
  std::memcpy(c, m.variables[1].initial.data(), 8);
  EXPECT_EQ(c[0], 1.0f);
  EXPECT_EQ(c[1], -1.5f);
  ASSERT_EQ(m.variables[2].addresses.size(), 2u);
  EXPECT_EQ(m.variables[2].addresses[1].at, 8u);
  EXPECT_EQ(m.variables[2].addresses[1].addend, 4);
  EXPECT_TRUE(m.variables[3].isUnbounded);
  EXPECT_EQ(m.variables[4].align, 16u);
}

/// Any cut and any changed byte gives an error or a module, never a crash.
TEST(Syntax, DamagedTextDoesNotCrash) {
  std::string good = kernel(2,
                            ".reg .b32 %r<4>;\n.reg .pred %q;\nld.global.v2.u32 {%r0,%r1}, "
                            "[%p0+8];\nsetp.lt.s32 %q, %r0, 5;\n@%q bra L;\nadd.s32 %r2, %r0, %r1;\nL:\n",
                            ".global .b8 g[4] = {1,2,3,4};");
  std::mt19937 random(3);
  for (unsigned n = 0; n < good.size(); n += 3)
    errorOf(good.substr(0, n));
  for (unsigned n = 0; n < 2000; ++n) {
    std::string bad = good;
    for (unsigned k = 0; k < 1 + n % 3; ++k)
      bad[random() % bad.size()] = " \n,;{}[]%.@!09aL-\x7f\0"[random() % 19];
    errorOf(bad);
  }
}

} // namespace
} // namespace gqa::emulator::test
