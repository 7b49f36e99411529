"""Pieces of a page in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def picture(name: str, words: str, pictures: set[str]) -> Iterator[str]:
    """The picture `name` where there is one."""
    if name in pictures:
        yield f"![{words}](images/{name})"
        yield ""


def where(result: Mapping[str, Any]) -> str:
    """Where and from what a result was measured."""
    machine = result["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, at {result['git'][:7]}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table, a line at a time."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def percent(value: float | None) -> str:
    """A share in per cent, a dash for None."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """Two digits, a dash for None."""
    return "-" if value is None else f"{value:.1e}"
