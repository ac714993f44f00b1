"""Where the compiler's shared library is."""

import os
import pathlib
import sys

NAME = "_gqa.so"


def find():
    """Its path. Raises ImportError that says where it was looked for."""
    for path in (candidates := _candidates()):
        if path.is_file():
            return path
    raise ImportError(f"{NAME} not found in {', '.join(str(path.parent) for path in candidates)}; "
                      "build the project (tools/quickstart) or set GQA_LIBRARY to its path")


def _candidates():
    package = pathlib.Path(__file__).resolve().parent
    chosen = os.environ.get("GQA_LIBRARY")
    places = [pathlib.Path(chosen)] if chosen else []
    # Installed: beside this file. Built: the environment is build/venv, or the package is used from the sources.
    return places + [package / NAME, pathlib.Path(sys.prefix).parent / "lib" / NAME,
                     package.parents[1] / "build" / "lib" / NAME]
