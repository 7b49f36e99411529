"""Networks, one to a file; they know tensors and nothing of physics."""

from collections.abc import Callable
from typing import TypeVar

import torch

Network = TypeVar("Network", bound=torch.nn.Module)


def seeded(network: Callable[..., Network], *shape: object, seed: int = 0) -> Network:
    """A network of this class and shape with reproducible initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(*shape)
