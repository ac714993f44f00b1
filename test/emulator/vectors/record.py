"""Records of outputs, and what differs from one."""

import base64
import json
import zlib

import numpy as np

LEAST = {"f32": 2.0 ** -149, "f16x2": 2.0 ** -24, "bf16x2": 2.0 ** -133}  # the distance between subnormal numbers


def entry(vector, words):
    """What a record has of a vector."""
    return {"digest": vector.digest(), "outputs": base64.b64encode(zlib.compress(words.astype("<u4").tobytes(), 9)).decode()}


def outputs(recorded):
    """The words of an entry."""
    return np.frombuffer(zlib.decompress(base64.b64decode(recorded["outputs"])), "<u4").astype(np.uint32)


def load(path):
    """A golden record. Raises ValueError if it is not of hardware."""
    record = json.loads(path.read_text())
    name = record["device"]["name"]
    if record["stand_in"] is not None or "emulator" in name:  # which LD_LIBRARY_PATH finds, too
        raise ValueError(f"{path} was recorded on a stand-in driver, {record['stand_in'] or name}; only hardware says what is right: "
                         "record with tools/gpu-check --parts=vectors where a GPU is, without GQA_CUDA_DRIVER")
    return record


def check(vector, recorded, found):
    """Raises AssertionError if outputs differ from a record's by more than the PTX ISA allows."""
    assert recorded["digest"] == vector.digest(), (
        f"{vector.name} is another kernel or has other inputs than the recorded one: record again")
    want = outputs(recorded)
    assert want.size == found.size, f"{vector.name}: {found.size} words, recorded {want.size}"
    wrong = np.flatnonzero(~_equal(vector, found, want).reshape(want.size, -1).all(axis=1))
    assert not wrong.size, (f"{vector.name}: {wrong.size} of {want.size} words differ; the first is word {wrong[0]}: "
                            f"{found[wrong[0]]:#010x}, recorded {want[wrong[0]]:#010x}{_operands(vector, wrong[0])}")


def _operands(vector, word):
    if vector.raw:
        return ""
    inputs = vector.words().reshape(len(vector.inputs), -1)[:, word % vector.count]
    return ", of " + " ".join(f"{value:#010x}" for value in inputs)


def _equal(vector, found, want):
    """Of each number: the same bits, or both NaN, whose bits the ISA leaves open, or as near as both errors allow."""
    if vector.compare == "bits":
        return found == want
    with np.errstate(invalid="ignore"):  # NaN and infinity
        (got, bits), (right, right_bits) = (_numbers(words, vector.compare) for words in (found, want))
        equal = (bits == right_bits) | np.isnan(got) & np.isnan(right)
        if not vector.relative and not vector.absolute:
            return equal
        size = np.abs(right)
        allowed = np.maximum(vector.absolute, vector.relative * size) + vector.own * size + LEAST[vector.compare]
        return equal | np.isfinite(got) & np.isfinite(right) & (np.abs(got - right) <= allowed)


def _numbers(words, kind):
    """As float64, and their bits."""
    if kind == "f32":
        return words.view(np.float32).astype(np.float64), words
    halves = words.view(np.uint16)
    if kind == "f16x2":
        return halves.view(np.float16).astype(np.float64), halves
    return (halves.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64), halves
