"""The error of each layer over all numbers of KV heads, and how to spread a given memory over the layers by it."""

from . import layer, stream

TOKENS = 2048  # at least, if there are as many, from which the curves are taken


def divisors(heads):
    return [n for n in range(1, heads + 1) if heads % n == 0]


def first_tokens(batches, tokens=TOKENS):
    """The first batches that have so many tokens together."""
    found, count = [], 0
    for batch in batches:
        if count >= tokens:
            break
        found.append(batch)
        count += int(batch.rows.sum())
    return found


def measure(site, number, rotary, batches, method):
    """{N: (error of the attention's output, damage)} of one layer on the original's inputs, not healed.

    The damage is the error as a part of the hidden states that it is added to: what the next layers see of it.
    """
    heads, points = site.read(), {}
    moment = layer.moment(site, batches, number)
    outputs = [stream.attention(site, batch.original, batch.calls[number])[2][batch.rows] for batch in batches]
    stream_size = sum((out + batch.original[batch.rows]).double().square().sum().item() for out, batch in zip(outputs, batches))
    for count in divisors(site.kv_heads)[:-1]:
        layer.shared(site, rotary, moment, count, method)
        error = stream.Error()
        for batch, output in zip(batches, outputs):
            error.add(stream.attention(site, batch.original, batch.calls[number])[2][batch.rows], output)
        points[count] = error.relative, (error.missed / stream_size) ** 0.5
        site.write(heads)
    points[site.kv_heads] = 0.0, 0.0
    return points


def spread(curves, total):
    """For each layer a number of heads, together at most `total`, with the least sum of squared damages.

    curves: of `measure`, one a layer. Dynamic programming over the layers; raises ValueError if even one head each is too many.
    """
    best = {0: (0.0, [])}  # heads spent -> (damage, numbers)
    for points in curves:
        following = {}
        for spent, (damage, numbers) in best.items():
            for count, (_, more) in points.items():
                key, value = spent + count, damage + more ** 2
                if key <= total and (key not in following or value < following[key][0]):
                    following[key] = value, [*numbers, count]
        best = following
    if not best:
        raise ValueError(f"kv_heads: {total} heads cannot be spread over {len(curves)} layers with one at least")
    return min(best.values(), key=lambda found: found[0])[1]
