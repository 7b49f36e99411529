"""The grammar of solver names, `kind[:argument]...`, some of which end in another name.

>>> spec = SolverSpec.parse("skip:5:linear:surrogate:models/mine")
>>> spec.kind, spec.arguments, str(spec.inner)
('skip', ('5', 'linear'), 'surrogate:models/mine')
>>> spec.kinds
('skip', 'surrogate')
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from tellus.errors import InputError

SURROGATE = "surrogate"
DEEPEST = 20


def _leading_number(arguments: Sequence[str]) -> int:
    return int(arguments[:1] != [] and arguments[0].isdecimal())


def _skip(arguments: Sequence[str]) -> int:
    return 1 + (_leading_number(arguments) and arguments[1:2] == ["linear"])


def _iterative(arguments: Sequence[str]) -> int:
    return arguments.index("from") + 1 if "from" in arguments else len(arguments)


OWN_ARGUMENTS: dict[str, Callable[[Sequence[str]], int]] = {
    "skip": _skip,
    "anchored": lambda arguments: 1,
    "check": lambda arguments: 0,
    "fine": lambda arguments: 1,
    "iterative": _iterative,
    "richardson": _leading_number,
}
"""How many arguments come before the name of another solver, by the kinds that take one."""


@dataclass(frozen=True)
class SolverSpec:
    """What a solver's name says, before anything knows whether there is such a solver.

    Parameters
    ----------
    kind : str
        The first word.
    arguments : tuple of str
        What follows it, up to the inner name.
    inner : SolverSpec, optional
        The solver that it calls.
    """

    kind: str
    arguments: tuple[str, ...] = ()
    inner: "SolverSpec | None" = None

    @classmethod
    def parse(cls, name: str, within: int = 0) -> Self:
        """The inverse of `str`; InputError for names within names without end."""
        if within > DEEPEST:
            raise InputError(
                f"stokes.solver: names within names may be {DEEPEST} deep: name fewer solvers."
            )
        kind, *words = name.split(":")
        own = OWN_ARGUMENTS.get(kind, len)(words)
        after = ":".join(words[own:])
        inner = cls.parse(after, within + 1) if after else None
        return cls(kind, tuple(words[:own]), inner)

    def __str__(self) -> str:
        inner = [] if self.inner is None else [str(self.inner)]
        return ":".join([self.kind, *self.arguments, *inner])

    def chain(self) -> Iterator["SolverSpec"]:
        """The solver, the one that it calls, and so on."""
        spec: SolverSpec | None = self
        while spec is not None:
            yield spec
            spec = spec.inner

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of the chain."""
        return tuple(spec.kind for spec in self.chain())

    @property
    def weights(self) -> str:
        """The path that the name of a surrogate ends in; empty for the shipped weights."""
        return next((":".join(s.arguments) for s in self.chain() if s.kind == SURROGATE), "")

    def with_weights(self, path: str) -> "SolverSpec":
        """The same with another path of weights."""
        if self.kind == SURROGATE:
            return replace(self, arguments=(path,))
        return self if self.inner is None else replace(self, inner=self.inner.with_weights(path))
