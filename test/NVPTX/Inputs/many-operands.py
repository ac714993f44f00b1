"""Prints a sum of sixty tensors, of which one loop would be if a kernel had room for it."""

TYPE, TENSORS = "tensor<2x4x9x64xf32>", 60

arguments = ", ".join(f"%x{i}: {TYPE}" for i in range(TENSORS))
print(f"func.func @main({arguments}) -> {TYPE} {{")
last = "%x0"
for i in range(1, TENSORS):
    print(f"  %s{i} = arith.addf {last}, %x{i} : {TYPE}")
    last = f"%s{i}"
print(f"  return {last} : {TYPE}")
print("}")
