"""Which banded Cholesky factorisation: from one end, or from both."""

from tellus.solver.factor.banded import BandedCholesky
from tellus.solver.factor.factor import Factor
from tellus.solver.factor.two_ended import TwoEndedCholesky
from tellus.solver.psi.operator import PsiOperator

WORTH_BOTH_ENDS = 200
"""Half-bandwidth from which the factorisation starts at both ends (measured: at 254 it takes 0.74
of the time on two threads and 1.02 on one, at 126 0.88 and 1.12, at 62 0.91 and 1.21). It does so
on one thread too: the bits of a run don't depend on how many there are."""


def factor_for(operator: PsiOperator, present: Factor | None = None) -> Factor:
    """The fastest factorisation of systems this wide.

    `present`, if it is that of `operator`, is handed back.
    """
    if present is not None and present.operator is operator:
        return present
    wide = operator.half_bandwidth >= WORTH_BOTH_ENDS
    return TwoEndedCholesky(operator) if wide else BandedCholesky(operator)
