"""The configuration of a training, derived from what its settings declare.

`tellus.surrogate.settings` says how a setting is declared, once; here its records become the
sections of a TOML file, one for each record within a record and one for each `section` named.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import create_model

from tellus.surrogate.cards import OfRecord, typed
from tellus.surrogate.kinds import KINDS, Kind
from tellus.surrogate.settings import Declared, LoopSettings, StoredSettings, declared, parts

from .fields import Section, quantity
from .read import read_kind

ORDER = ("model", "base", "features", "network", "loss", "training")
"""The order of sections in a file; others come after these."""


class RecordSection(OfRecord, Section):
    """A table of a TOML file whose keys are fields of a record."""


class AnyTraining(Section):
    """Training of one kind of model."""

    kind: ClassVar[Kind]

    def settings(self) -> LoopSettings:
        """The record that training takes; every field of it is set from the configuration."""
        record, within = self.kind.settings, parts(self.kind.settings)
        filled: dict[str, Any] = {}
        for name in type(self).model_fields:
            section = getattr(self, name)
            if name in within:
                filled[name] = section.record(**section.values())
            else:
                filled |= section.values()
        return record(**filled)


@cache
def training_config(kind: Kind) -> type[AnyTraining]:
    """The configuration that the settings of a kind of model declare."""
    record = kind.settings
    sections: dict[str, dict[str, Declared]] = {}
    for name, one in declared(record).items():
        sections.setdefault(one.said.section, {})[name] = one
    named = (Literal[kind.name], quantity(kind.name, kind.settings.meaning))
    found = {"model": record_section("model", record, sections.pop("model", {}), kind=named)}
    for name, within in parts(record).items():
        found[name] = record_section(name, within, declared(within))
    for name, said in sections.items():
        found[name] = record_section(name, record, said)
    order = [*ORDER, *found]
    ordered: Any = {name: (found[name], found[name]()) for name in sorted(found, key=order.index)}
    made = create_model(
        f"{record.__name__}Config", __base__=AnyTraining, __doc__=record.__doc__, **ordered
    )
    made.kind = kind
    return made


def record_section(
    name: str, record: type[StoredSettings], said: Mapping[str, Declared], **more: Any
) -> type[RecordSection]:
    """A section of some fields of a record, and of `more` keys with their types and fields."""
    keys = {one.said.key or field: field for field, one in said.items()}
    fields: Any = more | {key: pydantic_field(said[field]) for key, field in keys.items()}
    made = create_model(
        f"{record.__name__}{name.title()}Section",
        __base__=RecordSection,
        __doc__=record.__doc__,
        **fields,
    )
    made.record, made.names = record, keys
    return made


def pydantic_field(one: Declared) -> tuple[Any, Any]:
    """Type and field of a setting, as pydantic wants them."""
    kind, limits = typed(one)
    return kind, quantity(one.default, one.said.meaning, one.said.unit, **limits)


def trainings() -> dict[str, type[AnyTraining]]:
    """The configuration of each `[model] kind`."""
    return {name: training_config(kind) for name, kind in KINDS.items()}


TRAININGS = trainings()
TrainingConfig = next(iter(TRAININGS.values()))
"""The configuration of a training that does not say its kind."""


def load_training_config(
    path: Path | str | None = None, overrides: Sequence[str] = ()
) -> AnyTraining:
    """Read a training configuration; arguments and errors as in `load_config`."""
    return read_kind(trainings(), path, overrides)
