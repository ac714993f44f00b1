"""What a vector is: a kernel's text, the kinds of its inputs, and how its outputs are compared."""

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np

from .inputs import KINDS

VERSIONS = {"sm_80": "7.8", "sm_89": "8.1", "sm_90": "8.0", "sm_90a": "8.0"}  # of PTX, the least that has the instructions


@dataclass(frozen=True)
class Vector:
    """`body` makes the words %d0.. of %x0.., where %x0 is a thread's word of the first of `inputs`, and so on.

    It may use %i, the thread of the block; %in and %out, the addresses of all inputs and outputs; %s, shared memory of
    `shared` bytes; and with `box` %map, the tensor map of it. `raw`: body reads and writes memory itself, and `inputs` has
    one kind, of `raw` words; it has `results` words of outputs in all, which are PATTERN where it leaves them.
    """

    name: str
    chip: str  # the least that has the instruction; sm_90a: that one alone
    body: str
    inputs: tuple
    results: int = 1  # words of a thread
    compare: str = "bits"  # what a word of the outputs is: bits, f32, f16x2, bf16x2
    relative: float = 0  # of the outputs' error, as the PTX ISA bounds it; 0 with `absolute` 0: the same bits
    absolute: float = 0
    own: float = 0  # the same of the stand-in driver, relative
    threads: int = 128
    blocks: int = 4
    shared: int = 0
    raw: int = 0
    box: "Box | None" = None

    @property
    def family(self):
        """What the instruction does, by its first word."""
        return self.name.split(".")[0] if not self.name.startswith("cp.async.bulk") else "cp.async.bulk"

    def fits(self, chip):
        """Whether a chip, as 90 for sm_90, has the instruction."""
        return chip == 90 if self.chip == "sm_90a" else chip >= int(self.chip[3:])

    @property
    def count(self):
        return self.threads * self.blocks

    @property
    def output_words(self):
        return self.results if self.raw else self.results * self.count

    def words(self):
        """All inputs, one behind the other. RandomState's streams are the same in every version of NumPy."""
        random = np.random.RandomState(zlib.crc32(self.name.encode()))
        return np.concatenate([KINDS[kind](random, self.raw or self.count) for kind in self.inputs]).astype(np.uint32)

    def ptx(self):
        tensor = ", .param .align 64 .b8 m[128]" if self.box else ""
        lines = [f".version {VERSIONS[self.chip]}", f".target {self.chip}", ".address_size 64",
                 ".extern .shared .align 1024 .b8 dynamic[];", f".visible .entry k(.param .u64 o, .param .u64 p{tensor})", "{",
                 ".reg .b64 %in, %out, %map, %t, %u;", ".reg .b32 %i, %g, %s, %v<8>;", ".reg .pred %q, %f;",
                 f".reg .b32 %d<{max(self.results, 1) if not self.raw else 1}>;", f".reg .b32 %x<{len(self.inputs)}>;",
                 "ld.param.u64 %out, [o];", "ld.param.u64 %in, [p];", "mov.u32 %i, %tid.x;", "mov.u32 %s, dynamic;",
                 "mov.u32 %v0, %ctaid.x;", f"mad.lo.u32 %g, %v0, {self.threads}, %i;"]
        lines += ["mov.b64 %map, m;", "cvta.param.u64 %map, %map;"] if self.box else []
        if not self.raw:
            lines.append("mad.wide.u32 %t, %g, 4, %in;")
            lines += [f"ld.global.b32 %x{n}, [%t+{4 * n * self.count}];" for n in range(len(self.inputs))]
        lines.append(self.body.strip())
        if not self.raw:
            lines.append("mad.wide.u32 %t, %g, 4, %out;")
            lines += [f"st.global.b32 [%t+{4 * n * self.count}], %d{n};" for n in range(self.results)]
        return "\n".join([*lines, "ret;", "}", ""])

    def digest(self):
        """Of the kernel, its inputs and its box: outputs are those of them."""
        what = self.ptx().encode() + self.words().tobytes() + repr((self.threads, self.blocks, self.box)).encode()
        return hashlib.sha256(what).hexdigest()[:16]


@dataclass(frozen=True)
class Box:
    """A tensor map as the runtime makes them: 16-bit elements in four dimensions, innermost first. `stores`: it is of the
    outputs, else of the inputs."""

    sizes: tuple
    box: tuple
    swizzle: int  # 128 or 64 bytes
    stores: bool = False
