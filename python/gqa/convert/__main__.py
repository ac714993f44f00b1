"""Command line: `python -m gqa.convert IN OUT --kv-heads N`. Exit 0: written; exit 2: unusable, one line says why."""

import argparse
import os
import sys

EXAMPLES = """examples:
  python -m gqa.convert bert bert-4 --kv-heads 4 --calibration sentences.txt
  python -m gqa.convert llama llama-gqa --kv-heads 8 --calibration text.txt --report report.json --plot report.png
  python -m gqa.convert bert bert-small --kv-heads 4 --spread --calibration sentences.txt     4 on average
  python -m gqa.convert bert bert-good --max-error 0.1 --calibration sentences.txt            as few as that allows
  python -m gqa.convert llama llama-gqa --kv-heads 8                                          by the weights alone

IN is a folder that save_pretrained wrote. OUT is one that from_pretrained reads where the architecture has
num_key_value_heads, and gqa.convert.load otherwise. Weights in safetensors are read layer by layer, as they are needed."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"error: {message}; see --help", file=sys.stderr)
        sys.exit(2)


def parse(argv):
    parser = Parser(prog="python -m gqa.convert", description="Makes the attention of a checkpoint share KV heads.",
                    epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("input", metavar="IN", help="folder of the checkpoint")
    parser.add_argument("output", metavar="OUT", help="folder to write, which must be new or empty")
    parser.add_argument("--kv-heads", metavar="N[,N...]", help="a divisor of the KV heads, or one for each layer")
    parser.add_argument("--max-error", type=float, metavar="E", help="relative error that each layer's attention may have")
    parser.add_argument("--spread", action="store_true", help="N is the mean over the layers: more where it helps most")
    parser.add_argument("--calibration", metavar="FILE.txt", help="text, one sentence or paragraph a line")
    parser.add_argument("--tokens", type=int, default=256, metavar="N", help="cut lines off after so many tokens (default 256)")
    parser.add_argument("--method", default="subspace", help="subspace (default), mean or first")
    parser.add_argument("--groups", default="search", help="search (default) or adjacent")
    parser.add_argument("--no-heal", action="store_true", help="leave the output projections as they follow from the method")
    parser.add_argument("--refine", type=int, default=0, metavar="N", help="passes of descent on each attention's own error")
    parser.add_argument("--report", metavar="FILE.json", help="write the report as JSON")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the report, with the errors for all numbers of heads")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no table")
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder that is none says so at once
    try:
        report = run(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"error: {lines[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if not options.quiet:
        print(report.text())
    return 0


def run(options):
    """Converts as the options say, and returns the Report."""
    from . import checkpoint, conversion

    method = conversion.how(options.method, options.groups, not options.no_heal, options.refine)
    kv_heads = _kv_heads(options.kv_heads)
    if options.plot and not options.calibration:
        raise ValueError("--plot: errors are drawn, and without --calibration none are measured")
    checkpoint.require_writable(options.input, options.output, [options.report, options.plot])
    model = checkpoint.load(options.input)
    batches = checkpoint.calibration(options.input, options.calibration, options.tokens) if options.calibration else []
    with _bar(options.quiet) as progress, checkpoint.Spill(options.output) as spill:
        report = conversion.convert_in_place(model, kv_heads, batches=batches, method=method, max_error=options.max_error,
                                             spread=options.spread, sweep=bool(options.plot), progress=progress, done=spill.keep)
        checkpoint.save(model, options.input, options.output)
    if options.report:
        report.write(options.report)
    if options.plot:
        report.draw(options.plot)
    return report


def _kv_heads(text):
    if text is None:
        return None
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        raise ValueError(f"--kv-heads={text}: expected a number, or numbers with commas between") from None
    return numbers if len(numbers) > 1 else numbers[0]


class _bar:
    """A progress bar on standard error, unless `quiet`: what `with` gives is called as progress(done, layers)."""

    def __init__(self, quiet):
        self.quiet, self.bar = quiet, None

    def __enter__(self):
        return None if self.quiet else self._show

    def _show(self, done, layers):
        from tqdm import tqdm

        if self.bar is None:
            self.bar = tqdm(total=layers, desc="converting", unit="layer", file=sys.stderr)
        self.bar.update(done - self.bar.n)

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()


if __name__ == "__main__":
    sys.exit(main())
