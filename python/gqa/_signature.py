"""The module text of one signature of `gqa.attention`: what must be compiled again when it changes."""

import dataclasses

# Of a draft, such as speculative decoding has checked: more rows (queries x heads of a group) are a prompt's.
MOST_QUERIES, MOST_ROWS = 16, 64


def is_step(queries, keys, q_heads, kv_heads):
    """Whether queries are those of a decode step or of a draft, over more keys than they are themselves."""
    return queries == 1 or (1 < queries <= MOST_QUERIES and queries * q_heads <= MOST_ROWS * kv_heads and queries < keys)


@dataclasses.dataclass
class Signature:
    """Heads and head dimensions are static; batch, queries and keys are dynamic, so that a decoder compiles once.

    The queries of a step (`is_step`) stay static: few rows have schedules of their own, and a prompt's kernels need none for
    them. `static` makes every size static.
    """

    kind: str  # of q, k, v and the output
    layout: str  # of the output
    sizes: dict
    dead_row: str
    softcap: float | None
    causal: bool
    window: tuple | None
    lse: bool
    static: bool = False
    layouts: dict = dataclasses.field(default_factory=dict)  # of q, k, v in memory
    operands: dict = dataclasses.field(default_factory=dict)  # further operands: (element type, shape)
    region: object = None  # _score.Region
    attributes: tuple = ()  # of the operation, that choose a schedule

    def text(self):
        """A module with one function, main, whose arguments are q, k, v and the operands in their order."""
        types = {name: self._heads(name, self.layouts[name]) for name in "qkv"}
        types |= {name: self._operand(name, *operand) for name, operand in self.operands.items()}
        captures = {f"capture{n}": kind for n, (_, _, kind) in enumerate(self.region.captures)} if self.region else {}
        types |= captures
        results = [self._heads("o", self.layout)]
        if self.lse:
            results.append(f"tensor<{self._size('B')}x{self.sizes['Hq']}x{self._size('Sq')}x{self.accumulator()}>")
        arguments = ", ".join(f"%{name}: {kind}" for name, kind in types.items())
        returned = "%o, %lse" if self.lse else "%o"
        scale = self.accumulator()
        extract = f"  %factor = tensor.extract %scale[] : tensor<{scale}>\n" if "scale" in self.operands else ""
        operand_types = [scale if name == "scale" else kind for name, kind in types.items()]
        return (f"func.func @main({arguments}) -> ({', '.join(results)}) {{\n{extract}"
                f"  {returned} = gqa.attention %q, %k, %v{self._clauses()}\n"
                f"    : ({', '.join(operand_types)}) -> ({', '.join(results)})"
                f"{self.region.text([f'%{name}' for name in captures]) if self.region else ''}\n"
                f"  return {returned} : {', '.join(results)}\n}}\n")

    def results(self):
        """Shapes and element types of the results."""
        size = {"b": self.sizes["B"], "h": self.sizes["Hq"], "s": self.sizes["Sq"], "d": self.sizes["Dv"]}
        shapes, kinds = [tuple(size[letter] for letter in self.layout)], [self.kind]
        if self.lse:
            shapes.append((self.sizes["B"], self.sizes["Hq"], self.sizes["Sq"]))
            kinds.append(self.accumulator())
        return shapes, kinds

    def accumulator(self):
        return "f64" if self.kind == "f64" else "f32"

    def _size(self, letter):
        """A size of batch, queries or keys as a type has it."""
        size = self.sizes[letter]
        known = self.static or (letter == "Sq" and is_step(*(self.sizes[name] for name in ("Sq", "Skv", "Hq", "Hkv"))))
        return str(size) if known else "?"

    def _heads(self, name, layout):
        """The type of q, k, v or the output in `layout`."""
        queries = name in "qo"
        size = {"b": self._size("B"), "h": self.sizes["Hq" if queries else "Hkv"], "s": self._size("Sq" if queries else "Skv"),
                "d": self.sizes["Dk" if name in "qk" else "Dv"]}
        return f"tensor<{'x'.join(str(size[letter]) for letter in layout)}x{self.kind}>"

    def _operand(self, name, kind, shape):
        if name in ("mask", "bias"):
            letters = [self._size("B"), str(self.sizes["Hq"]), self._size("Sq"), self._size("Skv")][4 - len(shape):]
            dims = ["1" if n == 1 else letter for n, letter in zip(shape, letters)]
        elif name in ("kv_len", "offset"):
            dims = ["1" if shape[0] == 1 else self._size("B")]
        else:
            dims = [str(n) for n in shape]
        return f"tensor<{''.join(d + 'x' for d in dims)}{kind}>"

    def _clauses(self):
        text = " causal" if self.causal else ""
        if self.window:
            text += f" window({self.window[0]}, {self.window[1]})"
        if self.softcap is not None:
            text += f" softcap({float(self.softcap):.17e})"
        if self.dead_row != "zero":
            text += f" dead_row({self.dead_row})"
        for name in self.operands:
            text += f" {name}(%{'factor' if name == 'scale' else name})"
        layouts = {**self.layouts, "o": self.layout}
        text += " layout(" + ", ".join(f'{name} = "{value}"' for name, value in layouts.items()) + ")"
        attributes = [*self.attributes, *(["gqa.prompts_only"] if self._size("Sq") == "?" else [])]
        return text + (f" {{{', '.join(attributes)}}}" if attributes else "")
