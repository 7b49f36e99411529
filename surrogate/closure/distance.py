"""How far a state is from those that a closure was trained on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellus.errors import InputError
from tellus.io.json_file import plain

from .features import STATE, Seen, state_features

MARGIN = 1.25
"""Largest familiar squared distance, over the largest in training."""


@dataclass(frozen=True)
class Distance:
    """The mean over the cells of a state of the squared Mahalanobis distance of its features.

    Of the features `STATE`, from their mean over the training and in units of their covariance
    there (Mahalanobis 1936): about their number, 11, for such states, several times as much for
    noise, of which each feature alone is in its range.

    Attributes
    ----------
    mean : array, shape (11,)
        0 of odd features: every state counts as its mirror image, too.
    whitening : array, shape (11, 11)
        The inverse of the lower Cholesky factor of the covariance.
    largest : float
        Squared distance up to which a state is familiar.
    """

    mean: NDArray[np.float64]
    whitening: NDArray[np.float64]
    largest: float

    @classmethod
    def of(cls, states: Callable[[], Iterable[Seen]]) -> Self:
        """The distance from the states of a training, which are read twice, batch by batch."""
        odd = torch.tensor([*STATE.values()])
        count, total = 0, torch.zeros(len(odd)).double()
        products = torch.zeros(len(odd), len(odd)).double()
        for seen in states():
            cells = _features(seen).transpose(0, 1).flatten(1)
            count, total = count + cells.shape[1], total + cells.sum(dim=1)
            products += cells @ cells.T
        mean = torch.where(odd, 0.0, total / count)
        covariance = products / count - mean[:, None] * mean
        covariance[odd[:, None] != odd] = 0.0
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed:
            raise InputError(
                "the states that the closure is trained on are too few, or too alike, to tell "
                "others from them: train on more windows, on more simulations, or on a finer grid."
            )
        whitening = torch.linalg.solve_triangular(factor, torch.eye(len(odd)).double(), upper=False)
        found = cls(mean.numpy(), whitening.numpy(), np.inf)
        largest = max(float(found.squares(seen).max()) for seen in states())
        return cls(found.mean, found.whitening, MARGIN * largest)

    def squares(self, seen: Seen) -> Tensor:
        """Squared distance of each state, shape (n,)."""
        mean, whitening = torch.from_numpy(self.mean), torch.from_numpy(self.whitening)
        moved = _features(seen) - mean[:, None]
        return (whitening @ moved).square().sum(dim=1).mean(dim=1)

    def to_json(self) -> dict[str, Any]:
        """The distance as JSON, for a card."""
        return dict(plain(vars(self)))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; raises as following a bad card does."""
        mean, whitening = (np.array(values[name], dtype=float) for name in ("mean", "whitening"))
        if mean.shape != (len(STATE),) or whitening.shape != 2 * mean.shape:
            raise ValueError(f"its distance is not of {len(STATE)} features")
        return cls(mean, whitening, float(values["largest"]))


def _features(seen: Seen) -> Tensor:
    """Shape (n, 11, cells), in double precision."""
    return torch.stack(state_features(seen)[0], dim=1).flatten(2).double()
