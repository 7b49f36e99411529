"""How good a surrogate is: `tellus evaluate`, on given temperatures."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tellus.solver.errors import InputError

from .cli_shell import complain, deliver, plain


def evaluate(
    data: Annotated[Path, typer.Option("--data", help="Directory that `tellus dataset` wrote.")],
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL_DIR", help="Trained model [default: the shipped one]."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Save the result as JSON in this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this file, a .png.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Errors of a surrogate on the direct solutions of a data set."""
    for option, path in (("--out", out), ("--plot", plot)):
        _check_place(option, path)

    from tellus.surrogate import evaluate as evaluation

    def work() -> dict[str, Any]:
        from tellus.benchmarks.record import background_load
        from tellus.coupling.provenance import provenance

        named = {"model": "shipped" if model is None else str(model), "data": str(data)}
        busy = {"background_load_percent": background_load()}
        result = {**evaluation.evaluate(model, data, split), **named, **busy, **provenance()}
        _write(result, out, plot)
        return result

    deliver(work, as_json, evaluation.table)


def _check_place(option: str, path: Path | None) -> None:
    """Before anything is computed: the place of a file can be written to."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"{option} {path}: there is no directory {path.parent}; make it first.")
    if path is not None and path.is_dir():
        raise InputError(f"{option} {path} is a directory: name a file in it.")
    if option == "--plot" and path is not None and path.suffix != ".png":
        raise InputError(f"--plot {path}: pictures are written as .png; name such a file.")


def _write(result: dict[str, Any], out: Path | None, plot: Path | None) -> None:
    if out is not None:
        from tellus.coupling.checkpoint import write_atomically

        write_atomically(out, json.dumps(plain(result), indent=1).encode() + b"\n")
        complain(f"the result is in {out}")
    if plot is not None:
        from tellus.coupling.evaluation_figure import figure

        figure(result).savefig(plot, dpi=150)
        complain(f"the picture is in {plot}")
