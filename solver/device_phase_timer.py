"""Wall time by phase of work on a GPU, which goes on after the call that started it."""

import torch

from .phase_timer import PhaseTimer


class DevicePhaseTimer(PhaseTimer):
    """Seconds by phase; the clock is only read once the device has done all it was given."""

    def __init__(self, device: str) -> None:
        self._device = device
        # What others left running there is none of the first phase.
        self._wait()
        super().__init__()

    def lap(self, phase: str) -> None:
        """Add the time since the last lap, the device's work included, to `phase`."""
        self._wait()
        super().lap(phase)

    def _wait(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()
