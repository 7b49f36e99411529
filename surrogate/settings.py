"""Settings of a training, each declared once.

A setting is a field of a frozen record, with its default, meaning, unit and limits. Training from
Python takes the record, a card stores it, and `tellus.config.training` derives the tables of a
TOML file from it, with their help and their refusals. Nothing here needs PyTorch.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin, get_type_hints

from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.limits import LARGEST_SEED, Choice, Limits, check

MOST_EPOCHS, LARGEST_BATCH, LARGEST_WEIGHT = 10**7, 10**6, 1e6
SHARE = Limits(least=0, most=1)
WEIGHT = Limits(least=0, most=LARGEST_WEIGHT)


class Setting(NamedTuple):
    """What is said of a field beside its type and its default.

    Parameters
    ----------
    meaning : str
        In a few words, as `tellus config --help-fields` shows it.
    unit : str
        "-" if none.
    limits : Limits, optional
        Of a number, or of every number of a list.
    section, key : str
        Where a TOML file has it; the key is the field's name by default. What a record within a
        record holds is in the section called like that record.
    length : tuple of int, optional
        The fewest and the most items of a list.
    """

    meaning: str
    unit: str = "-"
    limits: Limits | None = None
    section: str = "training"
    key: str = ""
    length: tuple[int, int] | None = None


def setting(default: Any, meaning: str, unit: str = "-", **said: Any) -> Any:
    """Declare a field of a `StoredSettings` by its default and what `Setting` has."""
    return field(default=default, metadata={"setting": Setting(meaning, unit, **said)})


def count(most: int, least: int = 1) -> Limits:
    """Limits of a whole number."""
    return Limits(least=least, most=most, whole=True)


def coarsening(name: str) -> int:
    """The N of the name "coarse:N"; 0 of any other."""
    found = re.fullmatch("coarse:([1-9][0-9]{0,8})", name)
    return int(found[1]) if found else 0


class Declared(NamedTuple):
    """A field with what is said of it, its type without None, and its default."""

    said: Setting
    type: Any
    optional: bool
    default: Any


def declared(record: type["StoredSettings"]) -> dict[str, Declared]:
    """The settings of a record, in order; those of records within it are not among them.

    A subclass that changes a default alone keeps what its base says of the field.
    """
    types = get_type_hints(record)
    found = {}
    for own in fields(record):
        if is_dataclass(types[own.name]):
            continue
        homes = (c.__dict__.get("__dataclass_fields__", {}) for c in record.__mro__)
        said = next(h[own.name].metadata for h in homes if own.name in h and h[own.name].metadata)
        optional = get_origin(types[own.name]) is UnionType
        plain = get_args(types[own.name])[0] if optional else types[own.name]
        found[own.name] = Declared(said["setting"], plain, optional, own.default)
    return found


def parts(record: type["StoredSettings"]) -> dict[str, type["StoredSettings"]]:
    """The records within a record, by name."""
    types = get_type_hints(record)
    return {own.name: types[own.name] for own in fields(record) if is_dataclass(types[own.name])}


@dataclass(frozen=True)
class StoredSettings:
    """Settings that go to JSON and come back; values out of their limits raise InputError."""

    def __post_init__(self) -> None:
        for name, (said, kind, optional, _) in declared(type(self)).items():
            value = getattr(self, name)
            choice = Choice(get_args(kind)) if get_origin(kind) is Literal else None
            allowed = choice or said.limits
            if allowed is not None and not (optional and value is None):
                for item in value if isinstance(value, tuple) else (value,):
                    check(type(self).__name__, **{name: (item, allowed)})

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The record that `to_json` wrote; unknown keys raise TypeError."""
        within = parts(cls)
        filled = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        filled |= {name: within[name].from_json(values[name]) for name in within if name in values}
        return cls(**filled)


@dataclass(frozen=True)
class LoopSettings(StoredSettings):
    """What every training has, whatever it trains.

    Parameters
    ----------
    batch_size : int
        Over all processes.
    schedule : str
        "cosine": linear warm-up over `warmup` of all steps, then a cosine to zero.
        "halving": `learning_rate` halved after each of the epochs in `halve_after`.
    averaging : float
        Decay per step of the moving average of the weights, which is what is
        validated and kept; 0 keeps the weights themselves.
    precision : str
        On a GPU "tf32" and "bfloat16" (mixed: weights stay float32) too.
    seed : int
        Fixes the initial weights, the order of the examples and the reflections.
    time_limit : float, optional
        Training stops at the end of an epoch, to be resumed.
    """

    kind: ClassVar[str]
    meaning: ClassVar[str]
    """What is trained, in a few words."""

    epochs: int = setting(60, "passes over the snapshots", limits=count(MOST_EPOCHS))
    batch_size: int = setting(16, "snapshots per step", limits=count(LARGEST_BATCH))
    learning_rate: float = setting(2e-3, "peak learning rate", limits=Limits(above=0, most=1))
    schedule: Literal["cosine", "halving"] = setting("cosine", "of the learning rate")
    halve_after: tuple[int, ...] = setting(
        (20, 40, 60, 80, 120),
        "epochs after which schedule = halving halves it",
        limits=count(MOST_EPOCHS),
    )
    warmup: float = setting(0.05, "share of all steps that warm up", limits=SHARE)
    weight_decay: float = setting(1e-4, "decoupled decay of AdamW", limits=SHARE)
    gradient_clip: float = setting(
        1.0, "largest norm of a gradient", limits=Limits(above=0, most=1e30)
    )
    averaging: float = setting(
        0.995, "decay of the averaged weights (0: no average)", limits=Limits(least=0, below=1)
    )
    mirror: bool = setting(True, "show half of the examples reflected in x")
    balanced: bool = setting(False, "draw every decade of rms velocity equally often")
    precision: Literal["float32", "tf32", "bfloat16", "float64"] = setting(
        "float32", "of the arithmetic; tf32 and bfloat16 for GPUs"
    )
    quiet_vrms: float = setting(
        QUIET_VRMS,
        "leave out flows slower than this",
        "height / diffusion time",
        limits=Limits(least=0, most=1e12),
    )
    seed: int = setting(0, "seed of weights and order", limits=count(LARGEST_SEED, least=0))
    time_limit: float | None = setting(
        None, "stop after this long, resumable", "s", limits=Limits(above=0, most=1e9)
    )
