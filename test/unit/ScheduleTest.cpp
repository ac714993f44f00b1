// The tables of GPU tiles, asked for shapes that nobody has measured: what they choose fits the chip, and
// groups of warps are chosen where a model of time says that they pay.
#include "gqa/Tile/Schedule.h"
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace gqa {
namespace {

struct Shape {
  int64_t dim, valueDim, group, queries, keys;
};

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t step) { return ceilDiv(a, step) * step; }

std::ostream &operator<<(std::ostream &out, const Shape &s) {
  return out << "D " << s.dim << " and " << s.valueDim << ", G " << s.group << ", " << s.queries
             << " queries, " << s.keys << " keys";
}

/// Heads of which several warps share the columns.
bool isWide(const Shape &s) { return std::max(s.dim, s.valueDim) > kMostDimOfWarp; }

/// How a schedule's products are computed: by warps (mma.sync) or by groups of four (wgmma).
enum class Products { OfWarps, OfGroups };

//===--------------------------------------------------------------------===//
// What fits
//===--------------------------------------------------------------------===//

constexpr int64_t kRegisters = 65536;        // of a processor
constexpr int64_t kSharedOfLeast = 99 << 10; // of a block, where there is least: sm_86, sm_89
constexpr int64_t kSharedOfSM90 = 227 << 10, kSharedOfProcessor = 228 << 10;

/// A group of more heads than a tile has rows is in several of them.
int64_t headsOfTile(const Shape &s, const WarpSchedule &schedule) {
  return s.group / headPartsOf(s.group, schedule.rows);
}

/// Numbers that a thread holds across a step: of 16 rows in a warp, the output and a block's scores and
/// probabilities, and but in groups the queries.
int64_t liveRegisters(const Shape &s, const WarpSchedule &schedule, Products products) {
  int64_t keys = schedule.keysAcrossWarps() ? schedule.keys / schedule.warps : schedule.keys;
  int64_t width = roundUp(s.dim, 16);
  int64_t valueWidth = roundUp(s.valueDim, 16 * schedule.columnParts) / schedule.columnParts;
  return valueWidth / 2 + keys / 2 + (products == Products::OfGroups ? keys / 4 : width / 4);
}

/// Of them a thread can have so many beside what every kernel needs. 216 that are live are assembled without
/// spills for warps (heads of 576 and 512), and 176 for groups.
int64_t mostLive(Products products) { return products == Products::OfGroups ? 176 : 216; }

int64_t sharedBytes(const Shape &s, const WarpSchedule &schedule, bool copyEngine, Products products) {
  if (!copyEngine) { // rows an odd number of 16 bytes apart
    auto pitch = [](int64_t columns) { return (roundUp(columns, 16) / 8 | 1) * 16; };
    return schedule.slots * schedule.keys * (pitch(s.dim) + pitch(s.valueDim));
  }
  int64_t slots = 2 * schedule.slots * schedule.keys * (s.dim + s.valueDim), barriers = 1 << 10;
  if (products == Products::OfWarps)
    return slots + barriers;
  int64_t period = queriesOfBox(schedule, headsOfTile(s, schedule)); // the box has all rows of the tile
  return slots + barriers + 2 * roundUp(ceilDiv(schedule.rows, period) * period, 16) * s.dim;
}

//===--------------------------------------------------------------------===//
// A model of time
//===--------------------------------------------------------------------===//

constexpr int64_t kProcessors = 132, kKVHeads = 8;
constexpr double kStart =
    2500; // cycles of a task beside its blocks: its place, the first block's way, its rows'

/// What goes through shared memory in a step of wide heads: keys and values into it, and out of it for every
/// 16 rows of warps, or for every group, which reads its queries as well.
double sharedBytesOfStep(const Shape &s, const WarpSchedule &schedule, Products products) {
  auto block = double(2 * schedule.keys * (s.dim + s.valueDim));
  if (products == Products::OfWarps)
    return block * (1 + double(schedule.rows) / 16);
  auto group = double(2 * (tile::kGroupRows + schedule.keys) * s.dim +
                      2 * schedule.keys * s.valueDim / schedule.columnParts);
  return block + group * double(schedule.warps / tile::kGroupWarps);
}

/// Cycles that a schedule takes for a shape when nothing but its own units bounds it.
double modelOfTime(const Shape &s, const WarpSchedule &schedule, Products products) {
  int64_t heads = headsOfTile(s, schedule);
  int64_t period = std::clamp<int64_t>(schedule.rows / heads, 1, s.queries);
  int64_t tasks = kKVHeads * (s.group / heads) * ceilDiv(s.queries, period);
  double pairs = double(schedule.rows) * double(schedule.keys);
  double rate = products == Products::OfGroups ? 2048 : 0.63 * 2048; // multiplications in a cycle
  bool repeats = products == Products::OfGroups; // each of those that share columns has all scores
  double tensor = pairs * double(s.dim * (repeats ? schedule.columnParts : 1) + s.valueDim) / rate;
  if (isWide(s)) // of which there are 128 bytes a cycle
    tensor = std::max(tensor, sharedBytesOfStep(s, schedule, products) / 128);
  double exponentials = pairs / 16;
  // Barriers, waits and what of the state is no score. Warps that share rows all wait for each other's
  // scores, with nothing beside that.
  double rest = schedule.columnParts > 1 && products == Products::OfWarps ? 400 : 150;
  bool isAlone = products == Products::OfGroups && schedule.warps == tile::kGroupWarps;
  double step = (isAlone ? tensor + exponentials : std::max(tensor, exponentials)) + rest;
  auto waves = double(ceilDiv(tasks, kProcessors * schedule.resident));
  auto shared = double(std::min(ceilDiv(tasks, kProcessors), schedule.resident));
  return waves * (kStart + shared * step * double(ceilDiv(s.keys, schedule.keys)));
}

//===--------------------------------------------------------------------===//

class ScheduleTest : public testing::Test {
protected:
  ScheduleTest() { context.loadDialect<GQADialect, func::FuncDialect>(); }

  AttentionOp attention(const Shape &s) {
    auto type = [](int64_t heads, int64_t rows, int64_t columns) {
      return "tensor<1x" + std::to_string(heads) + "x" +
             (ShapedType::isDynamic(rows) ? "?" : std::to_string(rows)) + "x" + std::to_string(columns) +
             "xbf16>";
    };
    std::string q = type(kKVHeads * s.group, s.queries, s.dim), k = type(kKVHeads, s.keys, s.dim),
                v = type(kKVHeads, s.keys, s.valueDim), o = type(kKVHeads * s.group, s.queries, s.valueDim);
    module =
        parseSourceString<ModuleOp>("func.func private @main(%q: " + q + ", %k: " + k + ", %v: " + v +
                                        ") -> " + o + " {\n%o = gqa.attention %q, %k, %v : (" + q + ", " + k +
                                        ", " + v + ") -> " + o + "\nreturn %o : " + o + "\n}\n",
                                    &context);
    auto function = *module->getOps<func::FuncOp>().begin();
    return *function.getOps<AttentionOp>().begin();
  }

  /// Calls `check` for some thousand attentions.
  template <class Check> void walk(Check check) {
    constexpr int64_t kDims[][2] = {{16, 16},   {24, 40},   {32, 32},   {48, 48},   {64, 64},   {64, 128},
                                    {80, 80},   {96, 96},   {112, 112}, {128, 64},  {128, 128}, {128, 256},
                                    {160, 160}, {192, 128}, {192, 192}, {224, 224}, {256, 64},  {256, 256},
                                    {264, 320}, {320, 64},  {512, 512}, {576, 512}, {64, 512}};
    for (auto [dim, valueDim] : kDims)
      for (int64_t group : {1, 2, 3, 5, 7, 8, 12, 16, 33, 43, 64, 65, 128})
        for (int64_t queries : {1, 2, 3, 9, 16, 17, 33, 64, 65, 128, 255, 4096})
          for (int64_t keys : {64, 129, 1000, 32768}) {
            Shape shape{dim, valueDim, group, queries, keys};
            check(shape, attention(shape));
            if (HasFailure())
              return;
          }
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(ScheduleTest, WarpsFit) {
  walk([](const Shape &s, AttentionOp op) {
    WarpSchedule schedule = chooseWarpSchedule(op, s.queries);
    int64_t most = isWide(s) ? 32 : 64; // a larger group is in several tiles
    ASSERT_GE(schedule.rows, s.group <= 16 && s.queries == 1 ? 16 : std::min(s.group, most)) << s;
    ASSERT_EQ(schedule.keys % 16, 0) << s;
    ASSERT_TRUE(schedule.keysAcrossWarps() ? schedule.keys % (16 * schedule.warps) == 0
                                           : schedule.rows * schedule.columnParts == 16 * schedule.warps)
        << s;
    ASSERT_LE(liveRegisters(s, schedule, Products::OfWarps), mostLive(Products::OfWarps)) << s;
    ASSERT_LE(sharedBytes(s, schedule, /*copyEngine=*/false, Products::OfWarps), kSharedOfLeast) << s;
    ASSERT_LE(schedule.resident * schedule.warps * 32 * 64, kRegisters) << s;
  });
}

TEST_F(ScheduleTest, NarrowKeysFit) {
  walk([](const Shape &s, AttentionOp op) {
    auto bytesOf = [](int64_t width) { return (roundUp(width, 32) / 16 | 1) * 16; };
    WarpSchedule wide = chooseWarpSchedule(op, s.queries),
                 schedule = chooseWarpSchedule(op, s.queries, {1, 1});
    ASSERT_EQ(schedule.keys, wide.keysAcrossWarps() ? 2 * wide.keys : wide.keys) << s;
    if (!wide.keysAcrossWarps()) { // a slot of numbers beside two of codes
      int64_t numbers = schedule.keys * (bytesOf(2 * s.dim) + bytesOf(2 * s.valueDim));
      int64_t codes = schedule.slots * schedule.keys * (bytesOf(s.dim) + bytesOf(s.valueDim));
      ASSERT_LE(numbers + codes, kSharedOfLeast) << s;
      return;
    }
    ASSERT_LE(liveRegisters(s, schedule, Products::OfWarps), mostLive(Products::OfWarps)) << s;
    ASSERT_LE(schedule.slots * schedule.keys * (bytesOf(s.dim) + bytesOf(s.valueDim)), kSharedOfLeast) << s;
    std::optional<WarpSchedule> copied = chooseCopySchedule(op, s.queries, {1, 1});
    ASSERT_EQ(copied.has_value(), s.dim % 64 == 0 && s.valueDim % 64 == 0) << s;
    if (!copied)
      return;
    ASSERT_LE(copied->keys / copied->warps, 256) << s; // rows of a box
    int64_t barriers = 1 << 10;
    ASSERT_LE(copied->resident * (copied->slots * copied->keys * (s.dim + s.valueDim) + barriers),
              kSharedOfProcessor - copied->resident * 1024)
        << s;
    ASSERT_LE(liveRegisters(s, *copied, Products::OfWarps), mostLive(Products::OfWarps)) << s;
  });
}

TEST_F(ScheduleTest, GroupsFit) {
  int64_t chosen = 0;
  walk([&](const Shape &s, AttentionOp op) {
    std::optional<WarpSchedule> schedule = chooseGroupSchedule(op, s.queries);
    bool panels =
        s.dim % (tile::kHalfPanelRowBytes / 2) == 0 && s.valueDim % (tile::kHalfPanelRowBytes / 2) == 0;
    bool isFull = s.group * s.queries > tile::kGroupRows, isLong = s.keys > 256;
    bool halves = isWide(s) ? s.valueDim % 128 == 0 : isFull || isLong;
    ASSERT_EQ(schedule.has_value(), panels && halves && s.group * s.queries > 16) << s;
    if (!schedule)
      return;
    ++chosen;
    ASSERT_LE(liveRegisters(s, *schedule, Products::OfGroups), mostLive(Products::OfGroups)) << s;
    ASSERT_LE(sharedBytes(s, *schedule, /*copyEngine=*/true, Products::OfGroups), kSharedOfSM90) << s;
    int64_t period = queriesOfBox(*schedule, headsOfTile(s, *schedule)); // a box has at most 256 of each
    ASSERT_GE(period, 1) << s;
    ASSERT_LE(ceilDiv(schedule->rows, period), 256) << s;
  });
  EXPECT_GT(chosen, 1000);
}

/// One group works on a tile where that is faster than two would be, and all such tiles have a processor.
TEST_F(ScheduleTest, HalfTilesPay) {
  int64_t halves = 0, few = 0;
  auto check = [&](const Shape &s, AttentionOp op, TokenBytes bytes) {
    if (isWide(s))
      return;
    std::optional<WarpSchedule> half = chooseGroupSchedule(op, s.queries, bytes);
    op->setAttr("gqa.no_half_tiles", UnitAttr::get(&context));
    std::optional<WarpSchedule> whole = chooseGroupSchedule(op, s.queries, bytes);
    op->removeAttr("gqa.no_half_tiles");
    ASSERT_EQ(whole.has_value(), half && s.group * s.queries > tile::kGroupRows) << s;
    ASSERT_TRUE(!whole || whole->rows == 2 * tile::kGroupRows) << s;
    if (!half || half->rows != tile::kGroupRows)
      return;
    ASSERT_EQ(half->warps, tile::kGroupWarps) << s;
    if (!whole) {
      ++few;
      return;
    }
    ++halves;
    ASSERT_LE(kKVHeads * ceilDiv(s.queries, half->rows / s.group), kProcessors) << s;
    ASSERT_LE(modelOfTime(s, *half, Products::OfGroups), modelOfTime(s, *whole, Products::OfGroups)) << s;
  };
  walk([&](const Shape &s, AttentionOp op) { check(s, op, {2, 2}); });
  walk([&](const Shape &s, AttentionOp op) { check(s, op, {1, 1}); });
  EXPECT_GT(halves, 100);
  EXPECT_GT(few, 50);
  Shape longer{128, 128, 4, 256, 8 * 128 + 1}, more{128, 128, 4, 280, 256};
  for (const Shape &s : {longer, more})
    EXPECT_EQ(chooseGroupSchedule(attention(s), s.queries)->rows, 2 * tile::kGroupRows) << s;
}

/// What half tiles gain, as an H200 had it: 8.7 us of 10.1 of a prompt, and 40.7 of 56.9 of a draft. The
/// model knows neither launches nor memory.
TEST_F(ScheduleTest, ModelOfHalfTilesIsNearWhatWasMeasured) {
  Shape prompt{128, 128, 4, 256, 256}, draft{128, 128, 4, 8, 32768};
  auto gainOf = [&](const Shape &s) {
    AttentionOp op = attention(s);
    double half = modelOfTime(s, *chooseGroupSchedule(op, s.queries), Products::OfGroups);
    op->setAttr("gqa.no_half_tiles", UnitAttr::get(&context));
    if (std::optional<WarpSchedule> whole = chooseGroupSchedule(op, s.queries))
      return half / modelOfTime(s, *whole, Products::OfGroups);
    return half / modelOfTime(s, chooseWarpSchedule(op, s.queries), Products::OfWarps);
  };
  EXPECT_NEAR(gainOf(prompt), 8.7 / 10.1, 0.05);
  EXPECT_NEAR(gainOf(draft), 40.7 / 56.9, 0.2);
}

/// Where sizes are known in the call alone half tiles stand beside whole ones, if what is known leaves both.
TEST_F(ScheduleTest, HalfTilesStandBesideWholeOnes) {
  constexpr int64_t kAny = ShapedType::kDynamic;
  struct {
    Shape shape;
    bool both;
  } cases[] = {
      {{128, 128, 4, kAny, kAny}, true},   {{128, 128, 64, kAny, kAny}, true},
      {{128, 128, 65, kAny, kAny}, false}, // a half has no room for a group
      {{48, 48, 4, kAny, kAny}, false},    // no panels
      {{128, 128, 4, kAny, 32768}, true},  // rows may be few
      {{128, 128, 4, 256, kAny}, true},    // keys may be
      {{128, 128, 4, 280, kAny}, false},   // 144 halves
      {{128, 128, 4, 256, 1024}, false},   // halves are right, and of more blocks whole ones
      {{128, 128, 4, 256, 1025}, false},   {{128, 128, 4, 16, kAny}, false}, // rows are few
  };
  for (auto [shape, both] : cases)
    for (TokenBytes bytes : {TokenBytes{}, TokenBytes{1, 1}}) {
      AttentionOp op = attention(shape);
      std::optional<WarpSchedule> half = chooseHalfTiles(op, shape.queries, bytes);
      ASSERT_EQ(half.has_value(), both) << shape;
      if (!half)
        continue;
      EXPECT_EQ(half->rows, tile::kGroupRows) << shape;
      EXPECT_EQ(chooseGroupSchedule(op, shape.queries, bytes)->rows, 2 * tile::kGroupRows) << shape;
      op->setAttr("gqa.no_half_tiles", UnitAttr::get(&context));
      EXPECT_FALSE(chooseHalfTiles(op, shape.queries, bytes)) << shape;
    }
}

/// The copy engine stores what fits into the queries' memory, in panels of the same width.
TEST_F(ScheduleTest, TilesLeaveThroughTheMemoryOfQueries) {
  int64_t stored = 0, left = 0;
  walk([&](const Shape &s, AttentionOp op) {
    std::optional<WarpSchedule> schedule = chooseGroupSchedule(op, s.queries);
    if (!schedule)
      return;
    // A group that has ended must not overwrite what the other of a wide head reads.
    bool fits = !isWide(s) && s.valueDim <= s.dim && s.dim % 64 / 32 == s.valueDim % 64 / 32;
    ASSERT_EQ(schedule->storesTile, fits) << s;
    ++(fits ? stored : left);
    if (auto narrow = chooseGroupSchedule(op, s.queries, {1, 1}))
      ASSERT_EQ(narrow->storesTile, fits) << s;
    op->setAttr("window", DenseI64ArrayAttr::get(&context, {100, -1}));
    ASSERT_FALSE(chooseGroupSchedule(op, s.queries)->storesTile) << s;
    op->removeAttr("window");
    op->setAttr("gqa.no_tma_store", UnitAttr::get(&context));
    ASSERT_FALSE(chooseGroupSchedule(op, s.queries)->storesTile) << s;
  });
  EXPECT_GT(stored, 1000);
  EXPECT_GT(left, 100);
}

/// A slot of codes stands beside those of the numbers that they become.
TEST_F(ScheduleTest, NarrowGroupsFit) {
  int64_t chosen = 0;
  walk([&](const Shape &s, AttentionOp op) {
    if (isWide(s)) // widened in memory
      return;
    std::optional<WarpSchedule> schedule = chooseGroupSchedule(op, s.queries, {1, 1});
    bool panels = s.dim % tile::kHalfPanelRowBytes == 0 && s.valueDim % tile::kHalfPanelRowBytes == 0;
    bool isFull = s.group * s.queries > tile::kGroupRows, isLong = s.keys > 256;
    ASSERT_EQ(schedule.has_value(), panels && (isFull || (s.group * s.queries > 16 && isLong))) << s;
    if (!schedule)
      return;
    ++chosen;
    ASSERT_EQ(schedule->keys % 16, 0) << s;
    ASSERT_LE(liveRegisters(s, *schedule, Products::OfGroups), mostLive(Products::OfGroups)) << s;
    // Each channel but the last is followed by barriers, up to where the swizzle's pattern begins again.
    int64_t codes = schedule->codeSlots * schedule->keys * (s.dim + s.valueDim), barriers = 5 << 10;
    ASSERT_EQ(schedule->codeSlots, schedule->rows == tile::kGroupRows ? 2 : 1) << s;
    ASSERT_LE(sharedBytes(s, *schedule, /*copyEngine=*/true, Products::OfGroups) + codes + barriers,
              kSharedOfSM90)
        << s;
  });
  EXPECT_GT(chosen, 500);
}

TEST_F(ScheduleTest, CopiesFit) {
  int64_t chosen = 0;
  walk([&](const Shape &s, AttentionOp op) {
    std::optional<WarpSchedule> schedule = chooseCopySchedule(op, s.queries);
    if (!schedule)
      return;
    ++chosen;
    ASSERT_TRUE(schedule->keysAcrossWarps()) << s;
    ASSERT_EQ(schedule->keys % (16 * schedule->warps), 0) << s;
    int64_t shared = sharedBytes(s, *schedule, /*copyEngine=*/true, Products::OfWarps);
    ASSERT_LE(schedule->resident * (shared + 1024), kSharedOfProcessor) << s;
    ASSERT_LE(liveRegisters(s, *schedule, Products::OfWarps), mostLive(Products::OfWarps)) << s;
  });
  EXPECT_GT(chosen, 200);
}

/// Where there are groups, they are no slower than warps that do the same.
TEST_F(ScheduleTest, GroupsPay) {
  walk([](const Shape &s, AttentionOp op) {
    if (std::optional<WarpSchedule> groups = chooseGroupSchedule(op, s.queries))
      ASSERT_LE(modelOfTime(s, *groups, Products::OfGroups),
                1.25 * modelOfTime(s, chooseWarpSchedule(op, s.queries), Products::OfWarps))
          << s;
  });
}

} // namespace
} // namespace gqa
