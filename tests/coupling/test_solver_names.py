"""What holds of all solvers that have names: the names, and memory that goes on to the bit."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from helpers.physics_cases import slip_walls
from helpers.sequences import SMALL, assert_resumes, circulating
from tellus.coupling.solvers.names import listing, make_solver
from tellus.errors import InputError
from tellus.solver.grid import Grid

TINY, FINE, UNEVEN = Grid(16, 8, 2.0), Grid(128, 64, 2.0), Grid(24, 16, 1.5)
REFUSED = [
    (TINY, "skip", 'stokes.solver: "skip" needs one whole number of steps or a tolerance'),
    (TINY, "skip:0", '"skip:0" needs one whole number'),
    (TINY, "skip:1.5", '"skip:1.5" needs one whole number'),
    (TINY, "skip:2:3", 'there is no solver "3"'),
    (TINY, "skip:linear", '"skip:linear" needs one whole number'),
    (TINY, "skip:2:linear:direkt", 'there is no solver "direkt"; did you mean "direct"?'),
    (TINY, "direct:1", 'stokes.solver: "direct" takes no argument, not "1".'),
    (TINY, "cudss:2", '"cudss" takes no argument, not "2"'),
    (TINY, "direkt", 'there is no solver "direkt"; did you mean "direct"?'),
    (
        TINY,
        "skop:3",
        'there is no solver "skop"; did you mean "skip:N[:linear][:NAME], skip:tol=X[:NAME]"?',
    ),
    (TINY, "DIRECT", 'there is no solver "DIRECT"'),
    (TINY, "", 'there is no solver ""'),
    (
        FINE,
        "coarse",
        '"coarse" needs one whole number of cells in one, at least 2, as in "coarse:4"',
    ),
    (FINE, "coarse:1", '"coarse:1" needs one whole number'),
    (FINE, "coarse:2:2", '"coarse:2:2" needs one whole number'),
    (FINE, "coarse:3", "128x64 grid cannot be coarsened by 3: choose nx and ny divisible by 3"),
    (FINE, "coarse:32", "too small for a solve on one 32 times coarser ... at least 128"),
    (SMALL, "skip:tol=", "needs a tolerance between 0 and 1"),
    (SMALL, "skip:tol=1", "needs a tolerance between 0 and 1"),
    (SMALL, "skip:tol=1e-2:linear", 'there is no solver "linear"'),
    (SMALL, "skip:limit=3", "needs one whole number of steps or a tolerance"),
    (
        SMALL,
        "lagged:5",
        '"lagged:5" takes tol=... or limit=..., each once, as in "lagged:tol=1e-6"',
    ),
    (SMALL, "lagged:tol=1e-6:tol=1e-3", "each once"),
    (SMALL, "lagged:tol=0", "needs a tolerance between 0 and 1"),
    (SMALL, "lagged:tol=nan", "needs a tolerance between 0 and 1"),
    (SMALL, "lagged:limit=0", "needs a whole number, at least 1"),
    (SMALL, "lagged:direct", "takes tol=..."),
    (SMALL, "anchored", '"anchored" needs a number of steps or a tolerance, and the name'),
    (SMALL, "anchored:50", '"anchored:50" needs a number of steps or a tolerance, and the name'),
    (SMALL, "anchored:0:coarse:2", '"anchored:0:coarse:2" needs a number of steps'),
    (SMALL, "anchored:tol=2:coarse:2", "needs a tolerance between 0 and 1"),
    (SMALL, "anchored:50:coarser:2", 'there is no solver "coarser"; did you mean "coarse:R"?'),
    (SMALL, "check", '"check" needs the name of a solver'),
    (SMALL, "iterative:fast", 'does not know "fast": it takes tol=...'),
    (SMALL, "iterative:tol=0", "needs a tolerance between 0 and 1"),
    (SMALL, "iterative:relax=2", "needs a factor between 0 and 1"),
    (SMALL, "iterative:limit=x", "needs a whole number, at least 1"),
    (SMALL, "iterative:speed=1", "takes tol=... or velocity=..."),
    (SMALL, "iterative:cg:bicgstab", "takes one of cg and bicgstab"),
    (SMALL, "iterative:cold:cold", "takes one of cold, once"),
    (SMALL, "iterative:jacobi:velocity=1e-3", "needs tol=... too"),
    (SMALL, "iterative:from", 'needs a solver after "from"'),
    (SMALL, "iterative:from:nothing", 'there is no solver "nothing"'),
    (SMALL, "mumps:metas", 'stokes.solver: "mumps:metas"'),
    (SMALL, "mumps:amd:amf", 'stokes.solver: "mumps:amd:amf"'),
    (SMALL, "mumps:lu:lu", 'stokes.solver: "mumps:lu:lu"'),
    (SMALL, "guarded", '"guarded" needs the name of a solver, as in "guarded:surrogate".'),
    (SMALL, "guarded:tol=2:direct", "needs a tolerance between 0 and 1"),
    (SMALL, "mumps:ldlt:dissection", 'stokes.solver: "mumps:ldlt:dissection"'),
    (SMALL, "mumps-psi:dissection", 'stokes.solver: "mumps-psi:dissection"'),
    (SMALL, "refined:0", "stokes.solver"),
    (SMALL, "refined:x", "stokes.solver"),
    (SMALL, "refined:tol=2", "stokes.solver"),
    (SMALL, "refined:tol=1e-3:3", "stokes.solver"),
    (SMALL, "refined:9", "64x16"),
    (UNEVEN, "reduced", ""),
    (UNEVEN, "reduced:0", ""),
    (UNEVEN, "reduced:4:4", ""),
    (UNEVEN, "reduced:8", ""),
]
KNOWN = [
    "direct",
    "skip:10",
    "skip:10:linear",
    "skip:tol=1e-2",
    "skip:tol=1e-2:lagged:tol=1e-4",
    "skip:2:skip:3",
    "skip:2:linear:skip:3:linear",
    "lagged",
    "lagged:tol=1e-3",
    "lagged:tol=1e-8:limit=7",
    "anchored:50:reduced:4",
    "anchored:tol=1e-3:coarse:2",
    "check:anchored:7:skip:2:linear",
    "guarded:tol=0.01:reduced:2",
    "iterative",
    "iterative:tol=1e-4:cold:from:coarse:2",
]
REMEMBERING = [
    "skip:3:lagged:tol=1e-3",
    "skip:tol=1e-2",
    "skip:tol=5e-2:lagged:tol=1e-3",
    "anchored:3:coarse:2",
    "richardson:3:reduced:2",
    "anchored:tol=1e-2:coarse:2",
    "anchored:tol=5e-2:skip:2:linear:lagged:tol=1e-3",
    "check:anchored:tol=1e-2:reduced:4",
    "skip:3:linear",
    "skip:2:linear:skip:3",
    "guarded:tol=0.1:coarse:4",
    "lagged:tol=1e-8:limit=3",
    "refined:2:tol=1e-4",
    "iterative",
    "iterative:velocity=1e-6:keep=5",
    "iterative:cold:relax=0.99",
    "iterative:bicgstab:jacobi:tol=1e-1:limit=5000",
    "iterative:from:skip:3:coarse:2",
]


@pytest.mark.parametrize(("grid", "name", "said"), REFUSED)
def test_what_is_refused(grid: Grid, name: str, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        make_solver(name, grid)
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert all(part in sentence for part in said.split(" ... ")), sentence


def test_names() -> None:
    for name in KNOWN:
        assert make_solver(name, SMALL).name == name
        assert any(re.split(r"[:\[]", usage)[0] == name.split(":")[0] for usage, *_ in listing())


@pytest.mark.parametrize("name", REMEMBERING)
def test_memory_goes_on_to_the_bit(name: str) -> None:
    """At several points of a cycle, in the place of another past, which must be gone."""
    walls = slip_walls(("free-slip", "no-slip", "no-slip", "free-slip"))
    problems = [replace(problem, boundaries=walls) for problem, _ in circulating(40)]
    whole = make_solver(name, SMALL)
    for calls, until in pairwise((0, 1, 4, 7, 12)):
        other = make_solver(name, SMALL)
        for problem in problems[-3:]:
            other.solve(problem)
        assert_resumes(whole, other, problems[calls:until])
