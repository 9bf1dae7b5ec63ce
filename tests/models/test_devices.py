"""Where networks live: the names that settings take, what a machine has, and who decides."""

import pytest
import torch

from sorrelsim import Experiment
from sorrelsim.agents.learners.ppo import PPOConfig
from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.run import load_run, run
from sorrelsim.models.torch.devices import choose_device, devices

GAME = {"world": {"name": "treasure_hunt", "n_agents": 2}, "n_worlds": 2, "epochs": 1, "turns": 4, "threads": 1}
SMALL = {"n_steps": 4, "n_minibatches": 1, "network": {"hidden": [8]}}


@pytest.fixture
def two_cards(monkeypatch):
    """A machine that says that it has two CUDA devices; nothing may be put on them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def game(**changes):
    seat = {"model": "ppo", "slots": "all", "config": SMALL | changes.pop("config", {})}
    return {**GAME, "seats": [seat, *changes.pop("seats", [])], **changes}


def test_auto_takes_cuda_where_there_is_one(two_cards):
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")
    assert devices()[:5] == ["auto", "cpu", "cuda", "cuda:0", "cuda:1"]


def test_a_device_that_is_not_there_is_told_with_those_that_are(two_cards):
    with pytest.raises(ValueError, match=r"cuda:2, and this machine has no such .* auto, cpu, cuda, cuda:0, cuda:1"):
        choose_device("cuda:2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_card_auto_is_the_cpu_and_cuda_is_an_error_of_its_seat():
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="seat ppo: device: cuda, and this machine has no such device; allowed"):
        Experiment(game(device="cuda"))


@pytest.mark.parametrize("name", ["cudda", "cuda:-1", "gpu", "cuda:01", "CPU"])
def test_no_device_has_such_a_name(name):
    with pytest.raises(ValueError, match=rf"no device '{name}'(; did you mean|\.).*cuda:N"):
        PPOConfig(device=name)
    with pytest.raises(ValueError, match=f"no device '{name}'"):
        read_config(game(device=name))


def test_the_device_of_an_experiment_is_that_of_all_its_seats(two_cards, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    plain = Experiment(game(config={"device": "auto"}, device="cpu"))
    assert plain.config.seats[0].config["device"] == "cpu"
    assert plain.config.device == "cpu"
    with_bot = {**game(device="cpu"), "seats": [{"model": "random", "slots": "all"}]}
    Experiment(with_bot)  # who has no such setting is left alone


def test_a_run_made_on_a_card_is_looked_at_without_one(tmp_path):
    folder = run(Experiment(game(runs=str(tmp_path), evaluation={"n_worlds": 1, "max_turns": 1, "gif_turns": 0})))
    config = folder / "config.yaml"
    changed = config.read_text().replace(" device: auto", " device: cuda:3")
    assert " device: cuda:3" in changed
    config.write_text(changed)
    loaded = load_run(folder)
    (agent,) = loaded.agents(loaded.world(1))
    assert agent.model.device == choose_device("auto")
