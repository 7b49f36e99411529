"""Every choice that shapes a surrogate, as frozen records with defaults.

They are plain dataclasses, so that training from Python needs no configuration
file; the command line fills the same records from TOML. All of them are written
to the card of the trained model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal, Self, cast

from tellus.solver.limits import COUNT, NOT_NEGATIVE, POSITIVE, Choice, Limits, check, check_record


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

    def __post_init__(self) -> None:
        check_record(self, block=COUNT, depth=COUNT)
        for width in self.widths:
            check("NetworkSettings", widths=(width, COUNT))


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

    def __post_init__(self) -> None:
        check_record(self, l1=NOT_NEGATIVE, l2=NOT_NEGATIVE, gradient=NOT_NEGATIVE)


@dataclass(frozen=True)
class LoopSettings(_Record):
    """What every training has, whatever it trains.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the training snapshots, and snapshots per step (over all processes).
    learning_rate : float
        Peak of the schedule.
    schedule : str
        "cosine": linear warm-up over `warmup` of all steps, then a cosine to zero.
        "halving": `learning_rate` halved after each of the epochs in `halve_after`.
    weight_decay, gradient_clip : float
        AdamW's decoupled decay (0: Adam), and the largest norm of the gradient.
    averaging : float
        Decay per step of the moving average of the weights, which is what is
        validated and kept; 0 keeps the weights themselves.
    mirror : bool
        Show half of the examples reflected in x.
    balanced : bool
        Draw examples so that every decade of rms velocity comes equally often.
    precision : str
        "float32", "float64", or on a GPU "tf32" and "bfloat16" (mixed: weights stay float32).
    quiet_vrms : float
        Snapshots whose rms velocity is below this are left out.
    seed : int
        Fixes the initial weights, the order of the examples and the reflections.
    time_limit : float, optional
        Seconds after which training stops at the end of an epoch, to be resumed.
    """

    kind: ClassVar[str]

    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    halve_after: tuple[int, ...] = (20, 40, 60, 80, 120)
    warmup: float = 0.05
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    averaging: float = 0.995
    mirror: bool = True
    balanced: bool = False
    precision: str = "float32"
    quiet_vrms: float = 1.0
    seed: int = 0
    time_limit: float | None = None

    def __post_init__(self) -> None:
        share = Limits(least=0.0, most=1.0)
        check_record(
            self,
            epochs=COUNT,
            batch_size=COUNT,
            learning_rate=POSITIVE,
            schedule=Choice(("cosine", "halving")),
            warmup=share,
            weight_decay=NOT_NEGATIVE,
            gradient_clip=Limits(above=0.0, infinite=True),
            averaging=share,
            precision=Choice(("float32", "tf32", "bfloat16", "float64")),
            quiet_vrms=NOT_NEGATIVE,
            seed=Limits(least=0, whole=True),
            time_limit=Limits(above=0.0, optional=True, infinite=True),
        )


@dataclass(frozen=True)
class TrainingSettings(LoopSettings):
    """Training of the two-level surrogate.

    Parameters
    ----------
    base : str
        The cheap solution that the network corrects, e.g. "coarse:4".
    features, network, loss
        See their classes; the rest is in `LoopSettings`.
    """

    kind: ClassVar[str] = "two-level"

    base: str = "coarse:4"
    features: FeatureSettings = field(default_factory=FeatureSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    loss: LossSettings = field(default_factory=LossSettings)


@dataclass(frozen=True)
class MultiScaleNetworkSettings(_Record):
    """The network of Agarwal et al. (2025), after Tompson et al. (2017).

    Parameters
    ----------
    filters : int
        Channels of every layer.
    levels : int
        The first at the full grid, each further one averaged over 2 x 2 once more.
    convolutions : int
        At each level, before it is brought back to the full grid.
    size : int
        Cells along a side of a filter.
    padding : str
        "learned" (own filters beside edges and in corners), "zeros" or "replicate".
    """

    filters: int = 16
    levels: int = 5
    convolutions: int = 5
    size: int = 5
    padding: Literal["learned", "zeros", "replicate"] = "learned"


@dataclass(frozen=True)
class PaperLossSettings(_Record):
    """Which terms of the loss of Agarwal et al. (2025) count.

    Parameters
    ----------
    scaling : bool
        Divide each field of each example by its range (eq. 6).
    wall_weight : float
        Added to the weight of the two cells next to every wall (eq. 7).
    derivative : bool
        Add the error of du/dy and dv/dx (eq. 10).
    divergence : bool
        Add |div u|: next to the walls under hard mass conservation, everywhere else
        under soft (eq. 9). Nothing is left of it under exact walls.
    """

    scaling: bool = True
    wall_weight: float = 10.0
    derivative: bool = True
    divergence: bool = True


@dataclass(frozen=True)
class MultiScaleSettings(LoopSettings):
    """Training of the paper's network; defaults are the paper's where it states them.

    Parameters
    ----------
    mass : str
        "hard": velocity from a stream function; "soft": velocities, and div u in the loss.
    walls : str
        "paper": a at the cells and a ring of ghost points, central differences, normal
        velocity zero at the walls afterwards; "exact": psi at the nodes, zero on the walls.
    scale : str
        What velocities are divided by: "regression" (eq. 4, fitted to the training data),
        "viscosity" (from the fields alone) or "coarse:N" (rms velocity of a coarse solve).
    network, loss
        See their classes; the rest is in `LoopSettings`.
    """

    kind: ClassVar[str] = "multi-scale"

    network: MultiScaleNetworkSettings = field(default_factory=MultiScaleNetworkSettings)
    loss: PaperLossSettings = field(default_factory=PaperLossSettings)
    mass: str = "hard"
    walls: str = "paper"
    scale: str = "regression"
    epochs: int = 100
    learning_rate: float = 1e-3
    schedule: str = "halving"
    weight_decay: float = 0.0
    averaging: float = 0.0
    quiet_vrms: float = 0.0
