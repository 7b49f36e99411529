"""The two-level surrogate: a cheap base, corrected by a network, saved with its card."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.solver.coarse import CoarseSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, flow_from_psi
from tellus.solver.torch_threads import few_torch_threads
from tellus.surrogate.features import Inputs, features, names, observe, to_inputs, unfold
from tellus.surrogate.files import StoredModel, restored
from tellus.surrogate.model import DEFAULT as SHIPPED
from tellus.surrogate.model import StokesSurrogate
from tellus.surrogate.network_settings import NetworkSettings
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.residual_unet import UNet

from .examples import make_base
from .settings import FeatureSettings, TrainingSettings

UNET = "unet"
"""The network of a card that is not one's own."""


@dataclass(frozen=True)
class Normalisation:
    """What brings features and answers to about one.

    `mean` and `spread`: one number per feature. `correction`: rms of the
    correction that the training data ask for, psi over the base's rms velocity.
    """

    mean: list[float]
    spread: list[float]
    correction: float

    @classmethod
    def measure(cls, inputs: Inputs, target: Tensor, grid: Grid, settings: FeatureSettings) -> Self:
        """Measure it on examples; `target` is the direct psi in units of `inputs.psi`."""
        sums = torch.zeros((2, len(names(settings.residual))), dtype=torch.float64)
        for some in inputs.batches(64):
            x = features(some, grid, settings.residual).double().cpu()
            sums += torch.stack([x, x.square()]).mean(dim=(3, 4)).sum(dim=1)
        mean, square = sums / len(target)
        spread = torch.sqrt(torch.clamp(square - mean**2, min=1e-12))
        correction = float(torch.sqrt((target - inputs.psi).double().square().mean()))
        return cls(mean.tolist(), spread.tolist(), correction)


class Corrector(nn.Module):
    """Inputs -> psi over the base's rms velocity, (n, ny+1, nx+1), exactly zero on walls.

    `network` is any module that takes features (n, channels, ny, nx) to one
    value per cell (n, ny, nx); see `features` for the channels and the
    correspondence of cells and nodes.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, network: nn.Module, normalisation: Normalisation, settings: FeatureSettings
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.unit = normalisation.correction
        mean = torch.tensor(normalisation.mean)[:, None, None]
        scale = 1.0 / torch.tensor(normalisation.spread)[:, None, None]
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def prepare(self, inputs: Inputs, grid: Grid) -> Tensor:
        """Normalised features."""
        return features(inputs, grid, self.settings.residual).sub_(self.mean).mul_(self.scale)

    def forward(self, inputs: Inputs, grid: Grid) -> Tensor:
        """The corrected stream function."""
        return inputs.psi + self.correction(self.prepare(inputs, grid))

    def correction(self, prepared: Tensor) -> Tensor:
        """The correction alone, from `prepare`d features."""
        return unfold(self.unit * self.network(prepared))


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
    shipped = SHIPPED

    def __init__(
        self, corrector: Corrector, card: dict[str, Any], grid: Grid | None = None
    ) -> None:
        from tellus.solver.psi.operator import PsiOperator

        super().__init__(corrector.network, card, grid)
        self.corrector = corrector
        self.base: CoarseSolver = make_base(card["base"], self.grid)
        self._operator = PsiOperator(self.grid) if corrector.settings.residual else None

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        grid: Grid | None = None,
        network: nn.Module | None = None,
    ) -> Self:
        """Load a surrogate; raises InputError as `TrainedModel.load` does.

        `network` is that of the weights, where it is one of your own.
        """
        return cls.from_stored(cls.stored(path), grid, network=network)

    @classmethod
    def of(cls, stored: StoredModel, grid: Grid | None, network: nn.Module | None = None) -> Self:
        """The model that the files hold; raises as following a bad card does."""
        card = stored.card
        shown = FeatureSettings.from_json(card["features"])
        channels = len(names(shown.residual))
        mean, spread, correction = (card["normalisation"][f.name] for f in fields(Normalisation))
        normalisation = Normalisation(mean, spread, correction)
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
        return cls(Corrector(chosen, normalisation, shown), card, grid)

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
            timer = PhaseTimer()
            base = self.base.stream_function(problem)
            timer.lap("base")
            observed, scale = observe(problem, base, self._operator)
            prepared = self.corrector.prepare(to_inputs(observed).with_mirror_image(), self.grid)
            prepared = prepared.contiguous(memory_format=torch.channels_last)
            timer.lap("features")
            one, image = self.corrector.correction(prepared)
            correction = (0.5 * (one - image.flip(-1))).numpy()
            psi = base + scale * correction.astype(np.float64)
            timer.lap("network")
        return psi, timer.seconds

    def flow(self, problem: StokesProblem) -> Flow:
        """The predicted flow, free of divergence in every cell."""
        psi, seconds = self.predict(problem)
        return flow_from_psi(
            psi, problem.grid, StokesReport("surrogate", seconds, status="predicted")
        )
