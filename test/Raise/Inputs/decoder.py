"""Prints a decoder of N layers, 8 query heads on 2 KV heads, rotary and causal, with residuals and a gated MLP between them.
`gqa-opt --gqa-decompose` makes of it what a front end would emit.

    decoder.py N [dynamic]      dynamic: the number of tokens is not known
"""

import sys

W, H, K, D, F = 64, 8, 2, 8, 128  # width, query heads, KV heads, head dimension, width of the MLP
DYNAMIC = sys.argv[2:] == ["dynamic"]
S, SIZE, TOKENS, OFFSET = ("?", "%tokens", "%tokens", "offset(0) ") if DYNAMIC else (16, 16, "", "")


def matmul(result, x, weight, rows, inner, columns):
    return f"""  %e{result} = tensor.empty({TOKENS}) : tensor<{rows}x{columns}xf32>
  %i{result} = linalg.fill ins(%zero : f32) outs(%e{result} : tensor<{rows}x{columns}xf32>) -> tensor<{rows}x{columns}xf32>
  %{result} = linalg.matmul ins(%{x}, %{weight} : tensor<{rows}x{inner}xf32>, tensor<{inner}x{columns}xf32>) outs(%i{result} : tensor<{rows}x{columns}xf32>) -> tensor<{rows}x{columns}xf32>"""


def heads(result, x, count):
    return f"  %{result} = tensor.expand_shape %{x} [[0, 1], [2, 3]] output_shape [1, {SIZE}, {count}, {D}] : tensor<{S}x{count * D}xf32> into tensor<1x{S}x{count}x{D}xf32>"


def rotary(result, x, count):
    return f'  %{result} = gqa.rotary %{x}, %cos, %sin half layout("bshd") : tensor<1x{S}x{count}x{D}xf32>, tensor<{S}x{D // 2}xf32>'


def layer(n):
    q, k = f"tensor<1x{S}x{H}x{D}xf32>", f"tensor<1x{S}x{K}x{D}xf32>"
    wide = f"tensor<{S}x{F}xf32>"
    hidden = f"tensor<{S}x{W}xf32>"
    return "\n".join([
        matmul(f"q{n}", f"x{n}", "wq", S, W, H * D), matmul(f"k{n}", f"x{n}", "wk", S, W, K * D), matmul(f"v{n}", f"x{n}", "wk", S, W, K * D),
        heads(f"qh{n}", f"q{n}", H), heads(f"kh{n}", f"k{n}", K), heads(f"vh{n}", f"v{n}", K),
        rotary(f"qr{n}", f"qh{n}", H), rotary(f"kr{n}", f"kh{n}", K),
        f'  %o{n} = gqa.attention %qr{n}, %kr{n}, %vh{n} causal {OFFSET}layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : ({q}, {k}, {k}) -> {q}',
        f"  %c{n} = tensor.collapse_shape %o{n} [[0, 1], [2, 3]] : {q} into {hidden}",
        matmul(f"p{n}", f"c{n}", "wo", S, W, W),
        f"  %r{n} = arith.addf %x{n}, %p{n} : {hidden}",
        matmul(f"u{n}", f"r{n}", "wu", S, W, F), f"  %t{n} = math.tanh %u{n} : {wide}",
        matmul(f"d{n}", f"t{n}", "wd", S, F, W), f"  %x{n + 1} = arith.addf %r{n}, %d{n} : {hidden}"])


layers = int(sys.argv[1])
hidden = f"tensor<{S}x{W}xf32>"
size = f"\n  %first = arith.constant 0 : index\n  %tokens = tensor.dim %x0, %first : {hidden}" if DYNAMIC else ""
print(f"""func.func @main(%x0: {hidden}, %wq: tensor<{W}x{H * D}xf32>, %wk: tensor<{W}x{K * D}xf32>, %wo: tensor<{W}x{W}xf32>,
    %wu: tensor<{W}x{F}xf32>, %wd: tensor<{F}x{W}xf32>, %cos: tensor<{S}x{D // 2}xf32>, %sin: tensor<{S}x{D // 2}xf32>) -> {hidden} {{
  %zero = arith.constant 0.0 : f32{size}""")
for n in range(layers):
    print(layer(n))
print(f"  return %x{layers} : {hidden}\n}}")
