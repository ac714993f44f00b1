// The `gqa` dialect, its enums and its type constraints.
#ifndef GQA_DIALECT_GQA_BASE_TD
#define GQA_DIALECT_GQA_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def GQA_Dialect : Dialect {
  let name = "gqa";
  let summary = "attention over shared key/value heads, on tensors";
  let description = [{
    The graph-level dialect: one operation for multi-head, grouped-query and multi-query attention, and the few
    operations around it that decide how many bytes of KV cache a decoder reads.

    Letters used throughout: `B` batch, `Hq` query heads, `Hkv` key/value heads, `G = Hq / Hkv` the group size, `Sq`
    queries, `Skv` keys, `Dk` and `Dv` head dimensions. Query head `h` reads key/value head `h floordiv G`.

    **Layouts.** A rank-4 operand has a layout: a permutation of the letters `b`, `h`, `s`, `d` that names its
    dimensions from the outermost in. `"bhsd"` is the default, `"bshd"` is what a projection yields before the usual
    transpose. A layout is how a transpose folds into an operation without moving data.

    **Deliberately absent.** No operation here has a destination operand, a tile size or a memory space: those belong
    to the `tile` dialect. There is no separate causal or grouped operation: a mask and a head count are data. There is no
    softmax: outside of attention `linalg` expresses it. Paged and ragged KV will be operands of `gqa.attention`, not new
    operations; quantised KV is a producer that its kernel takes over, as the rotation of the queries is.
  }];
  let cppNamespace = "::gqa";
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::tensor::TensorDialect"];
}

class GQA_I32Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::gqa";
  let genSpecializedAttr = 0;
}

def GQA_DeadRow : GQA_I32Enum<"DeadRow", "what a query that sees no key yields", [
  I32EnumAttrCase<"Zero", 0, "zero">, I32EnumAttrCase<"NaN", 1, "nan">,
  I32EnumAttrCase<"Uniform", 2, "uniform">]>;
def GQA_DeadRowAttr : EnumAttr<GQA_Dialect, GQA_DeadRow, "dead_row">;

def GQA_RotaryKind : GQA_I32Enum<"RotaryKind", "how elements pair up for a rotation", [
  I32EnumAttrCase<"Half", 0, "half">, I32EnumAttrCase<"Interleaved", 1, "interleaved">]>;
def GQA_RotaryKindAttr : EnumAttr<GQA_Dialect, GQA_RotaryKind, "rotary">;

def GQA_HeadOrder : GQA_I32Enum<"HeadOrder", "which key/value head a repeated head copies", [
  I32EnumAttrCase<"Block", 0, "block">, I32EnumAttrCase<"Tiled", 1, "tiled">]>;
def GQA_HeadOrderAttr : EnumAttr<GQA_Dialect, GQA_HeadOrder, "head_order">;

// What attention computes on: floats of at most 64 bits.
def GQA_Float : AnyTypeOf<[F16, BF16, F32, F64]>;
def GQA_Heads : RankedTensorOf<[F16, BF16, F32, F64], [HasAnyRankOfPred<[4]>], "rank-4 tensor">;
// What a cache may hold instead of them.
def GQA_Narrow : RankedTensorOf<[I8, F8E4M3FN, F8E5M2, F16, BF16], [HasAnyRankOfPred<[4]>], "rank-4 tensor">;
def GQA_Lse : RankedTensorOf<[F32, F64], [HasAnyRankOfPred<[3]>], "rank-3 tensor">;
def GQA_Mask : RankedTensorOf<[I1], [HasAnyRankOfPred<[0, 1, 2, 3, 4]>], "tensor of rank 0 to 4">;
def GQA_Bias : RankedTensorOf<[F16, BF16, F32, F64], [HasAnyRankOfPred<[0, 1, 2, 3, 4]>], "tensor of rank 0 to 4">;
def GQA_PerBatch : RankedTensorOf<[I32, I64], [HasAnyRankOfPred<[1]>], "rank-1 tensor">;
def GQA_PerHead : RankedTensorOf<[F16, BF16, F32, F64], [HasAnyRankOfPred<[1]>], "rank-1 tensor">;
def GQA_Positions : RankedTensorOf<[I32, I64], [HasAnyRankOfPred<[1, 2]>], "rank-1 or rank-2 tensor">;

class GQA_Op<string mnemonic, list<Trait> traits = []> : Op<GQA_Dialect, mnemonic, traits>;

#endif
