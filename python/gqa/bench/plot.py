"""A picture of a document of `--json`: what part of the possible each candidate reaches in each case."""

from . import sharing
from .errors import Unusable

BAR_INCHES = 0.17


def require():
    """matplotlib's pyplot, without a screen. Raises Unusable if it is not installed."""
    try:
        import matplotlib
    except ImportError as error:
        raise Unusable(f"--plot needs matplotlib ({error})") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot
    return pyplot


def draw(document, path):
    """Writes the picture; for each number of threads one column of bars, and below it times over the number of KV heads."""
    pyplot = require()
    columns = [(run["threads"], _shares(run)) for run in document["runs"]]
    columns = [(threads, shares) for threads, shares in columns if shares]
    if not columns:
        raise Unusable("--plot: no case of this run has a ceiling to take a share of")
    names = {name for _, shares in columns for case in shares.values() for name in case}
    names = sorted(names, key=lambda name: (name != "gqa", name))
    height = 1.5 + max(BAR_INCHES * (len(shares) + sum(map(len, shares.values()))) for _, shares in columns)
    families = [sharing.families(run["cases"]) for run in document["runs"] if _shares(run)]
    below = max(map(len, families))
    figure, axes = pyplot.subplots(1 + below, len(columns), figsize=(9 * len(columns), height + 4 * below), squeeze=False,
                                   height_ratios=[height] + below * [4])
    for axis in axes[1:].flat:
        axis.set_visible(False)
    for column, found in enumerate(families):
        for row, (name, points) in enumerate(found.items(), 1):
            axes[row][column].set_visible(True)
            sharing.draw(axes[row][column], name, points)
    for axis, (threads, shares) in zip(axes[0], columns):
        _bars(axis, shares, names)
        axis.set_title(f"share of what {document['machine']['cpu']} allows, {threads} thread{'s' if threads > 1 else ''}")
    axes[0][0].legend(fontsize="small", loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _shares(run):
    """Per case, the best share of each candidate that has one, in per cent."""
    found = {}
    for result in run["cases"]:
        shares = {c["name"]: 100 * c["share"] for c in result["candidates"] if c["share"] is not None}
        if shares:
            found[f"{result['case']['name']}\n({result['limited_by']})"] = shares
    return found


def _bars(axis, shares, names):
    """Horizontal bars, the first case on top; a candidate has the same colour everywhere."""
    at, ticks, drawn = 0, [], set()
    for case in shares.values():
        ticks.append(at + (len(case) - 1) / 2)
        for name in sorted(case, key=names.index):
            bar = axis.barh(at, case[name], height=0.9, label=None if name in drawn else name,
                            color="black" if name == "gqa" else f"C{names.index(name)}")
            axis.bar_label(bar, fmt="%.0f", fontsize="x-small", padding=2)
            drawn.add(name)
            at += 1
        at += 1
    axis.set_yticks(ticks, list(shares), fontsize="small")
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.axvline(100, color="grey", linewidth=0.8)
    axis.set_xlabel("%")
