"""The surrogate of Agarwal et al. (2025): temperature and parameters to velocity in one go."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem, StokesReport
from tellus.solver.torch_threads import few_torch_threads
from tellus.surrogate.card import card_grid
from tellus.surrogate.files import StoredModel, restored
from tellus.surrogate.model import PRECISIONS, StokesSurrogate
from tellus.surrogate.network_settings import MultiScaleNetworkSettings
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.multi_scale import MultiScale, smallest_side

from .features import CHANNELS, Parameters, paper_features
from .heads import Head, make_head
from .scale import scale_from_json
from .settings import MultiScaleSettings

SERIAL_CELLS = 32_768
"""Grids up to which the network runs on one thread. At 512x128 one takes 444 ms, two 258, on an
idle machine, to the same bits; a smaller network, or a smaller grid, gains less than waiting on a
busy one costs."""


class MultiScaleModel(nn.Module):
    """Network and head: temperature and parameters to velocities over the velocity scale."""

    def __init__(self, network: nn.Module, head: Head) -> None:
        super().__init__()
        self.network = network
        self.head = head

    def answer(self, temperature: Tensor, parameters: Parameters, grid: Grid) -> Tensor:
        """What the network says to (n, ny, nx) temperatures."""
        seen = paper_features(temperature, parameters, grid, self.head.ring)
        answer: Tensor = self.network(seen)
        return answer


def make_model(settings: MultiScaleSettings, grid: Grid) -> MultiScaleModel:
    """A model with reproducible initial weights; InputError where the grid is too small."""
    head = make_head(settings.mass, settings.walls)
    check_room(settings.network, grid, 2 * head.ring)
    shape = len(CHANNELS), head.outputs, settings.network
    network = seeded(MultiScale, *shape, seed=settings.seed)
    return MultiScaleModel(network, head).to(PRECISIONS[settings.precision])


def check_room(settings: MultiScaleNetworkSettings, grid: Grid, beside: int = 0) -> None:
    """Raise InputError where a grid, with `beside` points more each way, is too small."""
    least = smallest_side(settings) - beside
    if min(grid.nx, grid.ny) < least:
        raise InputError(
            f"network.levels = {settings.levels} with {settings.padding} padding needs at least "
            f"{least} cells each way, the grid has {grid}: take fewer levels."
        )


class MultiScaleSurrogate(StokesSurrogate):
    """Model, velocity scale and card, used like any solver; see `TrainedModel`."""

    kind = MultiScaleSettings.kind

    def __init__(
        self, model: MultiScaleModel, card: dict[str, Any], grid: Grid | None = None
    ) -> None:
        super().__init__(model.network, card, grid)
        self.model = model
        self.scale = scale_from_json(card["scale"])
        self._type = next(model.parameters()).dtype

    @classmethod
    def of(cls, stored: StoredModel, grid: Grid | None) -> Self:
        card = stored.card
        training = {key: card["training"][key] for key in ("mass", "walls", "precision", "seed")}
        settings = MultiScaleSettings(
            network=MultiScaleNetworkSettings.from_json(card["network"]), **training
        )
        model = restored(stored, lambda: make_model(settings, card_grid(card)), "network")
        return cls(model, card, grid)

    def flow(self, problem: StokesProblem) -> Flow:
        """The predicted flow.

        psi integrates u upwards from the floor; where mass is conserved in every cell
        (exact walls) it is the network's own, and zero on the walls.
        """
        law = problem.rheology
        if not isinstance(law, FrankKamenetskii):
            raise InputError(
                "this surrogate sees the parameters of a Frank-Kamenetskii viscosity: use that "
                "law, or --stokes direct."
            )
        timer = PhaseTimer()
        scale = self.scale(problem)
        temperature = torch.from_numpy(problem.temperature).to(self._type)[None]
        parameters = Parameters.one(law.gamma_T, law.gamma_p, problem.heating, temperature)
        timer.lap("features")
        alone = problem.temperature.size <= SERIAL_CELLS
        with torch.inference_mode(), few_torch_threads(1 if alone else 2):
            answer = self.model.answer(temperature, parameters, problem.grid).double()
            u, v = self.model.head.faces(answer, problem.grid)
        across, up = (scale * part[0].numpy() for part in (u, v))
        timer.lap("network")
        psi = np.zeros(problem.grid.nodes)
        np.cumsum(across * problem.grid.hy, axis=0, out=psi[1:])
        report = StokesReport("surrogate", timer.seconds, status="predicted")
        return Flow(psi, across, up, report, None, self.model.head.divergent)
