"""The picture of a report."""

KIB = 1024
MOST_NAMED = 12  # layers in a legend; of more, a scale of colours says which is which


def draw(report, path):
    """Left: the error of each layer's attention over its KV heads; right: the whole over the memory of a token."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5), layout="constrained")
    # The last of viridis is too bright on white.
    shades = matplotlib.colors.ListedColormap(pyplot.get_cmap("viridis")([0.9 * step / 255 for step in range(256)]))
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, max(len(report.layers) - 1, 1)), shades)
    _layers(left, report, scale.to_rgba(range(len(report.layers))))
    if len(report.layers) > MOST_NAMED:
        figure.colorbar(scale, ax=left, label="layer")
    _whole(right, report)
    figure.suptitle(f"{report.model}, {report.method.name}: KV cache of a token from {report.kv_bytes_before / KIB:.4g} KiB "
                    f"to {report.kv_bytes / KIB:.4g} KiB")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _layers(axis, report, colours):
    for place, (result, colour) in enumerate(zip(report.layers, colours)):
        name = f"layer {place}" if len(report.layers) <= MOST_NAMED else None
        if place < len(report.curves):
            points = sorted(report.curves[place].items())
            axis.plot([n for n, _ in points], [error for _, (error, _) in points], ".-", color=colour, label=name)
        if result.attention_error is not None:
            axis.plot(result.kv_heads, result.attention_error, "o", markerfacecolor="none", markersize=9, color=colour,
                      label=None if report.curves else name)
    counts = sorted({n for curve in report.curves for n in curve} | {result.kv_heads for result in report.layers})
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.set_xlabel("KV heads of the layer")
    axis.set_ylabel("relative error of the attention's output")
    axis.set_title("each layer, before healing; circles: as converted")
    _from_zero(axis)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize="small")


def _whole(axis, report):
    points = report.total_curve() if report.curves else []
    if points:
        axis.plot([size / KIB for size, _ in points], [damage for _, damage in points], "k.-",
                  label="hidden states, each N in all layers, not healed (estimate)")
        for (size, damage), count in zip(points, report.common_counts()):
            axis.annotate(f"N = {count}", (size / KIB, damage), xytext=(5, 5), textcoords="offset points", fontsize="small")
    size = report.kv_bytes / KIB
    if report.layers and report.layers[-1].stream_error is not None:
        axis.plot(size, report.layers[-1].stream_error, "C0o", markersize=11, markerfacecolor="none", markeredgewidth=1.5,
                  label="hidden states after the last block, as converted")
    if report.output_error is not None:
        axis.plot(size, report.output_error, "C3x", markeredgewidth=2, label="final output, as converted")
    axis.set_xlabel("KV cache of a token, KiB")
    axis.set_ylabel("relative error")
    axis.set_title("the whole model")
    axis.set_xlim(0, 1.08 * report.kv_bytes_before / KIB)
    _from_zero(axis)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize="small", loc="lower left")


def _from_zero(axis):
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
