"""arrays.py FOLDER: writes .npz, .npy and .safetensors files, good and bad, with nothing but the standard library."""

import json
import os
import struct
import sys
import zipfile

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)


def npy(descr, shape, data, version=1, fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


def floats(*values, form="f"):
    return struct.pack(f"<{len(values)}{form}", *values)


def npz(name, compression=zipfile.ZIP_STORED, **arrays):
    with zipfile.ZipFile(os.path.join(folder, name), "w", compression) as archive:
        for key, data in arrays.items():
            archive.writestr(key + ".npy", data)


def write(name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def safetensors(name, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    write(name, struct.pack("<Q", len(text) if length is None else length) + text + data)


matrix = npy("<f4", "(2, 3)", floats(0, 1, 2, 3, 4, 5))
integers = npy("<i8", "(3,)", struct.pack("<3q", 7, 8, 9))
npz("good.npz", arg0=matrix, arg1=integers)
npz("deflated.npz", zipfile.ZIP_DEFLATED, arg0=matrix, arg1=integers)
npz("fortran.npz", arg0=npy("<f4", "(2, 3)", floats(0, 3, 1, 4, 2, 5), fortran=True), arg1=integers)
npz("bigendian.npz", arg0=npy(">f4", "(2, 3)", struct.pack(">6f", 0, 1, 2, 3, 4, 5), version=3), arg1=integers)
npz("shape.npz", arg0=npy("<f4", "(3, 2)", floats(0, 1, 2, 3, 4, 5)), arg1=integers)
npz("missing.npz", arg0=matrix)
npz("extra.npz", arg0=matrix, arg1=integers, arg2=integers)
npz("dtype.npz", arg0=npy("<f8", "(2, 3)", floats(0, 1, 2, 3, 4, 5, form="d")), arg1=integers)
npz("complex.npz", arg0=npy("<c8", "(2, 3)", bytes(48)), arg1=integers)
npz("object.npz", arg0=npy("|O", "(2, 3)", bytes(48)), arg1=integers)
npz("short.npz", arg0=npy("<f4", "(2, 3)", floats(0, 1, 2)), arg1=integers)
npz("negative.npz", arg0=npy("<f4", "(2, -3)", b""), arg1=integers)
npz("huge.npz", arg0=npy("<f4", "(4294967296, 4294967296)", b""), arg1=integers)
npz("magic.npz", arg0=b"not an array at all", arg1=integers)
npz("header.npz", arg0=matrix[:8] + b"\xff\xff" + matrix[10:], arg1=integers)
npz("wrong.npz", out0=npy("<f4", "(2, 3)", floats(0, 1, 2, 3, 4, 6)), out1=integers)
npz("nan.npz", out0=npy("<f4", "(2, 3)", floats(0, 1, 2, 3, 4, float("nan"))), out1=integers)
npz("right.npz", out0=matrix, out1=integers)
npz("bfloat.npz", arg0=npy("|V2", "(2,)", struct.pack("<2H", 0x3F80, 0x4040)))
write("matrix.npy", matrix)
write("integers.npy", integers)
good = open(os.path.join(folder, "good.npz"), "rb").read()
write("truncated.npz", good[: len(good) // 2])
flipped = bytearray(good)
flipped[good.index(floats(4, 5))] ^= 1
write("flipped.npz", flipped)

entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
safetensors("good.safetensors", {"__metadata__": {"by": "test"}, "w": entry}, floats(10, 20))
safetensors("odd.safetensors", json.dumps({"w": entry}).encode() + b" " * (1 + len(json.dumps({"w": entry})) % 2), floats(10, 20))
safetensors("noweight.safetensors", {"v": entry}, floats(10, 20))
safetensors("length.safetensors", {"w": entry}, floats(10, 20), length=1 << 60)
safetensors("beyond.safetensors", {"w": {**entry, "data_offsets": [8, 16]}}, floats(10, 20))
safetensors("span.safetensors", {"w": {**entry, "shape": [3]}}, floats(10, 20))
safetensors("overflow.safetensors", {"w": {**entry, "shape": [1 << 62, 4]}}, floats(10, 20))
safetensors("type.safetensors", {"w": {**entry, "dtype": "F7"}}, floats(10, 20))
safetensors("json.safetensors", b"{'w': 1}")
safetensors("nested.safetensors", b"[" * 100000)
safetensors("list.safetensors", b"[]")
write("empty.safetensors", b"")
