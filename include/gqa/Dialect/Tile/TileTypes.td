// Types of the `tile` dialect: what one warp of a kernel holds in registers, and buffers that fill while others are read.
#ifndef GQA_DIALECT_TILE_TYPES_TD
#define GQA_DIALECT_TILE_TYPES_TD

include "gqa/Dialect/Tile/TileBase.td"
include "mlir/IR/AttrTypeBase.td"

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tile_Fragment : Tile_Type<"Fragment", "fragment"> {
  let summary = "16 rows of a matrix in the registers of one warp";
  let description = [{
    With two dimensions, the rows and columns of a matrix: f32 as a product leaves it, f16 or bf16 as the left operand of
    the next one. With one dimension, a number for each row. The elements lie in the lanes as tensor cores have them (the
    m16n8 accumulator and the m16k16 operand of PTX's mma), so that a fragment of probabilities becomes an operand without
    any exchange between lanes.

    Of a matrix in `quads`, a lane has four neighbours of every 16 columns where it has two and two otherwise: columns `4 c` to
    `4 c + 3`. So queries and outputs lie where keys and values are a byte each, of which a word has four.

    With one row, a number for each column, which the lanes have that have the column of a matrix.

    ```mlir
    !tile.fragment<16x64xf32>           // scores: 32 numbers in every lane
    !tile.fragment<16x64xbf16>          // probabilities as an operand: 16 words in every lane
    !tile.fragment<16xf32>              // the running maximum: two numbers, the same in the four lanes of a row
    !tile.fragment<16x128xf32, quads>   // an output: 64 numbers in every lane
    !tile.fragment<1x64xf32>            // a scale for each key: 16 numbers in every lane
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType, "bool":$quads);
  let skipDefaultBuilders = 1;
  let builders = [TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape, "::mlir::Type":$elementType,
                                   CArg<"bool", "false">:$quads),
                              "return $_get($_ctxt, shape, elementType, quads);">];
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    int64_t getColumns() const { return getShape()[1]; }
  }];
}

def Tile_Ring : Tile_Type<"Ring", "ring"> {
  let summary = "a few slots, each a tile of keys or values, that are filled in turn";
  let description = [{
    While the products read one slot, copies fill the others. Slots are in memory that all warps of a task share, their
    rows laid out so that tensor cores' loads do not conflict. Elements of 8 bits are those of a narrow cache.

    ```mlir
    !tile.ring<2x64x128xbf16>       // two slots of 64 keys with 128 elements each
    !tile.ring<2x128x128xf8E4M3FN>
    ```
  }];
  let parameters = (ins "int64_t":$slots, "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType);
}

def Tile_Channel : Tile_Type<"Channel", "channel"> {
  let summary = "a ring that one role fills and others read";
  let description = [{
    As a ring, but whoever fills a slot and whoever reads it wait for each other and for nobody else. Slots lie in shared
    memory as the copy engine writes and warpgroups' products read them: panels whose rows are 128 bytes and swizzled, or
    64 bytes where those of the slot are no multiple of 128.

    ```mlir
    !tile.channel<2x128x128xbf16>     // two slots of 128 keys with 128 elements each
    ```
  }];
  let parameters = (ins "int64_t":$slots, "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType);
}

def Tile_Map : Tile_Type<"Map", "map"> {
  let summary = "how the copy engine finds boxes of a tensor in the device's memory";
  let description = [{
    Of a tensor B x H x S x D with contiguous rows of `columns` elements.

    ```mlir
    !tile.map<128xbf16>
    ```
  }];
  let parameters = (ins "int64_t":$columns, "::mlir::Type":$elementType);
}

def Tile_Slots : AnyTypeOf<[Tile_Ring, Tile_Channel], "ring or channel">;
def Tile_Copied : MemRefRankOf<[I8, F8E4M3FN, F8E5M2, F16, BF16], [2]>;
def Tile_Mapped : MemRefRankOf<[I8, F8E4M3FN, F8E5M2, F16, BF16], [4]>;

class Tile_FragmentOf<int rank, string element, string what, int rows = 16>
  : Type<And<[CPred<"::llvm::isa<::gqa::tile::FragmentType>($_self)">,
              CPred<"::llvm::cast<::gqa::tile::FragmentType>($_self).getRank() == " # rank>,
              CPred<"::llvm::cast<::gqa::tile::FragmentType>($_self).getShape()[0] == " # rows>,
              CPred<"::llvm::cast<::gqa::tile::FragmentType>($_self).getElementType()." # element>]>,
         what, "::gqa::tile::FragmentType">;
def Tile_Sums : Tile_FragmentOf<2, "isF32()", "matrix fragment of f32">;
def Tile_LeftOperand : Tile_FragmentOf<2, "getIntOrFloatBitWidth() == 16", "matrix fragment of f16 or bf16">;
def Tile_PerColumn : Tile_FragmentOf<2, "isF32()", "column fragment of f32", 1>;
def Tile_PerRow : Tile_FragmentOf<1, "isF32()", "row fragment of f32">;
def Tile_RowIndex : Tile_FragmentOf<1, "isIndex()", "row fragment of index">;

#endif
