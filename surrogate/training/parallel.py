"""Training on several processes that `torchrun` started: the same sums, shared out."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tellus.errors import InputError

PATIENCE = timedelta(hours=6)
"""How long processes wait for the leader, whose validation at 512x128 takes minutes on a CPU."""


@dataclass(frozen=True)
class Processes:
    """One process among all that train together."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def share(self, index: Tensor) -> Tensor:
        """The part of a batch that belongs to the process."""
        return index[self.rank :: self.size]

    def sum_gradients(self, module: nn.Module) -> None:
        """Replace every gradient by its sum over all processes."""
        if self.size == 1:
            return
        parameters = [p for p in module.parameters() if p.requires_grad]
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([part.flatten() for part in parts])
        dist.all_reduce(flat)
        sizes = [p.numel() for p in parameters]
        for p, summed in zip(parameters, torch.split(flat, sizes), strict=True):
            p.grad = summed.view_as(p).clone()

    def total(self, values: Iterable[float], device: torch.device) -> list[float]:
        """Sums over all processes."""
        sums = torch.tensor(list(values), dtype=torch.float64, device=device)
        if self.size > 1:
            dist.all_reduce(sums)
        return [float(value) for value in sums]


def is_first() -> bool:
    """Whether this process is the only one, or the first that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def usable(device: str) -> torch.device:
    """The device of this name; InputError if PyTorch has none."""
    try:
        place = torch.device(device)
        torch.zeros(1, device=place).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise InputError(f'--device {device} cannot be used ({reason}): take "cpu".') from None
    return place


@contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """The processes of a `torchrun`, or this one alone."""
    size = os.environ.get("WORLD_SIZE", "1")
    if size == "1":
        yield Processes()
        return
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the {size} processes cannot meet ({error}): start them with torchrun, such as "
            "torchrun --nproc-per-node 2 -m tellus train ..."
        ) from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
