"""The two-level surrogate: a cheap base, corrected by a network, saved with its card."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii, Rheology
from tellus.solver.stokes import StokesProblem

from . import files
from .base import Base, make_base
from .card import UNET, check_card
from .corrector import Corrector, Normalisation
from .features import names, observe, to_inputs
from .network import make_network
from .settings import FeatureSettings, NetworkSettings

SERIAL_CELLS = 32_768
"""Grids up to which a second thread costs more in waiting than it computes (measured at 256x64:
7 ms on one thread, 9 ms on two of an idle machine, 20 ms on two of a busy one)."""

SHIPPED = Path(__file__).parent / "weights" / "two-level-256x64"


class Surrogate:
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

    def __init__(
        self, corrector: Corrector, card: dict[str, Any], grid: Grid | None = None
    ) -> None:
        self.card = card
        self.corrector = corrector.eval()
        self.grid = grid or card_grid(card)
        self.base: Base = make_base(card["base"], self.grid)
        self._operator = _operator(self.grid)

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
        path : Path or str, optional
            A directory made by training, or the .safetensors file in one; the shipped weights
            by default.
        grid : Grid, optional
            The grid it will be used on, if not the one it was trained on.
        network : torch.nn.Module, optional
            The network, where it is one of your own.

        Raises
        ------
        InputError
            The files are missing, damaged, pickles, or do not belong together.
        """
        weights, card_path = _locate(SHIPPED if path is None else Path(path))
        card = files.read_card(card_path)
        tensors, _ = files.read_safetensors(weights)
        if files.sha256(weights.read_bytes()) != card.get("weights_sha256"):
            raise InputError(
                f"{weights} is not the file that {card_path.name} describes: copy both again, "
                "or resume the training that was stopped while writing them."
            )
        try:
            check_card(card)
            card_grid(card)
            if network is None:
                network = _described_network(card)
            network.load_state_dict(tensors)
            # Convolutions on a CPU are a fifth faster on channels that lie together.
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            corrector = make_corrector(network, card)
            return cls(corrector, card, grid)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split()[:40])
            raise InputError(
                f"{card_path} does not describe a surrogate that this version knows ({reason}): "
                "copy weights and card again, or train anew."
            ) from None

    def save(self, directory: Path) -> None:
        """Write weights.safetensors and card.json into `directory`."""
        content = files.to_safetensors(self.corrector.network.state_dict(), {})
        self.card["weights_sha256"] = files.sha256(content)
        files.write_bytes(directory / files.WEIGHTS, content)
        files.write_bytes(directory / files.CARD, json.dumps(self.card, indent=2).encode() + b"\n")

    @property
    def sha256(self) -> str:
        """Digest of the weights file."""
        return str(self.card["weights_sha256"])

    def base_stream_function(self, problem: StokesProblem) -> Array:
        """psi of the base alone, shape (ny+1, nx+1)."""
        return self.base.stream_function(problem)

    def predict(self, problem: StokesProblem) -> tuple[Array, dict[str, float]]:
        """psi in float64, shape (ny+1, nx+1), and the seconds of each phase.

        Phases: "base" (the coarse solve and its interpolation), "features" and "network".
        Runs on one thread where the grid is too small for more to pay.
        """
        with _threads(self.grid):
            return self._predict(problem)

    def _predict(self, problem: StokesProblem) -> tuple[Array, dict[str, float]]:
        clock = [perf_counter()]
        base = self.base.stream_function(problem)
        clock.append(perf_counter())
        operator = self._operator if self.corrector.settings.residual else None
        observed, scale = observe(problem, base, operator)
        with torch.inference_mode():
            prepared = self.corrector.prepare(to_inputs(observed), self.grid)
            prepared = prepared.contiguous(memory_format=torch.channels_last)
            clock.append(perf_counter())
            correction = self.corrector.correction(prepared)[0].numpy()
        psi = base + scale * correction.astype(np.float64)
        clock.append(perf_counter())
        phases = ("base", "features", "network")
        return psi, dict(zip(phases, np.diff(clock).tolist(), strict=True))

    def check(self, grid: Grid, boundaries: BoundaryConditions, rheology: Rheology) -> list[str]:
        """Warnings where it was not trained; InputError where it cannot be right."""
        trained = card_grid(self.card)
        if abs(grid.aspect - trained.aspect) > 1e-9 * trained.aspect:
            raise InputError(
                f"the surrogate was trained for grid.aspect = {trained.aspect:g}, not "
                f"{grid.aspect:g}: change the grid, or train one for it."
            )
        if boundaries.velocity != self.card["boundaries"]:
            raise InputError(
                f"the surrogate was trained for {self.card['boundaries']} walls, not "
                f"{boundaries.velocity}: change the walls, or train one for them."
            )
        if getattr(rheology, "nonlinear", False):
            raise InputError(
                "the surrogate was trained for a linear viscosity law: leave out "
                "rheology.yield_stress, or use --stokes direct."
            )
        warnings = []
        if grid != trained:
            warnings.append(f"the surrogate was trained at {trained}, not {grid}")
        return warnings + _outside(self.card["range"], rheology)


@contextmanager
def _threads(grid: Grid) -> Iterator[None]:
    """One thread for torch and BLAS on small grids; theirs again afterwards."""
    if grid.nx * grid.ny > SERIAL_CELLS:
        yield
        return
    from tellus.solver.threads import one_blas_thread

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_blas_thread():
            yield
    finally:
        torch.set_num_threads(before)


def make_corrector(network: nn.Module, card: dict[str, Any]) -> Corrector:
    """The corrector that a card describes, around its network."""
    features = FeatureSettings.from_json(card["features"])
    normalisation = Normalisation.from_json(card["normalisation"])
    channels = len(names(features.residual))
    if {len(normalisation.mean), len(normalisation.spread)} != {channels}:
        raise ValueError(f"normalisation is not that of {channels} channels")
    return Corrector(network, normalisation, features)


def card_grid(card: dict[str, Any]) -> Grid:
    """The grid that a card says."""
    shape = card["grid"]
    return Grid(int(shape["nx"]), int(shape["ny"]), float(shape["aspect"]))


def _described_network(card: dict[str, Any]) -> nn.Module:
    if card["network"]["kind"] != UNET:
        raise InputError(
            f"these weights belong to {card['network']['kind']}, a network of one's own: "
            "pass an instance of it, Surrogate.load(path, network=...)."
        )
    settings = {key: value for key, value in card["network"].items() if key != "kind"}
    channels = len(names(FeatureSettings.from_json(card["features"]).residual))
    return make_network(channels, NetworkSettings.from_json(settings))


def _locate(path: Path) -> tuple[Path, Path]:
    """Weights and card."""
    files.refuse_pickle(path)
    if path.suffix == ".safetensors":
        return path, path.with_name(files.CARD)
    if not path.is_dir():
        raise InputError(f"{path} is missing: name a directory made by `tellus train`.")
    return path / files.WEIGHTS, path / files.CARD


def _outside(ranges: dict[str, list[float]], rheology: Rheology) -> list[str]:
    """One warning for each parameter outside the trained range."""
    if not isinstance(rheology, FrankKamenetskii):
        return [f"the surrogate was trained for Frank-Kamenetskii viscosity, not {rheology}"]
    warnings = []
    for name in ("gamma_T", "gamma_p"):
        (low, high), value = ranges[name], getattr(rheology, name)
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
            warnings.append(
                f"{name} = {value:g} is outside {low:g}..{high:g}, where the surrogate was trained"
            )
    return warnings


def _operator(grid: Grid) -> Any:
    from tellus.solver.psi_operator import PsiOperator

    return PsiOperator(grid)
