"""How long a simulation of a data set is, and which of its moments are kept."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tellus.config import load_dataset_config
from tellus.config.dataset import DatasetSection
from tellus.coupling.dataset.sampling import SampledState, StateSampler, end_time, members

TEMPERATURE = np.zeros((2, 3))


def sampled(settings: DatasetSection, steps: int, seed: int = 0) -> list[SampledState]:
    """What is kept of a simulation of so many steps; T holds the number of the step."""
    moments = StateSampler(settings, seed)
    for step in range(steps + 1):
        if moments.wants(step):
            moments.add(TEMPERATURE + step, 1e-3 * step, step)
    return moments.kept()


def settings(**changes: object) -> DatasetSection:
    """Early: 0, 5, .. 50; later: 60, 70, .. 1000."""
    usual = {
        "max_steps": 1000,
        "max_snapshots": 40,
        "snapshot_every": 10,
        "dense_every": 5,
        "dense_until": 50,
    }
    return DatasetSection(**(usual | changes))


def test_all_early_moments_are_kept_and_the_rest_of_the_room_is_filled() -> None:
    kept = sampled(settings(), 1000)
    steps = [moment.step for moment in kept]
    assert len(steps) == 40 == len(set(steps))
    assert steps[:11] == list(range(0, 51, 5))
    assert all(step % 10 == 0 for step in steps[11:])
    for moment in kept:
        assert moment.even == (moment.step % 10 == 0)
        assert moment.temperature.dtype == np.float32
        assert np.all(moment.temperature == moment.step)
        assert moment.time == 1e-3 * moment.step


def test_a_moment_is_drawn_with_its_successor() -> None:
    steps = [moment.step for moment in sampled(settings(), 1000) if moment.step > 50]
    assert len(steps) == 29
    pairs = {low for low, high in pairwise(steps) if high - low == 10}
    # 14 of them, and the 29th moment alone; two pairs may happen to be neighbours.
    assert len(pairs) >= 14


def test_what_fits_is_kept_whole() -> None:
    kept = sampled(settings(), 341)
    assert [moment.step for moment in kept if moment.step > 50] == list(range(60, 341, 10))


def test_the_draw_is_the_seeds() -> None:
    first, again, other = (
        [moment.step for moment in sampled(settings(), 1000, seed)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_every_later_moment_is_as_likely_as_another() -> None:
    """Of 95 later moments 29 are kept: within 5 sigma of that share in 300 draws.

    A pair stays with 15 chances in 48; the room being odd, one second in 15 goes after all.
    """
    counts = Counter(
        moment.step for seed in range(300) for moment in sampled(settings(), 1000, seed)
    )
    shares = np.array([counts[step] for step in range(60, 1001, 10)]) / 300
    expected = np.where(np.arange(95) % 2 == 0, 15 / 48, 14.3 / 48)
    assert np.all(np.abs(shares - expected) < 5 * np.sqrt(0.31 * 0.69 / 300))


@given(
    steps=st.integers(0, 400),
    every=st.integers(1, 40),
    dense=st.integers(1, 40),
    until=st.integers(0, 60),
    room=st.integers(3, 200),
    longest=st.integers(40, 400),
)
def test_never_more_than_there_is_room_for(
    steps: int, every: int, dense: int, until: int, room: int, longest: int
) -> None:
    chosen = DatasetSection.model_construct(
        snapshot_every=every,
        dense_every=dense,
        dense_until=until,
        max_snapshots=room,
        max_steps=longest,
    )
    assume(chosen.early + 2 <= room)
    kept = sampled(chosen, min(steps, longest))
    assert 1 <= len(kept) <= room
    assert kept[0].step == 0
    early = [moment.step for moment in kept if moment.step <= until]
    assert len(early) <= chosen.early
    if steps >= longest:
        assert len(early) == chosen.early


def test_end_times_follow_the_interior_rayleigh_number() -> None:
    """log end is linear in log gamma_T / gamma_p, from corner to corner of the box."""
    ends = (0.1, 1.0)
    section = DatasetSection(log10_gamma_T=(6.0, 10.0), log10_gamma_p=(0.0, 2.0), end_times=ends)
    found = [end_time(section, interior) for interior in (10.0, 7.0, 4.0)]
    np.testing.assert_allclose(found, [0.1, np.sqrt(0.1), 1.0], rtol=1e-12)
    one_vigour = DatasetSection(log10_gamma_T=(6.0, 6.0), log10_gamma_p=(1.0, 1.0), end_times=ends)
    assert end_time(one_vigour, 5.0) == 0.1


def test_end_times_of_a_set_and_of_one_without_them() -> None:
    box = ("log10_gamma_T=[6, 10]", "log10_gamma_p=[0, 2]", "end_times=[0.1, 1]")
    config = load_dataset_config(None, [f"dataset.{setting}" for setting in box])
    by_vigour = {round(np.log10(m.gamma_T / m.gamma_p), 6): m.end for m in members(config)}
    np.testing.assert_allclose([by_vigour[v] for v in (10.0, 4.0)], [0.1, 1.0], rtol=1e-9)
    plain = load_dataset_config(None, ["time.end=0.25"])
    assert {member.end for member in members(plain)} == {0.25}
