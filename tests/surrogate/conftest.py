"""One thread, and one small data set for all."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import small_filtered
from helpers.small_data import GRID, waves, write_dataset
from tellus.surrogate.training.train import train


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> Iterator[None]:
    """Small networks; and the same sums whatever ran before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `waves`; a snapshot of each simulation is not one of those spread evenly."""
    root = tmp_path_factory.mktemp("data")
    even = np.array([True, False, True, True, True])
    members = ((split, values, {**arrays, "even": even}) for split, values, arrays in waves())
    write_dataset(root, GRID, members)
    return root


@pytest.fixture(scope="session")
def filtered_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `small_filtered.windows`."""
    root = tmp_path_factory.mktemp("filtered")
    write_dataset(root, small_filtered.GRID, small_filtered.windows())
    return root


@pytest.fixture(scope="module")
def trained(
    dataset: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What the SETTINGS of the file of tests make of its data set."""
    out = tmp_path_factory.mktemp("trained") / "model"
    train(request.module.SETTINGS, dataset, out, report=len)
    return out


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged, of what the file of tests has trained."""
    for name in ("weights.safetensors", "card.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    return tmp_path
