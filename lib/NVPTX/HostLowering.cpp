// tile.device.*: the host's side of memory on the device, as calls of the runtime.
#include "Channels.h"
#include "gqa/CPU/Products.h"
#include "gqa/Runtime/Cuda.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"

using namespace mlir;

namespace gqa {
namespace {

class HostLowering {
public:
  HostLowering(Operation *op, const LLVMTypeConverter &converter)
      : module(op->getParentOfType<ModuleOp>()), b(op->getLoc(), op), converter(converter) {}

  /// A buffer of the device with the sizes and strides of one of the host.
  void lowerMap(tile::DeviceMapOp op) {
    auto type = cast<MemRefType>(op.getBuffer().getType());
    auto data = memref::ExtractStridedMetadataOp::create(b, op.getBuffer());
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, op.getBuffer());
    Value width = b.index(elementBytes(type));
    address = b.add(address, b.mul(data.getOffset(), width));
    int64_t access = op.getWrite() ? GQA_RT_CUDA_WRITE : GQA_RT_CUDA_READ;
    if (op.getUpdate())
      access = GQA_RT_CUDA_READ | GQA_RT_CUDA_WRITE;
    auto [front, bytes] = spanOf(op.getBuffer(), data, width);
    Value memory = call("gqa_rt_cuda_map",
                        {toPointer(b.sub(address, front)), toI64(bytes), toI64(b.index(access))}, pointer());
    if (getConstantIntValue(front) != 0)
      memory = b.advance(memory, toI64(front));
    op.getMapped().replaceAllUsesWith(buffer(type, memory, data.getSizes(), data.getStrides()));
    op.erase();
  }

  void lowerConstant(tile::DeviceConstantOp op) {
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, op.getBuffer());
    lowerMemory(op, op.getMemory(), {}, [&](Value bytes) {
      return call("gqa_rt_cuda_constant", {moduleAddress(b), toPointer(address), bytes}, pointer());
    });
  }

  void lowerMatmul(tile::DeviceMatmulOp op) {
    auto operand = [](Value buffer, bool transposed) {
      return Product::Operand{buffer, *typeCodeOf(cast<MemRefType>(buffer.getType()).getElementType()),
                              transposed};
    };
    unsigned batchDims = cast<MemRefType>(op.getC().getType()).getRank() - 2;
    Product product{batchDims, operand(op.getA(), op.getTransposeA()), operand(op.getB(), op.getTransposeB()),
                    operand(op.getC(), false)};
    callProduct(b, product, op.getAccumulate(), "gqa_rt_cuda_matmul");
    op.erase();
  }

  void lowerFree(tile::DeviceFreeOp op) {
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, op.getMemory());
    call("gqa_rt_cuda_free", {toPointer(address)}, nullptr);
    op.erase();
  }

  void lowerAlloc(tile::DeviceAllocOp op) {
    lowerMemory(op, op.getMemory(), op.getSizes(),
                [&](Value bytes) { return call("gqa_rt_cuda_alloc", {bytes}, pointer()); });
  }

  void lowerResult(tile::DeviceResultOp op) {
    lowerMemory(op, op.getMemory(), op.getSizes(), [&](Value bytes) {
      return call("gqa_rt_cuda_result", {toI64(b.index(int64_t(op.getIndex()))), bytes}, pointer());
    });
  }

  /// Memory of the runtime, dense and row-major.
  void lowerMemory(Operation *op, Value memref, ValueRange given, function_ref<Value(Value)> allocate) {
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<Value> sizes, strides(type.getRank());
    auto dynamic = given.begin();
    for (int64_t size : type.getShape())
      sizes.push_back(ShapedType::isDynamic(size) ? *dynamic++ : b.index(size));
    Value total = b.index(1);
    for (int64_t dim = type.getRank(); dim-- > 0;) {
      strides[dim] = total;
      total = b.mul(total, sizes[dim]);
    }
    Value bytes = b.mul(total, b.index(elementBytes(type)));
    memref.replaceAllUsesWith(buffer(type, allocate(toI64(bytes)), sizes, strides));
    op->erase();
  }

  void lowerUnmap(tile::DeviceUnmapOp op) {
    call("gqa_rt_cuda_unmap", {}, nullptr);
    op.erase();
  }

  void lowerFact(Operation *op, int64_t which) {
    Value fact = call("gqa_rt_cuda_fact", {toI64(b.index(which))}, b.getI64Type());
    op->getResult(0).replaceAllUsesWith(Value(arith::IndexCastOp::create(b, b.getIndexType(), fact)));
    op->erase();
  }

  void lowerClusters(tile::DeviceClustersOp op) {
    Value count = call("gqa_rt_cuda_clusters",
                       {toI64(op.getTasks()), toI64(b.index(int64_t(op.getResident())))}, b.getI64Type());
    op.replaceAllUsesWith(Value(arith::IndexCastOp::create(b, b.getIndexType(), count)));
    op.erase();
  }

  void lowerMapTensor(tile::DeviceMapTensorOp op) {
    auto type = cast<MemRefType>(op.getBuffer().getType());
    auto data = memref::ExtractStridedMetadataOp::create(b, op.getBuffer());
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, op.getBuffer());
    int64_t bytes = tile::bytesOf(type.getElementType());
    address = b.add(address, b.mul(data.getOffset(), b.index(bytes)));
    auto inMap = [&](Value elements) {
      return b.div(b.mul(elements, b.index(bytes)), b.index(kMapBytes)); // rows are pieces of 16 bytes
    };
    int64_t element = type.getElementType().isBF16() ? GQA_RT_CUDA_BF16 : GQA_RT_CUDA_F16;
    SmallVector<Value> arguments = {toPointer(address), toI64(b.index(element))};
    for (int64_t dim = 0; dim < type.getRank() - 1; ++dim)
      arguments.push_back(toI64(b.size(op.getBuffer(), dim)));
    arguments.push_back(toI64(inMap(b.size(op.getBuffer(), type.getRank() - 1))));
    for (Value stride : data.getStrides().drop_back())
      arguments.push_back(toI64(inMap(stride)));
    arguments.append({toI64(op.getHeads()), toI64(op.getRows())});
    Value map = call("gqa_rt_cuda_map_tensor", arguments, pointer());
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      auto cast = mlir::cast<UnrealizedConversionCastOp>(user); // of a launch's parameters
      cast.getResult(0).replaceAllUsesWith(map);
      cast.erase();
    }
    op.erase();
  }

private:
  Type pointer() { return LLVM::LLVMPointerType::get(b.getContext()); }
  Value toI64(Value index) { return arith::IndexCastOp::create(b, b.getI64Type(), index); }
  Value toPointer(Value index) { return LLVM::IntToPtrOp::create(b, pointer(), toI64(index)); }

  Value call(StringRef name, ValueRange arguments, Type result) {
    auto type = b.getFunctionType(arguments.getTypes(), result ? TypeRange(result) : TypeRange());
    auto op = func::CallOp::create(b, declareRuntime(module, name, type), arguments);
    return result ? op.getResult(0) : Value();
  }

  /// An index is as wide as an address.
  static int64_t elementBytes(MemRefType type) {
    return int64_t(DataLayout().getTypeSize(type.getElementType()).getFixedValue());
  }

  /// Bytes in front of the first element, where strides are negative, and all that a buffer spans: 0 if it
  /// has no element.
  std::pair<Value, Value> spanOf(Value buffer, memref::ExtractStridedMetadataOp data, Value width) {
    Value front = b.index(0), behind = b.index(0), zero = b.index(0), one = b.index(1), empty;
    for (auto [dim, stride] : llvm::enumerate(data.getStrides())) {
      Value size = b.size(buffer, dim), distance = b.mul(b.sub(size, one), stride);
      std::optional<int64_t> known = getConstantIntValue(stride);
      if (!known || *known < 0)
        front = b.add(front, b.max(b.sub(zero, distance), zero));
      if (!known || *known >= 0)
        behind = b.add(behind, known ? distance : b.max(distance, zero));
      Value isZero = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, size, zero);
      empty = empty ? b.createOrFold<arith::OrIOp>(empty, isZero) : isZero;
    }
    Value span = b.mul(b.add(b.add(front, behind), one), width);
    return {b.mul(front, width), empty ? b.createOrFold<arith::SelectOp>(empty, zero, span) : span};
  }

  /// A descriptor of what begins at `memory`. An offset that is in the type is taken off the address again.
  Value buffer(MemRefType type, Value memory, ValueRange sizes, ValueRange strides) {
    Location loc = b.getLoc();
    auto [ignored, offset] = type.getStridesAndOffset();
    offset = ShapedType::isDynamic(offset) ? 0 : offset;
    if (offset != 0)
      memory = b.advance(memory, toI64(b.index(-offset * elementBytes(type))));
    auto descriptor = MemRefDescriptor::poison(b, loc, converter.convertType(type));
    descriptor.setAllocatedPtr(b, loc, memory);
    descriptor.setAlignedPtr(b, loc, memory);
    descriptor.setOffset(b, loc, toI64(b.index(offset)));
    for (unsigned dim = 0; dim < type.getRank(); ++dim) {
      descriptor.setSize(b, loc, dim, toI64(sizes[dim]));
      descriptor.setStride(b, loc, dim, toI64(strides[dim]));
    }
    return UnrealizedConversionCastOp::create(b, TypeRange(type), Value(descriptor)).getResult(0);
  }

  ModuleOp module;
  NVVMBuilder b;
  const LLVMTypeConverter &converter;
};

} // namespace

void lowerDeviceOperations(ModuleOp module) {
  LLVMTypeConverter converter(module.getContext());
  SmallVector<Operation *> operations;
  module.walk([&](Operation *op) {
    if (isa_and_nonnull<tile::TileDialect>(op->getDialect()))
      operations.push_back(op);
  });
  if (!operations.empty()) // without a kernel as well: what is a product, or empty
    declareCUDAModule(module);
  for (Operation *op : operations) {
    if (auto map = dyn_cast<tile::DeviceMapOp>(op))
      HostLowering(op, converter).lowerMap(map);
    else if (auto alloc = dyn_cast<tile::DeviceAllocOp>(op))
      HostLowering(op, converter).lowerAlloc(alloc);
    else if (auto free = dyn_cast<tile::DeviceFreeOp>(op))
      HostLowering(op, converter).lowerFree(free);
    else if (auto matmul = dyn_cast<tile::DeviceMatmulOp>(op))
      HostLowering(op, converter).lowerMatmul(matmul);
    else if (auto constant = dyn_cast<tile::DeviceConstantOp>(op))
      HostLowering(op, converter).lowerConstant(constant);
    else if (auto result = dyn_cast<tile::DeviceResultOp>(op))
      HostLowering(op, converter).lowerResult(result);
    else if (auto unmap = dyn_cast<tile::DeviceUnmapOp>(op))
      HostLowering(op, converter).lowerUnmap(unmap);
    else if (auto mapTensor = dyn_cast<tile::DeviceMapTensorOp>(op))
      HostLowering(op, converter).lowerMapTensor(mapTensor);
    else if (auto clusters = dyn_cast<tile::DeviceClustersOp>(op))
      HostLowering(op, converter).lowerClusters(clusters);
    else if (isa<tile::DeviceProcessorsOp>(op))
      HostLowering(op, converter).lowerFact(op, GQA_RT_CUDA_PROCESSORS);
    else if (isa<tile::DeviceChipOp>(op))
      HostLowering(op, converter).lowerFact(op, GQA_RT_CUDA_CHIP);
  }
}

} // namespace gqa
