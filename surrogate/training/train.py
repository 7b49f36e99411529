"""Training: epochs over the snapshots, each validated, the best kept, every one resumable."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.errors import InputError, InterruptedRunError, RunFailedError
from tellus.io.places import refuse_occupied
from tellus.io.recognised import DATA, expect
from tellus.io.signals import Asked, remembered
from tellus.io.whole_file import refuse_link
from tellus.surrogate.files import WEIGHTS
from tellus.surrogate.settings import LoopSettings

from .checkpoint import (
    CHECKPOINT,
    TrainingState,
    append_metrics,
    cut_metrics,
    read_checkpoint,
    write_checkpoint,
)
from .learner import Learner, make_learner
from .pace import Pace, write_scalars
from .parallel import Processes, processes, usable
from .schedule import epoch_order, learning_rate


def train(
    settings: LoopSettings,
    data: Path,
    out: Path,
    resume: bool = False,
    report: Callable[[str], None] = print,
    network: nn.Module | None = None,
    device: str = "cpu",
) -> None:
    """Train on the data set `data` into the directory `out`.

    `out` holds the best weights so far and their card, metrics.jsonl with a line
    per epoch, and a checkpoint of the last epoch, from which `resume` goes on
    exactly as if never stopped. Under `torchrun` every batch is shared out among
    the processes, which gives what one process gives, to rounding.

    Parameters
    ----------
    settings : LoopSettings
        Those of a surrogate: `TrainingSettings`, `MultiScaleSettings`, ...
    data, out : Path
    resume : bool
        Go on from the checkpoint in `out`, if there is one yet.
    report : callable
        Takes a line of progress per epoch, and one a minute within it.
    network : torch.nn.Module, optional
        A network of your own in the place of the two-level one; see `Surrogate`.
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
    place = usable(device)
    goes_on = check_free(out, resume)
    with processes(place) as group:
        if not group.leads:
            report = _silent
        expect(data, DATA)
        report(f"reading {data}")
        learner = make_learner(settings, data, place, network)
        training = Training(learner, out, group)
        if goes_on:
            training.restore()
            report(f"resumed after epoch {training.epoch} of {settings.epochs}")
        elif group.leads:
            # From here on the directory is this training's, and a kill in the first epoch
            # resumable.
            write_checkpoint(out, training.state())
        if group.leads:
            training.seconds = cut_metrics(out, training.epoch)
        with remembered() as asked:
            while training.epoch < settings.epochs:
                report(training.run_epoch(asked, report))
                late = settings.time_limit is not None and (
                    perf_counter() - started > settings.time_limit
                )
                # As the leader's clock says.
                (over,) = group.total([late and group.leads], place)
                if over and training.epoch < settings.epochs:
                    raise InterruptedRunError(
                        f"training.time_limit reached after epoch {training.epoch}: "
                        "go on with --resume and a larger limit."
                    )


def _silent(line: str) -> None:
    """What the other processes report."""


def check_free(out: Path, resume: bool) -> bool:
    """Whether `out` holds a training to go on with; InputError if it holds anything else."""
    refuse_link((out / CHECKPOINT).parent)
    begun, trained = (out / CHECKPOINT).exists(), (out / WEIGHTS).exists()
    if begun and resume:
        return True
    if begun:
        raise InputError(
            f"{out} already holds a model: go on with it (--resume, resume=True), or name another "
            "directory."
        )
    if trained:
        raise InputError(
            f"{out} already holds a model, without the checkpoint to go on from: name another "
            "directory."
        )
    refuse_occupied(out, False, "holds no training", CHECKPOINT.parts[0])
    return False


class Training:
    """A learner, its optimiser and what they have reached after `epoch` epochs.

    `out` is the directory of weights, metrics and checkpoint; `group` shares out every batch.
    """

    def __init__(self, learner: Learner[Any], out: Path, group: Processes) -> None:
        self.learner, self.out, self.group = learner, out, group
        self.module, self.device = learner.module, learner.device
        self.settings: LoopSettings = learner.settings
        self.epoch, self.best, self.seconds = 0, float("inf"), 0.0
        self.average = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.module.parameters(), lr=0.0, weight_decay=self.settings.weight_decay
        )
        fast = self.settings.precision == "tf32"
        torch.set_float32_matmul_precision("high" if fast else "highest")
        torch.backends.cudnn.allow_tf32 = fast

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch; the last batch may be smaller."""
        return -(-len(self.learner) // self.settings.batch_size)

    def run_epoch(self, asked: Asked, report: Callable[[str], None]) -> str:
        """Train and validate one epoch, write it all down, and say how it went."""
        start = perf_counter()
        name = f"epoch {self.epoch + 1}/{self.settings.epochs}"
        mean_loss = self._fit(asked, Pace(report, name, len(self.learner)))
        self.epoch += 1
        if not self.group.leads:
            return ""
        with self._averaged():
            scores = self.learner.validate()
            if scores["mean"] < self.best:
                self.best = scores["mean"]
                spent = self.seconds + perf_counter() - start
                self.learner.export(self.out, {"epoch": self.epoch, **scores}, spent)
        seconds = perf_counter() - start
        self.seconds += seconds
        line = {"epoch": self.epoch, "loss": mean_loss, "validation": scores, "seconds": seconds}
        append_metrics(self.out, line)
        write_scalars(self.out, self.epoch, {"loss": mean_loss, **scores})
        write_checkpoint(self.out, self.state())
        return (
            f"epoch {self.epoch}/{self.settings.epochs}  loss {mean_loss:.4f}  "
            f"{self.learner.progress(scores)}  {seconds:.0f} s"
        )

    def _fit(self, asked: Asked, pace: Pace) -> float:
        """One pass in an order that only seed and epoch decide; the mean loss."""
        settings = self.settings
        rms = self.learner.parts["train"].vrms if settings.balanced else None
        random = np.random.default_rng([settings.seed, self.epoch])
        order = torch.from_numpy(epoch_order(random, len(self.learner), rms))
        flip = torch.from_numpy(random.random(len(self.learner)) < 0.5 * settings.mirror)
        total = 0.0
        self.module.train()
        for batch, index in enumerate(order.split(settings.batch_size)):  # type: ignore[no-untyped-call]
            step = self.epoch * self.steps_per_epoch + batch
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(settings, step, self.steps_per_epoch)
            total += self._follow(step, index, flip[index], asked) * len(index)
            pace.advance(len(index), total)
        return total / len(order)

    def _follow(self, step: int, index: Tensor, mirrored: Tensor, asked: Asked) -> float:
        """A step of the optimiser after each loss of a batch; the mean of these losses."""
        mine, flipped = (self.group.share(one).to(self.device) for one in (index, mirrored))
        losses = self.learner.losses(mine, flipped) if len(mine) else iter(())
        mixed, means = self.settings.precision == "bfloat16", list[float]()
        while True:
            self.optimiser.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
                loss, count = next(losses, (None, 0))
            (examples,) = self.group.total([count], self.device)
            if not examples:
                return float(np.mean(means))
            means.append(self._descend(loss, count / examples, asked))
            self._update(step)

    def _descend(self, loss: Tensor | None, share: float, asked: Asked) -> float:
        """The gradients of a loss, shared out among the processes; its mean."""
        mine = 0.0
        if loss is not None:
            value = loss * share
            value.backward()  # type: ignore[no-untyped-call]
            mine = float(value.detach())
        self.group.sum_gradients(self.module)
        mean, stopped = self.group.total([mine, asked.by is not None], self.device)
        if not np.isfinite(mean):
            raise RunFailedError(
                f"the training loss is {mean} in epoch {self.epoch + 1}: lower "
                "training.learning_rate; the last checkpoint is intact."
            )
        if stopped:
            raise InterruptedRunError(
                "training stopped, as another of its processes was."
                if asked.by is None
                else f"training stopped by {asked.by.name}: "
                f"{self.out / CHECKPOINT} holds the last whole epoch, go on with --resume."
            )
        return mean

    def _update(self, step: int) -> None:
        nn.utils.clip_grad_norm_(self.module.parameters(), self.settings.gradient_clip)
        self.optimiser.step()
        # A short memory at first, so that the average forgets the initial weights.
        decay = min(self.settings.averaging, (1 + step) / (10 + step))
        for name, value_now in self.module.state_dict().items():
            self.average[name].lerp_(value_now, 1.0 - decay)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in the place of the current ones."""
        current = {name: value.clone() for name, value in self.module.state_dict().items()}
        self.module.load_state_dict(self.average)
        self.module.eval()
        try:
            yield
        finally:
            self.module.load_state_dict(current)

    def state(self) -> TrainingState:
        """Tensors and scalars from which `restore` goes on exactly."""
        tensors = {f"model/{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{key}": value for key, value in values.items()}
        scalars = {"epoch": self.epoch, "best": self.best, "identity": self._identity()}
        return TrainingState(tensors, scalars)

    def restore(self) -> None:
        """Take back what `state` wrote into `out`."""
        tensors, scalars = read_checkpoint(self.out)
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}}
        moments: dict[int, dict[str, Tensor]] = {}
        try:
            self._check_identity(scalars["identity"])
            self.epoch, self.best = scalars["epoch"], scalars["best"]
            for name, value in tensors.items():
                kind, rest = name.split("/", 1)
                groups[kind][rest] = value
            for name, value in groups["optimiser"].items():
                number, key = name.split("/")
                moments.setdefault(int(number), {})[key] = value
            self.module.load_state_dict(groups["model"])
            for name, value in groups["average"].items():
                self.average[name].copy_(value)
            state = self.optimiser.state_dict()
            self.optimiser.load_state_dict({**state, "state": moments})
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            reason = (str(error).splitlines() or [repr(error)])[0]
            raise InputError(
                f"{self.out / CHECKPOINT} does not fit this network or version ({reason}): resume "
                "with those it was trained with, or name another directory."
            ) from None

    def _check_identity(self, before: dict[str, Any]) -> None:
        now = self._identity()
        if before["settings"] != now["settings"]:
            raise InputError(
                f"{self.out} was trained under other settings: resume with the same configuration "
                "(only training.time_limit may change), or name another directory."
            )
        if before != now:
            raise InputError(
                f"{self.out} was trained on other data than the set that --data names."
            )

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on, plain JSON."""
        settings = json.loads(json.dumps(self.settings.to_json()))
        settings.pop("time_limit", None)
        return {"settings": settings, "data": self.learner.dataset.card["hash"]}
