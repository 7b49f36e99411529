"""Scaling laws through the runs of a sweep: products of powers, by least squares of logarithms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tellus.config.sections import PHYSICS
from tellus.coupling.tables import short_names
from tellus.errors import TellusError
from tellus.io.shown import is_number
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array

from .table import IMBALANCE, SETTLED, SweepRow

SPARE = 2
"""Runs more than unknowns, at least: with fewer the errors of the exponents mean nothing."""

LARGEST_SCATTER = 0.2
"""Relative scatter of runs around a law, beyond which there is none."""


CONSTANT = 1e-6
"""Relative range below which a quantity does not vary, but for steady states not quite reached."""


class NoLawError(TellusError):
    """Why a fit makes no sense, in words."""


@dataclass(frozen=True)
class Law:
    """``quantity = prefactor * product of p**exponent``, or of ``exp(exponent * p)``.

    The latter for parameters that reach zero or less, where there is no power of them.

    Attributes
    ----------
    exponents : dict
        By section.key: the exponent and its standard error.
    exponential : frozenset of str
        Keys of which it is the exponential.
    scatter : float
        Standard deviation of the runs around the law, relative.
    """

    quantity: str
    prefactor: float
    exponents: Mapping[str, tuple[float, float]]
    exponential: frozenset[str]
    scatter: float

    def at(self, values: Mapping[str, ArrayLike]) -> Any:
        """The quantity at these parameters, numbers or arrays."""
        logarithm = np.log(self.prefactor)
        for key, (exponent, _) in self.exponents.items():
            logarithm = logarithm + exponent * _seen(values[key], key in self.exponential)
        return np.exp(logarithm)

    def __str__(self) -> str:
        names = short_names(list(self.exponents))
        factors = [f"{self.quantity} = {self.prefactor:.3g}"]
        for key, (exponent, error) in self.exponents.items():
            number = f"({exponent:.3f} ± {error:.3f})"
            exponential = key in self.exponential
            factors.append(
                f"exp({number} {names[key]})" if exponential else f"{names[key]}^{number}"
            )
        return f"{' '.join(factors)}, within {100 * self.scatter:.2g} %"


def has_settled(row: SweepRow) -> bool:
    """Whether a run convects and neither warms nor cools: what laws are about."""
    return bool(row["vrms"] >= QUIET_VRMS and abs(row[IMBALANCE]) <= SETTLED)


def fit(
    found: Sequence[SweepRow],
    keys: Sequence[str],
    quantity: str,
    signed: frozenset[str] = frozenset(),
) -> Law:
    """The law of a column of a sweep's table, through the runs that have settled.

    Of `keys`, the settings that vary, those that are no physics are left out, and no power is taken
    of those in `signed`, even if all values that were drawn are above zero. NoLawError where there
    is no such law, or too few runs to tell.
    """
    keys = [key for key in keys if key.partition(".")[0] in PHYSICS]
    settled = [row for row in found if has_settled(row)]
    columns = {key: [row[key] for row in settled] for key in keys}
    _require_numbers(columns, len(settled), len(found))
    measured = np.array([row[quantity] for row in settled])
    if not np.all(measured > 0):
        raise NoLawError("it is not above zero everywhere")
    if np.ptp(measured) < CONSTANT * measured.max():
        raise NoLawError(f"it is {measured.mean():.4g} throughout")
    exponential = frozenset(key for key in keys if key in signed or min(columns[key]) <= 0)
    terms = [_seen(columns[key], key in exponential) for key in keys]
    matrix = np.column_stack([np.ones(len(settled)), *terms])
    if np.linalg.matrix_rank(matrix) < matrix.shape[1]:
        raise NoLawError("its parameters vary together, so their exponents cannot be told apart")
    coefficients, covariance, scatter = _least_squares(matrix, np.log(measured))
    if scatter > LARGEST_SCATTER:
        raise NoLawError(f"runs lie {100 * scatter:.0f} % off any product of powers")
    errors = np.sqrt(np.diag(covariance))
    both = zip(coefficients[1:].tolist(), errors[1:].tolist(), strict=True)
    prefactor = float(np.exp(coefficients[0]))
    return Law(quantity, prefactor, dict(zip(keys, both, strict=True)), exponential, scatter)


def _require_numbers(columns: Mapping[str, Sequence[Any]], settled: int, all_runs: int) -> None:
    if not columns:
        raise NoLawError(f"nothing that varies is physics ({', '.join(PHYSICS)})")
    if settled < len(columns) + 1 + SPARE:
        raise NoLawError(
            f"{settled} of {all_runs} runs convect in balance (within {100 * SETTLED:.0f} % of "
            f"their heat flux), and it takes {len(columns) + 1 + SPARE}"
        )
    for key, values in columns.items():
        if not all(map(is_number, values)):
            raise NoLawError(f"{key} is no number")


def _seen(values: Any, exponential: bool) -> Array:
    found: Array = np.asarray(values, dtype=np.float64)
    return found if exponential else np.asarray(np.log(found))


def _least_squares(matrix: Array, target: Array) -> tuple[Array, Array, float]:
    """Coefficients, their covariance, and the standard deviation of what they leave."""
    coefficients = np.asarray(np.linalg.lstsq(matrix, target, rcond=None)[0], dtype=np.float64)
    left = target - matrix @ coefficients
    variance = float(left @ left) / (len(target) - matrix.shape[1])
    covariance: Array = variance * np.linalg.inv(matrix.T @ matrix)
    return coefficients, covariance, variance**0.5
