"""The one exception of the importer: something about the user's model or command line."""


class ImportFailure(Exception):
    """Says in its first line what is wrong and what to do; further lines are evidence."""


def first_line(error):
    """What an exception says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
