// How deep expressions nest: through bodies, what bodies read from around, and what is put together of many.
#include "gqa/Raise/LongChains.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace gqa {
namespace {

class LongChainsTest : public testing::Test {
protected:
  LongChainsTest() {
    context.loadDialect<arith::ArithDialect, func::FuncDialect, scf::SCFDialect, tensor::TensorDialect>();
  }

  uint64_t longest(const std::string &body) {
    module = parseSourceString<ModuleOp>(
        "func.func private @main(%x: f32, %t: tensor<4x4xf32>, %c: i1) {\n" + body + "return\n}", &context);
    return longestChain(*module->getOps<func::FuncOp>().begin());
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(LongChainsTest, CountsTheLongest) {
  EXPECT_EQ(longest(""), 0u);
  EXPECT_EQ(longest("%a = arith.addf %x, %x : f32\n%b = arith.addf %x, %x : f32\n"), 1u);
  EXPECT_EQ(longest("%a = arith.addf %x, %x : f32\n%b = arith.addf %a, %x : f32\n"), 2u);
}

/// Each branch reads the number before: what is read is no part of the branch.
TEST_F(LongChainsTest, AddsBodiesOnce) {
  std::string body;
  constexpr unsigned kSteps = 100;
  for (unsigned n = 0; n < kSteps; ++n) {
    std::string last = n ? "%y" + std::to_string(n - 1) : "%x";
    body += "%y" + std::to_string(n) + " = scf.if %c -> f32 {\n%a = arith.addf " + last + ", " + last +
            " : f32\nscf.yield %a : f32\n} else {\nscf.yield " + last + " : f32\n}\n";
  }
  EXPECT_EQ(longest(body), 2 * kSteps);
}

/// A concat is a choice among its operands, an insertion one by either end of each dimension.
TEST_F(LongChainsTest, CountsChoices) {
  EXPECT_EQ(longest("%a = tensor.concat dim(0) %t, %t, %t : (tensor<4x4xf32>, tensor<4x4xf32>, "
                    "tensor<4x4xf32>) -> tensor<12x4xf32>\n"),
            3u);
  EXPECT_EQ(longest("%a = tensor.insert_slice %t into %t[0, 0] [4, 4] [1, 1] : tensor<4x4xf32> into "
                    "tensor<4x4xf32>\n"),
            5u);
}

} // namespace
} // namespace gqa
