"""Every choice that shapes a surrogate, as frozen records with defaults.

They are plain dataclasses, so that training from Python needs no configuration
file; the command line fills the same records from TOML. All of them are written
to the card of the trained model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Self, cast


@dataclass(frozen=True)
class _Record:
    """A dataclass that goes to JSON and comes back."""

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The record that `to_json` wrote; unknown keys raise TypeError."""
        nested = {f.name: f.default_factory for f in fields(cls)}
        filled = {name: _revive(nested.get(name), value) for name, value in values.items()}
        return cls(**filled)


def _revive(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        return cast(type[_Record], kind).from_json(value)
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class FeatureSettings(_Record):
    """What the network is shown besides temperature, viscosity and the base flow.

    Parameters
    ----------
    residual : bool
        Show the residual of the momentum equation that the base leaves on the
        fine grid, over the diagonal of the operator: where the base errs.
    """

    residual: bool = True


@dataclass(frozen=True)
class NetworkSettings(_Record):
    """The multi-scale convolutional network.

    Parameters
    ----------
    block : int
        Space-to-depth factor: the network runs on a grid `block` times coarser.
    widths : tuple of int
        Channels at each level, from the finest to the coarsest.
    depth : int
        Residual blocks on the way down and on the way up at each level.
    """

    block: int = 4
    widths: tuple[int, ...] = (48, 64, 96)
    depth: int = 1


@dataclass(frozen=True)
class LossSettings(_Record):
    """Weights of the terms of the training loss, each relative to the example's own flow.

    Parameters
    ----------
    l1 : float
        Mean absolute error of the velocity over its rms.
    l2 : float
        Relative velocity error, as evaluation measures it.
    gradient : float
        Mean absolute error of the velocity gradient over its rms.
    """

    l1: float = 1.0
    l2: float = 1.0
    gradient: float = 0.0


@dataclass(frozen=True)
class TrainingSettings(_Record):
    """One training run.

    Parameters
    ----------
    base : str
        The cheap solution that the network corrects, e.g. "coarse:4".
    epochs, batch_size : int
        Passes over the training snapshots, and snapshots per step.
    learning_rate : float
        Peak of the schedule: linear warm-up over `warmup` of all steps, then a cosine to zero.
    weight_decay, gradient_clip : float
        AdamW's decoupled decay, and the largest norm of the gradient.
    averaging : float
        Decay per step of the moving average of the weights, which is what is
        validated and kept; 0 keeps the weights themselves.
    mirror : bool
        Show half of the examples reflected in x.
    quiet_vrms : float
        Snapshots whose rms velocity is below this are left out.
    seed : int
        Fixes the initial weights, the order of the examples and the reflections.
    time_limit : float, optional
        Seconds after which training stops at the end of an epoch, to be resumed.
    """

    base: str = "coarse:4"
    features: FeatureSettings = field(default_factory=FeatureSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    averaging: float = 0.995
    mirror: bool = True
    quiet_vrms: float = 1.0
    seed: int = 0
    time_limit: float | None = None
