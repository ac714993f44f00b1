"""Score regions for random attentions: the text of each, and the function of `reference.attention` that it stands for."""

import numpy as np


class ScoreRegions:
    """Part of the builder in attention_cases: case["score"] names one of the `_score_` methods."""

    def _capture(self, value, dtype):
        operand, type_ = self.program.argument(value, dtype) if np.ndim(value) else self._scalar(value)
        self._operand(operand, type_)
        self.captures.append(f"%c{len(self.captures)} = {operand}")
        return f"%c{len(self.captures) - 1}", type_

    def _score(self):
        if "score" in self.case:
            body, function = getattr(self, "_score_" + self.case["score"])()
            self.program.options["score"] = function
            arguments = ", ".join(["%s", "%b", "%h", "%i", "%j", *self.captures])
            self.region = f" score({arguments}) {{\n{body}\n}}"

    def _score_alibi(self):
        slopes = self._normal(self.case["kv_heads"] * self.case["group"], dtype="f32")
        name, type_ = self._capture(slopes, "f32")
        widen = "%w = arith.extf %e : f32 to f64" if self.float == "f64" else "%z = arith.constant 0.0 : f32\n" \
                                                                              "%w = arith.addf %e, %z : f32"
        return f"""%e = tensor.extract {name}[%h] : {type_}
          {widen}
          %n = arith.index_cast %j : index to i64
          %f = arith.sitofp %n : i64 to {self.float}
          %p = arith.mulf %f, %w : {self.float}
          %r = arith.addf %s, %p : {self.float}
          gqa.yield %r : {self.float}""", lambda s, b, h, i, j: s + slopes[h].astype(s.dtype) * j

    def _score_documents(self):
        of_query, of_key = (np.sort(self.rng.integers(0, 3, n)).astype(np.int32)
                            for n in (self.case["queries"], self.case["keys"]))
        (query, query_type), (key, key_type) = self._capture(of_query, "i32"), self._capture(of_key, "i32")
        return f"""%e = tensor.extract {query}[%i] : {query_type}
          %f = tensor.extract {key}[%j] : {key_type}
          %seen = arith.cmpi eq, %e, %f : i32
          gqa.yield %s, %seen : {self.float}, i1""", lambda s, b, h, i, j: (s, of_query[i] == of_key[j])

    def _score_runtime(self):
        factor = np.float32(self.rng.standard_normal())
        name, _ = self._capture(factor, "f32")
        widen = "%w = arith.extf {0} : f32 to f64" if self.float == "f64" else "%w = arith.negf {0} : f32"
        sign = 1 if self.float == "f64" else -1
        return f"""{widen.format(name)}
          %r = arith.mulf %s, %w : {self.float}
          gqa.yield %r : {self.float}""", lambda s, b, h, i, j: s * s.dtype.type(sign * factor)

    def _score_holes(self):
        """-inf instead of an i1, and every index used."""
        return f"""%three = arith.constant 3 : index
          %zero = arith.constant 0 : index
          %x = arith.addi %i, %j : index
          %y = arith.addi %x, %h : index
          %w = arith.addi %y, %b : index
          %m = arith.remsi %w, %three : index
          %hole = arith.cmpi eq, %m, %zero : index
          %none = arith.constant 0x{'FFF0000000000000' if self.float == 'f64' else 'FF800000'} : {self.float}
          %r = arith.select %hole, %none, %s : {self.float}
          gqa.yield %r : {self.float}""", lambda s, b, h, i, j: np.where((i + j + h + b) % 3 == 0, -np.inf, s)
