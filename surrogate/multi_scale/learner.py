"""The paper's network in training, on snapshots with their direct solutions."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.surrogate.card import training_card
from tellus.surrogate.data import Dataset
from tellus.surrogate.features import face_velocity, reflect
from tellus.surrogate.settings import MultiScaleSettings
from tellus.surrogate.snapshots import Snapshots, load_snapshots
from tellus.surrogate.training.learner import PRECISIONS

from .features import CHANNELS, Parameters
from .heads import Velocity
from .loss import paper_loss
from .model import MultiScaleSurrogate, make_model
from .scale import FromCoarse, FromViscosity, Regression, VelocityScale

VALIDATION_CELLS = 2**16
"""Of all snapshots validated at once: more leave the processor's cache."""

QUIET_VRMS = 1.0
"""Snapshots with a slower flow are left out of relative errors, as in evaluation."""


class Examples:
    """Snapshots of one split as tensors; `psi` is over the velocity scale of its snapshot."""

    def __init__(
        self, snapshots: Snapshots, scale: Array, kind: torch.dtype, device: torch.device
    ) -> None:
        self.temperature = torch.from_numpy(snapshots.temperature).to(device, kind)
        # In place: at 512x128 a copy of all stream functions is gigabytes.
        psi = np.divide(snapshots.psi, scale[:, None, None], out=snapshots.psi, casting="same_kind")
        self.psi = torch.from_numpy(psi).to(device, kind)
        self.parameters = Parameters(
            *(
                torch.from_numpy(v)
                for v in (snapshots.gamma_T, snapshots.gamma_p, snapshots.heating)
            )
        ).to(device, kind)
        self.vrms, self.even = snapshots.vrms, snapshots.even

    def __len__(self) -> int:
        return len(self.psi)


class MultiScaleLearner:
    """See `Learner`; `module` is the network alone."""

    def __init__(
        self,
        settings: MultiScaleSettings,
        data: Path,
        device: torch.device,
        network: nn.Module | None = None,
    ) -> None:
        self.settings = settings
        self.dataset = Dataset.open(data)
        self.grid: Grid = self.dataset.grid
        self.device = device
        self.model = make_model(settings, self.grid).to(device)
        if network is not None:
            self.model.network = network.to(device)
        self.module = self.model.network
        self.scale: VelocityScale | None = None
        self.train_part = self._examples("train")
        self.validation_part = self._examples("validation")

    def _examples(self, split: str) -> Examples:
        wide = self.settings.precision == "float64"
        snapshots = load_snapshots(
            self.dataset, split, self.settings.quiet_vrms, np.float64 if wide else np.float32
        )
        if self.scale is None:
            self.scale = fitted_scale(self.settings.scale, snapshots, self.grid)
        scale = scales(self.scale, snapshots, self.grid)
        return Examples(snapshots, scale, PRECISIONS[self.settings.precision], self.device)

    def __len__(self) -> int:
        """Training examples."""
        return len(self.train_part)

    def rms_velocity(self) -> Tensor:
        """Of each training example."""
        return torch.from_numpy(self.train_part.vrms)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean over the examples."""
        return self._losses(self.train_part, index, mirrored)[0].mean()

    def _losses(
        self, part: Examples, index: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, Velocity, Tensor]:
        """Loss of each example, its true velocities on the faces, and the network's answer."""
        temperature = reflect(part.temperature[index], mirrored)
        psi = reflect(part.psi[index], mirrored, sign=-1.0)
        answer = self.model.answer(temperature, part.parameters.select(index), self.grid)
        answer = answer.to(part.psi.dtype)
        head, truth = self.model.head, face_velocity(psi, self.grid)
        predicted = head.velocity(answer, self.grid)
        divergence = head.divergence(predicted, self.grid)
        losses = paper_loss(predicted, head.target(*truth), divergence, self.settings.loss)
        return losses, truth, answer

    def validate(self) -> dict[str, float]:
        """Loss, and relative velocity errors on the faces of the snapshots that move."""
        part = self.validation_part
        moving = torch.from_numpy(np.flatnonzero(part.even & (part.vrms >= QUIET_VRMS)))
        losses, errors = [], []
        batch = max(1, VALIDATION_CELLS // (self.grid.nx * self.grid.ny))
        with torch.inference_mode():
            for index in moving.to(self.device).split(batch):  # type: ignore[no-untyped-call]
                plain = torch.zeros(len(index), dtype=torch.bool, device=self.device)
                found, truth, answer = self._losses(part, index, plain)
                losses.append(found)
                errors.append(_relative_errors(self.model.head.faces(answer, self.grid), truth))
        error = torch.cat(errors).double().cpu().numpy()
        return {
            "mean": float(np.mean(error)),
            "median": float(np.median(error)),
            "p95": float(np.percentile(error, 95)),
            "loss": float(torch.cat(losses).mean()),
        }

    def export(self, out: Path, scores: dict[str, float], spent: float) -> None:
        """Weights and card."""
        MultiScaleSurrogate(self.model, self._card(scores, spent)).save(out)
        self.model.train()

    def _card(self, scores: dict[str, float], spent: float) -> dict[str, Any]:
        assert self.scale is not None
        snapshots = {"train": len(self.train_part), "validation": len(self.validation_part)}
        return training_card(
            self.settings,
            self.dataset,
            self.module,
            {"snapshots": snapshots},
            scores,
            spent,
            channels=list(CHANNELS),
            network=self.settings.network.to_json(),
            scale=self.scale.to_json(),
        )

    def progress(self, scores: dict[str, float]) -> str:
        """Loss and errors."""
        return (
            f"validation loss {scores['loss']:.4f}  error median {100 * scores['median']:.1f} %  "
            f"p95 {100 * scores['p95']:.1f} %"
        )


def fitted_scale(kind: str, snapshots: Snapshots, grid: Grid) -> VelocityScale:
    """The scale called `kind` in `MultiScaleSettings.scale`, fitted to training snapshots."""
    if kind == "regression":
        first, largest = _largest_per_simulation(snapshots, grid)
        gamma_T, gamma_p = snapshots.gamma_T[first], snapshots.gamma_p[first]
        heating, rayleigh = snapshots.heating[first], snapshots.rayleigh[first]
        return Regression.fit(gamma_T, gamma_p, heating, rayleigh, largest)
    if kind == "viscosity":
        moving = snapshots.vrms >= QUIET_VRMS
        largest = np.maximum(largest_velocity(snapshots.psi, grid), 1e-12)
        seen = _seen(snapshots, grid)
        return FromViscosity.fit(seen[moving], largest[moving], snapshots.rayleigh[moving])
    name, _, factor = kind.partition(":")
    if name == "coarse" and factor.isdecimal() and int(factor) >= 2:
        return FromCoarse(int(factor))
    raise InputError(
        f'model.scale "{kind}" is not known: write "regression", "viscosity" or "coarse:4".'
    )


def scales(scale: VelocityScale, snapshots: Snapshots, grid: Grid) -> Array:
    """The scale of every snapshot, shape (n,)."""
    if isinstance(scale, Regression):
        columns = (snapshots.gamma_T, snapshots.gamma_p, snapshots.heating, snapshots.rayleigh)
        return scale.of(*columns)
    if isinstance(scale, FromViscosity):
        return scale.of(_seen(snapshots, grid), snapshots.rayleigh)
    return np.array([scale(snapshots.problem(k, grid)) for k in range(len(snapshots))])


def largest_velocity(psi: NDArray[np.floating], grid: Grid) -> Array:
    """The largest |u| or |v| of each snapshot, shape (n,)."""
    u = np.abs(np.diff(psi, axis=1)).max(axis=(1, 2)) / grid.hy
    v = np.abs(np.diff(psi, axis=2)).max(axis=(1, 2)) / grid.hx
    return np.asarray(np.maximum(u, v), dtype=np.float64)


def _largest_per_simulation(snapshots: Snapshots, grid: Grid) -> tuple[Any, Array]:
    """Of every simulation that moves: the number of its first snapshot, its largest velocity."""
    every = largest_velocity(snapshots.psi, grid)
    simulations, first = np.unique(snapshots.simulation, return_index=True)
    largest = np.array([every[snapshots.simulation == s].max() for s in simulations])
    moving = largest >= QUIET_VRMS
    return first[moving], largest[moving]


def _seen(snapshots: Snapshots, grid: Grid) -> Array:
    rows = []
    for k, temperature in enumerate(snapshots.temperature):
        law = FrankKamenetskii(float(snapshots.gamma_T[k]), float(snapshots.gamma_p[k]))
        wide = temperature.astype(np.float64)
        rows.append(FromViscosity.seen(wide, law.viscosity(wide, grid)))
    return np.array(rows)


def _relative_errors(predicted: Velocity, truth: Velocity) -> Tensor:
    difference = sum(
        (p - t).square().sum(dim=(1, 2)) for p, t in zip(predicted, truth, strict=True)
    )
    size = sum(t.square().sum(dim=(1, 2)) for t in truth)
    return torch.sqrt(torch.as_tensor(difference / size))
