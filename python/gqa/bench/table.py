"""Aligned columns: the first to the left, the others to the right."""


def table(head, rows):
    """Lines of text; None is a dash."""
    cells = [[("-" if cell is None else str(cell)) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in cells]


def milliseconds(seconds):
    """Four digits or so."""
    if seconds is None:
        return None
    value = 1e3 * seconds
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def percent(share):
    return None if share is None else f"{100 * share:.0f} %"


def times(ratio):
    return None if ratio is None else f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.1f}x"


def bytes_text(count):
    return f"{count / 2 ** 20:.4g} MiB"
