// tile.finish: dead rows, division by the sum, rounding and stores with whatever strides the output has.
#include "TileLowering.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

class Finish {
public:
  Finish(tile::FinishOp op, VectorBuilder &b)
      : op(op), b(b), o(op.getO()), out(op.getOut()), width(b.size(out, 2)), rows(b.size(o, 0)) {
    outElement = cast<MemRefType>(out.getType()).getElementType();
  }

  void build() {
    if (!op.getValues().empty())
      sumDeadRows();
    b.branch(
        b.isContiguous(out),
        [&] {
          Value to = b.withContiguousRows(out);
          forEachRow([&](ValueRange at, Value row, Value divisor) { storeVectors(to, at, row, divisor); });
        },
        [&] {
          forEachRow([&](ValueRange at, Value row, Value divisor) {
            storeElements(out, at, row, divisor, b.index(0));
          });
        });
    if (op.getLse())
      storeLse();
  }

private:
  void forEachPlace(function_ref<void(ValueRange, Value)> body) {
    Value zero = b.index(0);
    b.forEach(zero, b.size(out, 0), 1, [&](Value head) {
      Value first = b.mul(head, op.getQueries());
      b.forEach(zero, b.size(out, 1), 1, [&](Value query) { body({head, query}, b.add(first, query)); });
    });
  }

  void forEachRow(function_ref<void(ValueRange, Value, Value)> body) {
    forEachPlace([&](ValueRange at, Value row) { body(at, row, divisorOf(row)); });
  }

  Value isDead(Value row) { return b.equal(b.load(op.getL(), row), b.scalar(0.0)); }

  /// What a row of o is divided by: the sum of its probabilities; for dead rows 1 (zeros stay), 0 (zeros
  /// become NaN) or the number of values that were added up.
  Value divisorOf(Value row) {
    Value l = b.load(op.getL(), row);
    if (op.getDeadRow() == DeadRow::NaN)
      return l;
    Value dead = b.scalar(1.0);
    if (!op.getValues().empty()) {
      Value count = b.index(0);
      for (Value values : op.getValues())
        count = b.add(count, b.size(values, 0));
      count = b.max(count, b.index(1));
      count = arith::IndexCastOp::create(b, b.getI64Type(), count);
      dead = arith::SIToFPOp::create(b, b.element, count);
    }
    return b.select(isDead(row), dead, l);
  }

  /// Adds up all values into the first dead row, if there is one, and copies the sum to the others.
  void sumDeadRows() {
    Value zero = b.index(0), none = b.index(-1);
    Value first = b.fold(zero, rows, 1, none, [&](Value row, ValueRange so) {
      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, so[0], zero);
      Value found = arith::AndIOp::create(b, isFirst, isDead(row));
      return SmallVector<Value>{b.select(found, row, so[0])};
    })[0];
    Value any = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, first, zero);
    b.branch(any, [&] {
      for (Value values : op.getValues())
        addValues(values, first);
      b.forEach(b.add(first, b.index(1)), rows, 1, [&](Value row) {
        b.branch(isDead(row), [&] {
          b.forEach(zero, width, 1, [&](Value d) { b.store(b.load(o, {first, d}), o, {row, d}); });
        });
      });
    });
  }

  void addValues(Value values, Value row) {
    Value zero = b.index(0);
    b.forEach(zero, b.size(values, 0), 1, [&](Value key) {
      b.forEach(zero, width, 1, [&](Value d) {
        Value value = b.widen(b.load(values, {key, d}), b.element);
        Value column = columnOf(d);
        b.store(b.addF(b.load(o, {row, column}), value), o, {row, column});
      });
    });
  }

  static SmallVector<Value> append(ValueRange at, Value last) {
    SmallVector<Value> place(at);
    place.push_back(last);
    return place;
  }

  Value columnOf(Value d) { return b.pairedColumn(d, op.getPaired().has_value()); }

  void storeVectors(Value to, ValueRange at, Value row, Value divisor) {
    int64_t step = op.getPaired() ? 2 * b.lanes : b.lanes;
    Value whole = b.roundDown(width, step), divisors = b.splat(divisor);
    b.forEach(b.index(0), whole, step, [&](Value d) {
      Value value = b.divF(b.loadVector(o, {row, d}), divisors);
      if (op.getPaired()) {
        Value odd = b.divF(b.loadVector(o, {row, b.add(d, b.index(b.lanes))}), divisors);
        value = vector::InterleaveOp::create(b, value, odd);
      }
      b.storeVector(b.narrow(value, outElement), to, append(at, d));
    });
    storeElements(to, at, row, divisor, whole);
  }

  void storeElements(Value to, ValueRange at, Value row, Value divisor, Value begin) {
    b.forEach(begin, width, 1, [&](Value d) {
      Value value = b.divF(b.load(o, {row, columnOf(d)}), divisor);
      b.store(b.narrow(value, outElement), to, append(at, d));
    });
  }

  void storeLse() {
    forEachPlace([&](ValueRange at, Value row) {
      Value logarithm = math::LogOp::create(b, b.load(op.getL(), row)); // -inf for a dead row
      Value maximum = b.mulF(b.load(op.getM(), row), op.getScale());
      b.store(b.addF(maximum, logarithm), op.getLse(), at);
    });
  }

  tile::FinishOp op;
  VectorBuilder &b;
  Value o, out, width, rows;
  Type outElement;
};

} // namespace

void lowerFinish(tile::FinishOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  Finish(op, b).build();
  op.erase();
}

} // namespace gqa
