"""Internal heat sources H(t) of the energy equation."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, expm1
from typing import Protocol

from tellus.errors import InputError

from .limits import FINITE, NOT_NEGATIVE, check, check_record


class Heating(Protocol):
    """A heat source per volume. A new one needs only this method."""

    def mean(self, start: float, end: float) -> float:
        """The mean of H over model times [start, end]; H itself where they are equal."""
        ...


def require_heating(owner: str, heating: object) -> None:
    """Raise InputError for what is no heat source, such as a number or a class."""
    if isinstance(heating, type) or not callable(getattr(heating, "mean", None)):
        raise InputError(
            f"{owner}: heating must be an object with a method mean, as in tellus.solver.heating, "
            f"not {heating!r:.60}."
        )


def mean_of(heating: Heating, start: float, end: float) -> float:
    """The mean of H over model times [start, end]; InputError where it is not finite."""
    call = f"heating: {type(heating).__name__}.mean({start:g}, {end:g})"
    try:
        found = heating.mean(start, end)
    except ZeroDivisionError as error:
        raise InputError(
            f"{call} must be H at that time: a mean over no time is asked for too."
        ) from error
    if not FINITE.allow(found):
        raise InputError(f"{call} must be a finite number, not {found!r:.60}.")
    return float(found)


@dataclass(frozen=True)
class ConstantHeating:
    """H does not change."""

    rate: float = 0.0

    def __post_init__(self) -> None:
        check_record(self, rate=FINITE)

    def mean(self, start: float, end: float) -> float:
        return self.rate


@dataclass(frozen=True)
class DecayingHeating:
    """H(t) = rate sum_i c_i exp(-lambda_i (age + t)): any number of isotopes.

    Parameters
    ----------
    rate : float
        H at age 0 where the fractions add up to one.
    fractions, decay_constants : sequence of float
        c_i and lambda_i, in inverse diffusion times; for the four isotopes of Agarwal et
        al. (2025) see examples/decaying-heating.toml.
    age : float
        How long the sources have decayed at t = 0, in diffusion times.
    """

    rate: float
    fractions: Sequence[float]
    decay_constants: Sequence[float]
    age: float = 0.0

    def __post_init__(self) -> None:
        check_record(self, rate=FINITE, age=NOT_NEGATIVE)
        for fraction in self.fractions:
            check("DecayingHeating", fractions=(fraction, NOT_NEGATIVE))
        for decay in self.decay_constants:
            check("DecayingHeating", decay_constants=(decay, NOT_NEGATIVE))
        if len(self.fractions) != len(self.decay_constants):
            raise InputError(
                f"DecayingHeating: {len(self.fractions)} fractions need as many decay_constants, "
                f"not {len(self.decay_constants)}."
            )

    def mean(self, start: float, end: float) -> float:
        span = end - start
        total = 0.0
        for fraction, decay in zip(self.fractions, self.decay_constants, strict=True):
            x = decay * span
            # (1 - exp(-x)) / x without cancellation at short steps.
            average = -expm1(-x) / x if x > 0.0 else 1.0
            total += fraction * exp(-decay * (self.age + start)) * average
        return self.rate * total
