"""Prints sixteen elementwise operations, each on buffers of its own."""

TYPE, OPERATIONS = "tensor<2x4x9x64xf32>", 16

arguments = ", ".join(f"%{name}{i}: {TYPE}" for i in range(OPERATIONS) for name in "abco")
results = ", ".join([TYPE] * OPERATIONS)
print("#id = affine_map<(b, h, i, j) -> (b, h, i, j)>")
print(f"func.func @main({arguments}) -> ({results}) {{")
for i in range(OPERATIONS):
    print(f"""  %r{i} = linalg.generic {{indexing_maps = [#id, #id, #id, #id],
                           iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
      ins(%a{i}, %b{i}, %c{i} : {TYPE}, {TYPE}, {TYPE}) outs(%o{i} : {TYPE}) {{
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %c : f32
    linalg.yield %1 : f32
  }} -> {TYPE}""")
print(f"  return {', '.join(f'%r{i}' for i in range(OPERATIONS))} : {results}")
print("}")
