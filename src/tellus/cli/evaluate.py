"""How good surrogates are: `tellus evaluate`, `rollout-suite` and `experiments`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tellus.errors import InputError
from tellus.io.json_file import plain, write_json
from tellus.io.places import refuse_sources

from .bench import weights_of
from .options import DataDir, Device, JsonOutput, Scheduler, at_once, names_in, setting
from .shell import complain, deliver, processors, say


def evaluate(
    data: DataDir,
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL_DIR", help="Trained model [default: the shipped one]."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Save the result as JSON in this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this file, a .png.")] = None,
    as_json: JsonOutput = False,
) -> None:
    """Errors of a surrogate on the direct solutions of a data set."""
    for option, path in (("--out", out), ("--plot", plot)):
        _check_place(option, path)
        refuse_sources(path, model, data, option=option)
    if out is not None and plot is not None and out.resolve() == plot.resolve():
        raise InputError(f"--out and --plot are both {out}: name two files.")

    from tellus.surrogate.model import kind_of

    kind = kind_of(model)
    if plot is not None and not kind.solves:
        raise InputError(
            f"--plot draws errors of velocities, which a {kind.name} has not: leave it out."
        )

    from tellus.coupling.experiments.experiment import evaluate_model

    def work() -> dict[str, Any]:
        result = evaluate_model(model, data, split)
        _write(result, out, plot)
        return result

    deliver(work, as_json, kind.find("table"))


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="Trained closure.")],
    data: DataDir,
    out: Annotated[Path, typer.Option(help="Directory of the calibrated closure.")],
    jobs: Annotated[int | None, at_once("Simulations")] = None,
    scheduler: Scheduler = None,
    as_json: JsonOutput = False,
) -> None:
    """Set how much of its viscosity a closure shows, by long means of finer runs."""
    refuse_sources(out, model, data)
    from tellus.coupling.calibration import calibrate as calibrated
    from tellus.coupling.calibration import table

    work = partial(calibrated, model, data, out, jobs or processors(), scheduler, say)
    deliver(work, as_json, table)


def _check_place(option: str, path: Path | None) -> None:
    """InputError where a file cannot be written, before anything is computed."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"{option} {path}: there is no directory {path.parent}; make it first.")
    if path is not None and path.is_dir():
        raise InputError(f"{option} {path} is a directory: name a file in it.")
    if option == "--plot" and path is not None and path.suffix != ".png":
        raise InputError(f"--plot {path}: pictures are written as .png; name such a file.")


def _write(result: dict[str, Any], out: Path | None, plot: Path | None) -> None:
    if out is not None:
        write_json(out, plain(result))
        complain(f"the result is in {out}")
    if plot is not None:
        from tellus.coupling.output.learning import figure
        from tellus.coupling.output.style import save_picture

        save_picture(figure(result), plot)
        complain(f"the picture is in {plot}")


def rollout_suite(
    out: Annotated[Path, typer.Option(help="Directory of the rollouts and their results.")],
    configs: Annotated[
        list[Path] | None, typer.Argument(metavar="[CONFIG...]", help="Scenarios, one a file.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A data set, whose simulations are rolled out.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which of them: train, validation or test.")] = "test",
    stokes: Annotated[
        str, typer.Option(metavar="NAME[,...]", help="Stokes solvers to compare with direct.")
    ] = "surrogate,skip:100",
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps of the reference [default: as configured]."),
    ] = None,
    jobs: Annotated[int | None, at_once("Rollouts")] = None,
    scheduler: Scheduler = None,
    changes: Annotated[list[str] | None, setting("Change one setting of every rollout.")] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECTION.KEY=VALUE",
            help="Change one setting of the reference alone, such as grid.nx=256.",
        ),
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Roll many simulations out with several solvers, and say how each of them fared."""
    names = names_in(stokes, "--stokes", "surrogate,skip:100")
    refuse_sources(out, data, *(configs or []), *weights_of(names))
    if data is None and not configs:
        raise InputError("name configurations to roll out, or a data set with --data.")

    from tellus.coupling.trajectory import cases as source
    from tellus.coupling.trajectory.suite.scores import table
    from tellus.coupling.trajectory.suite.suite import rollout_suite as roll_out

    cases = source.cases_of_files(configs or [], changes or [], steps)
    if data is not None:
        of_data = source.cases_of_data(data, split, steps)
        cases += [case.changed(changes or (), ()) for case in of_data]
    trained = [] if data is None else source.trained_on(data)

    work = partial(
        roll_out,
        cases,
        names,
        out,
        jobs=jobs or processors(),
        scheduler=scheduler,
        trained=trained,
        reference=reference or (),
        report=say,
    )
    deliver(work, as_json, table)


def experiments(
    folder: Annotated[Path, typer.Argument(help="Training files, such as experiments/small.")],
    data: DataDir,
    out: Annotated[Path, typer.Option(help="Directory of models, rollouts and results.")],
    only: Annotated[
        str | None, typer.Option(metavar="NAME[,...]", help="Some of the experiments.")
    ] = None,
    changes: Annotated[
        list[str] | None, setting("Change one setting of every training file.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=0, help="Steps of the rollouts; 0: none [default: all].")
    ] = None,
    jobs: Annotated[int | None, at_once("Trainings")] = None,
    device: Device = "cpu",
    as_json: JsonOutput = False,
) -> None:
    """Train, evaluate and roll out every training file of a folder."""
    refuse_sources(out, data, folder, *folder.glob("*.toml"))
    names = [] if only is None else [name.strip() for name in only.split(",")]

    from tellus.coupling.experiments.trainings import run_experiments, table

    work = partial(
        run_experiments,
        folder,
        data,
        out,
        only=names,
        changes=changes or (),
        steps=steps,
        jobs=jobs or processors(),
        device=device,
        report=say,
    )
    deliver(work, as_json, table)
