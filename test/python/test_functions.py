"""What gqa-expand-math promises: functions of f32 within 5 ulp."""

import math

import numpy as np
import pytest

import gqa

FUNCTIONS = {"exp": np.exp, "expm1": np.expm1, "tanh": np.tanh, "erf": np.vectorize(math.erf), "log1p": np.log1p,
             "rsqrt": lambda x: 1 / np.sqrt(x), "atan": np.arctan}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_ulp(name):
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-87, 88, 4096), random.normal(size=4096), np.exp(random.uniform(-20, 4, 4096))])
    x = (np.abs(x) if name in ("log1p", "rsqrt") else x).astype(np.float32)
    text = f"""
      #row = affine_map<(i) -> (i)>
      func.func @main(%x: tensor<{x.size}xf32>) -> tensor<{x.size}xf32> {{
        %e = tensor.empty() : tensor<{x.size}xf32>
        %r = linalg.generic {{indexing_maps = [#row, #row], iterator_types = ["parallel"]}}
            ins(%x : tensor<{x.size}xf32>) outs(%e : tensor<{x.size}xf32>) {{
        ^bb0(%i: f32, %o: f32):
          %y = math.{name} %i : f32
          linalg.yield %y : f32
        }} -> tensor<{x.size}xf32>
        return %r : tensor<{x.size}xf32>
      }}"""
    result = np.asarray(gqa.compile(text)(x)).astype(np.float64)
    expected = FUNCTIONS[name](x.astype(np.float64))
    normal = np.abs(expected) > np.finfo(np.float32).tiny  # below, exp is zero
    ulp = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
    assert np.max((np.abs(result - expected) / ulp)[normal]) <= 5
