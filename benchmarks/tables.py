"""Tables of results: for a terminal, and as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from rich.table import Table

from tellus.coupling.trajectory.tabular import rich_table

from .spread import Row

Cell = str | Callable[[Row], str]
"""How a row fills a column: a format string of its keys, or a function of the row."""

TEMPLATES = Path(__file__).with_name("templates")


def filled(
    title: str,
    columns: Mapping[str, Cell],
    rows: Iterable[Row],
    notes: Iterable[str] = (),
    text: Sequence[str] = (),
) -> Table:
    """A table of rows for a terminal.

    Parameters
    ----------
    title : str
    columns : mapping
        Heading to cell, the first of which names the row.
    rows : iterable of dict
    notes : iterable of str
        Lines below the table.
    text : sequence of str
        Headings of other columns that hold words, not numbers.
    """
    cells = ([written(cell, row) for cell in columns.values()] for row in rows)
    return rich_table(title, list(columns), cells, notes, text)


def written(cell: Cell, row: Row) -> str:
    """What a row has in a column.

    >>> written("{seconds:.2g} s", {"seconds": 0.123})
    '0.12 s'
    """
    return cell.format_map(row) if isinstance(cell, str) else cell(row)


def milliseconds(name: str = "seconds") -> Cell:
    """A median with its extremes."""

    def cell(row: Row) -> str:
        middle, low, high = (1e3 * row[f"{name}{end}"] for end in ("", "_min", "_max"))
        return f"{middle:.3g} ({low:.3g} to {high:.3g})"

    return cell


def phases(name: str) -> Cell:
    """Milliseconds of each phase."""
    return lambda row: ", ".join(f"{phase} {1e3 * s:.3g}" for phase, s in row[name].items())


def markdown(view: Table, notes: Sequence[str] = (), gap: str = " ") -> str:
    """A table in Markdown, the notes below it as a list.

    `gap` stands beside the bars of the line under the headings.
    """
    columns = view.columns
    marks = ("---:" if column.justify == "right" else "---" for column in columns)
    return template("table.md.j2").render(
        headings=[column.header for column in columns],
        rule=f"|{gap}{f'{gap}|{gap}'.join(marks)}{gap}|",
        rows=zip(*(column.cells for column in columns), strict=True),
        notes=notes,
    )


@cache
def template(name: str) -> Template:
    """A template of Markdown by its file: nothing is escaped, nothing missing goes unnoticed."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"digits": digits, "percent": percent}
    return made.get_template(name)


def digits(value: float | None, spec: str, scale: float = 1.0) -> str:
    """A number by a format, a dash for None.

    >>> digits(0.0123, ".1e"), digits(0.0123, ".1f", 1e3), digits(None, ".1e")
    ('1.2e-02', '12.3', '-')
    """
    return "-" if value is None else format(scale * value, spec)


def percent(value: float | None) -> str:
    """A share in per cent, a dash for None."""
    return "-" if value is None else f"{100 * value:.1f} %"
