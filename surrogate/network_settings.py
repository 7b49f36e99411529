"""The shapes of networks, which configurations and cards hold and which need no torch."""

from dataclasses import dataclass
from typing import Literal

from tellus.errors import InputError
from tellus.surrogate.settings import StoredSettings, count, setting


@dataclass(frozen=True)
class NetworkSettings(StoredSettings):
    """The multi-scale convolutional network.

    Parameters
    ----------
    block : int
        The network runs on a grid `block` times coarser.
    """

    block: int = setting(4, "space-to-depth factor", "cells", limits=count(64))
    widths: tuple[int, ...] = setting(
        (48, 64, 96), "channels of each level, finest first", limits=count(4096), length=(1, 12)
    )
    depth: int = setting(1, "residual blocks each way", limits=count(64))


@dataclass(frozen=True)
class MultiScaleNetworkSettings(StoredSettings):
    """The network of Agarwal et al. (2025), after Tompson et al. (2017).

    Parameters
    ----------
    levels : int
        The first at the full grid, each further one averaged over 2 x 2 once more.
    convolutions : int
        Before a level is brought back to the full grid.
    padding : str
        "learned" (own filters beside edges and in corners), "zeros" or "replicate".
    """

    filters: int = setting(16, "channels of every layer", limits=count(1024))
    levels: int = setting(5, "grids, each twice as coarse", limits=count(12))
    convolutions: int = setting(5, "at each level", limits=count(64))
    size: int = setting(5, "side of a filter, odd", "cells", limits=count(15))
    padding: Literal["learned", "zeros", "replicate"] = setting(
        "learned", "what convolutions see beyond the border"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % 2 == 0:
            raise InputError(f"network.size = {self.size} must be odd, such as 5.")
