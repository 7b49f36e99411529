"""Which banded Cholesky factorisation: from one end, or from both on two threads."""

from tellus.solver import _core
from tellus.solver.psi.operator import PsiOperator

from .banded import BandedCholesky, Cholesky
from .two_ended import TwoEndedCholesky

WORTH_TWO_THREADS = 60
"""Half-bandwidth from which two threads gain more than their meeting costs (measured: at 62
the factorisation from both ends takes 0.8 of the time, at 126 0.65, at 254 0.55)."""


def cholesky_for(operator: PsiOperator, present: Cholesky | None = None) -> Cholesky:
    """The fastest factorisation on the threads that are allowed now.

    `present`, if it is that of `operator` and still the right one, is handed back. The two
    differ by rounding.
    """
    both = _core.max_threads() > 1 and operator.half_bandwidth >= WORTH_TWO_THREADS
    wanted = TwoEndedCholesky if both else BandedCholesky
    if present is not None and type(present) is wanted and present.operator is operator:
        return present
    return wanted(operator)
