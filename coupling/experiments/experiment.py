"""One training of a folder: its file, its settings, what is there of its results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellus.config import load_training_config
from tellus.coupling.runs.provenance import provenance
from tellus.errors import InputError
from tellus.io.busy import background_load
from tellus.io.json_file import read_json
from tellus.io.recognised import TRAININGS, unexpected
from tellus.io.shown import plain_names
from tellus.surrogate.card import CARD, METRICS
from tellus.surrogate.data import Dataset
from tellus.surrogate.model import kind_of
from tellus.surrogate.settings import LoopSettings


@dataclass(frozen=True)
class Experiment:
    """One training file, its settings with what is changed in them, and where its results go."""

    config: Path
    settings: LoopSettings
    out: Path

    @property
    def name(self) -> str:
        """The file's name without number and ending, such as "exact-walls"."""
        number, dash, rest = self.config.stem.partition("-")
        return rest if dash and number.isdecimal() else self.config.stem

    @property
    def model(self) -> Path:
        """Directory of the trained model."""
        return self.out / self.name / "model"

    @property
    def label(self) -> str:
        """The trained model as a solver's name, which `--stokes` takes."""
        return f"surrogate:{self.model}"

    @property
    def metrics(self) -> Path:
        """A line for each epoch of the training."""
        return self.model / METRICS

    @property
    def evaluation(self) -> Path:
        """The result of `tellus evaluate`."""
        return self.out / self.name / "evaluation.json"

    @property
    def is_trained(self) -> bool:
        """Whether all epochs are in the metrics; a kill may have cut their last line short."""
        lines = self.metrics.read_text().splitlines() if self.metrics.exists() else []
        return sum(line.endswith("}") for line in lines) >= self.settings.epochs

    @property
    def is_done(self) -> bool:
        return self.is_trained and self.evaluation.exists()

    def read_evaluation(self) -> dict[str, Any]:
        """What `tellus evaluate` found; InputError where the file is damaged."""
        return read_json(self.evaluation, "remove it, and it is evaluated again")

    def check(self, dataset: Dataset) -> None:
        """Refuse what an earlier command left damaged, or trained otherwise or on other data."""
        if self.evaluation.exists():
            self.read_evaluation()
        card = self.model / CARD
        if not card.exists():
            return
        try:
            found = read_json(card, f"remove {self.model}")
            trained = found["training"] | {"time_limit": None}, found["data"]["hash"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{card} is damaged ({error!r}): remove {self.model}.") from None
        settings = self.settings.to_json() | {"time_limit": None}
        if trained != (json.loads(json.dumps(settings)), dataset.card["hash"]):
            raise InputError(
                f"{self.model} was trained under other settings than {self.config}, or on other "
                f"data than {dataset.path}: name another --out, or remove it."
            )


def find_experiments(
    folder: Path, out: Path, only: Sequence[str] = (), changes: Sequence[str] = ()
) -> list[Experiment]:
    """The experiments of a folder, their files read, changed and found right."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise unexpected(folder, TRAININGS)
    found = []
    for file in files:
        config = load_training_config(file, changes)
        if not config.kind.moves:
            raise InputError(
                f'{file}: model.kind = "{config.kind.name}" predicts no velocity to compare; train '
                "it with `tellus train`."
            )
        found.append(Experiment(file, config.settings(), out))
    names = plain_names((e.name for e in found), str(folder))
    for name in only:
        if name not in names:
            raise InputError(f"{folder} has no experiment {name}: it has {', '.join(names)}.")
    return [e for e in found if not only or e.name in only]


def evaluate_model(model: Path | None, data: Path, split: str = "test") -> dict[str, Any]:
    """Errors of a model, the shipped one by default, on a split of a data set; plain JSON.

    Beside what its kind finds: "model", "data", "background_load_percent" and the machine's.
    """
    evaluate = kind_of(model).find("evaluation")
    return {
        **evaluate(model, data, split),
        "model": "shipped" if model is None else str(model),
        "data": str(data),
        "background_load_percent": background_load(),
        **provenance(),
    }
