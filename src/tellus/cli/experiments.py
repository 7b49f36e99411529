"""`tellus experiments`: a folder of trainings, compared."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellus.errors import InputError
from tellus.io.places import refuse_sources

from .shell import deliver, processors, say


def experiments(
    folder: Annotated[Path, typer.Argument(help="Training files, such as experiments/small.")],
    data: Annotated[Path, typer.Option(help="Directory that `tellus dataset` wrote.")],
    out: Annotated[Path, typer.Option(help="Directory of models, rollouts and results.")],
    only: Annotated[
        str | None, typer.Option(metavar="NAME[,...]", help="Some of the experiments.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SECTION.KEY=VALUE", help="Change one setting of every training file."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=0, help="Steps of the rollouts; 0: none [default: all].")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings at once [default: one per processor].")
    ] = None,
    device: Annotated[str, typer.Option(help="PyTorch device, such as cpu or cuda.")] = "cpu",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Train, evaluate and roll out every training file of a folder."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one that holds training files.")
    refuse_sources(out, data, folder, *folder.glob("*.toml"))
    names = [] if only is None else [name.strip() for name in only.split(",")]

    from tellus.coupling.experiments.trainings import run_experiments, table

    def work() -> dict[str, Any]:
        count = jobs or processors()
        return run_experiments(
            folder,
            data,
            out,
            only=names,
            changes=changes or (),
            steps=steps,
            jobs=count,
            device=device,
            report=say,
        )

    deliver(work, as_json, table)
