"""From three numbers to a steady profile of temperature (after Agarwal et al. 2024).

A small network is asked point by point: H, gamma_T, gamma_p and depth in, the
horizontally averaged temperature of the statistically steady state out. A run that
starts from it is spared most of its transient.
"""

import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from tellus.solver.errors import InputError
from tellus.solver.grid import Array
from tellus.surrogate import files
from tellus.surrogate.card import code_version
from tellus.surrogate.data import Dataset
from tellus.surrogate.multi_scale.features import HEATING, LOG10_GAMMA_P, LOG10_GAMMA_T
from tellus.surrogate.networks.profile_mlp import ProfileMLP, make_profile_mlp
from tellus.surrogate.training.learner import PRECISIONS

from .data import PARAMETERS, Profiles, heights_of
from .settings import ProfileSettings

KIND = "profile"
INPUTS = ("heating", "gamma_T", "gamma_p", "depth")
SHIPPED = Path(__file__).parents[1] / "weights" / "profile"


def points(parameters: Array, heights: Array) -> Tensor:
    """What the network sees: (n, 4) parameters and (m,) heights to (n, m, 4), about 0..1."""
    columns = (parameters[:, 2], np.log10(parameters[:, 0]), np.log10(parameters[:, 1]))
    ranges = (HEATING, LOG10_GAMMA_T, LOG10_GAMMA_P)
    scaled = [(c - low) / (high - low) for c, (low, high) in zip(columns, ranges, strict=True)]
    shape = (len(parameters), len(heights))
    fields = [np.broadcast_to(c[:, None], shape) for c in scaled]
    return torch.from_numpy(np.stack([*fields, np.broadcast_to(1.0 - heights, shape)], axis=-1))


class ProfilePredictor:
    """A trained network and its card."""

    def __init__(self, network: ProfileMLP, card: dict[str, Any]) -> None:
        self.network = network.eval()
        self.card = card

    @classmethod
    def load(cls, path: Path | str | None = None) -> Self:
        """Read weights and card, the shipped ones by default.

        Raises InputError where they are missing, damaged, a pickle or of another kind.
        """
        place = SHIPPED if path is None else Path(path)
        weights, card = files.read_model(place)
        if card.get("kind") != KIND:
            raise InputError(
                f"{place} holds a model of kind {card.get('kind')}: name a profile predictor, "
                f'trained with model.kind = "{KIND}".'
            )
        tensors, _ = files.read_safetensors(weights)
        try:
            size = card["network"]
            network = make_profile_mlp(len(INPUTS), int(size["width"]), int(size["depth"]))
            network.to(next(iter(tensors.values())).dtype).load_state_dict(tensors)
            for name in PARAMETERS:
                low, high = map(float, card["range"][name])
                if not low <= high:
                    raise ValueError(f"the range of {name} is {low} to {high}")
            return cls(network, card)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise files.unknown_card(weights, error) from None

    def save(self, directory: Path) -> None:
        """Write weights.safetensors and card.json into `directory`."""
        files.write_model(directory, self.network.state_dict(), self.card)

    @property
    def sha256(self) -> str:
        """Digest of the weights file."""
        return str(self.card["weights_sha256"])

    def profile(self, gamma_T: float, gamma_p: float, heating: float, heights: Array) -> Array:
        """<T> at these heights, 0 at the bottom and 1 at the top, same shape as `heights`."""
        seen = points(np.array([[gamma_T, gamma_p, heating]]), heights)
        with torch.inference_mode():
            found = self.network(seen.to(next(self.network.parameters()).dtype))[0]
        return np.asarray(found.double().numpy())

    def check(
        self, gamma_T: float, gamma_p: float, heating: float, rayleigh: float = 1.0
    ) -> list[str]:
        """A warning for each parameter outside the trained range."""
        warnings = []
        values = (gamma_T, gamma_p, heating, rayleigh)
        for name, value in zip(PARAMETERS, values, strict=True):
            low, high = self.card["range"][name]
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                warnings.append(
                    f"{name} = {value:g} is outside {low:g}..{high:g}, where the profile predictor "
                    "was trained"
                )
        return warnings


class ProfileLearner:
    """See `Learner`; an example is a simulation, and mirrored it is the same."""

    def __init__(
        self,
        settings: ProfileSettings,
        data: Path,
        device: torch.device,
        network: nn.Module | None = None,
    ) -> None:
        if network is not None:
            raise InputError(
                "the profile predictor cannot be exchanged for a network of one's own: leave out "
                "`network`."
            )
        self.settings = settings
        self.dataset = Dataset.open(data)
        self.device = device
        self.heights = heights_of(self.dataset.grid)
        splits = {s["split"] for s in self.dataset.card["simulations"]} & {"test"}
        self.parts = {
            split: Profiles.load(self.dataset, split, settings)
            for split in ("train", "validation", *splits)
        }
        self._dtype = PRECISIONS[settings.precision]
        self._points, self._target = self._tensors(self.parts["train"])
        made = make_profile_mlp(len(INPUTS), settings.width, settings.depth, settings.seed)
        self.module: nn.Module = made.to(device, self._dtype)

    def _tensors(self, part: Profiles) -> tuple[Tensor, Tensor]:
        target = torch.from_numpy(part.temperature)
        seen = points(part.parameters, self.heights)
        return seen.to(self.device, self._dtype), target.to(self.device, self._dtype)

    def __len__(self) -> int:
        """Training examples."""
        return len(self.parts["train"])

    def rms_velocity(self) -> Tensor:
        """Of each training example."""
        return torch.from_numpy(self.parts["train"].vrms)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean absolute error over examples and heights."""
        predicted: Tensor = self.module(self._points[index])
        return (predicted - self._target[index]).abs().mean()

    def validate(self) -> dict[str, float]:
        """Mean absolute errors over the validation simulations."""
        return self._errors(self.parts["validation"])

    def _errors(self, part: Profiles) -> dict[str, float]:
        seen, target = self._tensors(part)
        with torch.inference_mode():
            difference = (self.module(seen) - target).double().abs().cpu().numpy()
        # The walls, which are known, would flatter the figure.
        errors = difference[:, 1:-1].mean(axis=1)
        return {
            "mean": float(errors.mean()),
            "median": float(np.median(errors)),
            "worst": float(errors.max()),
            "largest": float(difference.max()),
        }

    def export(self, out: Path, scores: dict[str, float], spent: float) -> None:
        """Weights and card, which has the errors on the test split if there is one."""
        assert isinstance(self.module, ProfileMLP)
        ProfilePredictor(self.module, self._card(scores, spent)).save(out)
        self.module.train()

    def _card(self, scores: dict[str, float], spent: float) -> dict[str, Any]:
        card, grid, settings = self.dataset.card, self.dataset.grid, self.settings
        train = self.parts["train"].parameters
        return {
            "format": 1,
            "kind": KIND,
            "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
            "boundaries": card["boundaries"],
            "inputs": list(INPUTS),
            "network": {"width": settings.width, "depth": settings.depth},
            "parameters": sum(p.numel() for p in self.module.parameters()),
            "range": {
                name: [float(train[:, k].min()), float(train[:, k].max())]
                for k, name in enumerate(PARAMETERS)
            },
            "data": {
                "name": self.dataset.path.resolve().name,
                "hash": card["hash"],
                "simulations": {split: len(part) for split, part in self.parts.items()},
                "unsteady_left_out": {split: part.unsteady for split, part in self.parts.items()},
                "median_drift": {
                    split: float(np.median(p.drift)) for split, p in self.parts.items()
                },
                "command": card.get("command"),
            },
            "training": settings.to_json(),
            "validation": scores,
            "test": self._errors(self.parts["test"]) if "test" in self.parts else None,
            "seconds": {"data": card.get("seconds"), "training": spent},
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "version": code_version(),
        }

    def identity(self) -> dict[str, Any]:
        """Settings and hash of the data."""
        return {"settings": self.settings.to_json(), "data": self.dataset.card["hash"]}

    def progress(self, scores: dict[str, float]) -> str:
        """Mean and worst error."""
        return (
            f"validation error of <T>(y) mean {scores['mean']:.4f}, worst simulation "
            f"{scores['worst']:.4f}"
        )
