// The JSON report of gqa-simplify.
#include "gqa/Raise/Report.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gqa {
namespace {

std::string text(Location loc) {
  std::string result;
  llvm::raw_string_ostream stream(result);
  loc->print(stream);
  return result;
}

/// From the query head to the tensor's: the operation's own groups first, then the repeat.
std::string text(HeadMap map, int64_t groups) {
  bool isTiled = map.groups != 1 && map.order == HeadOrder::Tiled;
  int64_t divisor = isTiled ? groups : groups * map.groups;
  std::string head = divisor == 1 ? "h" : "h floordiv " + std::to_string(divisor);
  return !isTiled ? head : divisor == 1 ? "h mod Hkv" : "(" + head + ") mod Hkv";
}

/// semantics.md's number: keys seen, the query's own included; two-sided windows as a pair; null if
/// unbounded.
Attribute describeWindow(AttentionOp op, Builder &builder) {
  std::optional<ArrayRef<int64_t>> window = op.getWindow();
  if (!window || ((*window)[0] == -1 && (*window)[1] == -1))
    return builder.getUnitAttr();
  if ((*window)[0] != -1 && (op.getCausal() || (*window)[1] == 0))
    return builder.getI64IntegerAttr((*window)[0] + 1);
  return builder.getI64ArrayAttr(*window);
}

llvm::json::Value toJSON(Attribute attribute) {
  if (auto string = dyn_cast<StringAttr>(attribute))
    return string.getValue();
  if (auto truth = dyn_cast<BoolAttr>(attribute))
    return truth.getValue();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    llvm::json::Array result;
    for (Attribute element : array)
      result.push_back(toJSON(element));
    return result;
  }
  return nullptr; // a unit stands for "none"
}

} // namespace

DictionaryAttr describeRaised(AttentionOp op, const Findings &findings, Operation *exponential) {
  Builder builder(op.getContext());
  Attribute none = builder.getUnitAttr();
  NamedAttrList entry;
  auto number = [&](int64_t value) -> Attribute {
    return ShapedType::isDynamic(value) ? none : builder.getI64IntegerAttr(value);
  };
  int64_t groups = ShapedType::isDynamic(op.getGroupSize()) ? 1 : op.getGroupSize();
  std::string headMap = text(findings.k, groups), valueHeadMap = text(findings.v, groups);
  if (valueHeadMap != headMap)
    headMap = "K: " + headMap + ", V: " + valueHeadMap;
  entry.set("status", builder.getStringAttr("raised"));
  entry.set("function", builder.getStringAttr(op->getParentOfType<func::FuncOp>().getName()));
  entry.set("location", builder.getStringAttr(text(exponential->getLoc())));
  entry.set("q_heads", number(op.getQueryHeads()));
  entry.set("kv_heads", number(op.getKvHeads()));
  entry.set("head_dim", number(op.getKeyDim()));
  entry.set("v_head_dim", number(op.getValueDim()));
  entry.set("head_map", builder.getStringAttr(headMap));
  entry.set("causal", builder.getBoolAttr(op.getCausal()));
  entry.set("window", describeWindow(op, builder));
  entry.set("softcap", op.getSoftcap() ? builder.getF64FloatAttr(op.getSoftcap()->convertToDouble()) : none);
  entry.set("sinks", builder.getBoolAttr(findings.sinks));
  std::optional<double> scale = op.getConstantScale();
  entry.set("scale", scale ? builder.getF64FloatAttr(*scale) : none);
  entry.set("rotary", builder.getStringAttr(findings.rotary));
  entry.set("rotary_dim", builder.getI64IntegerAttr(findings.rotaryDim));
  entry.set("cache", builder.getStringAttr(findings.cache));
  entry.set("dead_row", builder.getStringAttr(stringifyDeadRow(findings.deadRow.value_or(op.getDeadRow()))));
  entry.set("score", op.hasScore() ? builder.getStringAttr("region") : none);
  if (findings.parts > 1)
    entry.set("parts", builder.getI64IntegerAttr(findings.parts));
  return entry.getDictionary(op.getContext());
}

std::string summarize(DictionaryAttr raised) {
  std::string sentence;
  llvm::raw_string_ostream text(sentence);
  auto number = [&](StringRef name) {
    auto value = raised.getAs<IntegerAttr>(name);
    return value ? std::to_string(value.getInt()) : std::string("?");
  };
  auto word = [&](StringRef name) { return raised.getAs<StringAttr>(name).getValue(); };
  text << "attention of " << number("q_heads") << " query heads of " << number("head_dim") << ", head map "
       << word("head_map");
  if (raised.getAs<BoolAttr>("causal").getValue())
    text << ", causal";
  if (Attribute window = raised.get("window"); !isa<UnitAttr>(window))
    text << ", window " << toJSON(window);
  if (auto softcap = raised.getAs<FloatAttr>("softcap"))
    text << ", softcap " << llvm::format("%g", softcap.getValueAsDouble());
  if (raised.getAs<BoolAttr>("sinks").getValue())
    text << ", sinks";
  auto scale = raised.getAs<FloatAttr>("scale");
  if (scale)
    text << ", scale " << llvm::format("%g", scale.getValueAsDouble());
  else
    text << ", scale at run time";
  if (word("rotary") != "none")
    text << ", rotary " << word("rotary") << " of " << number("rotary_dim");
  if (word("cache") != "none")
    text << ", cache " << word("cache");
  if (auto parts = raised.getAs<IntegerAttr>("parts"))
    text << ", one of " << parts.getInt() << " that are merged: the softmax runs over as many sets of keys";
  if (raised.getAs<StringAttr>("score"))
    text << ", other score mathematics in a region";
  return sentence;
}

DictionaryAttr describeDeclined(const Refusal &refusal) {
  Operation *op = refusal.exponential;
  Builder builder(op->getContext());
  NamedAttrList entry;
  entry.set("status", builder.getStringAttr("declined"));
  entry.set("reason", builder.getStringAttr(refusal.reason));
  entry.set("function", builder.getStringAttr(op->getParentOfType<func::FuncOp>().getName()));
  entry.set("location", builder.getStringAttr(text(op->getLoc())));
  return entry.getDictionary(op->getContext());
}

llvm::Error writeReport(ModuleOp module, StringRef path) {
  llvm::json::Array report;
  module.walk([&](func::FuncOp function) {
    auto candidates = function->getAttrOfType<ArrayAttr>(kCandidatesAttr);
    if (!candidates)
      return;
    DenseMap<int64_t, AttentionOp> raised;
    function.walk([&](AttentionOp op) {
      if (auto place = op->getAttrOfType<IntegerAttr>(kCandidateAttr))
        raised[place.getInt()] = op;
      op->removeAttr(kCandidateAttr);
    });
    for (auto [place, candidate] : llvm::enumerate(candidates)) {
      llvm::json::Object entry;
      auto findings = dyn_cast<DictionaryAttr>(candidate);
      if (!findings) // written by hand
        continue;
      for (NamedAttribute attribute : findings)
        entry[attribute.getName().str()] = toJSON(attribute.getValue());
      if (AttentionOp op = raised.lookup(place); op && !ShapedType::isDynamic(op.getKvHeads()))
        entry["kv_heads"] = op.getKvHeads();
      report.push_back(std::move(entry));
    }
    function->removeAttr(kCandidatesAttr);
  });
  if (path.empty())
    return llvm::Error::success();
  return writeJSON(std::move(report), path);
}

llvm::Error writeJSON(const llvm::json::Value &report, StringRef path) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error, llvm::sys::fs::OF_Text);
  if (!error) {
    stream << llvm::formatv("{0:2}", report) << "\n";
    stream.flush();
    error = stream.error();
    stream.clear_error(); // which the stream would end the process for
  }
  if (error)
    return llvm::createStringError(error, "cannot write the report to '" + path + "': " + error.message());
  return llvm::Error::success();
}

} // namespace gqa
