"""The two-level surrogate: a cheap base solution, corrected by a network."""

from tellus.surrogate.kind import Kind

from .settings import TrainingSettings

KIND = Kind(
    TrainingSettings,
    learner=f"{__name__}.learner:TwoLevelLearner",
    model=f"{__name__}.model:Surrogate",
)
