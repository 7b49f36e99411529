"""What a training tells while it goes on: how far a long epoch is, and curves in TensorBoard."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

from tellus.solver.phase_timer import time_left

EVERY = 60.0
"""Seconds between lines."""


class Pace:
    """Says once a minute how many of an epoch's examples are done.

    The line, which `report` takes, begins with `name`, such as "epoch 2/20".
    """

    def __init__(self, report: Callable[[str], None], name: str, examples: int) -> None:
        self._report, self._name, self._examples = report, name, examples
        self._start = self._told = perf_counter()
        self._done = 0

    def advance(self, examples: int, loss: float) -> None:
        """Count `examples` as done; `loss` is the sum over all done so far."""
        self._done += examples
        now = perf_counter()
        if now - self._told < EVERY:
            return
        self._told = now
        self._report(
            f"{self._name}  {self._done} of {self._examples} examples  "
            f"loss {loss / self._done:.4f}  "
            f"{time_left(now - self._start, self._done, self._examples)}"
        )


def write_scalars(out: Path, epoch: int, scalars: Mapping[str, float]) -> None:
    """Write scalars for TensorBoard, beside metrics.jsonl, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return
    with SummaryWriter(str(out / "tensorboard")) as writer:
        for name, value in scalars.items():
            writer.add_scalar(name, value, epoch)
