"""Command line: `python -m gqa.importer MODEL -o OUT.mlir`. Exit 0: written; exit 2: unusable, one line says why."""

import argparse
import logging
import os
import signal
import sys

from .guard import crash

EXAMPLES = """examples:
  python -m gqa.importer block.pt2 -o block.mlir              an archive of torch.export.save
  python -m gqa.importer model.onnx -o model.mlir
  python -m gqa.importer jax.mlir -o model.mlir               StableHLO, from jax.jit(f).lower(*args).as_text()
  python -m gqa.importer mymodel:build -o model.mlir          build() returns (nn.Module, example arguments
                                                              [, keyword arguments[, dynamic shapes]])
  python -m gqa.importer layers.py:attend --input=1x8x64x32xf32 --input=1x2x64x32xf32 -o attend.mlir

Parameters become trailing arguments, their values a .safetensors file beside OUT.mlir."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"error: {message}; see --help", file=sys.stderr)
        sys.exit(2)


def arguments(argv):
    parser = Parser(prog="python -m gqa.importer", description="Converts a model to linalg on tensors.", epilog=EXAMPLES,
                    formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="FILE.pt2, FILE.onnx, FILE.mlir (StableHLO), or module:function")
    parser.add_argument("-o", dest="output", metavar="OUT.mlir", required=True, help="- is standard output")
    parser.add_argument("--inline-weights", action="store_true", help="keep parameters in the text, as constants")
    parser.add_argument("--input", action="append", default=[], metavar="SHAPE",
                        help="shape of one argument of a callable, such as 2x7xi64; ? is a dynamic size; repeat for more")
    parser.add_argument("--save-example", metavar="X.npz",
                        help="write the example inputs (arg0, ...) and what the framework computes (out0, ...)")
    parser.add_argument("--quiet", action="store_true", help="do not print sizes and shapes")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a model that wants a download says so at once
    logging.disable(logging.CRITICAL)  # torch logs what its exceptions, which we report, say again
    from . import ImportFailure, import_model

    try:
        lines = import_model(options.model, options.output, inline_weights=options.inline_weights, inputs=options.input,
                             example=options.save_example)
    except ImportFailure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    if not options.quiet:
        print("\n".join(lines), file=sys.stderr if options.output == "-" else sys.stdout)
    return 0


def guarded():
    """`main` in a child process: torch-mlir crashes on some graphs, and a crash must not be silent."""
    child = os.fork()  # nothing large is loaded yet
    if child == 0:
        try:
            sys.exit(main())
        except KeyboardInterrupt:
            sys.exit(130)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child gets it as well, and says what came of it
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if told := crash(code):
        print(f"error: {told}", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(guarded())
