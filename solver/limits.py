"""What arguments may be: one way to refuse those that make no sense, in one sentence.

    check("Simulation", rayleigh=(rayleigh, NOT_NEGATIVE))

The configuration says the same of its keys in the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

from tellus.errors import InputError


@dataclass(frozen=True)
class Limits:
    """A finite number, whole or not, within bounds; `optional`: or None; `infinite`: or inf."""

    least: float = -inf
    above: float = -inf
    most: float = inf
    below: float = inf
    whole: bool = False
    optional: bool = False
    infinite: bool = False

    def allow(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        try:
            number = float(value)
        except OverflowError:  # an integer beyond floating point
            return False
        finite = isfinite(number) or (self.infinite and number > 0)
        if not (finite and self.least <= number <= self.most):
            return False
        return self.above < number and (number < self.below or self.below == inf)

    def __str__(self) -> str:
        kind = "a whole" if self.whole else "a" if self.infinite else "a finite"
        bounds = {
            "at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        said = [f"{word} {bound:g}" for word, bound in bounds.items() if isfinite(bound)]
        return f"{kind} number{', ' if said else ''}{' and '.join(said)}"


@dataclass(frozen=True)
class Choice:
    """One of some strings."""

    names: tuple[str, ...]

    def allow(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.names

    def __str__(self) -> str:
        return "one of " + ", ".join(f'"{name}"' for name in self.names)


FEWEST_CELLS, MOST_CELLS = 4, 16384
"""The least and most cells along a side of a grid."""

NARROWEST, WIDEST = 1e-3, 100
"""The least and greatest aspect ratio of a box that a configuration or a card may ask for."""

LARGEST_RAYLEIGH = 1e12
"""The largest Rayleigh number that a configuration or a card may ask for."""

LARGEST_SEED, MOST_STEPS = 2**32 - 1, 10**12
"""The largest seed and number of steps that a configuration, a card or a call may ask for."""

FINITE, POSITIVE, NOT_NEGATIVE = Limits(), Limits(above=0.0), Limits(least=0.0)
COUNT = Limits(least=1, whole=True)


def check(owner: str, **arguments: tuple[Any, Limits | Choice]) -> None:
    """Raise InputError for the first argument that is not what its limits allow."""
    for name, (value, limits) in arguments.items():
        if not limits.allow(value):
            raise InputError(f"{owner}: {name} must be {limits}, not {_shown(value)}.")


def check_record(record: object, **limits: Limits | Choice) -> None:
    """Raise InputError, named after the record's class, for the first field outside its limits."""
    values = {name: (getattr(record, name), limit) for name, limit in limits.items()}
    check(type(record).__name__, **values)


def check_shape(owner: str, name: str, array: Any, shape: Sequence[int]) -> None:
    """Raise InputError where an array has another shape, or is none."""
    found = getattr(array, "shape", None)
    if found is None or tuple(found) != tuple(shape):
        what = f"has shape {tuple(found)}" if found is not None else f"is {_shown(array)}"
        raise InputError(f"{owner}: {name} must have shape {tuple(shape)}, and it {what}.")


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
