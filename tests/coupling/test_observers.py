"""`Simulation.run`: to a time, for a number of steps, until an observer has seen enough."""

import numpy as np
import pytest
from rollouts import case

from tellus import InputError, Simulation
from tellus.coupling.simulation.loop import StepRecord


def started() -> Simulation:
    return Simulation.from_config(case())


def test_a_run_is_its_steps_and_observers_see_each() -> None:
    by_hand, run = started(), started()
    end, seen = 3.3e-4, []
    run.run(end, [lambda simulation, record: seen.append((simulation.time, record))])
    records = []
    while by_hand.time < end:
        records.append(by_hand.step(until=end))
    np.testing.assert_array_equal(run.temperature, by_hand.temperature)
    assert run.time == end
    assert [record for _, record in seen] == records
    assert [time for time, _ in seen] == [record.time for record in records]


def test_a_number_of_steps_ends_it_and_so_does_an_observer() -> None:
    simulation = started()
    simulation.run(steps=3)
    assert simulation.steps == 3

    def enough(simulation: Simulation, record: StepRecord) -> None:
        if record.step == 5:
            raise StopIteration

    simulation.run(until=1.0, observers=[enough])
    assert simulation.steps == 5
    simulation.run(until=1.0, steps=2)
    assert simulation.steps == 7
    simulation.run(until=1.0, steps=0)
    assert simulation.steps == 7


def test_a_run_without_an_end_is_refused() -> None:
    simulation = started()
    for steps in (None, -1, 0.5):
        with pytest.raises(InputError, match=r"Simulation\.run: steps"):
            simulation.run(steps=steps)
    simulation.run(steps=2)
    for until in (float("nan"), 0.5 * simulation.time):
        with pytest.raises(InputError, match=r"Simulation\.run: until"):
            simulation.run(until)
