"""The lit suite: test/<Room>/*.mlir and *.test, run against the tools in the build's bin folder.

Substitutions beside lit's own: %{python}, %{source} (the source tree), %{build} (the build tree).
"""

import os

import lit.formats

config.name = "gqa"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# graphs are inputs of tests, unit and python have runners of their own.
config.excludes = ["Inputs", "graphs", "python", "unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gqa_binary_root, "test")

config.environment["PATH"] = os.pathsep.join(
    [config.gqa_tools_dir, config.llvm_tools_dir, config.environment.get("PATH", "")]
)
config.environment["GQA_CACHE"] = "off"  # tests are of the compiler
# What a developer sets on purpose reaches the tools.
for name in ("LLVM_SYMBOLIZER_PATH", "GQA_NUM_THREADS", "GQA_BLAS", "GQA_ONEDNN", "GQA_CUDA_DRIVER", "GQA_CUBLASLT", "GQA_CUDA_TOOLS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%{python}", config.python),
    ("%{source}", config.gqa_source_root),
    ("%{build}", config.gqa_binary_root),
]

# The driver that test/unit/Cuda builds, where there is GoogleTest.
if os.path.exists(os.path.join(config.gqa_binary_root, "lib", "libGQAFakeDriver.so")):
    config.available_features.add("fake-cuda")
emulator = os.path.join(config.gqa_binary_root, "lib", "emulator", "libcuda.so.1")
if os.path.exists(emulator):
    config.available_features.add("cuda-emulator")
config.substitutions.append(("%{emulator}", emulator))
config.substitutions.append(("%{cublaslt}", os.path.join(os.path.dirname(emulator), "libcublasLt.so.12")))

for tool in ("FileCheck", "not", "count", "split-file"):
    if not os.path.exists(os.path.join(config.llvm_tools_dir, tool)):
        lit_config.fatal(f"{tool} not found in {config.llvm_tools_dir}; install llvm-22-tools")
