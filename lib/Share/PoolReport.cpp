// The JSON report of gqa-pool-heads.
#include "PoolReport.h"

#include "gqa/Raise/Report.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace gqa {

PoolEntry::PoolEntry(AttentionOp op)
    : qHeads(op.getQueryHeads()), kvHeadsBefore(op.getKvHeads()), kvHeads(op.getKvHeads()),
      headDim(op.getKeyDim()), vHeadDim(op.getValueDim()) {
  if (auto parent = op->getParentOfType<func::FuncOp>())
    function = parent.getName().str();
  llvm::raw_string_ostream(location) << op.getLoc();
  unsigned bits = cast<RankedTensorType>(op.getK().getType()).getElementTypeBitWidth();
  bool isKnown = !ShapedType::isDynamic(headDim) && !ShapedType::isDynamic(vHeadDim);
  bytesPerHead = isKnown ? (headDim + vHeadDim) * bits / 8 : 0;
}

static llvm::json::Object toJSON(const PoolEntry &entry) {
  llvm::json::Object object{{"status", entry.reason.empty()
                                           ? (entry.kvHeads < entry.kvHeadsBefore ? "pooled" : "kept")
                                           : "declined"},
                            {"function", entry.function},
                            {"location", entry.location}};
  if (!entry.reason.empty()) {
    object["reason"] = entry.reason;
    return object;
  }
  llvm::json::Array groups;
  for (ArrayRef<int64_t> group : entry.groups)
    groups.push_back(llvm::json::Array(group));
  object.insert({"q_heads", entry.qHeads});
  object.insert({"kv_heads_before", entry.kvHeadsBefore});
  object.insert({"kv_heads", entry.kvHeads});
  object.insert({"head_dim", entry.headDim});
  object.insert({"v_head_dim", entry.vHeadDim});
  object.insert({"kv_bytes_before", entry.bytesBefore()});
  object.insert({"kv_bytes", entry.bytes()});
  object.insert({"rotary", entry.rotary});
  object.insert({"groups", std::move(groups)});
  object.insert({"energy_k", entry.energyK});
  object.insert({"energy_v", entry.energyV});
  object.insert({"error_k", entry.errorK()});
  object.insert({"error_v", entry.errorV()});
  object.insert({"healed", entry.healed});
  return object;
}

llvm::Error writeReport(ArrayRef<PoolEntry> entries, StringRef method, StringRef path) {
  if (path.empty())
    return llvm::Error::success();
  llvm::json::Array layers;
  int64_t before = 0, after = 0, pooled = 0, declined = 0;
  for (const PoolEntry &entry : entries) {
    layers.push_back(toJSON(entry));
    pooled += entry.kvHeads < entry.kvHeadsBefore;
    declined += !entry.reason.empty();
    if (ShapedType::isDynamic(entry.kvHeads))
      continue;
    before += entry.bytesBefore();
    after += entry.bytes();
  }
  llvm::json::Object total{
      {"pooled", pooled}, {"declined", declined}, {"kv_bytes_before", before}, {"kv_bytes", after}};
  llvm::json::Object report{{"method", method}, {"layers", std::move(layers)}, {"total", std::move(total)}};
  return writeJSON(std::move(report), path);
}

} // namespace gqa
