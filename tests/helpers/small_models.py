"""A model of every kind, small and untrained, saved as training saves it; what models hold."""

import json
from pathlib import Path
from typing import Any

from tellus.solver.grid import Grid
from tellus.surrogate import files
from tellus.surrogate.closure.features import FLOW, STATE
from tellus.surrogate.closure.model import LearnedClosure
from tellus.surrogate.closure.network import ClosureNetworks
from tellus.surrogate.closure.settings import ClosureNetworkSettings, ClosureSettings
from tellus.surrogate.kinds import KINDS
from tellus.surrogate.multi_scale.model import MultiScaleSurrogate, make_model
from tellus.surrogate.multi_scale.scale import Regression
from tellus.surrogate.multi_scale.settings import MultiScaleSettings
from tellus.surrogate.network_settings import MultiScaleNetworkSettings
from tellus.surrogate.networks import seeded
from tellus.surrogate.profile.predictor import ProfilePredictor
from tellus.surrogate.time_unet.model import TimeStepper, make_time_step_model
from tellus.surrogate.time_unet.settings import TimeUNetNetworkSettings, TimeUNetSettings
from tellus.surrogate.training.checkpoint import CHECKPOINT, METRICS
from tellus.surrogate.two_level.model import SHIPPED, Surrogate

NETWORK: dict[str, Any] = {"filters": 2, "levels": 1, "convolutions": 1, "size": 3}


def save_models(root: Path, grid: Grid) -> dict[str, Path]:
    """Into folders named after their kinds; the two-level one and the profile are the shipped."""
    folders = {kind: root / kind for kind in KINDS}
    Surrogate.load().save(folders["two-level"])
    ProfilePredictor.load().save(folders["profile"])
    paper = MultiScaleSettings(network=MultiScaleNetworkSettings(**NETWORK))
    MultiScaleSurrogate(make_model(paper, grid), _card(paper, grid)).save(folders["multi-scale"])
    stepping = TimeUNetSettings(network=TimeUNetNetworkSettings(**NETWORK), interval=10)
    stepper = make_time_step_model(stepping, grid, (0.0, 1.0))
    card = _card(stepping, grid, log10_dt=[0.0, 1.0])
    TimeStepper(stepper, card).save(folders["time-unet"])
    closing = ClosureSettings(network=ClosureNetworkSettings(width=4, depth=1))
    networks = seeded(ClosureNetworks, closing.network)
    seen = {name: [-10.0, 10.0] for name in (*STATE, *FLOW)}
    card = _card(closing, grid, channels=list(seen), seen=seen)
    LearnedClosure(networks, card).save(folders["closure"])
    return folders


def _card(settings: Any, grid: Grid, **own: Any) -> dict[str, Any]:
    """Around the general part of the shipped model's."""
    card = files.read_card(SHIPPED / files.CARD)
    general = {k: card[k] for k in ("format", "boundaries", "range", "data", "validation")}
    general |= {"kind": settings.kind, "parameters": 1, "training": settings.to_json()}
    general["grid"] = {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect}
    general |= {"network": settings.network.to_json(), "scale": Regression().to_json()}
    plain: dict[str, Any] = json.loads(json.dumps({**general, **own}))
    return plain


def epochs_of(model: Path) -> list[dict[str, Any]]:
    """What a training noted of each epoch."""
    return [json.loads(line) for line in (model / METRICS).read_text().splitlines()]


def assert_same_training(one: Path, other: Path) -> None:
    """Weights and checkpoint are the same to the bit."""
    for name in (files.WEIGHTS, CHECKPOINT):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
