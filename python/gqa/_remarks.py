"""What the compiler has to say: remarks about a module, and the log of the package, `logging.getLogger("gqa")`."""

import dataclasses
import logging

KINDS = ("done", "left", "note", "warning")
_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}

log = logging.getLogger("gqa")
log.addHandler(logging.NullHandler())  # silent until a program asks: what fails is an exception as well


@dataclasses.dataclass(frozen=True)
class Remark:
    """Something that was found out about a module while it was compiled.

    `kind`: "done", a pass has changed something; "left", it has not, and the text says why; "note"; "warning".
    `compiler_pass`: "raise", "share-kv", "decompose", ...; "" for notes and warnings of the compiler itself. `name`: what kind
    of remark of that pass, such as "NotShared". `text`: one line. `place`: FILE:LINE:COLUMN, or "".
    """

    kind: str
    compiler_pass: str
    name: str
    text: str
    place: str

    def __str__(self):
        return ": ".join(part for part in (self.place, self.compiler_pass, self.text) if part)


def remark(kind, *fields):
    return Remark(KINDS[kind], *map(str, fields))


class Listener:
    """A function of a Remark as the compiler calls it; an exception of the function waits until compiling is over."""

    def __init__(self, function):
        self.function, self.error = function, None

    def __call__(self, *fields):
        if self.error is None:
            try:
                self.function(remark(*fields))
            except BaseException as error:  # it cannot travel through the compiler
                self.error = error

    def raise_error(self):
        if self.error is not None:
            raise self.error


def write_log(level, line):
    """A line of the compiler's log. Nothing may be raised here."""
    try:
        log.log(_LEVELS[level], "%s", line)
    except Exception:  # a filter of the program's
        log.handlers[0].handleError(None)
