"""What a person who runs the benchmark can do something about."""


class Unusable(Exception):
    """The command line asks for what cannot be had here: one line, exit status 2."""


class Unavailable(Exception):
    """A candidate that is missing, or that refuses a case; the reason goes into the report."""


def first_line(error):
    """What an exception says, in one line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[0].strip()
    return text if len(text) <= 160 else text[:157] + "..."
