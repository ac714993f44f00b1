"""`gqa.convert` on a real pretrained model: a short version of minilm.py, which measures the whole table."""

import pytest
import torch

import gqa
import minilm

KV_HEADS = 4  # of 12


@pytest.fixture(scope="module")
def real():
    """(model, calibration, judged, embeddings of the unconverted model): a quarter of the sentences of the table."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several threads wait for each other more than they help with matrices of this size
    model, tokenizer = minilm.load()
    texts = minilm.sentences()
    calibration = minilm.batches(texts[:150], tokenizer)
    judged = minilm.batches(texts[minilm.CALIBRATION:minilm.CALIBRATION + 60], tokenizer)
    yield model, calibration, judged, minilm.embeddings(model, judged)
    torch.set_num_threads(threads)


def test_sentences_are_enough_and_none_twice():
    texts = minilm.sentences()
    assert len(texts) >= minilm.CALIBRATION + minilm.JUDGED and len(set(texts)) == len(texts)


# What each must reach: the table where it was measured with more data, less what a quarter of it costs.
@pytest.mark.parametrize("method, least, most", [
    ("mean", 0.45, 0.65), ("subspace", 0.86, 0.93), ("subspace + heal", 0.89, 0.96), ("subspace + heal + spread", 0.94, 1.0)])
def test_mean_cosine_of_sentence_embeddings(real, method, least, most):
    model, calibration, judged, wanted = real
    new = gqa.convert(model, KV_HEADS, calibration=calibration, **minilm.METHODS[method])
    cosine = (wanted * minilm.embeddings(new, judged)).sum(1).mean().item()
    assert least <= cosine <= most
    report = new.conversion_report
    assert report.kv_bytes <= report.kv_bytes_before * KV_HEADS // 12
    assert abs(report.output_cosine - cosine) < 0.1 or method == "mean"  # of tokens in calibration, but not far away


def test_table():
    rows = [dict(kv_heads=n, method=m, mean=0.5, least=-0.25) for n, m in ((6, "mean"), (6, "subspace"), (1, "subspace"))]
    assert minilm.table(rows).splitlines()[2:] == ["| 6 | 0.500, -0.25 | 0.500, -0.25 |", "| 1 |  | 0.500, -0.25 |"]
