"""The main job in about two minutes, on two unseen cases, each with a report.

One compares ways to get a velocity; the other coarse cells without and with the shipped closure.
"""

import shutil
from collections.abc import Callable, Mapping
from math import nan
from pathlib import Path
from statistics import median as median_of
from time import perf_counter
from typing import Any

from tellus.config import Config, load_config
from tellus.config.examples import example
from tellus.config.own_class import NO_CLOSURE
from tellus.coupling.build import grid_of, rheology_of
from tellus.coupling.directory.recorded import RecordedRun, read_run
from tellus.coupling.output.style import save_picture
from tellus.coupling.runs.run import run_directory
from tellus.io.places import refuse_occupied
from tellus.io.text_table import digits
from tellus.io.whole_file import write_atomically
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.stokes import (
    StokesProblem,
    StokesReport,
    flow_from_psi,
    relative_velocity_error,
    vrms,
)

from .solvers.names import make_solver
from .trajectory.comparison.compare import compare
from .trajectory.comparison.figures import picture
from .trajectory.comparison.found import Comparison, headline
from .trajectory.comparison.report import write_report

Sections = Mapping[str, Mapping[str, float | str]]

MARKER = ".tellus-demo"
SOLVERS = ("direct", "skip:10", "refined", "surrogate")
# Inside the range that the shipped weights were trained on, but no member of the training set.
CASE: Sections = {
    "grid": {"nx": 256, "ny": 64, "aspect": 4.0},
    "model": {"heating": 4.0},
    "rheology": {"gamma_T": 8e6, "gamma_p": 8.0},
}
SPIN_UP_END = 8e-3  # the first downwellings have reached the bottom by then
ROLLOUT_END = 1e-2
OUTPUTS = 20

# The vigorous mantle of examples/closure.toml: on the coarse cells of its grid, and on finer ones.
COARSE_SPIN_UP_END = 4e-2  # some thirty overturns
COARSE_END = 4e-3
FINE: Sections = {
    "grid": {"nx": 256, "ny": 64, "aspect": 4.0},
    "energy": {"velocity": "mid-step"},
    "stokes": {"solver": "richardson:4"},
    "closure": {"kind": NO_CLOSURE},
}
CLOSURES = (NO_CLOSURE, "learned")


def demo(
    out: Path = Path("demo"), say: Callable[[str], None] = print
) -> tuple[Comparison, Comparison]:
    """Spin two cases up, roll each out from there in every way, and compare.

    In `out`, with report.html, demo.png and closure.html: an earlier demo there is replaced,
    anything else left alone. `say` receives what is going on, line by line. Returned are the
    comparison of solvers and that of coarse runs without and with the closure.

    Raises
    ------
    InputError
        `out` holds something that is not a demo, or the weights are missing.
    RunFailedError
        One of the runs failed.
    """
    started, out = perf_counter(), Path(out)
    spin_up = out / "spin-up"
    configs = [
        case(ROLLOUT_END, ROLLOUT_END / OUTPUTS, solver, **_from(spin_up)) for solver in SOLVERS
    ]
    for config in configs:
        # What cannot work says so before anything is removed or takes time.
        make_solver(config.stokes.solver, grid_of(config))
    directories = [out / solver.replace(":", "-") for solver in SOLVERS]
    coarse = out / "closure"
    reports = [out / "report.html", out / "demo.png", out / "closure.html"]
    _claim(out, [spin_up, *directories, coarse, *reports])

    say("spin-up with direct, so that all start from the same convecting state")
    run_directory(case(SPIN_UP_END, SPIN_UP_END / 4), spin_up)
    for config, directory in zip(configs, directories, strict=True):
        say(f"rolling out with {config.stokes.solver}")
        run_directory(config, directory)

    say("comparing")
    result = compare(directories)
    runs = [read_run(directory) for directory in directories]
    errors = same_temperature_errors(runs[0], configs[-1])
    median, largest = (digits(of(errors) if errors else None, 100) for of in (median_of, max))
    remark = (
        f"Velocity of {SOLVERS[-1]} on the temperatures of the direct run: median error "
        f"{median} %, largest {largest} % ({len(errors)} outputs)."
    )
    write_report(out / "report.html", result, runs, [remark])
    save_picture(picture(result, runs), out / "demo.png", 130)
    closure = with_closure(coarse, out / "closure.html", say)
    say(
        f"\nDone in {perf_counter() - started:.0f} s. "
        f"The reports: {out / 'report.html'}, {out / 'closure.html'}\n"
    )
    for line in [*headline(result), remark, worth(closure)]:
        say(line)
    return result, closure


def with_closure(out: Path, report: Path, say: Callable[[str], None]) -> Comparison:
    """Compare coarse runs without and with the shipped closure to a finer one, from one state."""
    spin_up, directories = out / "spin-up", [out / name for name in ("fine", *CLOSURES)]
    say("spin-up of a vigorous mantle on coarse cells")
    run_directory(_vigorous(COARSE_SPIN_UP_END, closure={"kind": NO_CLOSURE}), spin_up)
    ways: list[Sections] = [FINE, *({"closure": {"kind": kind}} for kind in CLOSURES)]
    for way, directory in zip(ways, directories, strict=True):
        say(f"rolling out {'on finer cells' if way is FINE else f'with closure {directory.name}'}")
        run_directory(_vigorous(COARSE_END, initial=_from(spin_up), **way), directory)
    return compare(directories, report)


def worth(result: Comparison) -> str:
    """What a closure is worth, in a sentence."""
    fine, without, learned = result.runs
    profile, heat = (
        [digits(getattr(run.drift, key)) for run in (learned, without)]
        for key in ("profile_mae", "nusselt_mae")
    )
    prices = [run.cost.seconds_per_step or nan for run in (learned, without)]
    return (
        f"A vigorous mantle on {_vigorous(COARSE_END).grid.nx} cells along x, against "
        f"{FINE['grid']['nx']} with {fine.label}: with the shipped closure T(y) differs by "
        f"{profile[0]}, without by {profile[1]}, Nu by {heat[0]} and {heat[1]}, for "
        f"{digits(prices[0] / prices[1])} times the seconds of a step."
    )


def _vigorous(end: float, **sections: Any) -> Config:
    """The case of examples/closure.toml until `end`, with `sections` in the place of its own."""
    settings = load_config(example("closure")).model_dump(exclude_unset=True)
    span = {"time": {"end": end}, "output": {"every": end / OUTPUTS}}
    return Config.model_validate(settings | span | sections)


def _from(run: Path) -> dict[str, str]:
    """An [initial] section that starts from where a run ended."""
    return {"kind": "file", "path": str(run.resolve())}


def case(end: float, every: float, solver: str = "direct", **initial: Any) -> Config:
    """The demo's case as a configuration."""
    return Config.model_validate(
        {
            **CASE,
            "initial": initial or {"kind": "hot"},
            "time": {"end": end},
            "stokes": {"solver": solver},
            "output": {"every": every},
        }
    )


def same_temperature_errors(run: RecordedRun, config: Config) -> list[float]:
    """Relative velocity errors of a configuration's solver on the states of a direct run.

    Unlike the velocities of two runs at equal times, these belong to the same
    temperature: what is left is the error of the solver. Outputs with Vrms below 1
    are left out.
    """
    grid, errors = run.grid, []
    solver = make_solver(config.stokes.solver, grid)
    for k, time in enumerate(run.output_times.tolist()):
        temperature = run.snapshot("temperature", k)
        problem = StokesProblem(
            grid, temperature, rheology_of(config), config.model.rayleigh, time=time
        )
        exact = flow_from_psi(run.snapshot("psi", k), grid, StokesReport(run.solver))
        if vrms(exact, grid) >= QUIET_VRMS:
            errors.append(relative_velocity_error(solver.solve(problem), exact))
    return errors


def _claim(out: Path, own: list[Path]) -> None:
    """Make `out` ready: new, empty, or an earlier demo, whose own entries are removed."""
    refuse_occupied(out, (out / MARKER).is_file(), "holds no earlier demo")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(
        out / MARKER, b"An entry of this directory may be replaced by `tellus demo`.\n"
    )
    for path in own:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
