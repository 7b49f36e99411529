"""The ways a Tellus command can fail, each with its exit status."""


class TellusError(Exception):
    """A failure explained in one sentence; the command line returns `exit_status`."""

    exit_status = 1


class RunFailedError(TellusError):
    """The run diverged or a solver gave up (exit status 1)."""


class SolverError(RunFailedError):
    """A Stokes solver could not produce a velocity (exit status 1)."""


class InputError(TellusError):
    """Bad input: the sentence names the key or file and the remedy (exit status 2)."""

    exit_status = 2


class InterruptedRunError(TellusError):
    """A signal or a wall-time limit ended the run; a checkpoint was written (exit status 3)."""

    exit_status = 3
