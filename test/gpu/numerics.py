"""The numeric suite: the same programs as on the stand-in driver, judged by the same rule, with each kind of code; and the same
bits once more from a CUDA graph."""

import os

import suite
from programs import Attention, images


def run(runtime, name, doing):
    """{"loaded": what the device ran, "ptx": the digest of the text that it was made of}.

    Raises AssertionError that says which kinds of code are wrong, and how.
    """
    attention, loaded, wrong = Attention(runtime, "numerics", name), [], []
    for image in images():
        doing(image)
        os.environ["GQA_CUDA_FORCE_PTX"] = "1" if image == "ptx" else "0"
        results = attention.launch()
        loaded.append(attention.program.loaded())
        doing(f"{image}, in a CUDA graph")
        replayed = attention.replay()
        attention.close()  # so that the next kind is loaded
        try:
            attention.check(results)
        except AssertionError as error:
            wrong.append(f"{loaded[-1]}: {error}")
        if any(one.tobytes() != other.tobytes() for one, other in zip(results, replayed)):
            wrong.append(f"{loaded[-1]}: a CUDA graph leaves other results")
    assert not wrong, "; ".join(wrong)
    return {"loaded": loaded, "ptx": suite.digest(attention.program.ptx())}
