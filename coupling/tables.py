"""Tables for the terminal, a row for each run; numbers and settings as short as they can be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column as TableColumn
from rich.table import Table

from tellus.io.shown import brief_value
from tellus.io.text_table import digits

Values = Mapping[str, Any]
"""What a configuration holds of some settings, by section.key."""

Column = tuple[str, str, float]
"""Title of a column, key of what it shows, and by how much that is multiplied."""

LEAST_NAME = 12
"""Characters of the first column that even a narrow terminal shows in one line."""

FRAME = 3
"""Characters around each cell."""


def cells(row: Mapping[str, float | None], columns: Iterable[Column]) -> list[str]:
    """The figures of one row, in the order of the columns."""
    return [digits(row[key], scale) for _, key, scale in columns]


class FittedTable(Table):
    """Goes on below, its first column repeated, where it is wider than the terminal.

    So no number is ever cut.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show the table in parts of about as many columns each."""
        parts = self._parts(options.max_width)
        for place, columns in enumerate(parts):
            part = Table(box=self.box, title_justify="left", caption_justify="left")
            part.title = self.title if place == 0 else None
            part.caption = self.caption if place == len(parts) - 1 else None
            part.columns = [replace(column, _cells=[]) for column in columns]
            for row in zip(*(column.cells for column in columns), strict=True):
                part.add_row(*row)
            yield part

    def _parts(self, width: int) -> list[list[TableColumn]]:
        name, *others = self.columns
        longest = max(len(str(cell)) for cell in [name.header, *name.cells])
        name = replace(name, max_width=max(LEAST_NAME, width // 3))
        room = width - FRAME - min(longest, name.max_width or 0)
        for columns in range(len(others), 0, -1):
            count = -(-len(others) // columns)
            size = -(-len(others) // count)
            parts = [others[k : k + size] for k in range(0, len(others), size)]
            if columns == 1 or all(sum(map(_width, part)) <= room for part in parts):
                return [[name, *part] for part in parts]
        return [[name]]


def _width(column: TableColumn) -> int:
    """Least width of a column: its longest word, which is not broken, and its frame."""
    words = " ".join(map(str, [column.header, *column.cells])).split() or [""]
    return FRAME + max(map(len, words))


def rich_table(
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str],
    text: Sequence[str] = (),
) -> Table:
    """A table that fits the terminal, in parts where it is wide.

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
    view = FittedTable(title=title, title_justify="left")
    view.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        view.add_column(heading, justify="left" if heading in text else "right")
    for row in rows:
        view.add_row(*row)
    view.caption = "\n".join(notes) or None
    view.caption_justify = "left"
    return view


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Keys for "section.key", by it: the key alone where no other has it, and it is not "kind"."""
    leaves = [key.partition(".")[2] for key in keys]
    return {
        key: leaf if leaves.count(leaf) == 1 and leaf != "kind" else key
        for key, leaf in zip(keys, leaves, strict=True)
    }


def settings_text(values: Values) -> str:
    """Values in words, such as "gamma_T 1e+06, heating 2.5"."""
    names = short_names(list(values))
    return ", ".join(f"{names[key]} {brief_value(value)}" for key, value in values.items())
