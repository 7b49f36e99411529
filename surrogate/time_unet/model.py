"""The U-net that takes a state to the next without a solver: what it sees and answers.

A state is temperature and both velocities at the nx x ny cells, velocities
averaged from the two faces of a cell and divided by the velocity scale of the
simulation.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from tellus.solver.grid import Grid
from tellus.surrogate.card import card_grid
from tellus.surrogate.features import cell_means, face_velocity, reflect
from tellus.surrogate.files import StoredModel, restored
from tellus.surrogate.model import PRECISIONS, TrainedModel
from tellus.surrogate.multi_scale.features import Parameters, paper_features
from tellus.surrogate.multi_scale.heads import ExactWalls
from tellus.surrogate.multi_scale.loss import weighted_error
from tellus.surrogate.multi_scale.model import check_room
from tellus.surrogate.multi_scale.scale import Regression, scale_from_json
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.multi_scale import TimeUNet
from tellus.surrogate.rows import Rows

from .settings import TimeUNetNetworkSettings, TimeUNetSettings

CHANNELS = ("x", "y", "log_viscosity", "temperature", "u", "v", "dt")
FIELDS = ("temperature", "u", "v")

_OF_PAPER = (0, 1, 2, 6)
"""Places of the first four channels in `paper_features`."""

OUTPUTS = {"hard": 2, "none": 3}
"""Fields the network answers with, by `TimeUNetSettings.mass`."""


@dataclass(frozen=True)
class CellState(Rows):
    """One or many moments: T, and u and v over the velocity scale, each (n, ny, nx)."""

    temperature: Tensor
    u: Tensor
    v: Tensor

    @classmethod
    def of(cls, temperature: Tensor, psi: Tensor, grid: Grid) -> Self:
        """The state of a psi over the velocity scale, at the nodes, shape (n, ny+1, nx+1)."""
        return cls(temperature, *cell_means(*face_velocity(psi, grid)))

    def mirrored(self, which: Tensor) -> "CellState":
        """Examples marked in `which`, shape (n,), reflected in x."""
        return CellState(
            reflect(self.temperature, which),
            reflect(self.u, which, sign=-1.0),
            reflect(self.v, which),
        )

    def error(self, reference: "CellState", *names: str) -> Tensor:
        """Relative error of these fields together, shape (n,)."""
        ours, theirs = (
            torch.stack([getattr(state, name) for name in names]) for state in (self, reference)
        )
        difference, size = (part.square().sum(dim=(0, 2, 3)) for part in (ours - theirs, theirs))
        return torch.sqrt(difference / size)


class TimeStepModel(nn.Module):
    """A state and the time to the next one, to the next one.

    Parameters
    ----------
    network : torch.nn.Module
        (n, 7, ny, nx) -> (n, 2 or 3, ny, nx).
    mass : str
        As in `TimeUNetSettings`.
    log10_dt : tuple of float
        Mean and spread of log10 of the intervals in the training data.
    """

    def __init__(self, network: nn.Module, mass: str, log10_dt: tuple[float, float]) -> None:
        super().__init__()
        self.network = network
        self.mass = mass
        self.log10_dt = log10_dt

    def features(self, state: CellState, parameters: Parameters, dt: Tensor, grid: Grid) -> Tensor:
        """Channels in the order of `CHANNELS`, (n, 7, ny, nx); viscosity is that of this T."""
        of_paper = paper_features(state.temperature, parameters, grid, ring=False)
        mean, spread = self.log10_dt
        interval = ((torch.log10(dt) - mean) / spread)[:, None, None].expand_as(state.u)
        rest = torch.stack([state.u, state.v, interval], dim=1)
        return torch.cat([of_paper[:, _OF_PAPER], rest], dim=1)

    def forward(
        self, state: CellState, parameters: Parameters, dt: Tensor, grid: Grid
    ) -> CellState:
        """The state after `dt`, shape (n,) in diffusion times."""
        answer: Tensor = self.network(self.features(state, parameters, dt, grid))
        answer = answer.to(state.u.dtype)
        if self.mass == "none":
            return CellState(answer[:, 0], answer[:, 1], answer[:, 2])
        psi = ExactWalls().stream_function(answer[:, 1:], grid)
        return CellState.of(answer[:, 0], psi, grid)


def make_time_step_model(
    settings: TimeUNetSettings, grid: Grid, log10_dt: tuple[float, float]
) -> TimeStepModel:
    """A model with reproducible initial weights; InputError where the grid is too small."""
    check_room(settings.network, grid)
    shape = len(CHANNELS), OUTPUTS[settings.mass], settings.network
    network = seeded(TimeUNet, *shape, seed=settings.seed)
    return TimeStepModel(network, settings.mass, log10_dt).to(PRECISIONS[settings.precision])


def step_losses(predicted: CellState, target: CellState, scaling: bool, extra: float) -> Tensor:
    """Weighted mean absolute error of T, u and v, shape (n, 3) (eqs. 6 to 8)."""
    pairs = ((getattr(predicted, name), getattr(target, name)) for name in FIELDS)
    return torch.stack([weighted_error(*pair, scaling, extra)[0] for pair in pairs], dim=1)


def node_divergence(u: Tensor, v: Tensor, grid: Grid) -> Tensor:
    """div u at the interior nodes from the four cells around each, (n, ny-1, nx-1).

    Zero to rounding for cell velocities that come from a stream function at the nodes.
    """
    across, up = torch.diff(u, dim=2) / grid.hx, torch.diff(v, dim=1) / grid.hy
    return 0.5 * (across[:, 1:] + across[:, :-1] + up[..., 1:] + up[..., :-1])


class TimeStepper(TrainedModel):
    """A trained U-net with its velocity scale and card; see `TrainedModel`."""

    kind = TimeUNetSettings.kind

    def __init__(self, model: TimeStepModel, card: dict[str, Any]) -> None:
        scale = scale_from_json(card["scale"])
        if not isinstance(scale, Regression):
            raise ValueError("its velocity scale is no regression")
        super().__init__(model.network, card)
        self.model = model
        self.scale: Regression = scale
        self.dtype = next(model.parameters()).dtype

    @classmethod
    def of(cls, stored: StoredModel, grid: Grid | None) -> Self:
        """The model that the files hold, on its own grid, whatever `grid` is."""
        card = stored.card
        _ = int(card["parameters"])
        named = ("mass", "interval", "precision", "seed")
        chosen = {key: card["training"][key] for key in named}
        network = TimeUNetNetworkSettings.from_json(card["network"])
        mean, spread = map(float, card["log10_dt"])
        settings = TimeUNetSettings(network=network, **chosen)
        model = restored(
            stored,
            lambda: make_time_step_model(settings, card_grid(card), (mean, spread)),
            "network",
        )
        return cls(model, card)

    def step(self, state: CellState, parameters: Parameters, dt: Tensor) -> CellState:
        """The state after `dt`."""
        with torch.inference_mode():
            found: CellState = self.model(state, parameters, dt, self.grid)
        return found
