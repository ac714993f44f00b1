"""What can be computed of stand-ins, by the names that Python and torch have for it: each emits its operations."""

import math


def apply(region, name, args, kwargs):
    function = FUNCTIONS.get(name) or FUNCTIONS.get(name.strip("_"))
    if function is None:
        raise region.error(f"calls {name}, which a score region does not have; it has " + ", ".join(sorted(FUNCTIONS)))
    try:
        return function(region, *args, **kwargs)
    except TypeError as error:
        if "given as" in str(error):
            raise
        raise region.error(f"calls {name} in a way that is not supported: {error}") from None


def _common(region, *values):
    """The values as the widest kind among them; arithmetic on conditions is that on 0 and 1."""
    scalars = [region.operand(value) for value in values]
    kinds = {scalar.kind for scalar in scalars}
    kind = region.accumulator if region.accumulator in kinds else "index" if "index" in kinds else "i1"
    return kind, [region.cast(scalar, kind) for scalar in scalars]


def _arithmetic(name):
    def apply(region, a, b, *, alpha=1):
        if alpha != 1:
            b = region.operand(b) * alpha
        kind, (a, b) = _common(region, a, b)
        if kind == "i1":
            kind, a, b = "index", region.cast(a, "index"), region.cast(b, "index")
        return region.emit(f"arith.{name}{'i' if kind == 'index' else 'f'} {a.value}, {b.value} : {kind}", kind)
    return apply


def _compared(predicate, float_predicate):
    def apply(region, a, b):
        kind, (a, b) = _common(region, a, b)
        if kind == region.accumulator:
            return region.emit(f"arith.cmpf {float_predicate}, {a.value}, {b.value} : {kind}", "i1")
        a, b = region.cast(a, "index"), region.cast(b, "index")
        return region.emit(f"arith.cmpi {predicate}, {a.value}, {b.value} : index", "i1")
    return apply


def _bitwise(name):
    def apply(region, a, b):
        kind, (a, b) = _common(region, a, b)
        if kind == region.accumulator:
            raise region.error(f"uses {name} on floats, expected conditions or integers")
        return region.emit(f"arith.{name}i {a.value}, {b.value} : {kind}", kind)
    return apply


def _logical(name):
    bitwise = _bitwise(name)
    return lambda region, a, b: bitwise(region, region.cast(a, "i1"), region.cast(b, "i1"))


def _unary(operation):
    """A function of floats."""
    def apply(region, a):
        a = region.cast(a, region.accumulator)
        return region.emit(f"{operation} {a.value} : {a.kind}", a.kind)
    return apply


def _divide(region, a, b, *, rounding_mode=None):
    a, b = region.operand(a), region.operand(b)
    if rounding_mode == "floor":
        return _floor_divide(region, a, b)
    if rounding_mode is not None:
        raise region.error(f"divides with rounding_mode={rounding_mode!r}, which is not supported")
    a, b = region.cast(a, region.accumulator), region.cast(b, region.accumulator)
    return region.emit(f"arith.divf {a.value}, {b.value} : {a.kind}", a.kind)


def _floor_divide(region, a, b):
    divisor = b
    kind, (a, b) = _common(region, a, b)
    if kind == region.accumulator:
        return _unary("math.floor")(region, _divide(region, a, b))
    a, b = region.cast(a, "index"), region.cast(b, "index")
    if isinstance(divisor, int) and divisor == 0:
        raise region.error("divides by 0")
    return region.emit(f"arith.floordivsi {a.value}, {b.value} : index", "index")


def _power(region, a, b):
    a = region.operand(a)
    if isinstance(b, int) and not isinstance(b, bool) and 0 <= b <= 8:
        power = region.constant(1, "index" if a.kind == "i1" else a.kind)
        for _ in range(b):
            power = power * a
        return power
    a, b = region.cast(a, region.accumulator), region.cast(b, region.accumulator)
    return region.emit(f"math.powf {a.value}, {b.value} : {a.kind}", a.kind)


def _where(region, condition, a, b):
    condition = region.cast(condition, "i1")
    kind, (a, b) = _common(region, a, b)
    return region.emit(f"arith.select {condition.value}, {a.value}, {b.value} : {kind}", kind)


def _extreme(integer, number):
    def apply(region, a, b):
        kind, (a, b) = _common(region, a, b)
        if kind == "i1":
            kind, a, b = "index", region.cast(a, "index"), region.cast(b, "index")
        return region.emit(f"arith.{number if kind == region.accumulator else integer} {a.value}, {b.value} : {kind}", kind)
    return apply


def _clamp(region, a, min=None, max=None):
    if min is not None:
        a = FUNCTIONS["maximum"](region, a, min)
    return region.operand(a) if max is None else FUNCTIONS["minimum"](region, a, max)


def _absolute(region, a):
    a = region.operand(a)
    return _unary("math.absf")(region, a) if a.kind == region.accumulator else FUNCTIONS["maximum"](region, a, -a)


def _inverted(region, a):
    a = region.operand(a)
    if a.kind == "i1":
        return a ^ True
    return FUNCTIONS["sub"](region, -1, a)


def _converted(region, a, dtype=None, **_):
    """`to` and `type`: a dtype, or a device, which changes nothing."""
    name = str(dtype).removeprefix("torch.")
    kinds = {"bool": "i1", "int": "index", "uint": "index", "float": region.accumulator, "bfloat": region.accumulator}
    kind = kinds.get(name.rstrip("0123456789"))
    return region.cast(a, kind) if kind else region.operand(a)


def _filled(value):
    def apply(region, a, size=(), fill=None, *, dtype=None, fill_value=None, **_):
        if tuple(size):
            raise region.error(f"makes a tensor of shape {tuple(size)}, expected numbers")
        number = next(v for v in (fill, fill_value, value) if v is not None)
        return _converted(region, number, dtype)
    return apply


FUNCTIONS = {
    "add": _arithmetic("add"), "sub": _arithmetic("sub"), "mul": _arithmetic("mul"),
    "rsub": lambda region, a, b: FUNCTIONS["sub"](region, b, a),
    "truediv": _divide, "div": _divide, "rtruediv": lambda region, a, b: _divide(region, b, a),
    "floordiv": _floor_divide, "rfloordiv": lambda region, a, b: _floor_divide(region, b, a),
    "mod": lambda region, a, b: FUNCTIONS["sub"](region, a, _floor_divide(region, a, b) * b),
    "rmod": lambda region, a, b: FUNCTIONS["mod"](region, b, a),
    "pow": _power, "rpow": lambda region, a, b: _power(region, b, a), "square": lambda region, a: _power(region, a, 2),
    "neg": lambda region, a: FUNCTIONS["sub"](region, 0, a) if region.operand(a).kind != region.accumulator
    else _unary("arith.negf")(region, a),
    "pos": lambda region, a: region.operand(a),
    "abs": _absolute, "invert": _inverted, "bitwise_not": _inverted,
    "lt": _compared("slt", "olt"), "le": _compared("sle", "ole"), "gt": _compared("sgt", "ogt"),
    "ge": _compared("sge", "oge"), "eq": _compared("eq", "oeq"), "ne": _compared("ne", "une"),
    "and": _bitwise("and"), "or": _bitwise("or"), "xor": _bitwise("xor"),
    "bitwise_and": _bitwise("and"), "bitwise_or": _bitwise("or"), "bitwise_xor": _bitwise("xor"),
    "logical_and": _logical("and"), "logical_or": _logical("or"), "logical_xor": _logical("xor"),
    "logical_not": lambda region, a: region.cast(a, "i1") ^ True,
    "where": _where, "clamp": _clamp, "clip": _clamp,
    "maximum": _extreme("maxsi", "maximumf"), "minimum": _extreme("minsi", "minimumf"),
    "max": _extreme("maxsi", "maximumf"), "min": _extreme("minsi", "minimumf"),
    "relu": lambda region, a: FUNCTIONS["maximum"](region, a, 0),
    "reciprocal": lambda region, a: _divide(region, 1.0, a),
    "sigmoid": lambda region, a: _divide(region, 1.0, FUNCTIONS["exp"](region, -region.operand(a)) + 1.0),
    "isinf": lambda region, a: FUNCTIONS["abs"](region, a) == math.inf,
    "isnan": lambda region, a: region.operand(a) != a,
    "masked_fill": lambda region, a, mask, value: _where(region, mask, value, a),
    "to": _converted, "type": _converted, "float": lambda region, a: region.cast(a, region.accumulator),
    "int": lambda region, a: region.cast(a, "index"), "long": lambda region, a: region.cast(a, "index"),
    "bool": lambda region, a: region.cast(a, "i1"),
    "new_ones": _filled(1.0), "new_zeros": _filled(0.0), "new_full": _filled(None),
    "ones_like": _filled(1.0), "zeros_like": _filled(0.0), "item": lambda region, a: region.operand(a),
}
FUNCTIONS |= {name: _unary(f"math.{name}") for name in
              ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "tanh", "atan",
               "erf", "ceil", "floor", "trunc")}
FUNCTIONS["round"] = _unary("math.roundeven")
