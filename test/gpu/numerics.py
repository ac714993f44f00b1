"""The numeric suite: the same programs as on the stand-in driver, judged by the same rule, with each kind of code."""

import os

from programs import Attention, images


def run(runtime, name, doing):
    """{"loaded": what the device runs}. Raises AssertionError, with the kind of code that is wrong."""
    attention, loaded = Attention(runtime, "numerics", name), []
    for image in images():
        doing(image)
        os.environ["GQA_CUDA_FORCE_PTX"] = "1" if image == "ptx" else "0"
        try:
            attention.check(attention.launch())
        except AssertionError as error:
            raise AssertionError(f"{image}: {error}") from error
        loaded.append(attention.program.loaded())
        attention.close()  # so that the next kind is loaded
    return {"loaded": loaded}
