"""Damage to a run is noticed wherever its fields are read, and what is still good is said."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from helpers.rollouts import case, files, ran, short_run, summary
from tellus import open_run
from tellus.coupling.directory.checkpoint import FOLDER
from tellus.coupling.directory.fields import STORE
from tellus.coupling.directory.recorded import read_run
from tellus.coupling.directory.timeseries import read_series
from tellus.coupling.directory.whole_outputs import fields_of, spread
from tellus.coupling.runs.info import describe
from tellus.coupling.starts.initial import initial_state
from tellus.errors import InputError
from tellus.io.stores import open_store, stored_array

CONFIG = ("time.end=1e-3", "output.checkpoint_every=100", 'output.derived=["stress"]')
LONGER = "time.end=1.2e-3"
FIELDS = ("temperature", "viscosity", "u", "v", "psi", "temperature_profile", "stress")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """With six outputs."""
    return short_run(tmp_path / "run", *CONFIG)


def resume(run: Path) -> None:
    ran(run, *CONFIG, LONGER, resume=True)


def chunk(run: Path, name: str, output: int) -> Path:
    places = {"temperature_profile": "0"}.get(name, "0/0")
    return run / STORE / name / "c" / str(output) / places


def flip(file: Path, place: float) -> None:
    """One bit of it."""
    raw = bytearray(file.read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 4
    file.write_bytes(raw)


@pytest.mark.parametrize("name", FIELDS)
def test_a_flipped_bit_is_seen_wherever_it_is(name: str, run: Path) -> None:
    file, array = chunk(run, name, 3), stored_array(open_store(run / STORE), name)
    exact = open_run(run)[name].values[3]
    for place in np.linspace(0, 1, 21):
        flip(file, place)
        try:
            read = np.asarray(array[3])
        except Exception:
            pass
        else:  # a bit that says nothing, such as the frame's unused one
            np.testing.assert_array_equal(read, exact)
        flip(file, place)


def test_reading_and_resuming_say_what_is_still_good(run: Path) -> None:
    flip(chunk(run, "temperature", 3), 0.5)
    said = r"outputs 0 to 2 are whole, from which initial\.kind = \"file\" starts a new run; or run"
    with pytest.raises(InputError, match=rf"output 3 of temperature cannot be read; {said}"):
        read_run(run).snapshot("temperature", 3)
    flip(chunk(run, "u", 3), 0.5)
    with pytest.raises(InputError, match="output 3 of u cannot be read; outputs 0 to 2 are"):
        read_run(run).snapshot("u", 3)
    flip(chunk(run, "v", 1), 0.5)
    with pytest.raises(InputError, match="output 3 of u cannot be read; output 0 is whole"):
        read_run(run).snapshot("u", 3)
    with pytest.raises(InputError, match="cannot be read"):
        initial_state(case("initial.kind=file", f"initial.path={run}", "initial.time=6e-4"))
    before = files(run)
    with pytest.raises(InputError, match=r"damaged \(output 1: v, .*output 0 is whole"):
        resume(run)
    assert files(run) == before


@pytest.mark.parametrize("name", FIELDS)
def test_a_lost_file_is_seen_at_resume(name: str, run: Path) -> None:
    chunk(run, name, 2).unlink()
    before = files(run)
    with pytest.raises(InputError, match=rf"output 2: {name} is missing\): outputs 0 to 1 are"):
        resume(run)
    assert files(run) == before
    with pytest.raises(InputError, match=f"output 2 of {name} is incomplete"):
        read_run(run).snapshot(name, 2)


def test_of_many_outputs_some_are_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = fields_of(open_store(run / STORE))
    assert spread(arrays, 0) == []
    assert spread(arrays, 6) == list(range(6))
    some = spread(arrays, 5000)
    assert (some[0], some[-1], len(some)) == (0, 4999, 100)
    monkeypatch.setattr("tellus.coupling.directory.whole_outputs.MOST_BYTES", 4 * 4600)
    assert spread(arrays, 6) == [0, 2, 3, 5]
    flip(chunk(run, "u", 4), 0.5)
    resume(run)
    with pytest.raises(InputError, match="output 4 of u"):
        read_run(run).frame(4)


def test_what_zarr_began_goes_at_resume(run: Path) -> None:
    begun = chunk(run, "u", 2).with_suffix(f".{32 * '0'}.partial")
    begun.write_bytes(b"begun")
    resume(run)
    assert not begun.exists()


def test_a_link_in_the_store_is_refused_at_resume(run: Path, tmp_path: Path) -> None:
    for place in ("u", "u/c/5", "u/c/5/0/0", "zarr.json"):
        file = run / STORE / place
        file.replace(tmp_path / "moved")
        file.symlink_to(tmp_path / "moved")
        with pytest.raises(InputError, match=f"{place} is a link"):
            resume(run)
        file.unlink()
        (tmp_path / "moved").replace(file)
    resume(run)


def test_parts_of_another_run_are_refused(run: Path, tmp_path: Path) -> None:
    """Of the same case, so that nothing but the id tells them apart."""
    other = tmp_path / "other"
    ran(other, *CONFIG)
    assert summary(run)["run_id"] != summary(other)["run_id"]
    for name, said in {
        FOLDER: "the checkpoint is of another run than run.json",
        "run.json": "the checkpoint is of another run than run.json",
        STORE: "fields.zarr is of another run than the checkpoint",
    }.items():
        (run / name).replace(tmp_path / "kept")
        (other / name).replace(run / name)
        with pytest.raises(InputError, match=said):
            resume(run)
        (run / name).replace(other / name)
        (tmp_path / "kept").replace(run / name)
    resume(run)


@pytest.mark.parametrize("column", ["step", "time", "mean_temperature"])
def test_a_time_series_ends_before_what_is_not_finite(column: str, run: Path) -> None:
    header, *rows = (run / "timeseries.csv").read_text().splitlines()
    place = header.split(",").index(column)
    odd = rows[-1].split(",")
    odd[place] = "1e999"
    (run / "timeseries.csv").write_text("\n".join([header, *rows[:-1], ",".join(odd), ""]))
    series = read_series(run)
    assert len(series["step"]) == len(rows) - 1
    assert np.isfinite(series[column]).all()


@pytest.mark.parametrize("rows", [0, 1, 3, 3.5])
def test_a_time_series_that_was_cut_is_called_truncated(rows: float, run: Path) -> None:
    series = run / "timeseries.csv"
    lines = series.read_text().splitlines(keepends=True)
    whole = int(rows)
    series.write_text("".join(lines[:whole]) + lines[whole][: 20 if rows > whole else 0])
    for read in (lambda: read_run(run).series, lambda: describe(run)):
        with pytest.raises(InputError, match=r"timeseries.csv: truncated .*resume the run"):
            read()


def test_what_may_not_be_read_is_not_called_damaged(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tellus.coupling.directory.fields.open_store", refused)
    for read in (lambda: open_run(run), lambda: resume(run)):
        with pytest.raises(
            InputError, match=r"fields.zarr cannot be read .*see to its permissions"
        ):
            read()


def test_a_time_series_that_was_changed_is_refused(run: Path) -> None:
    series = run / "timeseries.csv"
    text = series.read_text()
    lines = text.splitlines(keepends=True)
    digit = lines[3].rindex("1")
    lines[3] = lines[3][:digit] + "2" + lines[3][digit + 1 :]
    series.write_text("".join(lines))
    with pytest.raises(InputError, match="damaged or of another run"):
        resume(run)
    series.write_text(text)
    resume(run)
