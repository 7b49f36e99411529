"""The gallery shows every example that is a run."""

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_example_that_is_a_run_is_in_the_gallery() -> None:
    runs = [name for name, _ in runpy.run_path(str(ROOT / "scripts" / "gallery.py"))["examples"]()]
    gallery = ROOT / "docs" / "gallery"
    shown = json.loads((gallery / "numbers.json").read_text())
    assert list(shown) == runs, "make gallery"
    assert [path.stem for path in sorted(gallery.glob("*.webp"))] == sorted([*runs, "moving"])
