"""What may follow "iterative:" in a solver's name."""

from functools import partial

from tellus.config.solver_spec import SolverSpec
from tellus.solver.iterative.batch import IterativeSettings
from tellus.solver.iterative.krylov import METHODS, Stopping

from .arguments import ReadSetting, count, refusal, settings, tolerance

EXAMPLE = "iterative:tol=1e-8:cold"


NUMBERS: dict[str, ReadSetting] = {
    "tol": tolerance,
    "velocity": tolerance,
    "limit": count,
    "keep": count,
    "relax": partial(tolerance, what="factor"),
}
WORDS = (*METHODS, "mg", "jacobi", "cpu", "cuda", "cold")


def iterative_settings(spec: SolverSpec) -> IterativeSettings:
    """The settings that a name says; the inner solver is where it starts from.

    Raises InputError for options that are not known, repeated, or out of range.
    """
    asked = [argument for argument in spec.arguments if argument != "from"]
    if "from" in spec.arguments and spec.inner is None:
        raise refusal(spec, 'needs a solver after "from".')
    words = [argument for argument in asked if "=" not in argument]
    for kind in (tuple(METHODS), ("mg", "jacobi"), ("cpu", "cuda"), ("cold",)):
        if len([word for word in words if word in kind]) > 1:
            raise refusal(spec, f"takes one of {' and '.join(kind)}, once.")
    if unknown := [word for word in words if word not in WORDS]:
        known = ", ".join((*(f"{key}=..." for key in NUMBERS), *WORDS))
        raise refusal(spec, f'does not know "{unknown[0]}": it takes {known}.')
    numbers = settings(spec, [a for a in asked if "=" in a], NUMBERS, EXAMPLE)
    velocity = numbers.get("velocity")
    if velocity is not None and "tol" not in numbers and "jacobi" in words:
        raise refusal(
            spec,
            "needs tol=... too: without multigrid the velocity changes little from one iteration "
            "to the next, however wrong it is.",
        )
    residual = numbers.get("tol", Stopping.residual if velocity is None else None)
    return IterativeSettings(
        stopping=Stopping(residual, velocity, int(numbers.get("limit", Stopping.limit))),
        method="bicgstab" if "bicgstab" in words else "cg",
        preconditioner="jacobi" if "jacobi" in words else "mg",
        device="cuda" if "cuda" in words else "cpu",
        warm="cold" not in words,
        relaxation=numbers.get("relax", 1.0),
        keep=int(numbers.get("keep", 1)),
    )
