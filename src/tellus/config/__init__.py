"""Configurations as TOML says them: read and checked, nothing built.

`models` puts the configurations of a run and a data set together from the sections in `sections`
and `dataset`; `training` derives those of trainings from what `tellus.surrogate` declares.
`fields` declares a setting, `read` reads files and says what is wrong with them, `paths` makes
relative paths absolute.
"""

from .models import (
    Config,
    DatasetConfig,
    check_resumable,
    load_config,
    load_dataset_config,
    load_stored_config,
    stored_config,
)
from .presets import PRESETS
from .read import changed, dump
from .training import TRAININGS, AnyTraining, TrainingConfig, load_training_config

__all__ = [
    "PRESETS",
    "TRAININGS",
    "AnyTraining",
    "Config",
    "DatasetConfig",
    "TrainingConfig",
    "changed",
    "check_resumable",
    "dump",
    "load_config",
    "load_dataset_config",
    "load_stored_config",
    "load_training_config",
    "stored_config",
]
