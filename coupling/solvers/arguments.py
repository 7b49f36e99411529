"""Arguments of solver names: whole numbers, settings such as tol=1e-6, names within names."""

from collections.abc import Callable, Mapping, Sequence

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError


def refusal(spec: SolverSpec, wanted: str) -> InputError:
    """The error that quotes the name and says what is wanted of it."""
    return InputError(f'stokes.solver: "{spec}" {wanted}')


def no_argument(spec: SolverSpec) -> None:
    """Raises InputError where there is one."""
    if spec.arguments:
        found = ":".join(spec.arguments)
        raise InputError(f'stokes.solver: "{spec.kind}" takes no argument, not "{found}".')


def is_whole(text: str, least: int = 1) -> bool:
    """Whether a text is a whole number, at least `least`."""
    return text.isascii() and text.isdecimal() and int(text) >= least


def whole_number(spec: SolverSpec, what: str, example: str, least: int = 1) -> int:
    """The one argument, a whole number of `what`; raises InputError for anything else."""
    arguments = spec.arguments
    if len(arguments) != 1 or not is_whole(arguments[0], least):
        at_least = f", at least {least}" if least > 1 else ""
        raise refusal(spec, f'needs one whole number of {what}{at_least}, as in "{example}".')
    return int(arguments[0])


ReadSetting = Callable[[str], float]


def settings(
    spec: SolverSpec, arguments: Sequence[str], known: Mapping[str, ReadSetting], example: str
) -> dict[str, float]:
    """Arguments of the form key=value, each key at most once; raises InputError.

    `known` says how to read each key's value; a reader raises ValueError.
    """
    found: dict[str, float] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals or key not in known or key in found:
            keys = " or ".join(f"{name}=..." for name in known)
            raise refusal(spec, f'takes {keys}, each once, as in "{example}".')
        try:
            found[key] = known[key](text)
        except ValueError as error:
            raise refusal(spec, f'needs {error}, as in "{example}".') from None
    return found


def tolerance(text: str, what: str = "tolerance") -> float:
    """A number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise ValueError(f"a {what} between 0 and 1")
    return value


def count(text: str) -> int:
    """A whole number, at least 1."""
    if not is_whole(text):
        raise ValueError("a whole number, at least 1")
    return int(text)


def shortened(name: str) -> str:
    """A solver's name with nothing of a path but the last folder that says something.

    >>> shortened("anchored:50:surrogate:models/small/paper/model")
    'anchored:50:surrogate:paper'
    """
    solver, colon, path = name.rpartition(":")
    parts = [part for part in path.split("/") if part not in ("", "model")]
    return f"{solver}{colon}{parts[-1]}" if "/" in path and parts else name
