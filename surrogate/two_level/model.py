"""The two-level surrogate: a cheap base, corrected by a network, saved with its card."""

from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from tellus.errors import InputError
from tellus.solver.coarse import CoarseSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, flow_from_psi
from tellus.solver.torch_threads import few_torch_threads
from tellus.surrogate.card import card_grid
from tellus.surrogate.features import names, observe, to_inputs
from tellus.surrogate.files import StoredModel, restored
from tellus.surrogate.model import DEFAULT as SHIPPED
from tellus.surrogate.model import StokesSurrogate
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.residual_unet import UNet

from .corrector import Corrector, Normalisation
from .examples import make_base
from .settings import FeatureSettings, NetworkSettings, TrainingSettings

UNET = "unet"
"""The network of a card that is not one's own."""


class Surrogate(StokesSurrogate):
    """psi = base + base's rms velocity x correction(features), zero on the walls.

    Any `torch.nn.Module` that takes features (n, channels, ny, nx) to one value
    per cell (n, ny, nx) can be the network. One of your own, trained and used::

        class Mine(torch.nn.Module):
            def __init__(self, channels=8):
                super().__init__()
                self.layers = torch.nn.Conv2d(channels, 1, 5, padding=2)

            def forward(self, features):
                return self.layers(features)[:, 0]

        train(TrainingSettings(epochs=5), Path("data"), Path("mine"), network=Mine())
        psi, seconds = Surrogate.load("mine", network=Mine()).predict(problem)

    Parameters
    ----------
    corrector : Corrector
        Network and normalisation.
    card : dict
        Plain JSON: grid, boundaries, base, normalisation, training range, provenance.
    grid : Grid, optional
        The grid it will be used on, if not the one it was trained on.
    """

    kind = TrainingSettings.kind
    called = "a two-level surrogate"
    shipped = SHIPPED

    def __init__(
        self, corrector: Corrector, card: dict[str, Any], grid: Grid | None = None
    ) -> None:
        from tellus.solver.psi.operator import PsiOperator

        super().__init__(card, grid)
        self.corrector = corrector.eval()
        self.base: CoarseSolver = make_base(card["base"], self.grid)
        self._operator = PsiOperator(self.grid) if corrector.settings.residual else None

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        grid: Grid | None = None,
        network: nn.Module | None = None,
    ) -> Self:
        """Read weights and card, and check one against the other.

        Parameters
        ----------
        path, grid
            As in `TrainedModel.load`; the shipped weights by default.
        network : torch.nn.Module, optional
            The network, where it is one of your own.

        Raises
        ------
        InputError
            The files are missing, damaged, pickles, or do not belong together.
        """
        return cls.from_stored(cls.stored(path), grid, network=network)

    @classmethod
    def of(cls, stored: StoredModel, grid: Grid | None, network: nn.Module | None = None) -> Self:
        """The model that the files hold; raises as following a bad card does."""
        card = stored.card
        card_grid(card)
        features = FeatureSettings.from_json(card["features"])
        channels = len(names(features.residual))
        normalisation = Normalisation.from_json(card["normalisation"])
        if {len(normalisation.mean), len(normalisation.spread)} != {channels}:
            raise ValueError(f"normalisation is not that of {channels} channels")

        def build() -> nn.Module:
            if network is not None:
                return network
            size = dict(card["network"])
            if (kind := size.pop("kind")) != UNET:
                raise InputError(
                    f"these weights belong to {kind}, a network of one's own: pass an instance of "
                    "it, Surrogate.load(path, network=...)."
                )
            return seeded(UNet, channels, NetworkSettings.from_json(size))

        chosen = restored(stored, build)
        # Convolutions on a CPU are a fifth faster on channels that lie together.
        chosen.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(Corrector(chosen, normalisation, features), card, grid)

    @property
    def weights(self) -> nn.Module:
        """The network whose weights are stored."""
        return self.corrector.network

    def predict(self, problem: StokesProblem) -> tuple[Array, dict[str, float]]:
        """psi in float64, shape (ny+1, nx+1), and the seconds of each phase.

        Phases: "base" (the coarse solve and its interpolation), "features" and "network". The
        network also sees the mirror image, and the correction is the mean of both: a flow that is
        reflected in x has the reflected correction, to the bit for the same base.
        Runs on one thread: a second gained nothing at 512x128.
        """
        if problem.grid != self.grid:
            raise InputError(
                f"Surrogate: loaded for {self.grid}, aspect {self.grid.aspect:g}, and the problem "
                f"is on {problem.grid}, aspect {problem.grid.aspect:g}: Surrogate.load(path, grid)."
            )
        with few_torch_threads(), torch.inference_mode():
            clock = [perf_counter()]
            base = self.base.stream_function(problem)
            clock.append(perf_counter())
            observed, scale = observe(problem, base, self._operator)
            prepared = self.corrector.prepare(to_inputs(observed).with_mirror_image(), self.grid)
            prepared = prepared.contiguous(memory_format=torch.channels_last)
            clock.append(perf_counter())
            one, image = self.corrector.correction(prepared)
            correction = (0.5 * (one - image.flip(-1))).numpy()
            psi = base + scale * correction.astype(np.float64)
            clock.append(perf_counter())
        phases = ("base", "features", "network")
        return psi, dict(zip(phases, np.diff(clock).tolist(), strict=True))

    def flow(self, problem: StokesProblem) -> Flow:
        """The predicted flow, free of divergence in every cell."""
        psi, seconds = self.predict(problem)
        return flow_from_psi(
            psi, problem.grid, StokesReport("surrogate", seconds, status="predicted")
        )
