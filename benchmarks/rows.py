"""Rows of the verification table: measured beside published, deviations, orders, extrapolation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import log

from tellus.errors import InputError

from .spread import Record, Row, optional
from .timing import timed

Range = tuple[float, float]
"""Smallest and largest published value; equal where there is only one."""

TRUSTED_ORDERS = (0.5, 4.0)
"""Richardson extrapolation with an order outside of these would only amplify noise."""


@dataclass(frozen=True, kw_only=True)
class ErrorRow(Record):
    """An error at one resolution, cells a side, where the true solution is known.

    `order` is against the coarser resolution; `steps` are time steps, where they are what matters.
    """

    case: str
    quantity: str
    resolution: int
    published: float | None = None
    measured: float
    deviation: float
    order: float | None
    steps: int | None = optional()


@dataclass(frozen=True, kw_only=True)
class PublishedRow(ErrorRow):
    """A quantity at one resolution, beside the published range, whose middle is `published`.

    `deviation` is the relative distance to the range, zero inside. `order`: against a single
    published value from two grids, else from three. `extrapolated`: Richardson's, from three grids.
    """

    published_min: float
    published_max: float
    extrapolated: float | None
    extrapolated_deviation: float | None


Verify = Callable[[Sequence[int]], Sequence[ErrorRow]]
"""What measures a case at some resolutions."""


def one_case(cases: Mapping[str, Verify], case: str, resolutions: Sequence[int]) -> Row:
    """The ``results`` of one case and its ``seconds``; InputError if it is none of `cases`."""
    if case not in cases:
        raise InputError(f"case must be one of {', '.join(cases)}, not {case!r}.")
    seconds, rows = timed(partial(cases[case], resolutions))
    return {"results": [row.to_json() for row in rows], "seconds": seconds}


def table_rows(
    case: str, measured: Mapping[int, Mapping[str, float]], published: Mapping[str, Range]
) -> list[PublishedRow]:
    """A row for each published quantity at each resolution.

    Parameters
    ----------
    case : str
    measured : mapping
        Resolution -> quantity -> value.
    published : mapping
        Quantity -> range.
    """
    resolutions = sorted(measured)
    return [
        _table_row(case, quantity, resolutions[max(0, i - 2) : i + 1], measured, span)
        for quantity, span in published.items()
        for i in range(len(resolutions))
    ]


def _table_row(
    case: str,
    quantity: str,
    grids: Sequence[int],
    measured: Mapping[int, Mapping[str, float]],
    span: Range,
) -> PublishedRow:
    """Of the last of up to three grids."""
    values = [measured[resolution][quantity] for resolution in grids]
    # What should be zero is rounding, and has neither order nor limit.
    rounding = span[0] == 0.0
    limit = None if rounding else extrapolation(grids, values)
    return PublishedRow(
        case=case,
        quantity=quantity,
        resolution=grids[-1],
        published=0.5 * sum(span),
        published_min=span[0],
        published_max=span[1],
        measured=values[-1],
        deviation=deviation(values[-1], span),
        order=None if rounding else _order(grids, values, span),
        extrapolated=limit,
        extrapolated_deviation=None if limit is None else deviation(limit, span),
    )


def error_rows(
    case: str, errors: Mapping[int, Mapping[str, float]], steps: int | None = None
) -> list[ErrorRow]:
    """A row for each error at each resolution, where the true solution is known."""
    resolutions = sorted(errors)
    rows = []
    for quantity in errors[resolutions[0]]:
        values = [errors[resolution][quantity] for resolution in resolutions]
        orders = [None] + [
            order_of_errors(a, b, fine / coarse)
            for (a, b), (coarse, fine) in zip(pairwise(values), pairwise(resolutions), strict=True)
        ]
        rows += [
            ErrorRow(
                case=case,
                quantity=quantity,
                resolution=resolution,
                measured=value,
                deviation=value,
                order=order,
                steps=steps,
            )
            for resolution, value, order in zip(resolutions, values, orders, strict=True)
        ]
    return rows


def deviation(value: float, published: Range) -> float:
    """Relative distance of `value` to the range, signed; zero inside.

    >>> deviation(1.1, (0.9, 1.0))
    0.1
    """
    low, high = published
    return value / low - 1.0 if value < low else value / high - 1.0 if value > high else 0.0


def order_of_errors(coarse: float, fine: float, ratio: float) -> float | None:
    """The power of the spacing, from errors at spacings `ratio` apart.

    >>> order_of_errors(4e-3, 1e-3, 2.0)
    2.0
    """
    if coarse == 0.0 or fine == 0.0:
        return None
    return log(abs(coarse / fine)) / log(ratio)


def order_of_values(values: Sequence[float], ratio: float) -> float | None:
    """The same from three values alone, coarse to fine; None where they do not approach a limit.

    >>> order_of_values((1.16, 1.04, 1.01), 2.0)
    2.0
    """
    first, second = values[0] - values[1], values[1] - values[2]
    return order_of_errors(first, second, ratio) if first * second > 0.0 else None


def extrapolation(resolutions: Sequence[int], values: Sequence[float]) -> float | None:
    """Richardson's limit of three values at equal ratios; None where their order is no order."""
    ratio = _ratio(resolutions)
    order = None if ratio is None else order_of_values(values, ratio)
    if ratio is None or order is None or not TRUSTED_ORDERS[0] <= order <= TRUSTED_ORDERS[1]:
        return None
    limit: float = values[2] + (values[2] - values[1]) / (ratio**order - 1.0)
    return limit


def _order(resolutions: Sequence[int], values: Sequence[float], published: Range) -> float | None:
    if published[0] == published[1] and len(values) > 1:
        coarse, fine = (deviation(value, published) for value in values[-2:])
        return order_of_errors(coarse, fine, resolutions[-1] / resolutions[-2])
    ratio = _ratio(resolutions)
    return None if ratio is None else order_of_values(values, ratio)


def _ratio(resolutions: Sequence[int]) -> float | None:
    """That of three grids, each finer than the one before by the same factor."""
    if len(resolutions) < 3 or resolutions[1] ** 2 != resolutions[0] * resolutions[2]:
        return None
    return resolutions[1] / resolutions[0]
