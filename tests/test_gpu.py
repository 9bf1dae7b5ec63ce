"""Every learner on a card: it learns there, says what it would on the CPU, and goes on from where it was.

What needs a card is marked ``gpu`` and skipped without one; two learners go through the same on the CPU.
"""

import dataclasses
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sorrelsim import Experiment
from sorrelsim.library.find import LIBRARY, find_class, shipped
from sorrelsim.models.base import BaseModel

ROOT = Path(__file__).parents[1]
LEARNERS = sorted(name for name, path in shipped("agents").items() if path.parent.name == "learners")
ON_CARD = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
SMALL = {
    "n_steps": 8,
    "n_minibatches": 2,
    "warmup": 32,
    "batch_size": 16,
    "memory_size": 4000,
    "steps_between_updates": 16,
    "network": {"hidden": [16]},
}
OF_SEQUENCES = {"r2d2": {"burn_in": 2, "sequence_length": 4}, "impala": {"sequence_length": 4}}


def experiment(name, device, start=True):
    """A short run of a learner: in treasure hunt, or with a pendulum where it acts by numbers alone."""
    cls = find_class(LIBRARY + name, "agents", BaseModel)
    known = {field.name for field in dataclasses.fields(cls.Config)}
    settings = {key: value for key, value in {**SMALL, **OF_SEQUENCES.get(name, {})}.items() if key in known}
    plain = "discrete" in cls.acts
    if not plain and importlib.util.find_spec("gymnasium") is None:
        pytest.skip("no Gymnasium, of which the pendulum is")
    return Experiment(
        {
            "world": {"name": "treasure_hunt", "max_steps": 12} if plain else {"name": "gym:Pendulum-v1"},
            "seats": [{"slots": "all", "model": name, "config": settings}],
            "n_worlds": 4,
            "epochs": 2,
            "turns": 24,
            "threads": 1,
            "device": device,
        },
        start=start,
    )


def said(model, states):
    """What a model makes of states: chances of actions or their values, and what the states are worth."""
    n = len(next(iter(states.values())))
    told = [model.explain({name: part[k] for name, part in states.items()}) for k in range(n)]
    numbers = [number for each in told if each is not None for number in (each.probabilities, each.values, each.value)]
    return [np.asarray(number, float) for number in numbers if number is not None]


def check_learner(name, device):
    """Trains on a device; its networks say the same on the CPU; what goes on from its state does as it would have."""
    running = experiment(name, device)
    epochs = running.epochs()
    next(epochs)
    (model,) = running.models
    assert model.device.type == device
    assert model.gradient_steps > 0
    state, of_model = running.state_dict(), model.state_dict()

    at_home = experiment(name, "cpu").models[0]
    at_home.load_state_dict(model.from_arrays(model.to_arrays(of_model)))
    rng, parts = np.random.default_rng(0), model.observations.parts
    states = {name: rng.integers(2, size=(3, *part.shape)).astype(part.dtype) for name, part in parts.items()}
    for here, there in zip(said(at_home, states), said(model, states), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-4)

    again = experiment(name, device, start=False)
    again.models[0].load_state_dict(model.from_arrays(model.to_arrays(of_model)))
    again.load_state_dict(state)
    rows = [next(epochs), next(again.epochs())]
    assert math.isfinite(rows[0]["loss"])
    assert rows[1]["epoch"] == rows[0]["epoch"] == 2
    assert rows[1]["loss"] == pytest.approx(rows[0]["loss"], rel=0.02, abs=1e-3)  # a card adds up in any order


@pytest.mark.gpu
@ON_CARD
@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_learns_on_a_card(name):
    check_learner(name, "cuda")


@pytest.mark.parametrize("name", ["ppo", "iqn"])
def test_what_is_asked_of_learners_on_a_card_holds_on_the_cpu(name):
    check_learner(name, "cpu")


@pytest.mark.gpu
@ON_CARD
@pytest.mark.parametrize("name", ["ppo", "pqn", "ddqn"])
def test_graphs_halves_and_mirrors_change_nothing_on_a_card(name):
    losses = []
    for settings in ({"cuda_graphs": False, "memory_device": "cpu"}, {}):
        running = experiment(name, "cuda")
        config = dataclasses.asdict(running.config)
        config["seats"][0]["config"] |= settings
        config["halves"] = 1 if settings else 2
        losses.append([row["loss"] for row in Experiment(config).epochs()])
    assert losses[1] == pytest.approx(losses[0], rel=0.02, abs=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has no second CUDA device")
@pytest.mark.parametrize("name", ["ppo", "ddqn"])
def test_a_learner_learns_on_the_second_card(name):
    """Graphs are recorded there too, though the first is the current one."""
    losses = []
    for device in ("cuda", "cuda:1"):
        rows = [row["loss"] for row in experiment(name, device).epochs()]
        losses.append(rows)
    assert losses[1] == pytest.approx(losses[0], rel=0.02, abs=1e-3)


def test_the_benchmark_of_a_card_says_that_there_is_none(capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    gpu = importlib.import_module("gpu")
    gpu.main(["--device", "cpu", "--world", "treasure_hunt", "--halves", "2"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("no card: a tiny version on the CPU")
    assert said[1] == "treasure_hunt, 4 copies in 2 shares, on cpu"
    for name, line in zip(("stepping alone", "network alone", "training"), said[2:5], strict=True):
        assert line.startswith(name)
        assert float(line.removeprefix(name).split()[0].replace(",", "")) > 0
    assert said[-1] == "the card is busy: nan% of training's time"
