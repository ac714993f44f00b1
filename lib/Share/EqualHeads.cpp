// Heads whose weights are equal, or equal up to an invertible map that folds into other weights.
#include "Parts.h"
#include "Patterns.h"
#include "Site.h"

#include "mlir/IR/Remarks.h"
#include <Eigen/QR>
#include <numeric>

using namespace mlir;

namespace gqa {
namespace {

std::optional<ConstantData> constantOf(Value value) { return ConstantData::of(value); }

/// A remark about heads that are equal, and read one by one all the same.
void decline(AttentionOp op, const Twine &reason) {
  remark::missed(op.getLoc(), remark::RemarkOpts::name("EqualHeadsNotShared").category("gqa-share-kv"))
      << remark::reason("{0}", reason.str());
}

bool areEqual(ArrayRef<Matrix> heads, int64_t a, int64_t b) { return heads[a] == heads[b]; }

/// `to = from M`, M invertible and no worse than rounding makes of it.
template <typename Scalar>
bool isMapped(const MatrixOf<Scalar> &from, const MatrixOf<Scalar> &to, double rounding) {
  if (from == to)
    return true;
  Eigen::ColPivHouseholderQR<MatrixOf<Scalar>> qr(from);
  constexpr double kWorst = 1e-3; // of the singular values, beyond which the query would lose digits
  if (qr.rank() < from.cols() ||
      std::abs(qr.matrixR()(from.cols() - 1, from.cols() - 1)) < kWorst * std::abs(qr.matrixR()(0, 0)))
    return false;
  MatrixOf<Scalar> map = qr.solve(to);
  if (!((to - from * map).norm() <= rounding * to.norm())) // NaN is not equal either
    return false;
  Eigen::ColPivHouseholderQR<MatrixOf<Scalar>> ofMap(map);
  Eigen::Index last = map.cols() - 1;
  return std::abs(ofMap.matrixR()(last, last)) > kWorst * std::abs(ofMap.matrixR()(0, 0));
}

/// K or V of one head is that of another up to a map that `rotation` lets pass.
bool isMapped(ArrayRef<Matrix> heads, int64_t a, int64_t b, const Rotation &rotation, double rounding) {
  bool mapped = true;
  forEachPart(rotation, [&](const auto &part) {
    mapped = mapped && isMapped(part.block(heads[a]), part.block(heads[b]), rounding);
  });
  return mapped;
}

using Equality = llvm::function_ref<bool(int64_t, int64_t)>;

/// Heads by the first one that they are equal to.
HeadGroups classesOf(int64_t heads, Equality equal) {
  HeadGroups classes;
  for (int64_t head = 0; head < heads; ++head) {
    auto own = llvm::find_if(classes, [&](ArrayRef<int64_t> each) { return equal(each.front(), head); });
    if (own == classes.end())
      classes.push_back({head});
    else
      own->push_back(head);
  }
  return classes;
}

/// The largest groups of one size that cut all classes; empty if that is 1.
HeadGroups cutEqually(const HeadGroups &classes) {
  int64_t size = 0;
  for (ArrayRef<int64_t> each : classes)
    size = std::gcd(size, int64_t(each.size()));
  HeadGroups groups;
  if (size > 1)
    for (ArrayRef<int64_t> each : classes)
      for (size_t first = 0; first < each.size(); first += size)
        groups.emplace_back(each.slice(first, size));
  llvm::sort(groups);
  return groups;
}

bool anyShared(const HeadGroups &classes) {
  return llvm::any_of(classes, [](ArrayRef<int64_t> each) { return each.size() > 1; });
}

/// The search in one attention.
class EqualHeads {
public:
  EqualHeads(RewriterBase &rewriter, AttentionOp op) : rewriter(rewriter), op(op) {}

  bool run() {
    int64_t heads = op.getKvHeads();
    if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(op.getQueryHeads()) || heads < 2)
      return false;
    Unreachable why;
    auto foundK = InputProjection::find(op.getK(), op.getKLayout(), constantOf, why);
    auto foundV = foundK ? InputProjection::find(op.getV(), op.getVLayout(), constantOf, why) : std::nullopt;
    if (!foundV || foundK->getAppend() || foundV->getAppend())
      return false;
    k = std::move(*foundK);
    v = std::move(*foundV);
    return shareInPlace() || shareByMaps();
  }

private:
  /// Equal heads that stand in block or tiled order: Q and the output stay as they are.
  bool shareInPlace() {
    int64_t heads = op.getKvHeads();
    if (!mayShare([&](ArrayRef<Matrix> some, int64_t a, int64_t b, bool) { return areEqual(some, a, b); }))
      return false;
    kHeads = k.read(constantOf);
    vHeads = v.read(constantOf);
    for (int64_t groups = heads; groups > 1; --groups)
      for (HeadOrder order : {HeadOrder::Block, HeadOrder::Tiled})
        if (heads % groups == 0 && areRepeated(groups, order)) {
          repeat(groups, order);
          return true;
        }
    return false;
  }

  bool areRepeated(int64_t groups, HeadOrder order) const {
    int64_t shared = kHeads.size() / groups;
    for (int64_t head = 0; head < int64_t(kHeads.size()); ++head) {
      int64_t first = order == HeadOrder::Block ? head - head % groups : head % shared;
      if (!areEqual(kHeads, head, first) || !areEqual(vHeads, head, first))
        return false;
    }
    return true;
  }

  /// K and V as repeats of projections by the weights that differ.
  void repeat(int64_t groups, HeadOrder order) {
    rewriter.setInsertionPoint(op);
    int64_t shared = kHeads.size() / groups;
    auto build = [&](const InputProjection &projection, ArrayRef<Matrix> heads, Value old) {
      SmallVector<Matrix> first;
      for (int64_t head = 0; head < shared; ++head)
        first.push_back(heads[order == HeadOrder::Block ? head * groups : head]);
      auto type = cast<RankedTensorType>(old.getType());
      Operand few = projection.build(rewriter, first, type.getElementType(), buildConstant);
      SmallVector<int64_t> shape(cast<RankedTensorType>(few.tensor.getType()).getShape());
      shape[dimOf(few.layout, 'h')] *= groups;
      few.tensor = RepeatHeadsOp::create(rewriter, op.getLoc(), type.clone(shape), few.tensor, groups, order,
                                         few.layout);
      return few;
    };
    Operand newK = build(k, kHeads, op.getK()), newV = build(v, vHeads, op.getV());
    rewriter.modifyOpInPlace(op, [&] {
      op.getKMutable().assign(newK.tensor);
      op.getVMutable().assign(newV.tensor);
      op.setKLayout(newK.layout);
      op.setVLayout(newV.layout);
    });
  }

  /// Heads that are equal in any order, or up to maps: these, and a new order of query heads, fold into the
  /// weights of Q and of the output.
  bool shareByMaps() {
    Rotation rotation = k.getRotation();
    Rotation none = Rotation::none(v.getDim());
    // What rounding to the element type leaves of an equation, and its condition makes of that.
    Type element = cast<RankedTensorType>(op.getK().getType()).getElementType();
    double rounding = 16 * std::ldexp(1.0, -int(cast<FloatType>(element).getFPMantissaWidth()));
    auto mapped = [&](ArrayRef<Matrix> some, int64_t a, int64_t b, bool isK) {
      return isMapped(some, a, b, isK ? rotation : none, rounding);
    };
    if (!mayShare(mapped))
      return false;
    Unreachable why;
    std::optional<Site> site = Site::find(op, constantOf, /*mayChangeSignature=*/false, why);
    if (!site) {
      decline(op, "heads of K and V are equal up to maps, which cannot fold: " + why.reason);
      return false;
    }
    Heads heads = site->read(constantOf);
    HeadGroups classes = classesOf(heads.k.size(), [&](int64_t a, int64_t b) {
      return mapped(heads.k, a, b, true) && mapped(heads.v, a, b, false);
    });
    HeadGroups groups = cutEqually(classes);
    if (groups.empty()) {
      if (anyShared(classes))
        decline(op, "some heads of K and V are equal, but they make no groups of one size");
      return false;
    }
    if (!keepsOrder(groups) && site->needsOrder()) {
      decline(
          op,
          "heads of K and V are equal, but not neighbours, and sinks, a mask, a bias, the score or a use of "
          "lse depends on the query head");
      return false;
    }
    bool areSame = llvm::all_of(groups, [&](ArrayRef<int64_t> group) {
      return llvm::all_of(group, [&](int64_t head) {
        return areEqual(heads.k, group.front(), head) && areEqual(heads.v, group.front(), head);
      });
    });
    Importance importance(heads, Matrix());
    Pooled pooled =
        poolHeads(heads, groups, importance, rotation, areSame ? PoolMethod::First : PoolMethod::Subspace);
    site->write(rewriter, pooled.heads, buildConstant);
    return true;
  }

  /// A quick look at some of the inputs: whether any two heads may be equal. Equal ones are equal there too.
  bool mayShare(llvm::function_ref<bool(ArrayRef<Matrix>, int64_t, int64_t, bool)> equal) {
    SmallVector<Matrix> someK = k.read(constantOf, 2 * k.getDim()),
                        someV = v.read(constantOf, 2 * v.getDim());
    return anyShared(classesOf(someK.size(), [&](int64_t a, int64_t b) {
      return equal(someK, a, b, true) && equal(someV, a, b, false);
    }));
  }

  RewriterBase &rewriter;
  AttentionOp op;
  InputProjection k, v;
  SmallVector<Matrix> kHeads, vHeads;
};

} // namespace

bool shareEqualHeads(RewriterBase &rewriter, AttentionOp op) { return EqualHeads(rewriter, op).run(); }

} // namespace gqa
