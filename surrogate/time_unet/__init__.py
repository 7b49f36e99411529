"""A U-net that steps in time without a solver, the baseline of Agarwal et al. (2025)."""

from tellus.surrogate.kind import Kind

from .settings import TimeUNetSettings

KIND = Kind(
    TimeUNetSettings,
    learner=f"{__name__}.learner:TimeStepLearner",
    model=f"{__name__}.model:TimeStepper",
    evaluation=f"{__name__}.evaluate:evaluate_time_unet",
    table=f"{__name__}.evaluate:table",
    solves=False,
)
