"""An evaluation as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]

LABEL = 51
"""Characters before the first column of errors."""


def table(result: Result) -> str:
    """Errors by simulation, by decade and by wall; the base alone beside the network, if any."""
    return "\n".join(
        [*_simulations(result), "", *_decades(result), "", *_walls(result), "", *_ending(result)]
    )


def _simulations(result: Result) -> Iterator[str]:
    base = result.get("base")
    yield (
        f"relative velocity error on split {result['split']!r}, {result['snapshots']} snapshots "
        f"at {result['grid']} ({result['quiet_snapshots_left_out']} quiet ones left out)"
    )
    yield ""
    if base is not None:
        yield f"{'':{LABEL}}{base['name'] + ' alone':>19}{'with network':>18}"
    yield (
        f"{'simulation':12}{'gamma_T':>10}{'gamma_p':>9}{'heating':>9}{'snapshots':>11}"
        + f"{'median':>10}{'p95':>9}"
        + (f"{'median':>9}{'p95':>9}" if base is not None else "")
    )
    parts = ["model"] if base is None else ["base", "model"]
    for row in result["per_simulation"]:
        yield (
            f"{row['name']:12}{row['gamma_T']:10.1e}{row['gamma_p']:9.1f}{row['heating']:9.1f}"
            f"{row['snapshots']:11d}"
            + _columns([row[f"{part}_{key}"] for part in parts for key in ("median", "p95")])
        )
    wholes = [result] if base is None else [base, result]
    both = [whole["relative_l2"][key] for whole in wholes for key in ("median", "p95")]
    yield f"{'all':{LABEL}}{_columns(both)}"
    taken = {part: f"{1e3 * seconds:.2f}" for part, seconds in result["seconds"].items()}
    beside = "" if base is None else f"{taken['base']:>10}{'':8}"
    yield f"{'milliseconds':{LABEL}}{beside}{taken['model']:>10}   (direct {taken['direct']})"


def _decades(result: Result) -> Iterator[str]:
    yield (
        f"{'rms velocity':20}{'snapshots':>10}{'MAE of u':>12}{'MAE of v':>12}"
        f"{'median, u':>12}{'median, v':>12}"
    )
    for decade in result["decades"]:
        yield f"{decade['from']:<7g} to {decade['to']:<9g}{decade['snapshots']:>10}" + "".join(
            [f"{decade[name]['mae']:>12.3g}" for name in "uv"]
            + [f"{percent(decade[name]['relative_l2']['median']):>12}" for name in "uv"]
        )


def _walls(result: Result) -> Iterator[str]:
    names = list(result["walls"])
    yield f"{'wall':20}" + "".join(f"{name:>12}" for name in names)
    yield f"{'MAE':20}" + "".join(f"{result['wall_mae'][name]:>12.3g}" for name in names)
    yield f"{'median, of vrms':20}" + "".join(
        f"{percent(result['walls'][name]):>12}" for name in names
    )


def _ending(result: Result) -> Iterator[str]:
    if "improvement" in result:
        yield f"the network makes the median error {result['improvement']:.1f} times smaller"
    previous = result["previous_snapshot"]
    if previous is not None:
        ago = "" if previous["steps"] is None else f", {previous['steps']} steps before,"
        yield (
            f"the velocity of the previous snapshot{ago} errs {previous['ratio']:.1f} times as "
            f"much (MAE; median over snapshots {previous['median_ratio']:.1f})"
        )
    cells = result["divergence"]
    yield (
        "largest divergence, in max|u|/h: "
        f"{cells['inside']['max']:.1e} inside, {cells['walls']['max']:.1e} in wall cells"
    )


def _columns(errors: Sequence[float | None]) -> str:
    """The first a little wider, to stand clear of what is left of it."""
    widths = (10, *[9] * (len(errors) - 1))
    return "".join(f"{percent(e):>{w}}" for e, w in zip(errors, widths, strict=True))


def percent(value: float | None) -> str:
    """A share as text, "-" for none."""
    return "-" if value is None else f"{100 * value:.2f} %"
