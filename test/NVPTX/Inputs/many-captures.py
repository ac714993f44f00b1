"""Prints a kernel that reads fifty buffers, each of which is a descriptor of four dimensions."""

TYPE, BUFFERS = "memref<2x2x2x2xf32>", 50

print(f"func.func @main({', '.join(f'%b{i}: {TYPE}' for i in range(BUFFERS))}) {{")
print("  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n  tile.kernel warps = 1 grid(%task = %c1) {")
for i in range(BUFFERS):
    print(f"    %x{i} = memref.load %b{i}[%c0, %c0, %c0, %c0] : {TYPE}")
    print(f"    memref.store %x{i}, %b0[%c0, %c0, %c0, %c1] : {TYPE}")
print("  }\n  return\n}")
