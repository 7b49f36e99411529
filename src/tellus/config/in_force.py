"""Which keys of a run's configuration are read; the others change nothing, and are not shown."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import tomli_w
from pydantic import BaseModel

from .fields import fields, kinds_of
from .sections import LINEAR_LAWS

Rule = Callable[[Any], bool]
"""Whether a key is read, from the configuration of a run."""


def _wall(name: str) -> Rule:
    return lambda config: getattr(config.boundaries, f"{name}_thermal") != "insulating"


def _iterates(config: Any) -> bool:
    """A law of one's own may depend on the strain rate."""
    law = config.rheology
    return law.yield_stress is not None or law.kind not in LINEAR_LAWS


def _perturbed(config: Any) -> bool:
    return bool(config.initial.kind != "file")


RULES: dict[str, Rule] = {
    "model.heating": lambda config: config.model.heating_law is None,
    "model.surface_temperature": lambda config: (
        config.rheology.kind == "arrhenius"
        or config.model.dissipation_number > 0
        or config.model.surface_temperature > 0  # shifts what [planet] shows
    ),
    **{f"boundaries.{name}_value": _wall(name) for name in ("left", "right", "bottom", "top")},
    "rheology.eta_star": lambda config: config.rheology.yield_stress is not None,
    "initial.amplitude": _perturbed,
    "initial.perturbation": _perturbed,
    "initial.mode": lambda c: _perturbed(c) and c.initial.perturbation == "mode",
    "initial.seed": lambda c: _perturbed(c) and c.initial.perturbation == "random",
    "time.steady_window": lambda config: config.time.steady_tolerance is not None,
    "stokes.picard_*": _iterates,
}
"""The rules of when keys are read, by patterns, beside the kinds that a declaration names."""


def in_force(config: BaseModel) -> Iterator[tuple[str, Any]]:
    """("section.key", value) of all that is set, given or by default, and read."""
    for key, field in fields(type(config)):
        section, _, name = key.partition(".")
        held, kinds = getattr(config, section), kinds_of(field)
        value = getattr(held, name)
        of_its_kind = not kinds or held.kind in kinds
        if value not in (None, ()) and of_its_kind and _is_read(config, key):
            yield key, value


def shown(config: BaseModel) -> str:
    """The configuration as TOML, keys that are not read left out."""
    tables: dict[str, dict[str, Any]] = {}
    for key, value in in_force(config):
        section, _, name = key.partition(".")
        tables.setdefault(section, {})[name] = value
    return tomli_w.dumps(tables)


def _is_read(config: BaseModel, key: str) -> bool:
    if "rheology" not in type(config).model_fields:  # of a data set or a training
        return True
    return all(rule(config) for pattern, rule in RULES.items() if fnmatchcase(key, pattern))
