"""Builds the wheel (PEP 517, and PEP 660 for `pip install -e`): CMake makes the extension module, this packs it.

A build in ../build is used as it is, brought up to date; otherwise one is configured in ../build/wheel. GQA_BUILD names another
folder.
"""

import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig
import tomllib
import zipfile

PYTHON = pathlib.Path(__file__).resolve().parents[1]
SOURCE = PYTHON.parent
_TOP = SOURCE / "build"
BUILD = pathlib.Path(os.environ.get("GQA_BUILD") or (_TOP if (_TOP / "build.ninja").is_file() else _TOP / "wheel"))
# In a build that was configured here: its tools are in an environment of pip's that is gone when the wheel is made.
MARK = BUILD / "configured-for-wheel"
PACKED = (".py", ".pyi", ".typed")
# What configuring needs and the machine may lack: headers, and CMake itself.
TOOLS = ["apache-tvm-ffi==0.1.15.post2", "cmake>=3.25", "ninja"]


def get_requires_for_build_wheel(config_settings=None):
    return [] if _is_ready() else TOOLS


def get_requires_for_build_editable(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """Without it pip compiles everything while it says that it prepares metadata."""
    for path, content in _info().items():
        path = pathlib.Path(metadata_directory) / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return _info_folder()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    _compile()
    files = {str(path.relative_to(PYTHON)): path.read_bytes()
             for path in sorted((PYTHON / "gqa").rglob("*")) if path.suffix in PACKED}
    files |= {f"gqa/{name}": (BUILD / "lib" / "wheel" / name).read_bytes() for name in ("_gqa.so", "libtbb.so.12")}
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return _write(pathlib.Path(wheel_directory), files, f"py3-none-{platform}")


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The package stays in the sources, and finds the extension module in ../build."""
    return _write(pathlib.Path(wheel_directory), {"gqa.pth": f"{PYTHON}\n".encode()}, "py3-none-any")


def _is_ready():
    return (BUILD / "build.ninja").is_file() and not MARK.exists()


def _compile():
    if not _is_ready():
        mlir = os.environ.get("MLIR_DIR", "/usr/lib/llvm-22/lib/cmake/mlir")
        if not (pathlib.Path(mlir) / "MLIRConfig.cmake").is_file():
            raise SystemExit(f"error: building gqa needs LLVM/MLIR 22 for development, which is not in {mlir}; run tools/quickstart, "
                             "which installs it on Debian 12, or set MLIR_DIR to the folder of its MLIRConfig.cmake")
        BUILD.mkdir(parents=True, exist_ok=True)
        MARK.touch()
        python = shutil.which("python") or "python3"  # of the environment that has TOOLS
        compilers = [f"-DCMAKE_{kind}_COMPILER={name}" for kind, name in (("C", "clang-22"), ("CXX", "clang++-22"))
                     if shutil.which(name)]
        subprocess.run(["cmake", "-G", "Ninja", "-S", SOURCE, "-B", BUILD, "-DCMAKE_BUILD_TYPE=Release", *compilers,
                        f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}",
                        f"-DMLIR_DIR={mlir}",
                        f"-DGQA_PYTHON_EXECUTABLE={python}"], check=True)
    subprocess.run(["cmake", "--build", BUILD, "--target", "gqa_wheel"], check=True)


def _version():
    return re.search(r"project\(gqa VERSION ([\d.]+)", (SOURCE / "CMakeLists.txt").read_text())[1]


def _metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {_version()}",
             f"Summary: {project['description']}", f"License: {project['license']['text']}",
             f"Requires-Python: {project['requires-python']}",
             *(f"Requires-Dist: {name}" for name in project["dependencies"])]
    for extra, names in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {name}; extra == "{extra}"' for name in names)]
    return "\n".join(lines) + "\n"


def _entry_points(project):
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    return "".join(f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
                   for group, entries in groups.items())


def _info_folder():
    return f"gqa-{_version()}.dist-info"


def _info(tag=None):
    """The files of the metadata (name: bytes); those that depend on what is in the wheel only with its tag."""
    project = tomllib.loads((PYTHON / "pyproject.toml").read_text())["project"]
    info = _info_folder()
    files = {f"{info}/METADATA": _metadata(project).encode(),
             f"{info}/entry_points.txt": _entry_points(project).encode(),
             f"{info}/licenses/LICENSE": (SOURCE / "LICENSE").read_bytes()}
    if tag:
        pure = str(tag.endswith("any")).lower()
        files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: gqa\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
    return files


def _write(folder, files, tag):
    """A wheel of these files (name: bytes) with its metadata; returns the name."""
    info, files = _info_folder(), {**files, **_info(tag)}
    record = []
    name = f"gqa-{_version()}-{tag}.whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as wheel:
        for path, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")
            wheel.writestr(_member(path), content)
        wheel.writestr(_member(f"{info}/RECORD"), "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return name


def _member(path):
    """The same bytes from the same sources: no times, plain permissions."""
    member = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
    member.external_attr = (0o755 if path.endswith(".so") else 0o644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    return member
