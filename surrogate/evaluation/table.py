"""An evaluation as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from tellus.io.text_table import aligned, percent

Evaluation = Mapping[str, Any]

ERRORS = ("median", "p95")


def table(result: Evaluation) -> str:
    """Errors by simulation, by decade and by wall; the base alone beside the network, if any."""
    return "\n".join(
        [*_simulations(result), "", *_decades(result), "", *_walls(result), "", *_ending(result)]
    )


def _simulations(result: Evaluation) -> Iterator[str]:
    yield (
        f"relative velocity error on split {result['split']!r}, {result['snapshots']} snapshots "
        f"at {result['grid']} ({result['quiet_snapshots_left_out']} quiet ones left out)"
    )
    yield ""
    parts = {"model": ("median", result)}
    if base := result.get("base"):
        parts = {"base": (f"{base['name']} alone", base), "model": ("with network", result)}
    titles = (title for name, _ in parts.values() for title in (name, "p95"))
    seconds = (text for part in parts for text in (_milliseconds(result, part), ""))
    rows = [
        ["simulation", "gamma_T", "gamma_p", "heating", "snapshots", *titles],
        *(
            [
                row["name"],
                f"{row['gamma_T']:.1e}",
                f"{row['gamma_p']:.1f}",
                f"{row['heating']:.1f}",
                str(row["snapshots"]),
                *(percent(row[f"{part}_{key}"]) for part in parts for key in ERRORS),
            ]
            for row in result["per_simulation"]
        ),
        [
            "all",
            *[""] * 4,
            *(percent(whole["relative_l2"][key]) for _, whole in parts.values() for key in ERRORS),
        ],
        ["milliseconds", *[""] * 4, *seconds],
    ]
    yield from aligned(rows, left=1)
    yield f"a direct solve takes {_milliseconds(result, 'direct')} milliseconds"


def _milliseconds(result: Evaluation, part: str) -> str:
    return f"{1e3 * result['seconds'][part]:.2f}"


def _decades(result: Evaluation) -> Iterator[str]:
    titles = ("rms velocity", "snapshots", "MAE of u", "MAE of v", "median, u", "median, v")
    rows = [
        [
            f"{decade['from']:g} to {decade['to']:g}",
            str(decade["snapshots"]),
            *(f"{decade[name]['mae']:.3g}" for name in "uv"),
            *(percent(decade[name]["relative_l2"]["median"]) for name in "uv"),
        ]
        for decade in result["decades"]
    ]
    yield from aligned([titles, *rows], left=1)


def _walls(result: Evaluation) -> Iterator[str]:
    rows = [
        ["wall", *result["walls"]],
        ["MAE", *(f"{error:.3g}" for error in result["wall_mae"].values())],
        ["median, of vrms", *map(percent, result["walls"].values())],
    ]
    yield from aligned(rows, left=1)


def _ending(result: Evaluation) -> Iterator[str]:
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
