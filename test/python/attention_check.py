"""What a program of attention_cases computed, judged by the rule of `reference`; of packages it needs NumPy alone.

The rule compares the largest errors of the kernel and of one unfused evaluation. All elements of a row share the errors
of its scores, and the largest of a hundred such errors varies by more than the factor 2 that the rule allows: the unfused
evaluation itself, in f32 and with its sums in another order, is beyond it for 0.8 % of heads of 50 to 100 rows, so that no
kernel can be within it for each of hundreds of heads. Where heads have fewer rows than FAIR they are judged as one sample.
Means vary little, and are compared for each head that has enough rows to have one. The caps for N(0, 1) inputs hold for
every element.
"""

import numpy as np

from reference import attention, check, check_lse, largest_score, tolerance, unfused

FAIR = 512  # rows for a largest error
MEAN = 50  # rows for a mean


def check_case(program, output, lse):
    """Asserts that an output, in logical order, and lse (or None) are those of a program of attention_cases."""
    normal = not {"values", "scale", "bias", "score", "softcap"} & set(program.case)
    check_attention(output, lse, *program.qkv, dtype=program.case["dtype"], normal_inputs=normal, rounded_q=program.rounded_q,
                    **program.options)


def check_attention(output, lse, q, k, v, *, dtype, normal_inputs=False, rounded_q=None, **options):
    """`reference.check_attention` for heads of any size, and queries that an unfused evaluation rounds first."""
    ref, ref_lse = attention(q, k, v, **options)
    base = unfused(q if rounded_q is None else rounded_q, k, v, dtype, **options)[0]
    check_output(output, ref, base, dtype, normal_inputs)
    if lse is not None:
        check_lse(lse, ref_lse, dtype, largest_score(q, k, **options))


def check_output(output, ref, base, dtype, normal_inputs=False):
    assert output.shape == ref.shape, f"output is {output.shape}, expected {ref.shape}"
    if ref.shape[2] < FAIR and ref.size:
        for b, h in np.ndindex(ref.shape[:2] if ref.shape[2] >= MEAN else (0, 0)):
            finite = np.isfinite(output[b, h]) & np.isfinite(ref[b, h])
            error = np.abs(output[b, h][finite] - ref[b, h][finite])
            allowed = tolerance(ref[b, h], base[b, h], dtype)[1]
            assert not error.size or error.mean() <= allowed, \
                f"batch {b} head {h}: mean error {error.mean():.3g}, allowed {allowed:.3g}"
        output, ref, base = (x.reshape(1, 1, -1, x.shape[3]) for x in (output, ref, base))
    check(output, ref, base, dtype, normal_inputs=normal_inputs)
