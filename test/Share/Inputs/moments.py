"""Writes a .safetensors file whose moment has the wrong size, or is none: moments.py FILE small|negative|crooked."""

import sys

import numpy as np
from safetensors.numpy import save_file

MATRICES = {"small": np.eye(4), "negative": np.diag([1, 1, -1, 1, 1]), "crooked": np.triu(np.ones((5, 5)))}

save_file({"0.input": MATRICES[sys.argv[2]].astype(np.float32)}, sys.argv[1])
