"""What `gqa.convert` raises about a model; about arguments it raises TypeError and ValueError that name the argument."""


class Unconvertible(ValueError):
    """The model, or one of its layers, cannot be converted. The message says which and why, and what could be done."""
