"""ONNX Runtime's GroupQueryAttention, bound to the buffers that everybody reads."""

import torch

from .errors import Unavailable

KINDS = {"f32": "FLOAT", "f16": "FLOAT16", "bf16": "BFLOAT16"}


def prepare(case, sets):
    """call(i) as `peers` wants it. Raises Unavailable without onnxruntime, and what it raises for types it lacks.

    Decoding: the cache is one buffer for past and present, so that nothing is copied; the newest of its keys and values
    is given as the new token, and is written where it already is. Prefill: no past, the operator writes a cache.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise Unavailable(f"{error.name} is not installed") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it refuses it also raises
    # Its threads must not spin on the processors of the candidate that comes next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    model = _model(onnx, case).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    kind = getattr(onnx.TensorProto, KINDS[case.dtype])
    bound = [_bind(session, case, kind, *s) for s in sets]

    def call(i):
        binding, output, _ = bound[i]
        session.run_with_iobinding(binding)
        return output.view(case.batch, case.queries, case.q_heads, case.dim).transpose(1, 2)
    return call


def _past(case):
    """Whether there is a cache, and how many tokens are new."""
    return (False, case.queries) if case.causal else (True, 1)


def _model(onnx, case):
    from onnx import TensorProto, helper

    kind = getattr(TensorProto, KINDS[case.dtype])
    cached, new = _past(case)
    cache = (case.batch, case.kv_heads, case.keys, case.dim)
    token = (case.batch, new, case.kv_heads * case.dim)
    rows = (case.batch, case.queries, case.q_heads * case.dim)
    given = {"query": rows, "key": token, "value": token}
    if cached:
        given |= {"past_key": cache, "past_value": cache}
    value = helper.make_tensor_value_info
    inputs = [value(name, kind, shape) for name, shape in given.items()]
    inputs += [value("seqlens_k", TensorProto.INT32, [case.batch]), value("total_sequence_length", TensorProto.INT32, [1])]
    outputs = [value("output", kind, rows), value("present_key", kind, cache), value("present_value", kind, cache)]
    names = ["query", "key", "value", *(("past_key", "past_value") if cached else ("", "")), "seqlens_k", "total_sequence_length"]
    node = helper.make_node("GroupQueryAttention", names, [o.name for o in outputs], domain="com.microsoft",
                            num_heads=case.q_heads, kv_num_heads=case.kv_heads)
    graph = helper.make_graph([node], "attention", inputs, outputs)
    return helper.make_model(graph, ir_version=10,
                             opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)])


def _bind(session, case, kind, q, k, v):
    """The binding, the output, and every tensor that must stay alive for it."""
    cached, new = _past(case)

    def tokens(x):
        return x.transpose(1, 2).reshape(case.batch, -1, x.shape[1] * case.dim).contiguous()

    lengths = torch.full((case.batch,), case.keys - 1, dtype=torch.int32)
    total = torch.tensor([case.keys], dtype=torch.int32)
    alive = {"query": tokens(q), "key": tokens(k[:, :, -new:]), "value": tokens(v[:, :, -new:]),
             "seqlens_k": lengths, "total_sequence_length": total}
    present = (k, v) if cached else (torch.empty_like(k), torch.empty_like(v))
    if cached:
        alive |= {"past_key": k, "past_value": v}
    results = {"output": torch.empty_like(alive["query"]), "present_key": present[0], "present_value": present[1]}
    binding = session.io_binding()
    for name, x in alive.items():
        binding.bind_input(name, "cpu", 0, 6 if x.dtype == torch.int32 else kind, tuple(x.shape), x.data_ptr())
    for name, x in results.items():
        binding.bind_output(name, "cpu", 0, kind, tuple(x.shape), x.data_ptr())
    return binding, results["output"], (alive, results)
