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
    Processing a group's rows together is what reads each key and value once per group. Its *columns* are keys.

    **Buffers.** `q`, keys and values are tiles of contiguous rows in the accumulator's type (f32, or f64 for f64
    attention), padded with zeros to the width of their storage. Scores are `rows x columns` in that type. `m`, `l` and
    `alpha` have one element per row.

    **Hidden keys.** A score of -inf says that a row does not see a key. `tile.softmax_step` turns it into the
    probability -0.0: it adds nothing, yet differs from the +0.0 of a visible key whose exponential underflowed. So
    `tile.pv` can keep NaN and infinities in hidden values out of a row, and let those in visible ones through.

    **Deliberately absent.** There are no general tensor operations: loops are `scf`, views are `memref`, everything
    elementwise is in the score region. There is no layout inference, as attention needs one layout per target.
  }];
  let cppNamespace = "::gqa::tile";
  let dependentDialects = ["::gqa::GQADialect"];
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Accumulator : AnyTypeOf<[F32, F64]>;
def Tile_Matrix : MemRefRankOf<[F32, F64], [2]>;
def Tile_Rows : MemRefRankOf<[F32, F64], [1]>;
def Tile_Operand : MemRefRankOf<[F16, BF16, F32, F64], [2, 3]>;
def Tile_Output : MemRefRankOf<[F16, BF16, F32, F64], [3]>;
def Tile_PerHead : MemRefRankOf<[F16, BF16, F32, F64], [1]>;
def Tile_Bias : MemRefRankOf<[F16, BF16, F32, F64], [4]>;
def Tile_Mask : MemRefRankOf<[I1], [4]>;

#endif
