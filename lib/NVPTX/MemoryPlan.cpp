// Where in shared memory a kernel keeps its rings and scratch memory.
#include "Channels.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

using namespace mlir;

namespace gqa {

static constexpr StringLiteral kOffset = "gqa.shared_offset";
static constexpr StringLiteral kReused = "gqa.shared_reused";
static constexpr StringLiteral kShared = "gqa_shared";
static constexpr int64_t kAlignment = 128;
static constexpr int64_t kSwizzleBytes = 1024; // what the pattern of a channel's panels repeats after

int64_t rowBytesOf(tile::RingType ring) { return ring.getColumns() * tile::bytesOf(ring.getElementType()); }

int64_t pitchOf(tile::RingType ring) {
  constexpr int64_t kPieceBytes = 16;
  return (rowBytesOf(ring) / kPieceBytes | 1) * kPieceBytes;
}

int64_t slotBytesOf(tile::RingType ring) { return ring.getRows() * pitchOf(ring); }

int64_t rowBytesOf(tile::ChannelType channel) {
  return channel.getColumns() * tile::bytesOf(channel.getElementType());
}

int64_t panelRowBytesOf(tile::ChannelType channel) { return tile::panelRowBytesFor(rowBytesOf(channel)); }

int64_t panelBytesOf(tile::ChannelType channel) { return channel.getRows() * panelRowBytesOf(channel); }

int64_t slotBytesOf(tile::ChannelType channel) { return channel.getRows() * rowBytesOf(channel); }

/// The barriers of a channel stand behind its slots: for each, one for every warp, or for full and free.
static int64_t bytesOf(tile::GroupChannelOp op, int64_t warps) {
  tile::ChannelType channel = op.getChannel().getType();
  return channel.getSlots() * (slotBytesOf(channel) + (op.getOwn() ? warps : 2) * kBarrierBytes);
}

int64_t planSharedMemory(tile::KernelOp kernel) {
  int64_t next = 0, total = 0;
  tile::DrainOp drain;
  bool hasChannels = !kernel.getOps<tile::GroupChannelOp>().empty();
  OpBuilder builder(kernel.getContext());
  auto place = [&](Operation *op, int64_t bytes) {
    op->setAttr(kOffset, builder.getI64IntegerAttr(next));
    next += llvm::alignTo(bytes, kAlignment);
    total = std::max(total, next);
  };
  kernel.getBody().front().walk([&](Operation *op) {
    if (auto ring = dyn_cast<tile::RingOp>(op)) {
      tile::RingType type = ring.getRing().getType();
      place(op, type.getSlots() * slotBytesOf(type));
    } else if (auto channel = dyn_cast<tile::GroupChannelOp>(op)) {
      next = llvm::alignTo(next, kSwizzleBytes);
      place(op, bytesOf(channel, int64_t(kernel.getWarps().value_or(1))));
    } else if (auto scratch = dyn_cast<tile::ScratchOp>(op)) {
      if (drain)
        drain->setAttr(kReused, builder.getUnitAttr());
      auto type = cast<MemRefType>(scratch.getMemory().getType());
      place(op, type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8));
    } else if (auto end = dyn_cast<tile::DrainOp>(op)) {
      if (hasChannels)
        return; // their barriers are no memory
      drain = end;
      next = 0; // nobody uses the rings any more
    }
  });
  return total;
}

bool isReusedBehind(tile::DrainOp drain) { return drain->hasAttr(kReused); }

int64_t sharedOffsetOf(Operation *op) { return op->getAttrOfType<IntegerAttr>(kOffset).getInt(); }

void declareSharedMemory(Operation *kernels) {
  OpBuilder builder = OpBuilder::atBlockBegin(&kernels->getRegion(0).front());
  // Its size is said where a kernel is launched.
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
  bool swizzled =
      kernels->walk([](tile::GroupChannelOp) { return WalkResult::interrupt(); }).wasInterrupted();
  LLVM::GlobalOp::create(builder, kernels->getLoc(), type, /*isConstant=*/false, LLVM::Linkage::External,
                         kShared, Attribute(), swizzled ? kSwizzleBytes : kAlignment, kSharedSpace);
}

Value sharedPointer(NVVMBuilder &b, int64_t offset) {
  Type type = LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace);
  return b.advance(Value(LLVM::AddressOfOp::create(b, type, kShared)), offset);
}

Value sharedBuffer(NVVMBuilder &b, int64_t offset, MemRefType type) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value memory = LLVM::AddrSpaceCastOp::create(b, pointer, sharedPointer(b, offset));
  LLVMTypeConverter converter(b.getContext());
  Value descriptor = MemRefDescriptor::fromStaticShape(b, b.getLoc(), converter, type, memory);
  return UnrealizedConversionCastOp::create(b, TypeRange(type), descriptor).getResult(0);
}

} // namespace gqa
