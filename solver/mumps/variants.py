"""What the arguments of the MUMPS solvers choose: factorisation, ordering, repeated analysis."""

from collections.abc import Sequence
from dataclasses import dataclass

from tellus.errors import InputError

from .petsc import CHOLESKY, LDLT, LU, MumpsSettings

DISSECTION = "dissection"
ORDERINGS = {"amd": 0, "amf": 2, "scotch": 3, "pord": 4, "metis": 5, "qamd": 6, DISSECTION: 1}
"""Values of MUMPS's ICNTL(7); 1 is an order given by us."""

ANALYSE = "analyse"


@dataclass(frozen=True)
class Variant:
    """One way to factor: of u-v-p the symmetric LDL^T or LU, of psi Cholesky.

    The defaults are the fastest of those measured that give the velocity to rounding, see
    docs/use/mumps.md.
    """

    method: str
    ordering: str
    analyse: bool = False

    def settings(self, parts: int) -> MumpsSettings:
        """The same in MUMPS's terms, for that many processes."""
        # The entries are scaled already (8), and there is room for delayed pivots (14).
        icntl = {8: 0, 14: 60}
        if self.method == LDLT and parts == 1:
            icntl[12] = 2  # pairs each pressure with a velocity before it orders
        if self.method == LU:
            icntl[6] = 0  # rows stay where they are: the pattern is symmetric
        if self.method == CHOLESKY:
            icntl = {14: 30}
        if self.ordering != DISSECTION:
            icntl[7] = ORDERINGS[self.ordering]
        return MumpsSettings(self.method, icntl, self.ordering == DISSECTION, self.analyse)


def variant(kind: str, arguments: Sequence[str], parts: int = 1) -> Variant:
    """Read the arguments of "mumps" or "mumps-psi", each at most once, in any order.

    Raises InputError for one that is not known, or that cannot be used together with another or
    on that many processes.
    """
    methods = () if kind == "mumps-psi" else (LDLT, LU)
    chosen = [[a for a in arguments if a in known] for known in (methods, ORDERINGS, (ANALYSE,))]
    if sum(map(len, chosen)) < len(arguments) or any(len(of_kind) > 1 for of_kind in chosen):
        takes = ["analyse", f"an ordering ({', '.join(ORDERINGS)})", *methods]
        raise _refusal(kind, arguments, f"takes at most one each of {' or '.join(takes)}")
    (method,) = chosen[0] or [LDLT if methods else CHOLESKY]
    best = DISSECTION if method == LU and parts == 1 else "pord"
    (ordering,) = chosen[1] or [best]
    if ordering == DISSECTION and (method != LU or parts > 1):
        raise _refusal(kind, arguments, 'cannot be: "dissection" is for LU on one process')
    return Variant(method, ordering, bool(chosen[2]))


def _refusal(kind: str, arguments: Sequence[str], reason: str) -> InputError:
    name = ":".join([kind, *arguments])
    return InputError(f'stokes.solver: "{name}" {reason}, as in "mumps:ldlt:pord".')
