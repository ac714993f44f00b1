"""What a conversion did to each layer and to the whole: as text, as a document for JSON, as a picture."""

import dataclasses
import json
import math

import torch

from ..bench.table import table
from . import stream

MOST_TOKENS = 4096  # of the calibration data on which final outputs are compared: logits are large


@dataclasses.dataclass
class Report:
    """layers: a layer.Result for each attention; curves: what `curves.measure` found for each, where it was asked for."""

    model: str
    method: object  # layer.Method
    calibrated: bool
    layers: list = dataclasses.field(default_factory=list)
    curves: list = dataclasses.field(default_factory=list)
    tokens: int = 0  # of calibration
    output_error: float | None = None  # relative, of the model's final output on calibration data, by fits that have not seen it
    output_cosine: float | None = None  # mean over its tokens

    @property
    def kv_bytes_before(self):
        """K and V of one token, all layers."""
        return sum(result.kv_bytes_before for result in self.layers)

    @property
    def kv_bytes(self):
        return sum(result.kv_bytes for result in self.layers)

    def measure_output(self, model, blocks, batches):
        """Runs the model's head on both streams, which have come behind the last block."""
        error, cosines, compared = stream.Error(), 0.0, 0
        self.tokens = sum(int(batch.rows.sum()) for batch in batches)
        for batch in batches:
            if compared >= MOST_TOKENS:
                break
            outputs = []
            for hidden in (batch.converted, batch.original):
                with stream.ending_with(blocks, batch.calls, hidden):
                    outputs.append(_tokens(model(**batch.inputs), batch.rows))
            error.add(*outputs)
            cosines += torch.nn.functional.cosine_similarity(*(each.double() for each in outputs), dim=-1).sum().item()
            compared += len(outputs[0])
        self.output_error, self.output_cosine = error.relative, cosines / compared

    def document(self):
        """What JSON holds: numbers, strings, lists and dictionaries."""
        return {"schema": 1, "model": self.model, "method": dataclasses.asdict(self.method), "calibration_tokens": self.tokens,
                "layers": [dataclasses.asdict(result) for result in self.layers],
                "curves": [[{"kv_heads": n, "attention_error": error, "damage": damage} for n, (error, damage) in curve.items()]
                           for curve in self.curves],
                "total": {"kv_bytes_before": self.kv_bytes_before, "kv_bytes": self.kv_bytes,
                          "output_error": self.output_error, "output_cosine": self.output_cosine}}

    def write(self, path):
        """Writes `document` as JSON."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.document(), file, indent=1)

    def text(self):
        """A table with a line for each layer, and the sums."""
        head = ["layer", "heads", "KV heads", "KV bytes/token", "energy K", "energy V", "attention error", "stream error"]
        rows = [[r.name, r.q_heads, f"{r.kv_heads_before} -> {r.kv_heads}", f"{r.kv_bytes_before} -> {r.kv_bytes}",
                 f"{r.energy_k:.4f}", f"{r.energy_v:.4f}", _error(r.attention_error), _error(r.stream_error)] for r in self.layers]
        rows.append(["total", sum(r.q_heads for r in self.layers),
                     f"{sum(r.kv_heads_before for r in self.layers)} -> {sum(r.kv_heads for r in self.layers)}",
                     f"{self.kv_bytes_before} -> {self.kv_bytes}", "", "", "", ""])
        data = f"{self.tokens} tokens of calibration" if self.calibrated else "weights alone, no errors measured"
        method = self.method
        healed = "healed, " if method.heal and self.calibrated else ""
        lines = [f"{self.model}: {method.name}, groups {method.grouping}, {healed}{data}", *table(head, rows)]
        if self.output_error is not None:
            judged = ", each sequence by a fit without it" if healed else ""
            lines.append(f"final output on calibration data{judged}: relative error {_error(self.output_error)}, "
                         f"mean cosine of a token {self.output_cosine:.4f}")
        return "\n".join(lines)

    def __str__(self):
        return self.text()

    def total_curve(self):
        """[(KV bytes of a token, damage)] with the same share of heads in all layers.

        An estimate: damages of layers are added as if they were independent.
        """
        points = []
        for share in self._common_shares():
            damage = math.sqrt(sum(curve[round(share * max(curve))][1] ** 2 for curve in self.curves))
            points.append((share * self.kv_bytes_before, damage))
        return points

    def common_counts(self):
        """The numbers of KV heads of `total_curve`'s points, in layers with the most heads."""
        most = max((max(curve) for curve in self.curves), default=0)
        return [round(share * most) for share in self._common_shares()]

    def _common_shares(self):
        """The parts of the heads that every layer can have."""
        shares = sorted({n / max(curve) for curve in self.curves for n in curve})
        return [share for share in shares
                if all(round(n) in curve and abs(n - round(n)) < 1e-9
                       for n, curve in ((share * max(curve), curve) for curve in self.curves))]

    def draw(self, path):
        """Writes a picture: error of each layer over its KV heads, and the whole's over memory. Needs matplotlib."""
        from .plot import draw

        draw(self, path)


def _error(value):
    return None if value is None else f"{value:.2e}" if value < 1e-3 else f"{value:.4f}"


def _tokens(output, rows):
    """The first result of a model, for each token: tokens x features; of one that has one result a sequence, that."""
    first = output if isinstance(output, torch.Tensor) else output[0]
    return first[rows] if first.shape[:2] == rows.shape else first.reshape(len(first), -1)
