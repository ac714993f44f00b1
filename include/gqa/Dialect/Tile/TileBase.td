// The `tile` dialect and its type constraints.
#ifndef GQA_DIALECT_TILE_BASE_TD
#define GQA_DIALECT_TILE_BASE_TD

include "gqa/Dialect/GQA/GQABase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let summary = "schedules of attention, on buffers";
  let description = [{
    One level below `gqa`: a kernel is a grid of independent tasks, and a task is a loop over blocks of keys whose body
    is a handful of coarse operations. A schedule can be read here, and checked, before any target code exists; what
    differs between targets is the lowering of the operations.

    **A tile** belongs to one batch element and one key/value head. Its *rows* are the queries that read this head:
    `G` query heads times `N` consecutive queries, head-major: row `r` is query `i + r mod N` of head `h + r floordiv N`.
    Processing a group's rows together is what reads each key and value once per group. Rows behind `G * N`, and those of
    queries that do not exist, are padding: they hold finite numbers that nobody reads. Scores and probabilities are `keys x rows`, so that a softmax over
    keys goes from vector to vector and not across their lanes.

    **Two forms.** Vectors of a product need a dimension whose elements are all treated alike. With many rows that is the
    rows: `q` is `transposed`, and keys are read one number at a time. With few rows it is the head dimension, and a
    score is the sum of a vector's lanes.

    **Buffers.** `q` and scores are in the accumulator's type (f32, or f64 for f64 attention). Keys and values are tiles of
    contiguous rows, in that type or, where an operation says so, in a narrower one. `o` is `rows x Dv` in both forms,
    and `Dv x rows` where values are panels; `m`, `l` and `alpha` have one element per row.

    **Pairs.** Two bf16 numbers in a word become f32 by one operation each, if the even ones go to one vector and the odd
    ones to another. Where keys and values are bf16 and read in place, the columns of `q` and `o` are therefore `paired` for
    vectors of `n`: in every `2 n` columns the even ones come first, then the odd ones.

    **Crossed.** A score of few rows is the sum of a vector's lanes, and sums across lanes cost nearly as much as they did to
    make. So each accumulator has lanes of several rows: of every whole four rows of a `crossed` `q`, what row `r` has in column
    `d` is in row `r xor d mod 4`. Then the scores of four rows are the sum of four vectors whose neighbours have changed
    places, and no halves of vectors need be put together first. Rows behind the last whole four stay as they are.

    **Interleaved.** Some processors multiply bf16 numbers two by two, in tile registers (AMX) or in vectors (AVX-512): of the
    right operand, rows `2 i` and `2 i + 1` share the words of one row, so that `d x rows` becomes `d/2 x 2 rows` and element
    `(2 i + e, r)` is at `[i, 2 r + e]`. A transposed `q` and the probabilities have this form, and nothing else need change: keys
    are left operands as they lie in memory. The values are one as *panels*, `keys/32 x Dv x 32`: a panel is the transpose
    of 32 keys, and each row of a tile register is one line of the cache. `o` comes out transposed as well. With few rows
    the pairs of `q` and of keys are neighbours as they are, values are not panels, and `o` is not transposed: two rows
    of values become pairs while they are multiplied.

    **Units.** Scores, and `m` with them, may be in units of a positive `scale`, which then is multiplied in where they
    meet an exponential or a logarithm: one multiplication less per score.

    **Hidden keys.** A score of -inf says that a row does not see a key. `tile.softmax_step` turns it into the
    probability -0.0: it adds nothing, yet differs from the +0.0 of a visible key whose exponential underflowed. So
    `tile.pv` can keep NaN and infinities in hidden values out of a row, and let those in visible ones through.

    **Warps.** On a GPU a task is run by several warps at once. Keys and values reach them through rings of slots, filled by
    copies that go on while products read other slots; everything a warp works on is a value, a `fragment` of 16 rows in its
    registers. With many rows each warp has rows of its own and all keys; with few, all warps have the same rows, each has
    keys of its own, and their states are merged in the end. The operations are `tile.warp.*`, and mean what their
    namesakes on buffers mean. `tile.device.*` are the host's part.

    **Deliberately absent.** There are no general tensor operations: loops are `scf`, views are `memref`, everything
    elementwise is in the score region. There is no layout inference, as attention needs one layout per target.
  }];
  let cppNamespace = "::gqa::tile";
  let dependentDialects = ["::gqa::GQADialect"];
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{ void registerTypes(); }];
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Accumulator : AnyTypeOf<[F32, F64]>;
def Tile_Matrix : MemRefRankOf<[F32, F64], [2]>;
def Tile_Keys : MemRefRankOf<[F16, BF16, F32, F64], [2]>;
def Tile_Rows : MemRefRankOf<[F32, F64], [1]>;
def Tile_Source : MemRefRankOf<[I8, F8E4M3FN, F8E5M2, F16, BF16, F32, F64], [2, 3]>;
def Tile_Fetched : MemRefRankOf<[I8, F8E4M3FN, F8E5M2, F16, BF16, F32, F64], [2]>;
def Tile_Factors : MemRefRankOf<[F16, BF16, F32, F64], [2]>;
def Tile_Operand : MemRefRankOf<[F16, BF16, F32, F64], [2, 3]>;
def Tile_Interleaved : MemRefRankOf<[BF16], [2]>;
def Tile_Output : MemRefRankOf<[F16, BF16, F32, F64], [3]>;
def Tile_Queries : MemRefRankOf<[F16, BF16, F32, F64], [3]>;
def Tile_PerHead : MemRefRankOf<[F16, BF16, F32, F64], [1]>;
def Tile_Bias : MemRefRankOf<[F16, BF16, F32, F64], [4]>;
def Tile_Mask : MemRefRankOf<[I1], [4]>;

#endif
