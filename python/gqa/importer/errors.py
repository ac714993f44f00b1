"""The one exception of the importer: something about the user's model or command line."""


class ImportFailure(Exception):
    """Says in its first line what is wrong and what to do; further lines are evidence."""
