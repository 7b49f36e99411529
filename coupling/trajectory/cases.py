"""What a suite of rollouts rolls out: the simulations of a data set, or configurations."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

from tellus.config import Config, DatasetConfig, changed, dump, load_config, stored_config
from tellus.config.fields import fields
from tellus.coupling.build import replaced, simulation_of
from tellus.errors import InputError
from tellus.io.shown import plain_names
from tellus.surrogate.card import CARD
from tellus.surrogate.data import Dataset

SAME_CASE = ("model", "boundaries", "rheology", "initial")
SAME_KEYS = ("grid.aspect", "stokes.solver")
"""Sections and keys that a reference shares with its case."""

PARAMETERS = ("heating", "gamma_T", "gamma_p")


@dataclass(frozen=True)
class RolloutCase:
    """One simulation that every solver repeats.

    The reference ends at `config.time.end` or `config.time.max_steps`, whichever comes first;
    everything else ends at the model time that the reference reached. It may have a
    configuration of its own, such as a finer grid.
    """

    name: str
    config: Config
    scenario: bool = False
    reference: Config | None = None

    @property
    def parameters(self) -> dict[str, float]:
        """H, gamma_T and gamma_p."""
        model, law = self.config.model, self.config.rheology
        return {"heating": model.heating, "gamma_T": law.gamma_T, "gamma_p": law.gamma_p}

    @property
    def digest(self) -> str:
        """Digest of everything that decides what happens, but for the solver."""
        said = dump(self.with_solver("direct"))
        said += "" if self.reference is None else dump(self.reference)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def as_reference(self) -> "RolloutCase":
        """The case with the configuration of its reference."""
        return self if self.reference is None else replace(self, config=self.reference)

    def changed(self, settings: Sequence[str], reference: Sequence[str]) -> "RolloutCase":
        """The case with `section.key=value` set, those of `reference` in the reference alone."""
        config = changed(self.config, settings)
        try:
            other = changed(config, reference) if reference else None
        except InputError as error:
            raise InputError(str(error).replace("--set", "--reference", 1)) from None
        if other is not None:
            _check_same_case(config, other)
        return replace(self, config=config, reference=other)

    def with_solver(self, name: str) -> Config:
        return replaced(self.config, "stokes", solver=name)


def _check_same_case(config: Config, reference: Config) -> None:
    """Refuse a reference of another case than what it is to be the reference of (InputError)."""
    for key, _ in fields(Config):
        same_case = key.partition(".")[0] in SAME_CASE or key in SAME_KEYS
        if same_case and attrgetter(key)(config) != attrgetter(key)(reference):
            raise InputError(
                f"--reference: {key} says what is computed, not how finely, and is that "
                "of the case (the reference's solver is direct): leave it out, or change it for "
                "all with --set."
            )


def cases_of_data(data: Path, split: str = "test", steps: int | None = None) -> list[RolloutCase]:
    """The simulations of a split, from the card of a data set: parameters, seed, configuration.

    Raises
    ------
    InputError
        There is no card, it does not say how the simulations were made, or has no such split.
    """
    dataset = Dataset.open(data)
    entries = dataset.entries(split)
    try:
        config = stored_config(DatasetConfig, dataset.card["config"])
        runs = [
            simulation_of(config, e["gamma_T"], e["gamma_p"], e["heating"], e["seed"])
            for e in entries
        ]
        ends = [float(entry.get("end", config.time.end)) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{data / CARD} does not say how its simulations were made ({reason}): make the "
            "data set with `tellus dataset` of this version."
        ) from None
    return [
        RolloutCase(entry["name"], _bounded(run, end, steps))
        for entry, run, end in zip(entries, runs, ends, strict=True)
    ]


def cases_of_files(
    files: Sequence[Path], overrides: Sequence[str] = (), steps: int | None = None
) -> list[RolloutCase]:
    """One scenario from each configuration file, named after it; InputError for bad ones."""
    cases = []
    for file in files:
        config = load_config(file, overrides)
        config = _bounded(config, config.time.end, steps)
        cases.append(RolloutCase(file.stem, config, scenario=True))
    plain_names((case.name for case in cases), "configurations")
    return cases


def trained_on(data: Path) -> list[dict[str, float]]:
    """H, gamma_T and gamma_p of the training simulations of a data set."""
    entries = Dataset.open(data).card["simulations"]
    return [{key: e[key] for key in PARAMETERS} for e in entries if e["split"] == "train"]


def _bounded(config: Config, end: float, steps: int | None) -> Config:
    return replaced(config, "time", end=end, max_steps=steps or config.time.max_steps)
