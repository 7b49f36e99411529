"""The surrogate of Agarwal et al. (2025): what it sees, answers and is trained for."""

from tellus.surrogate.kind import Kind

from .settings import MultiScaleSettings

KIND = Kind(
    MultiScaleSettings,
    learner=f"{__name__}.learner:MultiScaleLearner",
    model=f"{__name__}.model:MultiScaleSurrogate",
)
