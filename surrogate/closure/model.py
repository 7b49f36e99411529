"""A trained closure in a run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from tellus.errors import InputError
from tellus.solver import _core
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.closure import Closure, homogenised, interpolated
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii, depends_on_strain_rate
from tellus.solver.stokes import Flow, StokesProblem
from tellus.solver.transport.means import Fluxes
from tellus.surrogate.files import StoredModel, restored, write_model
from tellus.surrogate.model import PRECISIONS, SHIPPED_WEIGHTS, TrainedModel
from tellus.surrogate.networks import seeded

from .distance import Distance
from .features import FLOW, STATE
from .network import ClosureNetworks, Local
from .settings import OWN, ClosureNetworkSettings, ClosureSettings

Single = NDArray[np.float32]

WITHIN = SHIPPED_WEIGHTS / "within"
"""What is shipped of T within cells."""

STAGNANT = 1e4
"""Contrast of viscosity from which on a lid stagnates (Solomatov 1995)."""


class LearnedClosure(TrainedModel, Closure):
    """Networks that add the heat which a coarse grid loses, and T within its cells.

    Of cells with a feature out of the range of the training they say nothing, nor of any cell of a
    state that is too far from those of the training, see `Distance`; `silent` is the share of these
    in the last step.
    """

    kind = ClosureSettings.kind
    called = "the closure"
    name = "learned"
    shipped = SHIPPED_WEIGHTS / "closure"

    def __init__(self, networks: ClosureNetworks, card: dict[str, Any]) -> None:
        super().__init__(networks, card)
        self.networks = networks
        ranges = [_range(card["seen"], name) for name in (*STATE, *FLOW)]
        # Cards of earlier versions have none.
        kept = card.get("distance")
        distance = None if kept is None else Distance.from_json(kept)
        self._flux = native(networks.flux.local, ranges, distance)
        of_state = ranges[: len(STATE)], distance
        self._detail = native(networks.detail.local, *of_state)
        own = networks.viscosity
        self._viscosity = None if own is None else native(own.local, *of_state)
        self.of_own_grid = self.held = own is not None
        self.share = 1.0 if own is None else float(own.share)
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"its share of the change to shear is {self.share:g}")
        self.silent = 0.0

    @classmethod
    def of(cls, stored: StoredModel, grid: Grid | None) -> Self:
        """The closure that the files hold, for any grid; raises as following a bad card does."""
        card = stored.card
        if card["channels"] != [*STATE, *FLOW]:
            raise ValueError("it sees other features than those of this version")
        if card["range"].get("heating") is None:
            raise ValueError("it has no range of heating")
        settings = ClosureNetworkSettings.from_json(card["network"])
        dtype = PRECISIONS[card["training"]["precision"]]
        own_flow = card["training"].get("velocity") == OWN

        def made() -> ClosureNetworks:
            return seeded(ClosureNetworks, settings, own_flow).to(dtype)

        return cls(restored(stored, made), card)

    def fluxes(self, problem: StokesProblem, flow: Flow) -> Fluxes:
        grid, found = problem.grid, Fluxes.zero(problem.grid)
        velocity = _plain(flow.u), _plain(flow.v)
        unknown = self._flux.fluxes(*_seen(problem), *velocity, grid.hx, grid.hy, *found)
        self.silent = unknown / (grid.nx * grid.ny)
        return found

    def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
        """Cells halved as often as `finer` asks for, T within them added; see `Closure`."""
        while finer.nx % (2 * problem.grid.nx) == 0:
            half = problem.grid.finer(2)
            within = np.empty(half.cells)
            self._detail.details(*_seen(problem), within)
            guess = interpolated(problem, half)
            problem = replace(guess, temperature=guess.temperature + within)
        return problem if problem.grid == finer else interpolated(problem, finer)

    def viscosity(self, problem: StokesProblem, found: Array) -> Array:
        if self._viscosity is None:
            return found
        correction = np.empty((2, *problem.grid.cells), dtype=np.float32)
        self._viscosity.viscosities(*_seen(problem, found), correction)
        correction[1] *= self.share
        shown = homogenised(found)
        shown *= np.exp(correction)
        return shown

    def check(self, problem: StokesProblem) -> list[str]:
        grid = problem.grid
        if not grid.of_squares:
            raise InputError(
                f"the closure was trained on square cells, not on {grid} in a box of aspect "
                f"{grid.aspect:g}: choose grid.nx = aspect grid.ny, or leave out --closure."
            )
        walls, law, warnings = problem.boundaries, problem.rheology, []
        if depends_on_strain_rate(law):
            raise InputError(
                "the closure was trained for viscosity of temperature and depth, not for yielding: "
                "leave out --closure, or rheology.yield_stress."
            )
        ends = {"bottom": replace(walls.bottom, value=1.0), "top": replace(walls.top, value=0.0)}
        if replace(walls, **ends) != BoundaryConditions():
            raise InputError(
                "the closure was trained for free-slip walls, temperatures of bottom and top and "
                "insulating sides: leave out --closure, or the walls that differ."
            )
        if walls != BoundaryConditions():
            warnings.append("the closure was trained with T = 1 at the bottom and 0 at the top")
        if isinstance(law, FrankKamenetskii) and self.of_own_grid and law.gamma_T > STAGNANT:
            warnings.append(
                "with the learned closure the velocity of a stagnant lid is off by tens of percent "
                "and more: take no surface velocity or mobility from this run"
            )
        return warnings + self.outside_training(law, heating=problem.heating)

    @classmethod
    def within(cls, path: Path | str | None = None) -> Self:
        """Load a closure that has learned T within cells, by default the shipped one.

        Raises InputError as `load` does, and where T within cells was not learned.
        """
        found = cls.load(WITHIN if path is None else path)
        if not any(part.any() for part in found.networks.detail.local.layers[-1].parameters()):
            raise InputError(
                "--closure: it has not learned T within cells: name one that was trained with "
                "loss.within above 0, or learned for the shipped one."
            )
        return found

    def with_share(self, share: float, directory: Path, **entries: Any) -> Path:
        """Write it into `directory` with another share of its change to shear; the same path.

        `entries` are of its card.
        """
        weights = self.weights.state_dict()
        weights["viscosity.share"] = torch.full_like(weights["viscosity.share"], share)
        write_model(directory, weights, {**self.card, **entries})
        return directory

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file."""
        return self.sha256

    def flux_layers(self) -> list[tuple[Single, Single]]:
        """Weights (outputs, inputs, 3, 3) and biases of the network of the heat fluxes."""
        return layers_of(self.networks.flux.local)

    def flux_inputs(self) -> Array:
        """Whether each input is odd, its least and largest in training, shape (inputs, 3)."""
        seen = self.card["seen"]
        odd = zip((*STATE, *FLOW), self.networks.flux.local.odd, strict=True)
        return np.array([(sign, *seen[name]) for name, sign in odd], dtype=np.float64)


def _range(seen: Mapping[str, Any], name: str) -> tuple[float, float]:
    """Range of a feature in training, from a card; ValueError where that has none."""
    match seen.get(name):
        case [int() | float() as low, int() | float() as high] if low <= high:
            return low, high
    raise ValueError(f'what it has seen of "{name}" is no range')


def layers_of(network: Local) -> list[tuple[Single, Single]]:
    """Weights (outputs, inputs, 3, 3) and biases, in single precision."""
    layers = [layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    arrays = [[part.detach().float().numpy() for part in layer.parameters()] for layer in layers]
    return [(weight, bias) for weight, bias in arrays]


def native(
    network: Local,
    ranges: Sequence[Sequence[float]] | None = None,
    distance: Distance | None = None,
) -> _core.LocalNetwork:
    """A network of a closure in C++, single precision.

    Silent where a feature is out of its range, and everywhere in states beyond the `distance`.
    """
    low, high = np.array(ranges or len(network.odd) * [(-np.inf, np.inf)]).T.tolist()
    layers = layers_of(network)
    if distance is None:
        return _core.LocalNetwork(layers, network.odd, low, high)
    mean, whitening = distance.mean.tolist(), distance.whitening.ravel().tolist()
    return _core.LocalNetwork(layers, network.odd, low, high, mean, whitening, distance.largest)


def _seen(
    problem: StokesProblem, viscosity: Array | None = None
) -> tuple[Array, Array, tuple[float, float]]:
    """T, the logarithm of viscosity, where that is not given of means, T of bottom and top."""
    walls = problem.boundaries
    logs = np.log(problem.viscosity_of_means() if viscosity is None else viscosity)
    return _plain(problem.temperature), logs, (walls.bottom.value, walls.top.value)


def _plain(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)
