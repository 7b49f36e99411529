"""Settings that go together, chosen from `tellus bench accuracy`."""

from collections.abc import Sequence

from tellus.errors import InputError

from .solver_spec import RECOMMENDED

PRESETS = {
    "fast": (
        "energy.advection=mp5",
        "energy.velocity=mid-step",
        "time.courant=1.0",
        f"stokes.solver={RECOMMENDED}",
    ),
    "exact": (
        "energy.advection=mp5",
        "energy.velocity=mid-step",
        "time.courant=0.5",
        "stokes.solver=richardson:refined:tol=1e-5",
    ),
}
"""Settings by name, as `load_config` takes them: fastest on a grid, and most accurate on it."""


def preset(name: str | None) -> Sequence[str]:
    """The settings of that name; none of None. InputError for a name that there is not."""
    if name is not None and name not in PRESETS:
        raise InputError(f'--preset takes {" or ".join(PRESETS)}, not "{name}".')
    return PRESETS[name] if name else ()
