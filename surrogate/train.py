"""Training: epochs over the snapshots, each validated, the best kept, every one resumable."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.solver.errors import InputError, InterruptedRunError, RunFailedError
from tellus.solver.grid import Grid

from . import files
from .base import make_base
from .card import training_card
from .checkpoint import CHECKPOINT, append_metrics, cut_metrics, read_checkpoint, write_checkpoint
from .corrector import Corrector, Normalisation
from .data import Dataset, Observed, load_split
from .features import names, reflect
from .losses import loss, relative_errors
from .model import Surrogate
from .network import make_network
from .settings import TrainingSettings

VALIDATION_BATCH = 32


def train(
    settings: TrainingSettings,
    data: Path,
    out: Path,
    resume: bool = False,
    report: Callable[[str], None] = print,
    network: nn.Module | None = None,
    device: str = "cpu",
) -> None:
    """Train a surrogate on the data set `data` into the directory `out`.

    `out` holds the best weights so far and their card (what `Surrogate.load`
    takes), metrics.jsonl with a line per epoch, and a checkpoint of the last
    epoch, from which `resume` goes on exactly as if never stopped.

    Parameters
    ----------
    settings : TrainingSettings
    data, out : Path
    resume : bool
        Go on from the checkpoint in `out`, if there is one yet.
    report : callable
        Takes one line of progress per epoch.
    network : torch.nn.Module, optional
        A network of your own in the place of the U-net; see `Surrogate`.
    device : str
        Where to train.

    Raises
    ------
    InputError
        Missing or damaged data, an `out` in use, or a resume under other settings or data.
    InterruptedRunError
        SIGINT, SIGTERM or the time limit; the checkpoint is of the last whole epoch.
    RunFailedError
        The loss is no longer finite.
    """
    started = perf_counter()
    goes_on = _check_free(out, resume)
    place = _usable(device)
    dataset = Dataset.open(data)
    base = make_base(settings.base, dataset.grid)
    report(f"reading {data}, base {base.name}")
    parts = {
        split: load_split(dataset, split, base, settings.quiet_vrms).to(place)
        for split in ("train", "validation")
    }
    training = Training(settings, dataset, parts, network, device)
    if goes_on:
        training.restore(out)
        report(f"resumed after epoch {training.epoch} of {settings.epochs}")
    else:
        # From here on the directory is this training's, and a kill in the first epoch resumable.
        write_checkpoint(out, training.state())
    cut_metrics(out, training.epoch)
    with _stoppable(out) as check_stop:
        while training.epoch < settings.epochs:
            report(training.run_epoch(out, check_stop))
            check_stop()
            late = settings.time_limit is not None and (
                perf_counter() - started > settings.time_limit
            )
            if late and training.epoch < settings.epochs:
                raise InterruptedRunError(
                    f"training.time_limit reached after epoch {training.epoch}: "
                    "go on with --resume and a larger limit."
                )


def _check_free(out: Path, resume: bool) -> bool:
    """Whether `out` holds a training to go on with; refuse one that holds anything else."""
    begun, trained = (out / CHECKPOINT).exists(), (out / files.WEIGHTS).exists()
    if begun and resume:
        return True
    if begun:
        raise InputError(f"{out} already holds a model: pass --resume, or name another directory.")
    if trained:
        raise InputError(
            f"{out} already holds a model, without the checkpoint to go on from: name another "
            "directory."
        )
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name another directory.")
    # A kill may have left the folder of a checkpoint that was never finished.
    if out.exists() and {path.name for path in out.iterdir()} - {CHECKPOINT.parts[0]}:
        raise InputError(f"{out} is not empty and holds no training: name another directory.")
    return False


def _usable(device: str) -> torch.device:
    """The device of this name; InputError if PyTorch has none."""
    try:
        place = torch.device(device)
        torch.zeros(1, device=place).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise InputError(f'--device {device} cannot be used ({reason}): take "cpu".') from None
    return place


class Training:
    """Network, optimiser and what they have reached after `epoch` epochs."""

    def __init__(
        self,
        settings: TrainingSettings,
        dataset: Dataset,
        parts: dict[str, Observed],
        network: nn.Module | None,
        device: str,
    ) -> None:
        self.settings = settings
        self.grid: Grid = dataset.grid
        self.parts = parts
        self.dataset = dataset
        self.epoch = 0
        self.best = float("inf")
        channels = len(names(settings.features.residual))
        module = network or make_network(channels, settings.network, settings.seed)
        examples = parts["train"]
        self.normalisation = Normalisation.measure(
            examples.inputs, examples.target, self.grid, settings.features
        )
        self.model = Corrector(module, self.normalisation, settings.features).to(device)
        self.average = {k: v.detach().clone() for k, v in module.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            module.parameters(), lr=0.0, weight_decay=settings.weight_decay
        )

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch; the last batch may be smaller."""
        return -(-len(self.parts["train"]) // self.settings.batch_size)

    def run_epoch(self, out: Path, check_stop: Callable[[], None]) -> str:
        """Train and validate one epoch, write it all down, and say how it went."""
        start = perf_counter()
        mean_loss = self._fit(check_stop)
        with self._averaged():
            scores = self._validate()
            self.epoch += 1
            if scores["mean"] < self.best:
                self.best = scores["mean"]
                self._export(out, scores)
        line = {"epoch": self.epoch, "loss": mean_loss, "validation": scores}
        line["seconds"] = perf_counter() - start
        append_metrics(out, line)
        write_checkpoint(out, self.state())
        return (
            f"epoch {self.epoch}/{self.settings.epochs}  loss {mean_loss:.4f}  "
            f"validation error median {100 * scores['median']:.2f} %  "
            f"p95 {100 * scores['p95']:.2f} %  (base {100 * scores['base_median']:.2f} %, "
            f"{100 * scores['base_p95']:.2f} %)  {line['seconds']:.0f} s"
        )

    def _fit(self, check_stop: Callable[[], None]) -> float:
        """One pass in an order that only seed and epoch decide; the mean loss."""
        settings, examples = self.settings, self.parts["train"]
        random = np.random.default_rng([settings.seed, self.epoch])
        order = torch.from_numpy(random.permutation(len(examples)))
        flip = torch.from_numpy(random.random(len(examples)) < 0.5 * settings.mirror)
        losses = []
        self.model.train()
        for batch, index in enumerate(order.split(settings.batch_size)):  # type: ignore[no-untyped-call]
            step = self.epoch * self.steps_per_epoch + batch
            self._set_rate(step)
            which = flip[index].to(examples.target.device)
            index = index.to(examples.target.device)
            inputs = examples.inputs.select(index).mirrored(which)
            target = reflect(examples.target[index], which, sign=-1.0)
            value = loss(self.model(inputs, self.grid), target, self.grid, settings.loss)
            self._update(value, step)
            losses.append(float(value.detach()) * len(index))
            check_stop()
        return sum(losses) / len(examples)

    def _update(self, value: Tensor, step: int) -> None:
        if not torch.isfinite(value):
            raise RunFailedError(
                f"the training loss is {value.item()} in epoch {self.epoch + 1}: lower "
                "training.learning_rate; the last checkpoint is intact."
            )
        self.optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_clip)
        self.optimiser.step()
        # A short memory at first, so that the average forgets the initial weights.
        decay = min(self.settings.averaging, (1 + step) / (10 + step))
        if self.settings.averaging == 0.0:
            decay = 0.0
        for name, value_now in self.model.network.state_dict().items():
            self.average[name].lerp_(value_now, 1.0 - decay)

    def _set_rate(self, step: int) -> None:
        total = self.settings.epochs * self.steps_per_epoch
        warm = max(1, round(self.settings.warmup * total))
        rise = min(1.0, (step + 1) / warm)
        fall = 0.5 * (1.0 + np.cos(np.pi * max(0, step - warm) / max(1, total - warm)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * rise * float(fall)

    def _validate(self) -> dict[str, float]:
        """Relative velocity errors of model and base over the evenly spread snapshots."""
        part = self.parts["validation"]
        index = torch.from_numpy(np.flatnonzero(part.even)).to(part.target.device)
        model, base = [], []
        self.model.eval()
        with torch.inference_mode():
            for chunk in index.split(VALIDATION_BATCH):  # type: ignore[no-untyped-call]
                inputs, target = part.inputs.select(chunk), part.target[chunk]
                model.append(relative_errors(self.model(inputs, self.grid), target, self.grid))
                base.append(relative_errors(inputs.psi, target, self.grid))
        errors, base_errors = torch.cat(model).cpu().numpy(), torch.cat(base).cpu().numpy()
        return {
            "mean": float(np.mean(errors)),
            "median": float(np.median(errors)),
            "p95": float(np.percentile(errors, 95)),
            "base_median": float(np.median(base_errors)),
            "base_p95": float(np.percentile(base_errors, 95)),
        }

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in the place of the current ones."""
        network = self.model.network
        current = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.average)
        try:
            yield
        finally:
            network.load_state_dict(current)

    def _export(self, out: Path, scores: dict[str, float]) -> None:
        card = training_card(
            self.settings, self.dataset, self.model.network, self.normalisation, self.parts
        )
        card["validation"] = {"epoch": self.epoch, **scores}
        Surrogate(self.model, card).save(out)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and scalars from which `restore` goes on exactly."""
        tensors = {f"model/{k}": v for k, v in self.model.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        for number, entries in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{key}": value for key, value in entries.items()}
        scalars = {
            "epoch": self.epoch,
            "best": self.best,
            "settings": self._identity(),
            "data": self.dataset.card["hash"],
        }
        return tensors, scalars

    def restore(self, out: Path) -> None:
        """Take back what `state` wrote into `out`."""
        tensors, scalars = read_checkpoint(out)
        try:
            self._restore(out, tensors, scalars)
        except (KeyError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{out / CHECKPOINT} does not fit this network or version ({reason}): resume with "
                "those it was trained with, or name another directory."
            ) from None

    def _restore(self, out: Path, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        if scalars["settings"] != self._identity():
            raise InputError(
                f"{out} was trained under other settings: resume with the same configuration "
                "(only training.time_limit may change), or name another directory."
            )
        if scalars["data"] != self.dataset.card["hash"]:
            raise InputError(f"{out} was trained on other data than {self.dataset.path}.")
        self.epoch, self.best = scalars["epoch"], scalars["best"]
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, rest = name.split("/", 1)
            if kind == "optimiser":
                number, key = rest.split("/")
                moments.setdefault(int(number), {})[key] = value
            else:
                groups[kind][rest] = value
        self.model.network.load_state_dict(groups["model"])
        for name, value in groups["average"].items():
            self.average[name].copy_(value)
        state = self.optimiser.state_dict()
        self.optimiser.load_state_dict({**state, "state": moments})

    def _identity(self) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads(json.dumps(self.settings.to_json()))
        del settings["time_limit"]
        return settings


@contextmanager
def _stoppable(out: Path) -> Iterator[Callable[[], None]]:
    """A check that raises InterruptedRunError once SIGINT or SIGTERM has come."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    def check() -> None:
        if received:
            raise InterruptedRunError(
                f"training stopped by {signal.Signals(received[0]).name}: "
                f"{out / CHECKPOINT} holds the last whole epoch, go on with --resume."
            )

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = {n: signal.signal(n, remember) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
