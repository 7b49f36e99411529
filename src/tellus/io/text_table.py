"""Tables as plain text, without rich, which training machines may lack, and figures in them."""

from collections.abc import Iterator, Sequence


def aligned(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Lines of columns, the first `left` of them aligned to the left, the others to the right.

    >>> list(aligned([["name", "p95"], ["a", "10.5 %"]], left=1))
    ['name     p95', 'a     10.5 %']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = [
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(padded).rstrip()


def digits(value: float | None, scale: float = 1.0) -> str:
    """`value * scale` to two significant digits (three from 1 on), or a dash for None."""
    if value is None:
        return "-"
    number = value * scale
    if abs(number) >= 1e3:
        return f"{number:.0f}"
    return f"{number:.3g}" if abs(number) >= 1 else f"{number:.2g}"


def percent(value: float | None, decimals: int = 2) -> str:
    """A share in per cent, or a dash for None."""
    return "-" if value is None else f"{100 * value:.{decimals}f} %"
