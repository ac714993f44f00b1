"""Queries, keys and values: rank-4 tensors with a layout, as `gqa.attention` takes them."""

import dataclasses

from .builder import Type


@dataclasses.dataclass(frozen=True)
class Heads:
    """A rank-4 value and where its dimensions are: `bhsd` or `bshd`."""

    name: str
    type: Type
    layout: str

    def size(self, letter):
        """A size of the letters b, h, s, d: an int, a name, or None."""
        return self.type.sizes[self.layout.index(letter)]

    def axis(self, letter):
        return self.layout.index(letter)

    def cast(self, operator, element, result=None):
        """The same in another element type."""
        return Heads(operator.op("Cast", self.name, to=element, result=result), Type(element, self.type.sizes), self.layout)


def heads_of(operator, name, what, count=None):
    """The value `name` as Heads: rank 4 as it is, rank 3 (batch, sequence, heads * size) split into `count` heads."""
    kind = operator.type(name)
    if kind.rank == 4:
        return Heads(name, kind, "bhsd")
    if kind.rank != 3:
        operator.fail(f"{what} has rank {kind.rank}; expected 3 (batch, sequence, hidden) or 4 (batch, heads, sequence, "
                      "head size)")
    return split(operator, name, kind, what, count)


def split(operator, name, kind, what, count):
    """(batch, sequence, count * size) as Heads in the order of memory."""
    batch, length, hidden = kind.sizes
    if not isinstance(hidden, int):
        operator.fail(f"the last dimension of {what} '{name}' is not known; give the model's inputs static hidden sizes")
    if not count or hidden % count:
        operator.fail(f"{what} has {hidden} features, which are not {count} heads")
    size = hidden // count
    result = operator.op("Reshape", name, operator.constant([0, 0, count, size]))
    return Heads(result, Type(kind.element, (batch, length, count, size)), "bshd")


def in_layout(operator, x, layout):
    """`x` with its dimensions in the order `layout`."""
    if x.layout == layout:
        return x
    order = [x.axis(letter) for letter in layout]
    result = operator.op("Transpose", x.name, perm=order)
    return Heads(result, Type(x.type.element, tuple(x.type.sizes[axis] for axis in order)), layout)


def merge(operator, x, result):
    """(batch, sequence, heads * size), named `result`."""
    x = in_layout(operator, x, "bshd")
    hidden = x.size("h") * x.size("d") if isinstance(x.size("h"), int) and isinstance(x.size("d"), int) else -1
    operator.op("Reshape", x.name, operator.constant([0, 0, hidden]), result=result)


def sum_of_sizes(a, b):
    return a + b if isinstance(a, int) and isinstance(b, int) else None


def append(operator, past, fresh, result=None, positions=None):
    """`gqa.append_kv` of Heads, in the layout `bhsd`.

    `positions` (batch x sequence): places of the new tokens in a cache that keeps its size.
    """
    past, fresh = (in_layout(operator, x, "bhsd") for x in (past, fresh))
    b, h, s, d = (known(*pair) for pair in zip(past.type.sizes, fresh.type.sizes))
    s = past.size("s") if positions else sum_of_sizes(past.size("s"), fresh.size("s"))
    grown = Heads(result or operator.new(), Type(past.type.element, (b, h, s, d)), "bhsd")
    operator.gqa("append_kv", [past.name, fresh.name, positions], [(grown.name, grown.type)])
    return grown


def cache(operator, place):
    """An input that is a cache: batch, heads, sequence, head size."""
    kind = operator.type(operator.input(place))
    if kind.rank != 4:
        operator.fail(f"the cache '{operator.input(place)}' has rank {kind.rank}; expected 4 (batch, heads, sequence, "
                      "head size)")
    return Heads(operator.input(place), kind, "bhsd")


def known(*sizes):
    """The first of equal sizes that is known."""
    return next((n for n in sizes if isinstance(n, int)), sizes[0])


def past_length(operator, place, axis=2):
    """The length of a cache: its size, or the name of a value of one element."""
    length = operator.type(operator.input(place)).sizes[axis]
    return length if isinstance(length, int) else operator.size(operator.input(place), axis)


def present(operator, results):
    """Heads as results (by place) of an operator that has no past."""
    for place, x in results.items():
        if operator.output(place):
            operator.op("Identity", in_layout(operator, x, "bhsd").name, result=operator.output(place))


def slice_of(operator, x, axis, start, end):
    return operator.op("Slice", x, *(operator.constant([n]) for n in (start, end, axis)))
