"""Tables of the documentation, written from saved results, so that the two cannot drift apart.

Between the lines ``<!-- bench:NAME -->`` and ``<!-- /bench -->`` of a Markdown file stands the
table of benchmarks/results/NAME.json. Solvers named after NAME, separated by commas, are a
selection in that order: ``<!-- bench:stokes-some-cpu-1-thread direct,coarse:4 -->``. A grid among
them, such as 128x32, leaves the others out.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from rich.table import Table

from tellus.errors import InputError
from tellus.io.recognised import damaged
from tellus.io.whole_file import write_atomically

from . import accuracy, box, learning, pareto_views, stokes_views, suite, tables
from .record import read_result

DAMAGE = ArithmeticError, AttributeError, LookupError, TypeError, ValueError
RESULTS = Path("benchmarks") / "results"
MARKED = re.compile(r"(<!-- bench:(\S+)(?: (\S+))? -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)
GRID = re.compile(r"\b\d+x\d+\b")

TABLES: dict[str, Callable[[Mapping[str, Any]], Table]] = {
    "accuracy": accuracy.table,
    "apply": tables.table,
    "at-once": tables.table,
    "box": box.table,
    "energy": tables.table,
    "iterations": tables.table,
    "mpi": tables.table,
    "pareto": pareto_views.table,
    "step": tables.table,
    "stokes": stokes_views.overview,
    "suite": suite.table,
    "verification": tables.table,
}


def main(root: Path = Path("."), *, check: bool = False) -> list[Path]:
    """Rewrite README.md and docs/**/*.md; the files that changed, or, with `check`, would change.

    docs/results.md is written as a whole, see `learning`.

    Raises
    ------
    InputError
        There is no such checkout or result, or a marker is not closed.
    """
    readme = root / "README.md"
    if not readme.is_file():
        raise InputError(f"{readme} does not exist: run it in a checkout, or name one.")
    documents = [readme, *sorted((root / "docs").rglob("*.md"))]
    pages = {path: filled(_text(path), root / RESULTS, path) for path in documents}
    with _damage_said(root / RESULTS):
        learned = learning.page(root / RESULTS, root / learning.IMAGES)
    if learned is not None:
        pages[root / learning.PAGE] = learned
    changed = [
        path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    for path in [] if check else changed:
        write_atomically(path, pages[path].encode())
    return changed


def filled(text: str, results: Path, path: Path) -> str:
    """The text with every marked table as the results have it."""
    if text.count("<!-- bench:") != len(MARKED.findall(text)):
        raise InputError(
            f"{path}: each line <!-- bench:NAME --> needs a line <!-- /bench --> after it."
        )

    def table(found: re.Match[str]) -> str:
        opening, name, selection, _, closing = found.groups()
        file = results / f"{name}.json"
        with _damage_said(file):
            written = markdown(_result(file), selection)
        return f"{opening}{written}{closing}"

    return MARKED.sub(table, text)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: save it as that.") from None


@contextmanager
def _damage_said(place: Path) -> Iterator[None]:
    """What lacks keys, or holds others' values, fails in any way inside."""
    try:
        yield
    except (*DAMAGE, TemplateError) as error:
        raise damaged(place, error, "measure it again") from error


def _result(path: Path) -> dict[str, Any]:
    result = read_result(path)
    if result.get("benchmark") not in [*TABLES]:
        raise InputError(f"{path} is not the result of one of: {', '.join(TABLES)}.")
    return result


def markdown(result: Mapping[str, Any], selection: str | None = None) -> str:
    """A result as a Markdown table, the lines below it as a list; of a selection only the last.

    That is the one that says where it was measured.
    """
    view = TABLES[result["benchmark"]](selected(result, selection))
    notes = str(view.caption or "").splitlines()
    return tables.markdown(view, notes if selection is None else notes[-1:])


def selected(result: Mapping[str, Any], selection: str | None) -> dict[str, Any]:
    """The result with these solvers alone, and, where some are named, these grids."""
    if selection is None:
        return dict(result)
    grids = GRID.findall(selection)
    names = [name for name in selection.split(",") if name not in grids]
    kept = [row for row in result["results"] if not grids or row["grid"] in grids]
    rows = [row for name in names for row in kept if row.get("solver") == name]
    missing = set(names) - {row["solver"] for row in rows}
    if missing:
        raise InputError(
            f"the result of bench {result['benchmark']} has no {', '.join(sorted(missing))}: "
            "measure it, or leave it out of the marker."
        )
    return {**result, "results": rows}
