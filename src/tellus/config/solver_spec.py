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

from .own_class import OwnClass

SURROGATE = "surrogate"

RECOMMENDED = "refined:tol=1e-3"
"""The cheapest solve on a grid whose own error is far below that of the grid."""

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
    "guarded": lambda arguments: int(arguments[:1] != [] and arguments[0].startswith("tol=")),
    "iterative": _iterative,
    "richardson": _leading_number,
}
"""How many arguments come before the name of another solver, by the kinds that take one."""


@dataclass(frozen=True)
class SolverSpec:
    """What a solver's name says, before anything knows whether there is such a solver."""

    kind: str  # the first word; of a class of one's own its file
    arguments: tuple[str, ...] = ()  # what follows it, up to the inner name
    inner: "SolverSpec | None" = None  # the solver that it calls

    @classmethod
    def parse(cls, name: str, within: int = 0) -> Self:
        """The inverse of `str`; InputError for names within names without end."""
        if within > DEEPEST:
            raise InputError(
                f"stokes.solver: names within names may be {DEEPEST} deep: name fewer solvers."
            )
        if one := OwnClass.parse(name):
            return cls(one.file, (one.name, *one.arguments))
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
        """First words of the names of the solver and of those that it calls."""
        return tuple(spec.kind for spec in self.chain())

    @property
    def weights(self) -> str:
        """The path that the name of a surrogate ends in; empty for the shipped weights."""
        return next((":".join(s.arguments) for s in self.chain() if s.kind == SURROGATE), "")

    @property
    def own(self) -> OwnClass | None:
        """The class of one's own that the name ends in, if in one."""
        return next(filter(None, (OwnClass.parse(str(spec)) for spec in self.chain())), None)

    @property
    def path(self) -> str:
        """Path of weights, or of a file of one's own, that the name ends in; empty without one."""
        return self.own.file if self.own else self.weights

    def with_path(self, path: str) -> "SolverSpec":
        """The name with another path of weights, or of a file of one's own."""
        if self.inner is not None:
            return replace(self, inner=self.inner.with_path(path))
        if self.own:
            return replace(self, kind=path)
        return replace(self, arguments=(path,)) if self.kind == SURROGATE else self
