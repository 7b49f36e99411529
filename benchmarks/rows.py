"""Rows of the verification table: measured beside published, deviations, orders, extrapolation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

from .spread import Record, optional

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


def table_rows(
    case: str, measured: Mapping[int, Mapping[str, float]], published: Mapping[str, Range]
) -> list[PublishedRow]:
    """A row for each published quantity at each resolution, `measured` by both of them."""
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
    """The row of the last of up to three grids."""
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
    return [
        ErrorRow(
            case=case,
            quantity=quantity,
            resolution=fine,
            measured=(error := errors[fine][quantity]),
            deviation=error,
            order=None
            if coarse == fine
            else order_of_errors(errors[coarse][quantity], error, fine / coarse),
            steps=steps,
        )
        for quantity in errors[resolutions[0]]
        for coarse, fine in pairwise([resolutions[0], *resolutions])
    ]


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


def order_of_values(resolutions: Sequence[int], values: Sequence[float]) -> float | None:
    """The power of the spacing, from values on three grids, each finer by one and the same factor.

    None on others, and where the values do not approach a limit.

    >>> order_of_values((16, 32, 64), (1.16, 1.04, 1.01))
    2.0
    """
    if len(resolutions) < 3 or resolutions[1] ** 2 != resolutions[0] * resolutions[2]:
        return None
    first, second = values[0] - values[1], values[1] - values[2]
    ratio = resolutions[1] / resolutions[0]
    return order_of_errors(first, second, ratio) if first * second > 0.0 else None


def extrapolation(resolutions: Sequence[int], values: Sequence[float]) -> float | None:
    """Richardson's limit of three values at equal ratios; None where their order is no order."""
    order = order_of_values(resolutions, values)
    if order is None or not TRUSTED_ORDERS[0] <= order <= TRUSTED_ORDERS[1]:
        return None
    gain: float = (resolutions[1] / resolutions[0]) ** order - 1.0
    return values[2] + (values[2] - values[1]) / gain


def _order(resolutions: Sequence[int], values: Sequence[float], published: Range) -> float | None:
    if published[0] == published[1] and len(values) > 1:
        coarse, fine = (deviation(value, published) for value in values[-2:])
        return order_of_errors(coarse, fine, resolutions[-1] / resolutions[-2])
    return order_of_values(resolutions, values)
