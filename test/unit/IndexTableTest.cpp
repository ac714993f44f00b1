// Tables of integers as expressions: what they say at every place, and which there are none for.
#include "gqa/Raise/IndexTable.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>
#include <random>

using namespace gqa;
using namespace mlir;

namespace {

class IndexTable : public testing::Test {
protected:
  AffineExpr fit(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> values) {
    return fitTable(shape, [&](int64_t position) { return values[position]; }, &context);
  }
  AffineExpr d(unsigned position) { return getAffineDimExpr(position, &context); }

  MLIRContext context;
};

TEST_F(IndexTable, NamesHeadMaps) {
  EXPECT_EQ(fit({6}, {0, 0, 0, 1, 1, 1}), d(0).floorDiv(3));
  EXPECT_EQ(fit({6}, {0, 1, 0, 1, 0, 1}), d(0) % 2);
  EXPECT_EQ(fit({5}, {7, 5, 3, 1, -1}), d(0) * -2 + 7);
  EXPECT_EQ(fit({1}, {4}), getAffineConstantExpr(4, &context));
}

TEST_F(IndexTable, RefusesWhatIsNoSumOfDigits) {
  EXPECT_FALSE(fit({6}, {0, 1, 1, 0, 0, 1}));
  EXPECT_FALSE(fit({2, 2}, {0, 0, 0, 1})); // a product
  EXPECT_FALSE(fit({5}, {0, 1, 4, 9, 16}));
  EXPECT_FALSE(fit({0}, {}));
}

TEST_F(IndexTable, SaysWhatTheTableSays) {
  std::mt19937 random(1);
  unsigned fitted = 0;
  for (unsigned trial = 0; trial < 20000; ++trial) {
    int64_t rows = random() % 4 + 1, columns = random() % 9 + 1;
    SmallVector<int64_t> values;
    for (int64_t place = 0; place < rows * columns; ++place)
      values.push_back(random() % 3);
    AffineExpr expr = fit({rows, columns}, values);
    fitted += bool(expr);
    for (int64_t place = 0; expr && place < rows * columns; ++place)
      ASSERT_EQ(AffineMap::get(2, 0, expr).compose({place / columns, place % columns}).front(),
                values[place]);
  }
  EXPECT_GT(fitted, 1000u);
}

} // namespace
