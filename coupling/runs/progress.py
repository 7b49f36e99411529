"""Progress of a run: a bar on a terminal, a plain line now and then elsewhere. On stderr."""

from contextlib import AbstractContextManager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tellus.coupling.simulation.loop import StepRecord
from tellus.io.terminal import stderr

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_UPDATES = 0.2


class RunProgress(AbstractContextManager["RunProgress"]):
    """Model time, step, dt, <T>, Nu, seconds per step and time to go.

    Time to go is extrapolated from the model time covered since the last line
    or, on a terminal, by the bar's own recent speed.
    """

    def __init__(self, start: float, end: float, enabled: bool = True) -> None:
        console = Console(file=stderr())
        self._end, self._enabled = end, enabled
        self._on_terminal = enabled and console.is_terminal
        self._bar = Progress(
            TextColumn("t = {task.completed:.4g}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=end)
        self._bar.update(self._task, completed=start)
        self._shown = perf_counter()
        self._shown_time, self._shown_step = start, -1

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
        text = (
            f"step {record.step}  dt {record.dt:.2e}  <T> {record.diagnostics.mean_temperature:.4f}"
            f"  Nu {record.diagnostics.nusselt_top:.3f}  {1e3 * per_step:.1f} ms/step"
        )
        if self._on_terminal:
            self._bar.update(self._task, completed=record.time, description=text)
        else:
            speed = (record.time - self._shown_time) / since
            to_go = (self._end - record.time) / speed if speed > 0 else float("inf")
            print(f"t = {record.time:.4g}  {text}  {to_go:.0f} s to go", file=stderr())
        self._shown, self._shown_time = perf_counter(), record.time
        self._shown_step = record.step
