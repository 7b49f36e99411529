"""What velocities are divided by before a network learns them: four decades brought to one.

Every scale is a formula with coefficients fitted to training data, kept in the card.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from tellus.solver.coarse import CoarseSolver
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.data import Snapshots
from tellus.surrogate.settings import coarsening

SMALLEST = 1e-12


class VelocityScale(ABC):
    """A velocity that a problem's flow is likely to have; a frozen dataclass of coefficients."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(self, problem: StokesProblem) -> float:
        """The scale, in height over diffusion time."""

    def each(self, snapshots: Snapshots) -> Array:
        """The scale of every snapshot, shape (n,)."""
        return np.array([self(problem) for problem in snapshots.problems()])

    def to_json(self) -> dict[str, Any]:
        """Kind and coefficients of the scale, plain JSON."""
        return {"kind": self.kind, **asdict(cast(Any, self))}


@dataclass(frozen=True)
class Regression(VelocityScale):
    """exp(constant + heating H / 10 + gamma_T ln gamma_T + gamma_p ln gamma_p), times Ra.

    The defaults are those of Agarwal et al. (2025), eq. 4.
    """

    kind: ClassVar[str] = "regression"

    constant: float = 1.6094379124341003
    heating: float = 1.80167667
    gamma_T: float = 0.4330392
    gamma_p: float = -0.46052953

    @classmethod
    def fit(
        cls, gamma_T: Array, gamma_p: Array, heating: Array, rayleigh: Array, largest: Array
    ) -> Self:
        """Least squares through the largest |u| or |v| of each simulation.

        Parameters
        ----------
        gamma_T, gamma_p, heating, rayleigh : array, shape (n,)
            Parameters of each simulation.
        largest : array, shape (n,)
            The largest |u| or |v| of each.
        """
        one = np.ones_like(heating)
        columns = np.stack([one, heating / 10, np.log(gamma_T), np.log(gamma_p)], axis=1)
        return cls(*_least_squares(columns, np.log(largest / rayleigh)))

    @classmethod
    def fitted(cls, snapshots: Snapshots) -> Self:
        """Fitted to all simulations that move."""
        every = largest_velocity(snapshots)
        simulations, first = np.unique(snapshots.simulation, return_index=True)
        largest = np.array([every[snapshots.simulation == s].max() for s in simulations])
        moving = largest >= QUIET_VRMS
        one = snapshots.select(first[moving])
        return cls.fit(one.gamma_T, one.gamma_p, one.heating, one.rayleigh, largest[moving])

    def each(self, snapshots: Snapshots) -> Array:
        return self.of(*(getattr(snapshots, name) for name in PARAMETERS))

    def of(self, gamma_T: Array, gamma_p: Array, heating: Array, rayleigh: Array) -> Array:
        """The scale for arrays of parameters."""
        exponent = self.constant + self.heating * heating / 10
        exponent = exponent + self.gamma_T * np.log(gamma_T) + self.gamma_p * np.log(gamma_p)
        return np.asarray(rayleigh * np.exp(exponent), dtype=np.float64)

    def __call__(self, problem: StokesProblem) -> float:
        law = problem.rheology
        assert isinstance(law, FrankKamenetskii), "see MultiScaleSurrogate.flow"
        values = (law.gamma_T, law.gamma_p, problem.heating, problem.rayleigh)
        return float(self.of(*(np.asarray(value, dtype=np.float64) for value in values)))


@dataclass(frozen=True)
class FromViscosity(VelocityScale):
    """Ra times buoyancy over viscosity, powers fitted: no parameter of the law is needed.

    exp(constant) Ra buoyancy^buoyancy smallest^smallest mean^mean, where buoyancy is the rms
    of T without its mean at each height, smallest and mean (geometric) are of the viscosity.
    """

    kind: ClassVar[str] = "viscosity"

    constant: float
    buoyancy: float
    smallest: float
    mean: float

    @staticmethod
    def seen(problem: StokesProblem) -> Array:
        """1 and logarithms of the three numbers above, shape (4,)."""
        temperature = problem.temperature
        lateral = temperature - temperature.mean(axis=1, keepdims=True)
        buoyancy = np.sqrt(np.mean(lateral**2)) + SMALLEST
        logarithm = np.log(problem.viscosity_of_means())
        return np.array([1.0, np.log(buoyancy), logarithm.min(), logarithm.mean()])

    @classmethod
    def fitted(cls, snapshots: Snapshots) -> Self:
        """Least squares through the largest |u| or |v| of each snapshot that moves."""
        moving = np.flatnonzero(snapshots.vrms >= QUIET_VRMS)
        largest = np.maximum(largest_velocity(snapshots), SMALLEST)[moving]
        columns = np.array([cls.seen(snapshots.problem(k)) for k in moving.tolist()])
        return cls(*_least_squares(columns, np.log(largest / snapshots.rayleigh[moving])))

    def each(self, snapshots: Snapshots) -> Array:
        seen = np.array([self.seen(problem) for problem in snapshots.problems()])
        return self._of(seen, snapshots.rayleigh)

    def __call__(self, problem: StokesProblem) -> float:
        return float(self._of(self.seen(problem), np.asarray(problem.rayleigh)))

    def _of(self, seen: Array, rayleigh: Array) -> Array:
        powers = np.array([self.constant, self.buoyancy, self.smallest, self.mean])
        return np.asarray(rayleigh * np.exp(seen @ powers), dtype=np.float64)


@dataclass(frozen=True)
class FromCoarse(VelocityScale):
    """The largest velocity of a solve on a grid `factor` times coarser."""

    kind: ClassVar[str] = "coarse"

    factor: int

    def __call__(self, problem: StokesProblem) -> float:
        flow = CoarseSolver(problem.grid, self.factor).solve(problem)
        return max(float(np.abs(flow.u).max()), float(np.abs(flow.v).max()), SMALLEST)


def scale_from_json(values: Mapping[str, Any]) -> VelocityScale:
    """The scale that `to_json` wrote; raises KeyError, TypeError or ValueError."""
    kinds = {kind.kind: kind for kind in (Regression, FromViscosity, FromCoarse)}
    coefficients = {key: value for key, value in values.items() if key != "kind"}
    if not all(np.isfinite(value) for value in coefficients.values()):
        raise ValueError("a coefficient of the velocity scale is not finite")
    return kinds[values["kind"]](**coefficients)


def fitted_scale(name: str, snapshots: Snapshots) -> VelocityScale:
    """The scale that `MultiScaleSettings.scale` names, fitted to training snapshots."""
    if name == Regression.kind:
        return Regression.fitted(snapshots)
    if name == FromViscosity.kind:
        return FromViscosity.fitted(snapshots)
    return FromCoarse(coarsening(name))


def largest_velocity(snapshots: Snapshots) -> Array:
    """The largest |u| or |v| of each snapshot, shape (n,)."""
    psi, grid = snapshots.psi, snapshots.grid
    u = np.abs(np.diff(psi, axis=1)).max(axis=(1, 2)) / grid.hy
    v = np.abs(np.diff(psi, axis=2)).max(axis=(1, 2)) / grid.hx
    return np.asarray(np.maximum(u, v), dtype=np.float64)


def _least_squares(columns: Array, values: NDArray[np.float64]) -> list[float]:
    found: list[float] = np.linalg.lstsq(columns, values, rcond=None)[0].tolist()
    return found
