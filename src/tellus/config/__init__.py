"""Configurations as TOML says them: read and checked, nothing built.

`models` puts the configurations of a run, a data set and a training together from the sections in
`sections`, `dataset`, `training`, `time_unet` and `profile`. `fields` declares a setting, `read`
reads files and says what is wrong with them, `paths` makes relative paths absolute, `grid_checks`
says what a grid cannot hold.
"""

from .models import (
    TRAININGS,
    AnyTraining,
    Config,
    DatasetConfig,
    MultiScaleConfig,
    TrainingConfig,
    check_resumable,
    load_config,
    load_dataset_config,
    load_training_config,
)
from .read import dump

__all__ = [
    "TRAININGS",
    "AnyTraining",
    "Config",
    "DatasetConfig",
    "MultiScaleConfig",
    "TrainingConfig",
    "check_resumable",
    "dump",
    "load_config",
    "load_dataset_config",
    "load_training_config",
]
