"""TensorBoard beside metrics.jsonl, where it is installed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = "tensorboard"


@contextmanager
def scalar_writer(out: Path) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A function that takes epoch and scalars; it does nothing without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda epoch, scalars: None
        return
    with SummaryWriter(str(out / FOLDER)) as writer:

        def write(epoch: int, scalars: Mapping[str, float]) -> None:
            for name, value in scalars.items():
                writer.add_scalar(name, value, epoch)

        yield write
