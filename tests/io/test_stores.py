"""Stores are read only where they can hold nothing but numbers."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from helpers.rollouts import short_run
from helpers.small_data import write_still
from tellus.coupling.directory.fields import open_fields
from tellus.errors import InputError
from tellus.io.stores import checked_compression, new_store, open_store, stored_array
from tellus.surrogate.data import Dataset


def pickled(path: Path) -> None:
    """A store of format 2 whose array is a pickle."""
    array = {"zarr_format": 2, "shape": [1, 16, 32], "chunks": [1, 16, 32], "dtype": "|O"}
    array |= {"compressor": None, "fill_value": None, "order": "C"}
    array |= {"filters": [{"id": "pickle", "protocol": 5}]}
    (path / "temperature").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / "temperature" / ".zarray").write_text(json.dumps(array))
    (path / "temperature" / "0.0.0").write_bytes(pickle.dumps(None))


def test_format_2_is_refused(tmp_path: Path) -> None:
    pickled(tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="Zarr format 2"):
        open_store(tmp_path / "a.zarr")
    data = write_still(tmp_path / "data")
    store = data / "simulations" / "sim_000.zarr"
    store.rename(tmp_path / "whole")
    pickled(store)
    with pytest.raises(InputError, match=r"sim_000\.zarr cannot be read .*Zarr format 2"):
        list(Dataset.open(data).simulations("test"))
    pickled(tmp_path / "fields.zarr")
    with pytest.raises(InputError, match=r"fields\.zarr is damaged .*Zarr format 2"):
        open_fields(tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["U4", "S4", "c16", "M8[s]"])
def test_what_holds_no_numbers_is_refused(dtype: str, tmp_path: Path) -> None:
    store = zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    store.create_array("a", shape=(2,), dtype=dtype)
    with pytest.raises(ValueError, match="holds no numbers"):
        stored_array(open_store(tmp_path / "a.zarr"), "a")


@pytest.mark.filterwarnings("ignore")
def test_unknown_codecs_are_refused_in_a_sentence(tmp_path: Path) -> None:
    run = short_run(tmp_path / "run")
    file = run / "fields.zarr" / "zarr.json"
    whole = file.read_text()
    for codec in ("numcodecs.bz2", "numcodecs.pickle", "vlen-bytes", "mine"):
        stored = json.loads(whole)
        array = stored["consolidated_metadata"]["metadata"]["temperature"]
        array["codecs"][-1] = {"name": codec, "configuration": {}}
        file.write_text(json.dumps(stored))
        with pytest.raises(InputError, match=r"fields\.zarr is damaged"):
            open_fields(run)
    stored = json.loads(whole)
    array = stored["consolidated_metadata"]["metadata"]["temperature"]
    array["codecs"][-1] = {"name": "numcodecs.zlib", "configuration": {"level": 1}}
    file.write_text(json.dumps(stored))
    with pytest.raises(InputError, match=r'temperature is compressed by "numcodecs\.zlib"'):
        open_fields(run)


def test_what_is_written_has_checksums(tmp_path: Path) -> None:
    store = new_store(tmp_path / "a.zarr", {"title": "a"})
    values = np.random.default_rng(0).normal(size=(1, 64))
    store.create_array("a", data=values, chunks=(1, 64), **checked_compression())
    file = tmp_path / "a.zarr" / "a" / "c" / "0" / "0"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    array = stored_array(open_store(tmp_path / "a.zarr"), "a")
    with pytest.raises(RuntimeError, match=r"checksum|decompression"):
        np.asarray(array)
