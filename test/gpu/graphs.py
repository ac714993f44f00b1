"""Whole graphs: packed programs with their inputs and what is expected of them, with each kind of code; and the same bits once more
from a CUDA graph, where a graph can be one."""

import os

import numpy as np

import suite
from gqa._program import Array, CudaError, Program
from programs import FOLDER, images
from reference import from_bf16

TOLERANCES = {"f64": 1e-4, "f32": 1e-4, "f16": 5e-3, "bf16": 4e-2}  # as gqa-run --expect has them; other numbers are equal


def run(runtime, name, doing):
    """{"loaded", "ptx"} as in the numeric suite, and a "note" where a graph cannot be captured; {"status": "not run"} without the
    cuBLASLt that its products need. Raises AssertionError that says which kinds of code are wrong, and how."""
    path = FOLDER / "programs" / f"graphs-{name}.so"
    if b"gqa_rt_cuda_matmul" in path.read_bytes() and (reason := runtime.missing_blas()):
        return {"status": "not run", "reason": reason}
    graph, loaded, wrong, notes = Graph(runtime, path), [], [], []
    for image in images():
        doing(image)
        os.environ["GQA_CUDA_FORCE_PTX"] = "1" if image == "ptx" else "0"
        results = graph.launch()
        loaded.append(graph.program.loaded())
        wrong += [f"{loaded[-1]}: {problem}" for problem in graph.problems(results)]
        doing(f"{image}, in a CUDA graph")
        try:
            again, how = graph.replay(), "a CUDA graph"
        except CudaError as error:
            notes.append(f"not captured: {error}")
            again, how = graph.launch(), "a second launch"  # which says whether the device is still there, too
        if any(one.tobytes() != other.tobytes() for one, other in zip(results, again)):
            wrong.append(f"{loaded[-1]}: {how} leaves other results")
        graph.program.close()  # so that the next kind is loaded
    assert not wrong, "; ".join(wrong)
    return {"loaded": loaded, "ptx": suite.digest(graph.program.ptx()), **({"note": notes[0]} if notes else {})}


class Graph:
    """A packed program with its inputs on the GPU, and room for its results."""

    def __init__(self, runtime, path):
        self.runtime, self.program = runtime, Program(runtime, path)
        with np.load(path.with_suffix(".npz")) as arrays:
            self.values = [arrays[f"arg{i}"] for i in range(len(self.program.inputs))]
            self.wanted = [arrays[f"out{i}"] for i in range(len(arrays.files)) if f"out{i}" in arrays]
            self.tolerance = float(arrays["tolerance"]) if "tolerance" in arrays else None
        self.inputs = [self.program.place(i, value) for i, value in enumerate(self.values)]
        rooms = [number for number in range(len(self.wanted)) if number not in self.program.donors]
        self.outputs = [Array(runtime, self.wanted[number].shape, kind["dtype"]) for number, kind in zip(rooms, self.program.outputs)]
        self.results = dict(zip(rooms, self.outputs)) | {number: self.inputs[i] for number, i in self.program.donors.items()}

    def launch(self):
        """Runs it and returns the results as NumPy arrays, bf16 as bits. Raises CudaError, and AssertionError if it has written
        where it may not."""
        self._prepare()
        self.program(self.inputs, self.outputs)
        return self._read()

    def replay(self, launches=2):
        """The same as a CUDA graph that is launched so often: the results of the last launch."""
        graph = self.runtime.capture(lambda stream: self.program(self.inputs, self.outputs, stream))
        for _ in range(launches):
            self._prepare()
            graph.launch()
        return self._read()

    def _prepare(self):
        for output in self.outputs:
            output.poison()
        for place in self.program.donors.values():
            self.inputs[place].write(self.values[place])

    def _read(self):
        self.runtime.synchronize()
        for place, (array, value) in enumerate(zip(self.inputs, self.values)):
            if isinstance(array, Array) and place not in self.program.donors.values():
                assert array.numpy().tobytes() == value.tobytes(), f"a kernel has written to argument {place}"
        return [self.results[number].numpy() for number in range(len(self.wanted))]

    def problems(self, results):
        """A line for each result that is not what is expected."""
        lines = []
        for number, (found, want) in enumerate(zip(results, self.wanted)):
            problem = _problem(found, want, self.results[number].dtype, self.tolerance)
            lines += [f"result {number}: {problem}"] if problem else []
        return lines


def _problem(found, want, dtype, tolerance):
    """What the comparison of gqa-run --expect says: NaN and infinities are the same, all else is within a part of the largest."""
    found, want = ((from_bf16(x) if dtype == "bf16" and x.dtype == np.uint16 else x).reshape(-1) for x in (found, want))
    if want.dtype.kind != "f":
        different = np.flatnonzero(found != want)
        return f"element {different[0]} is {found[different[0]]}, expected {want[different[0]]}" if different.size else ""
    found, want = found.astype(np.float64), want.astype(np.float64)
    ordinary = np.isfinite(found) & np.isfinite(want)
    other = np.flatnonzero(~ordinary & (found != want) & ~(np.isnan(found) & np.isnan(want)))
    if other.size:
        return f"element {other[0]} is {found[other[0]]}, expected {want[other[0]]}"
    errors = np.zeros_like(want)
    errors[ordinary] = np.abs(found[ordinary] - want[ordinary])
    allowed = (TOLERANCES[dtype] if tolerance is None else tolerance) * np.abs(want[ordinary]).max(initial=0)
    worst = int(errors.argmax()) if errors.size else 0
    return "" if not errors.size or errors[worst] <= allowed else (
        f"element {worst} is {found[worst]:.9g}, expected {want[worst]:.9g} within {allowed:.2g}")
