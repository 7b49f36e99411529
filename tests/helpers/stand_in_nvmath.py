"""The part of nvmath that the solver calls, on a CPU: SciPy in cuDSS's place.

Like the real one (nvmath-python 1.0) it holds operands that lie where it computes by reference,
refuses to factor before it has planned and to solve before it has factored, and reports a matrix
that is not positive definite by a number.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, triu
from scipy.sparse.linalg import splu

SPD, UPPER = 3, 2
SYMMETRIC: dict[str, Any] = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}
"""SuperLU on the diagonal: its pivots are positive where the matrix is positive definite."""


@dataclass
class Options:
    sparse_system_type: int = 0
    sparse_system_view: int = 0
    logger: Any = None


@dataclass
class Info:
    info: int


@dataclass
class Calls:
    """What was called, in order, and the options."""

    made: list[str] = field(default_factory=list)
    options: list[Options] = field(default_factory=list)
    freed: int = 0


def direct_solver(calls: Calls) -> type:
    """The class `DirectSolver`, which writes down how it is used."""

    class DirectSolver:
        def __init__(self, a: Any, b: Any, *, options: Options) -> None:
            assert a.layout == torch.sparse_csr
            assert {a.crow_indices().dtype, a.col_indices().dtype} == {torch.int32}
            assert a.dtype == b.dtype == torch.float64
            self.a, self.b = a, b
            self.planned = self.factorized = False
            calls.options.append(options)

        def plan(self) -> None:
            calls.made.append("plan")
            self.planned = True

        def factorize(self) -> Info:
            if not self.planned:
                raise RuntimeError("Factorization cannot be performed before plan().")
            calls.made.append("factorize")
            arrays = self.a.values(), self.a.col_indices(), self.a.crow_indices()
            upper = csr_matrix(tuple(each.numpy() for each in arrays), shape=self.a.shape)
            rows = np.repeat(np.arange(upper.shape[0]), np.diff(upper.indptr))
            assert np.all(upper.indices >= rows)
            self.factorized = True
            if not np.isfinite(upper.data).all() or not np.all(upper.diagonal() > 0.0):
                return Info(7)
            self.factor = splu((upper + triu(upper, 1).T).tocsc(), **SYMMETRIC)
            return Info(0 if np.all(self.factor.U.diagonal() > 0.0) else 7)

        def solve(self) -> torch.Tensor:
            if not self.factorized:
                raise RuntimeError("Solver cannot be performed before factorize().")
            calls.made.append("solve")
            return torch.from_numpy(self.factor.solve(self.b.numpy()))

        def free(self) -> None:
            calls.freed += 1

    return DirectSolver


@contextmanager
def nvmath() -> Iterator[Calls]:
    """Inside, `import nvmath` finds this."""
    calls = Calls()
    package, sparse, advanced = (
        ModuleType(f"nvmath{part}") for part in ("", ".sparse", ".sparse.advanced")
    )
    known = {
        "DirectSolver": direct_solver(calls),
        "DirectSolverOptions": Options,
        "DirectSolverMatrixType": type("MatrixType", (), {"SPD": SPD}),
        "DirectSolverMatrixViewType": type("MatrixViewType", (), {"UPPER": UPPER}),
    }
    for name, value in known.items():
        setattr(advanced, name, value)
    sparse.advanced = advanced  # type: ignore[attr-defined]
    package.sparse = sparse  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        for module in (package, sparse, advanced):
            patch.setitem(sys.modules, module.__name__, module)
        yield calls
