"""The picture of a report."""


def draw(report, path):
    """Left: the error of each layer's attention over its KV heads; right: the whole over the memory of a token."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5))
    _layers(left, report)
    _whole(right, report)
    figure.suptitle(f"{report.model}: {report.method.name}, {report.kv_bytes_before} to {report.kv_bytes} bytes of KV a token")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _layers(axis, report):
    colours = [f"C{i}" for i in range(10)]
    for place, result in enumerate(report.layers):
        colour = colours[place % len(colours)]
        if place < len(report.curves):
            points = sorted(report.curves[place].items())
            axis.plot([n for n, _ in points], [error for _, (error, _) in points], "-", marker=".", color=colour,
                      label=result.name if len(report.layers) <= 12 else None)
        if result.attention_error is not None:
            axis.plot(result.kv_heads, result.attention_error, "o", markerfacecolor="none", markersize=9, color=colour)
    axis.set_xlabel("KV heads")
    axis.set_ylabel("relative error of the attention's output")
    axis.set_title("each layer before healing; circles: as converted")
    axis.set_ylim(bottom=0)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize="x-small")


def _whole(axis, report):
    points = report.total_curve() if report.curves else []
    if points:
        axis.plot([size for size, _ in points], [damage for _, damage in points], "k.-",
                  label="damage to the hidden states, all layers alike, not healed (estimate)")
    if report.layers and report.layers[-1].stream_error is not None:
        axis.plot(report.kv_bytes, report.layers[-1].stream_error, "C0o", label="hidden states after the last block, as converted")
    if report.output_error is not None:
        axis.plot(report.kv_bytes, report.output_error, "C1s", label="final output, as converted")
    axis.set_xlabel("bytes of KV for one token")
    axis.set_ylabel("relative error")
    axis.set_title("the whole")
    axis.set_xlim(0, 1.05 * report.kv_bytes_before)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize="small")
