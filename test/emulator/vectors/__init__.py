"""Golden vectors: small PTX kernels with seeded inputs, whose outputs hardware records and the stand-in driver has to give.

    with Device() as device:                        # of GQA_CUDA_DRIVER, else libcuda.so.1
        words = device.run(VECTORS["mma f16"])

NumPy is all that is needed, so that `tools/gpu-check` carries this package to the machine with the GPU.
"""

from .elementwise import ELEMENTWISE
from .hopper import HOPPER
from .warp import WARP

VECTORS = {vector.name: vector for vector in (*ELEMENTWISE, *WARP, *HOPPER)}
