"""Lines of progress within an epoch."""

import pytest

from tellus.solver.phase_timer import time_left
from tellus.surrogate.training.pace import Pace


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the tests set."""
    seconds = [100.0]
    monkeypatch.setattr("tellus.surrogate.training.pace.perf_counter", lambda: seconds[0])
    return seconds


def test_a_line_a_minute_says_how_far_it_is_and_how_long_it_takes(now: list[float]) -> None:
    said = list[str]()
    pace = Pace(said.append, "epoch 1/2", 100)
    for _ in range(7):
        now[0] += 25.0
        pace.advance(10, 0.5 * (now[0] - 100.0))
    assert said == [
        # 30 of 100 in 75 s: 175 s for the rest.
        "epoch 1/2  30 of 100 examples  loss 1.2500  about 3 minutes left",
        "epoch 1/2  60 of 100 examples  loss 1.2500  about 2 minutes left",
    ]


def test_short_epochs_say_nothing(now: list[float]) -> None:
    said = list[str]()
    pace = Pace(said.append, "epoch 1/2", 100)
    for _ in range(59):
        now[0] += 1.0
        pace.advance(1, 1.0)
    assert said == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(9.0, "9 seconds"), (100.0, "2 minutes"), (1800.0, "30 minutes"), (6000.0, "1.7 hours")],
)
def test_times_are_told_in_their_own_unit(seconds: float, words: str) -> None:
    assert time_left(seconds, done=5, total=10) == f"about {words} left"
