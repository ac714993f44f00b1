// Caches at the boundary of a function: from as many heads as queries have to as many as differ.
#include "Patterns.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace gqa {
namespace {

/// How a cache repeats heads.
struct CacheForm {
  int64_t groups;
  HeadOrder order;
  std::string layout;

  bool operator==(const CacheForm &other) const {
    return groups == other.groups && order == other.order && dimOf(layout, 'h') == dimOf(other.layout, 'h');
  }
  RankedTensorType shrink(Type type) const {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    shape[dimOf(layout, 'h')] /= groups;
    return tensor.clone(shape);
  }
};

using Forms = llvm::MapVector<unsigned, CacheForm>; // by the number of an argument or a result

/// The argument of the function that `value` is.
BlockArgument argumentOf(Value value, func::FuncOp function) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &function.getBody().front() ? argument : BlockArgument();
}

/// Arguments to which repeated heads are appended, or written.
Forms findCaches(func::FuncOp function) {
  Forms caches;
  auto add = [&](Value cache, RepeatHeadsOp repeat, const std::string &layout) {
    BlockArgument argument = argumentOf(cache, function);
    if (argument && !ShapedType::isDynamic(sizeOf(cache, layout, 'h')))
      caches.insert({argument.getArgNumber(), {int64_t(repeat.getGroups()), repeat.getOrder(), layout}});
  };
  function.walk([&](Operation *op) {
    if (auto append = dyn_cast<AppendKVOp>(op)) {
      auto fresh = append.getFresh().getDefiningOp<RepeatHeadsOp>();
      if (fresh && dimOf(fresh.getLayout(), 'h') == dimOf(append.getLayout(), 'h'))
        add(append.getCache(), fresh, append.getLayout().str());
      return;
    }
    auto write = dyn_cast<linalg::LinalgOp>(op); // select(position, fresh, cache)
    std::optional<RepeatedInput> fresh = write ? findRepeatedInput(write) : std::nullopt;
    if (!fresh)
      return;
    for (OpOperand *input : write.getDpsInputOperands()) {
      AffineMap map = write.getMatchingIndexingMap(input);
      if (!map.isPermutation() || input->get().getType() != write->getResult(0).getType())
        continue;
      std::string layout;
      for (AffineExpr expr : map.getResults())
        layout.push_back(fresh->letters[cast<AffineDimExpr>(expr).getPosition()]);
      add(input->get(), fresh->repeat, layout);
    }
  });
  return caches;
}

/// Results that repeat heads that an attention or a cache reads; of a function that `writes` caches also
/// those that it computes otherwise.
Forms findResults(func::FuncOp function, bool writes) {
  Forms results;
  auto isKV = [&](Value value) {
    return llvm::any_of(value.getUses(),
                        [](OpOperand &use) {
                          auto attention = dyn_cast<AttentionOp>(use.getOwner());
                          return (attention && use.getOperandNumber() > 0 && use.getOperandNumber() < 3) ||
                                 isa<AppendKVOp>(use.getOwner());
                        }) ||
           (writes && isa_and_present<AppendKVOp, func::CallOp, linalg::LinalgOp>(value.getDefiningOp()));
  };
  for (OpOperand &operand : function.getBody().front().getTerminator()->getOpOperands())
    if (auto repeat = operand.get().getDefiningOp<RepeatHeadsOp>(); repeat && isKV(repeat.getX()))
      results.insert({operand.getOperandNumber(),
                      {int64_t(repeat.getGroups()), repeat.getOrder(), repeat.getLayout().str()}});
  return results;
}

/// The first copy of each head.
Value takeFirstCopies(OpBuilder &builder, Location loc, Value value, const CacheForm &form) {
  SmallVector<OpFoldResult> offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(builder, loc, value);
  unsigned dim = dimOf(form.layout, 'h');
  sizes[dim] = builder.getIndexAttr(form.shrink(value.getType()).getDimSize(dim));
  if (form.order == HeadOrder::Block)
    strides[dim] = builder.getIndexAttr(form.groups);
  return tensor::ExtractSliceOp::create(builder, loc, form.shrink(value.getType()), value, offsets, sizes,
                                        strides);
}

class SignatureChange {
public:
  SignatureChange(ModuleOp module, llvm::function_ref<void()> simplify)
      : module(module), simplify(simplify) {}

  void run() {
    module.walk([&](func::FuncOp function) {
      if (function.isExternal() || !function.getBody().hasOneBlock())
        return;
      if (Forms caches = findCaches(function); !caches.empty())
        work.push_back({function, std::move(caches)});
    });
    while (!work.empty()) {
      auto [function, caches] = work.pop_back_val();
      caches.remove_if([&, function = function](const auto &cache) mutable {
        return changed.contains(function.getArgument(cache.first));
      });
      if (!caches.empty())
        change(function, caches);
    }
    module.walk([&](func::FuncOp function) { // what a prefill returns
      if (!function.isExternal() && function.getBody().hasOneBlock() &&
          !findResults(function, /*writes=*/false).empty())
        change(function, {});
    });
  }

private:
  void change(func::FuncOp function, const Forms &caches) {
    auto decline = [&](const Twine &reason) {
      remark::missed(function.getLoc(), remark::RemarkOpts::name("SignatureKept").category("gqa-share-kv"))
          << remark::reason("{0}", reason.str());
    };
    std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(function, module);
    if (!uses ||
        llvm::any_of(*uses, [](SymbolTable::SymbolUse use) { return !isa<func::CallOp>(use.getUser()); }))
      return decline("the signature stays: something other than a call refers to @" + function.getName());
    OpBuilder builder(function.getContext());
    FunctionType before = function.getFunctionType();
    for (const auto &[number, form] : caches) {
      BlockArgument argument = function.getArgument(number);
      changed.insert(argument);
      builder.setInsertionPointToStart(&function.getBody().front());
      Type whole = argument.getType();
      argument.setType(form.shrink(whole));
      auto repeat = RepeatHeadsOp::create(builder, function.getLoc(), whole, argument, form.groups,
                                          form.order, form.layout);
      argument.replaceAllUsesExcept(repeat, repeat);
    }
    simplify();
    Forms results = findResults(function, !caches.empty());
    Operation *terminator = function.getBody().front().getTerminator();
    for (const auto &[number, form] : results)
      terminator->setOperand(number, terminator->getOperand(number).getDefiningOp<RepeatHeadsOp>().getX());
    function.setFunctionType(
        builder.getFunctionType(function.getBody().getArgumentTypes(), terminator->getOperandTypes()));
    remark::passed(function.getLoc(), remark::RemarkOpts::name("SignatureChanged").category("gqa-share-kv"))
        << remark::add("@{0} has another signature: {1} instead of {2}", function.getName().str(),
                       text(function.getFunctionType()), text(before));
    uses = SymbolTable::getSymbolUses(function, module); // simplify may have removed some
    for (SymbolTable::SymbolUse use : *uses)
      adapt(cast<func::CallOp>(use.getUser()), caches, results);
    simplify();
  }

  /// A caller keeps its caches: it passes the first copies on, and repeats what comes back. A cache that is
  /// its own argument shrinks as well.
  void adapt(func::CallOp call, const Forms &caches, const Forms &results) {
    auto caller = call->getParentOfType<func::FuncOp>();
    OpBuilder builder(call);
    Forms own;
    SmallVector<Value> operands(call.getOperands());
    for (const auto &[number, form] : caches) {
      if (BlockArgument argument = argumentOf(operands[number], caller);
          argument && !changed.contains(argument))
        own.insert({argument.getArgNumber(), form});
      operands[number] = takeFirstCopies(builder, call.getLoc(), operands[number], form);
    }
    SmallVector<Type> types(call.getResultTypes());
    for (const auto &[number, form] : results)
      types[number] = form.shrink(types[number]);
    auto adapted = func::CallOp::create(builder, call.getLoc(), call.getCalleeAttr(), types, operands);
    SmallVector<Value> values(adapted.getResults());
    for (const auto &[number, form] : results)
      values[number] = RepeatHeadsOp::create(builder, call.getLoc(), call.getResult(number).getType(),
                                             values[number], form.groups, form.order, form.layout);
    call->replaceAllUsesWith(values);
    call->erase();
    if (!own.empty() && caller.getBody().hasOneBlock())
      work.push_back({caller, std::move(own)});
  }

  static std::string text(Type type) {
    std::string result;
    llvm::raw_string_ostream(result) << type;
    return result;
  }

  ModuleOp module;
  llvm::function_ref<void()> simplify;
  SmallVector<std::pair<func::FuncOp, Forms>> work;
  llvm::DenseSet<Value> changed;
};

} // namespace

void changeSignatures(ModuleOp module, llvm::function_ref<void()> simplify) {
  SignatureChange(module, simplify).run();
}

} // namespace gqa
