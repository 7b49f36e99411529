"""Steady profiles of temperature from three numbers, after Agarwal et al. (2024)."""

from tellus.surrogate.kind import Kind

from .settings import ProfileSettings

KIND = Kind(
    ProfileSettings,
    learner=f"{__name__}.learner:ProfileLearner",
    model=f"{__name__}.predictor:ProfilePredictor",
    moves=False,
    solves=False,
)
