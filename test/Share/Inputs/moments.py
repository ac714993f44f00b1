"""Writes a .safetensors file whose moment has the wrong size."""

import sys

import numpy as np
from safetensors.numpy import save_file

save_file({"0.input": np.eye(4, dtype=np.float32)}, sys.argv[1])
