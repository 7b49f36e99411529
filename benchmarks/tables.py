"""Tables of results: for a terminal, and as Markdown."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from rich.table import Table

from tellus.coupling.tables import rich_table
from tellus.io.busy import BUSY_PERCENT
from tellus.io.text_table import percent

from .record import setting
from .selection import remarks
from .spread import Result, Row

TEMPLATES = Path(__file__).with_name("templates")


def view(name: str, result: Result, **more: Any) -> Table:
    """A result for a terminal, as its template has it in Markdown.

    That is a title, a table and a list of notes; columns of words are those aligned to the left.
    The template finds all of the result as `result`, and `more` by their names.
    """
    text = template(f"{name}.md.j2").render(result, result=result, **more)
    title, *lines = filter(None, text.splitlines())
    headings, rule, *rows = (_cells(line) for line in lines if line.startswith("|"))
    words = [name for name, mark in zip(headings, rule, strict=True) if not mark.endswith(":")]
    notes = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    found = rich_table(title, headings, rows, notes, words)
    if headings[0] not in words:
        found.columns[0].justify = "right"
    return found


def table(result: Result) -> Table:
    """A result that its template needs nothing more for."""
    return view(result["benchmark"].replace("-", "_"), result)


def _cells(line: str) -> list[str]:
    """The cells of a line of a table; a bar within one is escaped."""
    parts = re.split(r"(?<!\\)\|", line.strip())[1:-1]
    return [part.strip().replace("\\|", "|") for part in parts]


def markdown(view: Table, notes: Sequence[str] = (), gap: str = " ") -> str:
    """A table in Markdown, the notes below it as a list.

    `gap` stands beside the bars of the line under the headings.
    """
    columns = view.columns
    marks = ["---:" if column.justify == "right" else "---" for column in columns]
    rows = zip(*((column.header, *column.cells) for column in columns), strict=True)
    headings, *lines = (f"| {' | '.join(map(_escaped, row))} |" for row in rows)
    rule = f"|{gap}{f'{gap}|{gap}'.join(marks)}{gap}|"
    below = ["", *(f"- {note}" for note in notes)] if notes else []
    return "\n".join([headings, rule, *lines, *below, ""])


def _escaped(cell: Any) -> str:
    """What stands in a cell of a Markdown table, where a bar would end it."""
    return str(cell).replace("|", "\\|")


@cache
def template(name: str) -> Template:
    """A template of Markdown by its file: nothing missing goes unnoticed."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"formatted": formatted, "percent": partial(percent, decimals=1)}
    made.filters |= {"ms": milliseconds, "phases": phases, "cell": _escaped}
    made.globals |= {"BUSY_PERCENT": BUSY_PERCENT, "remarks": remarks, "setting": setting}
    return made.get_template(name)


def milliseconds(row: Row, name: str = "seconds") -> str:
    """A median with its extremes."""
    middle, low, high = (1e3 * row[f"{name}{end}"] for end in ("", "_min", "_max"))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def phases(seconds: Mapping[str, float]) -> str:
    """Milliseconds of each phase."""
    return ", ".join(f"{phase} {1e3 * s:.3g}" for phase, s in seconds.items())


def formatted(value: float | None, spec: str, scale: float = 1.0) -> str:
    """A number by a format, a dash for None.

    >>> formatted(0.0123, ".1e"), formatted(0.0123, ".1f", 1e3), formatted(None, ".1e")
    ('1.2e-02', '12.3', '-')
    """
    return "-" if value is None else format(scale * value, spec)
