"""The benchmark on a GPU: `python -m gqa.bench --device cuda`, and part of tools/gpu-check.

gqa's programs come from the compiler or from a package (`ours`); everything else is torch's, Triton's and the GPU's. All
candidates of a case run in turn on the same rotating buffers, each as a CUDA graph of one pass over them, timed by events,
beside a copy and a matrix product of the GPU. The words of the CPU's benchmark hold: cases, results, judge and table are its.
"""
