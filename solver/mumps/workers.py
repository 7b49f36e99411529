"""One program, and the other processes of its mpirun helping it to factor and to solve.

Only the first process runs the program. The others come as far as their first MUMPS solver and
stay there: they take their part in whatever the first one solves, and leave when it ends. So the
time loop, the outputs, signals and limits are the business of one process, and nothing has to be
agreed upon.
"""

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import count

import numpy as np

from tellus.errors import InputError, TellusError
from tellus.io.signals import WATCHED
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer

from .petsc import CHOLESKY, LDLT, Factorisation, Pattern, World
from .psi_rows import StreamFunctionRows
from .saddle_point import SaddlePoint
from .slabs import Slabs, Walls
from .variants import DISSECTION, METHODS, ORDERINGS, Variant

STOP, BUILD, SOLVE, DISCARD = range(4)
"""What the first process orders."""

ORDER_LENGTH = 8


class SharedSystem:
    """The equations of one grid, in rows over all processes, and their factor."""

    def __init__(self, world: World, grid: Grid, variant: Variant) -> None:
        self.grid = grid
        slabs = Slabs(grid, world.rank, world.size)
        self.equations: SaddlePoint | StreamFunctionRows
        if variant.method == CHOLESKY:
            self.equations = StreamFunctionRows(slabs)
        else:
            nested = variant.ordering == DISSECTION
            self.equations = SaddlePoint(slabs, variant.method == LDLT, nested)
        rows = self.equations
        pattern = Pattern(rows.size, rows.indptr, rows.indices)
        self.factorisation = Factorisation(pattern, variant.settings(world.size))
        # Some orderings look at the values. A run that is resumed must find the same one.
        uniform = rows.assemble(np.ones(grid.cells), np.zeros(grid.cells), (False,) * 4)
        self.factorisation.factor(uniform.values)
        if variant.ordering != DISSECTION:
            self._check_ordering(variant.ordering)

    def _check_ordering(self, ordering: str) -> None:
        if self.factorisation.ordering != ORDERINGS[ordering]:
            raise InputError(
                f'stokes.solver: this MUMPS has no ordering "{ordering}": choose amd, amf, pord '
                "or qamd."
            )

    def solve(self, viscosity: Array, buoyancy: Array, no_slip: Walls, timer: PhaseTimer) -> Array:
        """The unknowns of all rows, on every process."""
        values, right_hand_side, units = self.equations.assemble(viscosity, buoyancy, no_slip)
        timer.lap("assemble")
        analysis = self.factorisation.factor(values)
        timer.lap("factor")
        timer.seconds["factor"] -= analysis
        timer.seconds["analyse"] = timer.seconds.get("analyse", 0.0) + analysis
        own = self.factorisation.solve(right_hand_side) * units
        timer.lap("solve")
        unknowns = self.factorisation.gather(own)
        timer.lap("transfer")
        return unknowns


class Workers:
    """The systems that all processes hold together, and the orders of the first one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._systems: dict[int, SharedSystem] = {}
        self._numbers = count(1)
        self._discarded: list[int] = []
        self._midway = False

    def build(self, grid: Grid, variant: Variant) -> int:
        """Set a system up everywhere; the number that it goes by.

        Raises InputError for an ordering that this MUMPS lacks, SolverError where it fails.
        """
        number = next(self._numbers)
        method, ordering = METHODS.index(variant.method), list(ORDERINGS).index(variant.ordering)
        size = (grid.nx, grid.ny, grid.aspect)
        self._lead(BUILD, number, (*size, method, ordering, variant.analyse))
        return number

    def system(self, number: int) -> SharedSystem:
        """One that was built."""
        return self._systems[number]

    def solve(self, number: int, fields: Array, no_slip: Walls, timer: PhaseTimer) -> Array:
        """The unknowns at a viscosity under a buoyancy, stacked, shape (2, ny, nx).

        Raises SolverError where MUMPS fails.
        """
        unknowns = self._lead(SOLVE, number, no_slip, fields, timer)
        assert unknowns is not None
        return unknowns

    def discard(self, number: int) -> None:
        """Forget a system; with several processes when they next work together."""
        self._discarded.append(number)
        if self.world.size == 1:
            self._clear()

    def _clear(self) -> None:
        while self._discarded:
            self._lead(DISCARD, self._discarded.pop())

    def _lead(
        self,
        verb: int,
        number: int,
        arguments: Sequence[float] = (),
        fields: Array | None = None,
        timer: PhaseTimer | None = None,
    ) -> Array | None:
        """Give an order and carry it out together."""
        self._clear()
        order = np.zeros(ORDER_LENGTH)
        order[: 2 + len(arguments)] = verb, number, *arguments
        self._midway = True
        self.world.broadcast(order)
        try:
            result = self._carry_out(order, fields, timer or PhaseTimer())
        except TellusError:
            self._midway = False  # all processes fail alike
            raise
        self._midway = False
        return result

    def _carry_out(self, order: Array, fields: Array | None, timer: PhaseTimer) -> Array | None:
        verb, number, *arguments = order.tolist()
        if verb == BUILD:
            nx, ny, aspect, method, ordering, analyse = arguments
            chosen = Variant(METHODS[int(method)], list(ORDERINGS)[int(ordering)], bool(analyse))
            grid = Grid(int(nx), int(ny), aspect)
            self._systems[int(number)] = SharedSystem(self.world, grid, chosen)
        elif verb == DISCARD:
            self._systems.pop(int(number)).factorisation.destroy()
        else:
            system = self._systems[int(number)]
            empty = np.empty((2, *system.grid.cells))
            viscosity, buoyancy = self.world.broadcast(empty if fields is None else fields)
            timer.lap("transfer")
            left, right, bottom, top = (bool(fast) for fast in arguments[:4])
            return system.solve(viscosity, buoyancy, (left, right, bottom, top), timer)
        return None

    def help(self) -> None:
        """Carry out the orders of the first process until it ends."""
        while (order := self.world.broadcast(np.empty(ORDER_LENGTH)))[0] != STOP:
            with suppress(TellusError):  # the first process has the same, and will say so
                self._carry_out(order, None, PhaseTimer())

    def dismiss(self) -> None:
        """Let the others go."""
        if self._midway:
            # Something other than MUMPS failed here, and the others wait for an answer: an end
            # without leave lets mpirun end them.
            sys.stderr.flush()
            os._exit(1)
        self.world.broadcast(np.full(ORDER_LENGTH, STOP, dtype=np.float64))


@cache
def join() -> Workers:
    """The workers of this process. Of several only the first comes back from here.

    Raises InputError where PETSc is missing.
    """
    world = World()
    world.wait_for_all()
    workers = Workers(world)
    if world.rank > 0:
        _help_to_the_end(workers)
    if world.size > 1:
        atexit.register(workers.dismiss)
    return workers


def _help_to_the_end(workers: Workers) -> None:
    with suppress(ValueError):  # not the main thread
        for number in WATCHED:
            signal.signal(number, signal.SIG_IGN)  # mpirun sends them to all; the first decides
    try:
        workers.help()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    raise SystemExit
