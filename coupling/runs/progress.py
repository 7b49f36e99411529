"""Progress of a run: a bar on a terminal, a plain line now and then elsewhere. On stderr."""

from contextlib import AbstractContextManager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tellus.coupling.planet import PLAIN, Units
from tellus.coupling.simulation.loop import StepRecord
from tellus.io.terminal import stderr

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_UPDATES = 0.2

WHOLE = 1.0


class RunProgress(AbstractContextManager["RunProgress"]):
    """Model time, step, dt, <T>, Nu, seconds per step and time to go.

    Time to go is extrapolated from what was covered since the last line or, on a terminal, by the
    bar's own recent speed: of the way to the last step, where that comes before the end.

    Parameters
    ----------
    start, end : float
        Model time.
    enabled : bool
    steps : (int, int), optional
        Taken already, and the most that will be.
    may_end_before : bool
        Whether a steady state ends the run.
    units : Units
        In which times are shown.
    """

    def __init__(
        self,
        start: float,
        end: float,
        enabled: bool = True,
        steps: tuple[int, int] | None = None,
        may_end_before: bool = False,
        units: Units = PLAIN,
    ) -> None:
        console = Console(file=stderr())
        self._start, self._end, self._steps, self._enabled = start, end, steps, enabled
        self._units, self._at_most = units, "at most " if may_end_before else ""
        self._on_terminal = enabled and console.is_terminal
        self._bar = Progress(
            TextColumn("{task.fields[clock]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            TextColumn(self._at_most.strip()),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=WHOLE, clock=units.at(start, 4))
        self._shown = perf_counter()
        self._shown_part, self._shown_step = 0.0, -1

    def __enter__(self) -> "RunProgress":
        if self._on_terminal:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._on_terminal:
            self._bar.stop()

    def update(self, record: StepRecord) -> None:
        """Show a step, unless the last one shown is too recent."""
        if not self._enabled:
            return
        since = perf_counter() - self._shown
        if self._shown_step < 0:
            self._shown_step = record.step - 1
        if since < (SECONDS_BETWEEN_UPDATES if self._on_terminal else SECONDS_BETWEEN_LINES):
            return
        per_step = since / max(record.step - self._shown_step, 1)
        units = self._units
        dt = f"{units.show('dt', record.dt):.2e}"
        text = (
            f"step {record.step}  dt {dt}  <T> "
            f"{units.show('mean_temperature', record.diagnostics.mean_temperature):.4f}"
            f"  Nu {record.diagnostics.nusselt_top:.3f}  {1e3 * per_step:.1f} ms/step"
        )
        part, clock = self._part(record), units.at(record.time, 4)
        if self._on_terminal:
            self._bar.update(self._task, completed=part, description=text, clock=clock)
        else:
            speed = (part - self._shown_part) / since
            to_go = (WHOLE - part) / speed if speed > 0 else float("inf")
            print(f"{clock}  {text}  {self._at_most}{to_go:.0f} s to go", file=stderr())
        self._shown, self._shown_part = perf_counter(), part
        self._shown_step = record.step

    def _part(self, record: StepRecord) -> float:
        """Share of the way to the end or to the last step, whichever is closer."""
        parts = [(record.time - self._start) / (self._end - self._start)]
        if self._steps is not None:
            first, last = self._steps
            parts.append((record.step - first) / max(last - first, 1))
        return min(max(parts), WHOLE)
