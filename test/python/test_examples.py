"""The gallery in test/examples/python: every script runs by itself, and holds what it asserts."""

import pathlib
import runpy

import pytest

GALLERY = pathlib.Path(__file__).resolve().parents[1] / "examples" / "python"
SCRIPTS = sorted(GALLERY.glob("*.py"))


def test_there_is_a_gallery():
    assert len(SCRIPTS) >= 9


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example(script, monkeypatch):
    monkeypatch.chdir(GALLERY)
    runpy.run_path(str(script), run_name="__main__")
