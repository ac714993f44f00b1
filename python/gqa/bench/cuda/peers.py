"""Who is timed beside gqa on a GPU. Each is a function (case, sets) -> call, as in the CPU's peers; `call.note` says what a
reader of its times should know."""

import torch
import torch.nn.functional as F

from ..errors import Unavailable
from ..peers import flex


def _sdpa(backend):
    def make(case, sets):
        from torch.nn.attention import SDPBackend, sdpa_kernel

        if not hasattr(SDPBackend, backend):
            raise Unavailable(f"this torch has no SDPBackend.{backend}")

        def attend(q, k, v):
            with sdpa_kernel(getattr(SDPBackend, backend)):
                return F.scaled_dot_product_attention(q, k, v, is_causal=case.causal, **grouped)

        def call(i):
            return attend(*sets[i])

        def call_repeated(i):
            q, k, v = sets[i]
            return attend(q, *(x.repeat_interleave(case.group, dim=1) for x in (k, v)))

        grouped = {"enable_gqa": True} if case.group > 1 else {}
        try:
            call(0)
            return call
        except RuntimeError:
            if not grouped:
                raise
        grouped = {}
        call_repeated(0)
        call_repeated.note = "repeats K and V for each query head in the call: this backend does not take fewer"
        return call_repeated
    make.__doc__ = f"torch's SDPA with SDPBackend.{backend} alone."
    return make


def triton(case, sets):
    """Flash attention and flash decoding in Triton, written for this benchmark."""
    try:
        from . import triton_kernels
    except ImportError as error:
        raise Unavailable(f"triton cannot be imported ({error})") from error
    return triton_kernels.prepare(case, sets)


PEERS = {"sdpa-cudnn": _sdpa("CUDNN_ATTENTION"), "sdpa-flash": _sdpa("FLASH_ATTENTION"),
         "sdpa-efficient": _sdpa("EFFICIENT_ATTENTION"), "flex": flex, "triton": triton}


# A shape of flex_attention takes 10 s and more to compile, of a run of minutes.
FLEX_CASES = ("decode-8k-b8", "prefill-4k", "decode-1k", "prefill-g8-8k")


def why_not(name, case, asked):
    """Why a peer does not run in a case, or ""; `asked`: whether the command line names it."""
    if case.cache:
        return f"reads no cache of {case.cache}"
    if name == "flex" and not asked and case.name not in FLEX_CASES:
        return "left out for the time that it takes to compile; --peers asks for it"
    return why_none()


def why_none():
    """Why no peer can run here, or ""."""
    return "" if torch.cuda.is_available() else f"torch {torch.__version__} finds no GPU"
