"""A function whose rows are computed one after the other from those before, as an unrolled loop is exported:

    python unrolled.py FORM [STEPS] > unrolled.mlir
"""
import sys

SIZE = 24
form, steps = sys.argv[1], int((sys.argv[2:] or [SIZE - 1])[0])
MATRIX = f"tensor<{SIZE}x{SIZE}xf32>"
text = []


def step(number, row, old, source, factor="%part"):
    """Puts `source`[row, :row] + `factor` * `source`[row, :row] @ `source`[:row, :row] + x[row, :row] into `old`; of the form
    "columns" it is [:row, row]."""
    n, part = number, f"tensor<{row}xf32>"
    place = f"[0, {row}] [{row}, 1]" if form == "columns" else f"[{row}, 0] [1, {row}]"
    text.append(f"""
  %row{n} = tensor.extract_slice {source}{place} [1, 1] : {MATRIX} to {part}
  %x{n} = tensor.extract_slice %x{place} [1, 1] : {MATRIX} to {part}
  %sub{n} = tensor.extract_slice {source}[0, 0] [{row}, {row}] [1, 1] : {MATRIX} to tensor<{row}x{row}xf32>
  %empty{n} = tensor.empty() : {part}
  %fill{n} = linalg.fill ins(%zero : f32) outs(%empty{n} : {part}) -> {part}
  %sum{n} = linalg.generic {{indexing_maps = [#first, #both, #second], iterator_types = ["reduction", "parallel"]}}
      ins(%row{n}, %sub{n} : {part}, tensor<{row}x{row}xf32>) outs(%fill{n} : {part}) {{
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %f = arith.mulf %p, {factor} : f32
    %s = arith.addf %f, %c : f32
    linalg.yield %s : f32
  }} -> {part}
  %add{n} = linalg.add ins(%row{n}, %sum{n} : {part}, {part}) outs(%empty{n} : {part}) -> {part}
  %new{n} = linalg.add ins(%add{n}, %x{n} : {part}, {part}) outs(%empty{n} : {part}) -> {part}
  %t{n} = tensor.insert_slice %new{n} into {old}{place} [1, 1] : {part} into {MATRIX}""")
    return f"%t{n}"


backward = range(steps, 0, -1)
rows = {"backward": backward, "columns": backward, "uneven": [1, *range(3, steps + 2), 2]}.get(form, range(1, steps + 1))
tensor, kept = "%t", None
for number, row in enumerate(rows):
    # Which sum is scaled by another number in each step, and which reads the argument in place of the rows before.
    factor = f"%scale{number}" if form == "scaled" else "%part"
    if form == "scaled":
        text.append(f"\n  {factor} = arith.constant {1 / (number + 2)} : f32")
    tensor = step(number, row, tensor, "%t" if form == "independent" else tensor, factor)
    if form == "kept" and number == 10:
        kept = tensor
results = [tensor, *([kept] if kept else [])]
print(f"""#first = affine_map<(i, j) -> (i)>
#both = affine_map<(i, j) -> (i, j)>
#second = affine_map<(i, j) -> (j)>
func.func @main(%t: {MATRIX}, %x: {MATRIX}) -> ({", ".join([MATRIX] * len(results))}) {{
  %zero = arith.constant 0.0 : f32
  %part = arith.constant 0.1 : f32{"".join(text)}
  return {", ".join(results)} : {", ".join([MATRIX] * len(results))}
}}""")
