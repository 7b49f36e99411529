"""How much of a fine run's temperature, and of its flow, the cell means of a coarse one still tell.

Cell means of fine states are sharpened, by cubic splines, by polynomials that keep the means and by
a trained closure, and held against the states that they are means of.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy.interpolate import make_interp_spline

from tellus.coupling.output.sharpen import SOLVER, sharpened, within_cells
from tellus.coupling.output.style import draw_map, line, save_picture
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.io.arrays import evenly_spaced
from tellus.solver.closure import Closure
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem, relative_velocity_error
from tellus.surrogate.data import Dataset
from tellus.surrogate.evaluation.scores import power_by_wave_number

from .accuracy_cases import CASES
from .accuracy_reference import stored
from .harness import origin
from .record import save
from .spread import Record, Row

STATES = 4
"""States of each simulation of a data set, evenly spread."""

LID = 15
"""Per cent of the cells, the coldest, that pictures do not tell apart."""

BYTES = 4
"""Bytes of a value, in outputs as in weights."""

SHOWN = 1.5
"""Width of what the picture shows of the box."""

Sharpening = Callable[[StokesProblem, Grid], StokesProblem]
Truths = list[tuple[StokesProblem, Flow]]


@dataclass(frozen=True, kw_only=True)
class SharpenRow(Record):
    """One way, medians over the states of a simulation.

    Errors are mean absolute ones of T, of its gradient over the mean size of that, and of the flow
    that follows, relative, by the solver that finds the truth's. `short_waves` is the power of T in
    waves along x that are shorter than four coarse cells, over the truth's, `short_wave_error` that
    of the error there.
    """

    case: str
    seen: str
    grid: str
    way: str
    states: int
    temperature_error: float
    gradient_error: float
    short_waves: float
    short_wave_error: float
    velocity_error: float
    surface_velocity_error: float


@dataclass(frozen=True)
class SharpenedState:
    """A state: what is seen of it, what it is, and what was made of it."""

    seen: Array
    truth: Array
    ways: dict[str, Array]


def main(
    grids: Sequence[Grid],
    closure: str | None = None,
    data: Path | None = None,
    *,
    out: Path | None = None,
) -> Row:
    """Sharpen what coarse grids see of states that no closure was trained on.

    Those of a data set's test simulations, by default those, at 512x128, that the cases of `bench
    accuracy` begin with. `closure` is a trained one's directory, or "learned" for the shipped one.
    Beside the result goes a picture of a state of the last simulation, as the first grid sees it.

    Returns
    -------
    dict
        ``results``: a row per simulation, grid and way, see `SharpenRow`; ``sizes``: bytes of the
        model and, by grid, of T in an output; and where it was measured.

    Raises
    ------
    InputError
        The data set or the closure is missing or damaged, or a grid does not divide the states'.
    """
    ways: dict[str, Sharpening] = {"cubic splines": by_splines, "polynomials": sharpened}
    parameters, sha256 = 0, None
    if closure is not None:
        model = within_cells(closure)
        parameters, sha256 = int(model.card["parameters"]), model.sha256
        ways["closure"] = _with(model)
    rows: list[Row] = []
    shown: list[SharpenedState] = []
    for name, problems in _cases(data):
        fine = problems[0].grid
        solver = make_solver(SOLVER, fine)
        truths = [(problem, solver.solve(problem)) for problem in problems]
        for grid in grids:
            _check(grid, fine)
            made = {
                way: [sharpen(_seen(problem, grid), fine) for problem, _ in truths]
                for way, sharpen in ways.items()
            }
            rows += [_row(name, grid, way, truths, made[way]).to_json() for way in ways]
            first = {way: found[0].temperature for way, found in made.items()}
            seen = coarse_means(problems[0].temperature, grid)
            shown.append(SharpenedState(seen, problems[0].temperature, first))
    bytes_of = {str(grid): BYTES * grid.nx * grid.ny for grid in (*grids, fine)}
    result = origin("sharpen", threads=1, closure=sha256, data=None if data is None else data.name)
    result |= {"sizes": {"model": BYTES * parameters, **bytes_of}, "results": rows}
    if out is not None:
        save_picture(figure(shown[-len(grids)]), save(result, out).with_suffix(".png"))
    return result


def by_splines(problem: StokesProblem, finer: Grid) -> StokesProblem:
    """T at the centres of finer cells by cubic splines through those of the cells and the walls."""
    grid, walls = problem.grid, problem.boundaries
    low, high = (np.full((1, grid.nx), wall.value) for wall in (walls.bottom, walls.top))
    heights = np.concatenate([[0.0], grid.y_cells, [1.0]])
    values = np.concatenate([low, problem.temperature, high])
    up = make_interp_spline(heights, values)(finer.y_cells)
    # No heat through the sides: beyond them T is its mirror image.
    mirrored = np.concatenate([up[:, 2::-1], up, up[:, :-4:-1]], axis=1)
    places = grid.hx * (np.arange(-3, grid.nx + 3) + 0.5)
    across = make_interp_spline(places, mirrored, axis=1)(finer.x_cells)
    return replace(problem, grid=finer, temperature=np.ascontiguousarray(across))


def _with(closure: Closure) -> Sharpening:
    return lambda problem, finer: sharpened(replace(problem, closure=closure), finer)


def _cases(data: Path | None) -> Iterator[tuple[str, list[StokesProblem]]]:
    """The states of each simulation."""
    if data is None:
        for name, reference in stored(list(CASES)).items():
            case, start = CASES[name], np.asarray(reference.start, dtype=np.float64)
            grid = Grid(start.shape[1], start.shape[0])
            yield name, [StokesProblem(grid, start, FrankKamenetskii(case.gamma_T, case.gamma_p))]
        return
    for simulation in Dataset.open(data).simulations("test"):
        rows = evenly_spaced(len(simulation.vrms), STATES)
        yield simulation.names[0], [simulation.problem(row) for row in rows]


def _check(grid: Grid, fine: Grid) -> None:
    ratio = fine.nx // grid.nx
    halved = ratio >= 2 and ratio & (ratio - 1) == 0
    if not halved or grid.finer(ratio) != fine:
        raise InputError(
            f"--grid {grid}: its cells must be 2, 4, 8 ... times as long as those of the states, "
            f"{fine} in a box of aspect {fine.aspect:g}."
        )


def _seen(problem: StokesProblem, grid: Grid) -> StokesProblem:
    return replace(problem, grid=grid, temperature=coarse_means(problem.temperature, grid))


def _row(
    case: str, seen: Grid, way: str, truths: Truths, made: Sequence[StokesProblem]
) -> SharpenRow:
    solver = make_solver(SOLVER, made[0].grid)
    scores = [
        _scores(found, solver.solve(found), *truth, seen)
        for found, truth in zip(made, truths, strict=True)
    ]
    middle = {name: float(np.median([one[name] for one in scores])) for name in scores[0]}
    return SharpenRow(
        case=case, seen=str(seen), grid=str(made[0].grid), way=way, states=len(made), **middle
    )


def _scores(
    found: StokesProblem, flow: Flow, truth: StokesProblem, true_flow: Flow, seen: Grid
) -> dict[str, float]:
    grid, T, exact = truth.grid, found.temperature, truth.temperature
    short = slice(seen.nx // 2, None)
    power, wrong, whole = (
        power_by_wave_number(each)[short].sum() for each in (T, T - exact, exact)
    )
    top, true_top = flow.u[-1], true_flow.u[-1]
    return {
        "temperature_error": float(np.mean(np.abs(T - exact))),
        "gradient_error": float(_steepness(T - exact, grid) / _steepness(exact, grid)),
        "short_waves": float(power / whole),
        "short_wave_error": float(wrong / whole),
        "velocity_error": relative_velocity_error(flow, true_flow),
        "surface_velocity_error": float(np.linalg.norm(top - true_top) / np.linalg.norm(true_top)),
    }


def _steepness(T: Array, grid: Grid) -> float:
    """Mean size of the gradient inside."""
    return float(np.mean(np.hypot(*np.gradient(T, grid.hy, grid.hx))))


def figure(shown: SharpenedState) -> Figure:
    """What is seen, the truth, and what was made, where cubic splines are worst; and spectra."""
    ny, nx = shown.truth.shape
    width = round(SHOWN * ny)
    off = np.abs(shown.ways["cubic splines"] - shown.truth).sum(axis=0)
    first = int(np.argmax(np.convolve(off, np.ones(width), mode="valid")))
    ratio = nx // shown.seen.shape[1]
    first -= first % ratio
    seen = np.repeat(np.repeat(shown.seen, ratio, axis=0), ratio, axis=1)
    fields = {"what is seen": seen, "the truth": shown.truth, **shown.ways}
    # The lid shares a colour: what differs lies below.
    scale = Normalize(float(np.percentile(shown.truth, LID)), float(shown.truth.max()))
    drawn = Figure(figsize=(8.0, 2.4 * ((len(fields) + 2) // 2)))
    drawn.set_layout_engine("compressed")
    panels = drawn.subplots((len(fields) + 2) // 2, 2, squeeze=False).ravel()
    for panel, (name, values) in zip(panels, fields.items(), strict=False):
        mappable = draw_map(panel, values[:, first : first + width], width / ny, scale)
        panel.set_title(name)
    drawn.colorbar(mappable, ax=panels[: len(fields)].tolist(), label="T", fraction=0.03)
    spectra = {"the truth": shown.truth, **shown.ways}
    for k, (name, values) in enumerate(spectra.items()):
        panels[-1].loglog(power_by_wave_number(values)[1:nx], label=name, **line(k))
    panels[-1].axvline(nx // ratio, color="#888888", linewidth=0.8)
    panels[-1].set(xlabel="half waves along x", ylabel="power of T", ylim=(1e-7, None))
    panels[-1].legend(fontsize=7)
    for panel in panels[len(fields) : -1]:
        panel.set_axis_off()
    return drawn
