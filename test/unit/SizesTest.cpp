// Sizes traced through chains that mention everything twice.
#include "gqa/Raise/Sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace gqa {
namespace {

class SizesTest : public testing::Test {
protected:
  SizesTest() { context.loadDialect<arith::ArithDialect, func::FuncDialect, tensor::TensorDialect>(); }

  /// The operands of the return of a function with these arguments and operations.
  OperandRange parse(const std::string &arguments, const std::string &body) {
    module =
        parseSourceString<ModuleOp>("func.func private @main(" + arguments + ") {\n" + body + "}", &context);
    auto function = *module->getOps<func::FuncOp>().begin();
    return function.getBody().front().back().getPrevNode()->getOperands();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  IndexSpace space{&context};
  Sizes sizes{space};
};

/// Every number is the square of the one before: traced without memory the work doubles with each.
TEST_F(SizesTest, Squares) {
  std::string body;
  constexpr unsigned kSteps = 200;
  body += "%zero = arith.constant 0 : index\n%x0 = tensor.dim %t, %zero : tensor<?xf32>\n";
  for (unsigned n = 0; n < kSteps; ++n)
    body += "%x" + std::to_string(n + 1) + " = arith.muli %x" + std::to_string(n) + ", %x" +
            std::to_string(n) + " : index\n";
  std::string last = "%x" + std::to_string(kSteps);
  auto numbers = parse("%t: tensor<?xf32>", body + "%sum = arith.addi " + last + ", %x0 : index\nreturn\n");
  AffineExpr size = sizes.of(OpFoldResult(numbers[0]));
  EXPECT_EQ(size, sizes.of(OpFoldResult(numbers[0])));
  EXPECT_NE(size, sizes.of(OpFoldResult(numbers[1])));
}

TEST_F(SizesTest, ProductsAndQuotients) {
  auto numbers = parse("%t: tensor<?x?xf32>",
                       "%zero = arith.constant 0 : index\n%a = tensor.dim %t, %zero : tensor<?x?xf32>\n"
                       "%one = arith.constant 1 : index\n%b = tensor.dim %t, %one : tensor<?x?xf32>\n"
                       "%c = arith.constant 6 : index\n%ab = arith.muli %a, %b : index\n"
                       "%abc = arith.muli %ab, %c : index\n%q = arith.divui %abc, %a : index\n"
                       "%bc = arith.muli %c, %b : index\n%s = arith.addi %q, %bc : index\nreturn\n");
  ASSERT_TRUE(sizes.of(numbers[0]));
  EXPECT_EQ(sizes.of(numbers[0]), sizes.of(numbers[1]));
}

/// A dimension below zero is no other one that there is not.
TEST_F(SizesTest, NegativeDimension) {
  auto numbers = parse("%t: tensor<?x4xf32>",
                       "%minus = arith.constant -1 : index\n%a = tensor.dim %t, %minus : tensor<?x4xf32>\n"
                       "%two = arith.constant 2 : index\n%b = tensor.dim %t, %two : tensor<?x4xf32>\n"
                       "%s = arith.addi %a, %b : index\nreturn\n");
  EXPECT_NE(sizes.of(OpFoldResult(numbers[0])), sizes.of(OpFoldResult(numbers[1])));
}

/// A product that no tensor can have is a size of its own, and wraps around to no other.
TEST_F(SizesTest, Overflow) {
  auto numbers = parse("%t: tensor<?xf32>",
                       "%none = arith.constant 0 : index\n%a = tensor.dim %t, %none : tensor<?xf32>\n"
                       "%big = arith.constant 4611686018427387904 : index\n%x = arith.muli %a, %big : index\n"
                       "%y = arith.muli %x, %big : index\n%zero = arith.constant 0 : index\n"
                       "%s = arith.addi %y, %zero : index\nreturn\n");
  EXPECT_NE(sizes.of(OpFoldResult(numbers[0])), sizes.of(OpFoldResult(numbers[1])));
}

/// A dimension that the tensor does not have, which is valid where nothing runs it.
TEST_F(SizesTest, NoSuchDimension) {
  auto numbers = parse("%t: tensor<?xf32>",
                       "%three = arith.constant 3 : index\n%d = tensor.dim %t, %three : tensor<?xf32>\n"
                       "%s = arith.addi %d, %d : index\nreturn\n");
  EXPECT_EQ(sizes.of(numbers[0]), sizes.of(numbers[1]));
}

/// The groups of a reshape of two sizes to two others, with these operations in front of it.
class ReshapeTest : public SizesTest {
protected:
  ReshapeTest() { context.loadDialect<cf::ControlFlowDialect, scf::SCFDialect>(); }

  std::optional<SmallVector<ReshapeGroup>> groups(const std::string &between) {
    parse("%t: tensor<?x?xf32>, %u: tensor<?x?xf32>",
          R"(%zero = arith.constant 0 : index
             %one = arith.constant 1 : index
             %a = tensor.dim %t, %zero : tensor<?x?xf32>
             %b = tensor.dim %t, %one : tensor<?x?xf32>
             %c = tensor.dim %u, %zero : tensor<?x?xf32>
             %d = tensor.dim %u, %one : tensor<?x?xf32>)" +
              between + "return");
    tensor::ReshapeOp reshape;
    module->walk([&](tensor::ReshapeOp op) { reshape = op; });
    return sizes.groupsOf(reshape);
  }
};

constexpr const char *kPairs = R"(
  %shape = tensor.from_elements %c, %d : tensor<2xindex>
  %r = tensor.reshape %t(%shape) : (tensor<?x?xf32>, tensor<2xindex>) -> tensor<?x?xf32>
)";

TEST_F(ReshapeTest, TwoSizesMayBeAnything) { EXPECT_FALSE(groups(kPairs)); } // 2 x 6 to 3 x 4

TEST_F(ReshapeTest, AssertedToBeNoLess) {
  auto found = groups(R"(
    %ac = arith.cmpi sge, %a, %c : index
    cf.assert %ac, "rows"
    %b64 = arith.index_cast %b : index to i64
    %d64 = arith.index_cast %d : index to i64
    %db = arith.cmpi sle, %d64, %b64 : i64
    cf.assert %db, "columns")" +
                      std::string(kPairs));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 2u);
}

TEST_F(ReshapeTest, OneLessOneMore) {
  EXPECT_FALSE(groups(R"(
    %ac = arith.cmpi sge, %a, %c : index
    cf.assert %ac, "rows"
    %bd = arith.cmpi sle, %b, %d : index
    cf.assert %bd, "columns")" +
                      std::string(kPairs)));
}

TEST_F(ReshapeTest, AssertedElsewhere) {
  EXPECT_FALSE(groups(R"(
    %ac = arith.cmpi sge, %a, %c : index
    %bd = arith.cmpi sge, %b, %d : index
    scf.if %ac {
      cf.assert %ac, "rows"
      cf.assert %bd, "columns"
    })" + std::string(kPairs)));
}

TEST_F(ReshapeTest, OneAssertedEqual) {
  EXPECT_TRUE(groups(R"(
    %ac = arith.cmpi eq, %a, %c : index
    cf.assert %ac, "rows")" +
                     std::string(kPairs)));
}

TEST_F(ReshapeTest, SumsThatAreTheSame) {
  auto found = groups(R"(
    %sum = arith.addi %c, %d : index
    %e = tensor.concat dim(0) %t, %u : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %shape = tensor.from_elements %sum, %b : tensor<2xindex>
    %r = tensor.reshape %e(%shape) : (tensor<?x?xf32>, tensor<2xindex>) -> tensor<?x?xf32>
  )");
  ASSERT_TRUE(found); // a + c of b are c + d of b
  EXPECT_EQ(found->size(), 2u);
}

} // namespace
} // namespace gqa
