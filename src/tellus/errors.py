"""The ways a Tellus command can fail, each with its exit status, and which go on afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

FAILED, BAD_INPUT, RESUMABLE = 1, 2, 3

RESUME = "--resume"

GO_ON = {
    **dict.fromkeys(
        ("calibrate", "dataset", "experiments", "rollout-suite", "sweep", "unpack"),
        "the same command goes on",
    ),
    "train": "the same command with --resume goes on",
}
"""Commands whose unfinished work is kept, and how to go on with it. A new `tellus run` is not
among them: it handles signals itself, once there is something to resume."""

EXTRAS = {
    "cmcrameri": "plot",
    "dask": "cluster",
    "distributed": "cluster",
    "h5netcdf": "netcdf",
    "h5py": "netcdf",
    "jinja2": "plot",
    "matplotlib": "plot",
    "safetensors": "learn",
    "torch": "learn",
}
"""Modules that a run does not need, and the extra of the distribution that brings each."""


class TellusError(Exception):
    """A failure explained in one sentence; the command line returns `exit_status`."""

    exit_status = FAILED


class RunFailedError(TellusError):
    """The run diverged or a solver gave up (exit status 1)."""


class SolverError(RunFailedError):
    """A Stokes solver could not produce a velocity (exit status 1)."""


class InputError(TellusError):
    """Bad input: the sentence names the key or file and the remedy (exit status 2)."""

    exit_status = BAD_INPUT


class MissingExtraError(InputError, ImportError):
    """Something was asked for that needs an extra of the distribution (exit status 2)."""


class InterruptedRunError(TellusError):
    """A signal or a wall-time limit ended the run; a checkpoint was written (exit status 3)."""

    exit_status = RESUMABLE


@contextmanager
def extras() -> Iterator[None]:
    """Inside, or in a function decorated with it, a missing extra is a `MissingExtraError`."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise MissingExtraError(
            f"this needs {error.name}, which is not installed: pip install "
            f"'tellus-mantle[{extra}]'."
        ) from error
