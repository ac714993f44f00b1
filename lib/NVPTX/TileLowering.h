// Conversion patterns of the operations inside a kernel of warps, by concern.
#ifndef GQA_LIB_NVPTX_TILELOWERING_H
#define GQA_LIB_NVPTX_TILELOWERING_H

#include "NVVMBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace gqa {

void populateChannelPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateClusterPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateColumnPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateCopyPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateGroupPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateGroupProductPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateProductPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateScorePatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateSoftmaxPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateStatePatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateFinishPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateTotalPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateWarpChannelPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void populateWidenPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);

/// Gives rings and scratch memory of a kernel their offsets in shared memory; returns how many bytes that is.
int64_t planSharedMemory(tile::KernelOp kernel);

/// The offset that planSharedMemory gave a ring or scratch memory.
int64_t sharedOffsetOf(mlir::Operation *op);

/// Whether scratch memory behind the drain has the place of the rings in front.
bool isReusedBehind(tile::DrainOp drain);

/// Bytes from one row of a ring's slot to the next: an odd number of pieces of 16 bytes, so that the 8 rows
/// that a matrix load reads at a time lie in different banks, whatever the head dimension, and addresses stay
/// sums.
int64_t rowBytesOf(tile::RingType ring);
int64_t pitchOf(tile::RingType ring);
int64_t slotBytesOf(tile::RingType ring);

/// Threads of a group of warps.
constexpr int64_t kGroupThreads = 32 * tile::kGroupWarps;

/// A number in the device's memory.
mlir::Value loadAsF32(NVVMBuilder &b, mlir::Value address, mlir::Type type);

/// A place in the kernel's shared memory, as a pointer and as a buffer.
mlir::Value sharedPointer(NVVMBuilder &b, int64_t offset);
mlir::Value sharedBuffer(NVVMBuilder &b, int64_t offset, mlir::MemRefType type);

/// Declares the shared memory of all kernels of a gpu.module.
void declareSharedMemory(mlir::Operation *kernels);

/// Whether only sm_90a runs the kernel.
bool isForGroupChip(tile::KernelOp kernel);

/// Whether a kernel gets it as a parameter of 128 bytes.
inline bool isMap(mlir::Value value) { return mlir::isa<tile::MapType>(value.getType()); }

/// Launches `kernel`, the function of the device, in front of `op`, from which it was made: it takes the
/// captures and the grid's sizes.
void launchKernel(tile::KernelOp op, mlir::ArrayRef<mlir::Value> captures, mlir::func::FuncOp kernel,
                  int64_t sharedBytes);

/// Moves the body of `kernel` to a function of `kernels`, and puts a launch in its place. Null, with an
/// error, if it needs more parameters than there may be.
mlir::func::FuncOp outlineKernel(tile::KernelOp kernel, mlir::Operation *kernels);

/// The host's operations (tile.device.*) as calls of the runtime.
void lowerDeviceOperations(mlir::ModuleOp module);

/// The value of a sine or a cosine of f32 in simple operations; null for another operation.
mlir::Value lowerTrigonometry(mlir::Operation *op);

/// The value of a power, of f32 or of f64 by an integer, in simple operations; null for another operation.
mlir::Value lowerPower(mlir::Operation *op);

/// Logarithms, divisions, powers, sines and cosines of f32 by what the device has for them.
void lowerFunctions(mlir::Operation *kernels);

/// The variable through which the runtime knows this module's kernels, and that its calls need a device.
void declareCUDAModule(mlir::ModuleOp module);
mlir::Value moduleAddress(NVVMBuilder &b);

/// A function of the runtime.
mlir::func::FuncOp declareRuntime(mlir::ModuleOp module, llvm::StringRef name, mlir::FunctionType type);

/// The base of all patterns here: fragments arrive as the values that a lane holds.
template <typename Op> class WarpPattern : public mlir::OpConversionPattern<Op> {
public:
  using mlir::OpConversionPattern<Op>::OpConversionPattern;
  using Adaptor = typename Op::template GenericAdaptor<mlir::ArrayRef<mlir::ValueRange>>;
  using Values = llvm::SmallVector<mlir::Value>;

  mlir::LogicalResult matchAndRewrite(Op op, Adaptor operands,
                                      mlir::ConversionPatternRewriter &rewriter) const override {
    NVVMBuilder b(op.getLoc(), rewriter);
    llvm::SmallVector<Values> results = lower(op, operands, b);
    llvm::SmallVector<mlir::ValueRange> ranges(results.begin(), results.end());
    rewriter.replaceOpWithMultiple(op, ranges);
    return mlir::success();
  }

protected:
  /// What a lane holds of each result.
  virtual llvm::SmallVector<Values> lower(Op op, Adaptor operands, NVVMBuilder &b) const = 0;
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_TILELOWERING_H
