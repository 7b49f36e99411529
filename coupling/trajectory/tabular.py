"""Tables for the terminal: a row for each run or solver, a column for each figure of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

Column = tuple[str, str, float]
"""Title of a column, key of what it shows, and by how much that is multiplied."""


def digits(value: float | None, scale: float = 1.0) -> str:
    """`value * scale` to two significant digits (three from 1 on), or a dash for None."""
    if value is None:
        return "-"
    number = value * scale
    if abs(number) >= 1e3:
        return f"{number:.0f}"
    return f"{number:.3g}" if abs(number) >= 1 else f"{number:.2g}"


def cells(row: Mapping[str, Any], columns: Iterable[Column]) -> list[str]:
    """The figures of one row, in the order of the columns."""
    return [digits(row[key], scale) for _, key, scale in columns]


def aligned(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Lines of columns, the first `left` of them aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = [
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(padded).rstrip()


def rich_table(
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str],
    text: Sequence[str] = (),
) -> Table:
    """A table that fits the terminal.

    Parameters
    ----------
    title : str
    headings : sequence of str
        Of the columns; the first one names the row and may go on on further lines.
    rows : iterable of sequence of str
    notes : iterable of str
        Lines below the table.
    text : sequence of str
        Headings of other columns that hold words, not numbers.
    """
    view = Table(title=title, title_justify="left")
    view.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        view.add_column(heading, justify="left" if heading in text else "right")
    for row in rows:
        view.add_row(*row)
    view.caption = "\n".join(notes) or None
    view.caption_justify = "left"
    return view
