"""Learners that act and learn as one: what each does is what it does alone."""

import math

import pytest
import torch
from torch import nn

from sorrelsim import Experiment
from sorrelsim.agents.learners.dqn import DQN
from sorrelsim.experiments.run import load_run, run
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.torch import symbolic
from sorrelsim.models.torch.stacked import CannotStack, Fold, stack

COINS = {"name": "coins", "min_size": 5, "max_size": 6, "min_steps": 9, "max_steps": 9}
POLICY = {"n_steps": 8, "sequence_length": 4, "network": {"hidden": [16, 16]}}
VALUES = {"warmup": 30, "batch_size": 16, "network": {"hidden": [16]}, "target_tau": 0.1, "target_every": None}


def experiment(model, config, together, turns=20, **more):
    return Experiment(
        {
            "world": COINS,
            "seats": [{"model": model, "config": config}],
            "together": together,
            "n_worlds": 6,
            "turns": turns,
            "epochs": 2,
            "evaluation": {"gif_turns": 0, "n_worlds": 2},
        }
        | more
    )


def compare(one, other):
    """Holds two experiments' learners to be the same.

    Products are summed in one order on one thread, so most are equal to the last bit. Another BLAS may add in another:
    of sums of at most 1,024 terms a gradient is then off by some 1024 x 6e-8 = 6e-5 of itself, and a step of Adam, at
    most the learning rate, by as much of it; some steps later by less than a hundredth of one.
    """
    for a, b in zip(one.models, other.models, strict=True):
        assert (a.gradient_steps, a.agent_steps) == (b.gradient_steps, b.agent_steps)
        assert a.gradient_steps > 0
        assert a.rng.bit_generator.state == b.rng.bit_generator.state
        assert torch.equal(a.generator.get_state(), b.generator.get_state())
        states = [model.state_dict(memory=False) for model in (a, b)]
        for name in a.networks:
            for key, value in states[0]["networks"][name].items():
                torch.testing.assert_close(
                    value, states[1]["networks"][name][key], rtol=0, atol=a.config.learning_rate / 100
                )
        for name, tensors in states[0]["optimizers"]["adam"].items():
            for mine, theirs in zip(tensors, states[1]["optimizers"]["adam"][name], strict=True):
                torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("ppo", POLICY),
        ("ppo", POLICY | {"recurrent": "gru", "recurrent_size": 12}),
        ("ppo", POLICY | {"recurrent": "lstm", "recurrent_size": 12}),
        ("ppo", POLICY | {"network": {"kind": "conv", "channels": [4], "hidden": [16], "embedding": 3}}),
        ("ppo", POLICY | {"n_frames": 2, "learning_rate": 0.01, "target_kl": 1e-3}),  # some stop sooner than others
        ("a2c", {"network": {"hidden": [16]}}),
        ("a3c", {"network": {"hidden": [16]}, "n_steps": 5}),
        ("impala", {"n_steps": 8, "sequence_length": 4, "network": {"hidden": [16]}}),
        ("ddqn", VALUES),
        ("dqn_prioritised", VALUES | {"dueling": True}),
        ("qr_dqn", VALUES),
        ("iqn", VALUES | {"n_frames": 2}),
    ],
)
def test_each_learns_what_it_learns_alone(model, config):
    one, other = experiment(model, config, True), experiment(model, config, False)
    assert one.together == [[place.name for place in one.places]]
    assert other.together == []
    for mine, theirs in zip(one.epochs(), other.epochs(), strict=True):
        for key, value in theirs.items():
            if key not in ("seconds", "steps_per_second"):
                assert mine[key] == pytest.approx(value, rel=1e-3, nan_ok=True), key
    compare(one, other)


@pytest.mark.parametrize("model", ["rainbow", "trpo", "random"])
def test_others_play_as_before(model, capsys):
    assert experiment(model, {}, True).together == []
    assert capsys.readouterr().err == ""


def test_other_configs_are_not_alike():
    seats = [{"slots": [k], "model": "ppo", "config": POLICY | {"gamma": gamma}} for k, gamma in enumerate((0.9, 0.8))]
    assert experiment("ppo", {}, True, seats=seats).together == []
    same = [{"slots": [k], "model": "ppo", "config": POLICY, "name": name} for k, name in enumerate("ab")]
    assert experiment("ppo", {}, True, seats=same).together == [["a", "b"]]
    same[0]["learn"] = False
    assert experiment("ppo", {}, True, seats=same).together == []


def test_a_run_says_who_learns_as_one_and_goes_on_either_way(tmp_path):
    """A run of two epochs equals one that was saved after the first by learners alone, and goes on as one."""
    whole = experiment("ppo", POLICY, True, runs=str(tmp_path))
    folder = run(whole)
    assert load_run(folder).facts["together"] == [["ppo_0", "ppo_1"]]
    alone = experiment("ppo", POLICY, False)
    next(alone.epochs())
    alone.save_models(tmp_path / "alone")
    for model, place in zip(alone.models, alone.places, strict=True):
        model.save(tmp_path / "alone" / f"{place.name}.safetensors", memory=True)
    further = experiment("ppo", POLICY, True)
    further.load_state_dict(alone.state_dict())
    for model, place in zip(further.models, further.places, strict=True):
        model.load(tmp_path / "alone" / f"{place.name}.safetensors")
    list(further.epochs())
    compare(further, whole)


def test_a_model_that_diverges_is_named_and_the_others_are_not():
    going = experiment("ppo", POLICY, True)
    with torch.no_grad():
        going.models[1].networks["net"].heads.bias[0] = float("nan")
    with pytest.raises(TrainingDiverged, match="seat ppo_1"):
        list(going.epochs())
    assert going.diverged is going.places[1]
    assert all(p.isfinite().all() for p in going.models[0].all_parameters())
    assert going.models[0].gradient_steps == 8  # of the same update: 2 passes of 4 minibatches


def test_weights_that_are_given_other_storage_are_taken_in():
    """A layer y = 2 x and one y = 3 x; the second's weight is then exchanged for that of y = 5 x."""
    layers = [nn.Sequential(nn.Linear(1, 1, bias=False)) for _ in range(2)]
    for k, layer in enumerate(layers):
        layer[0].weight.data.fill_(2.0 + k)
    whole, fold = stack(layers)
    x = torch.ones(4, 1)  # two rows each
    assert whole(x).flatten().tolist() == [2, 2, 3, 3]
    layers[1][0].weight.data = torch.full((1, 1), 5.0)
    fold.hold()
    assert whole(x).flatten().tolist() == [2, 2, 5, 5]


def test_networks_of_other_shapes_are_not_stacked():
    with pytest.raises(CannotStack, match="several shapes"):
        stack([nn.Sequential(nn.Linear(2, k)) for k in (1, 2)])


def test_a_fold_of_sequences_puts_every_row_back():
    """Two steps of 2 x 3 rows, numbered: the first network has 0, 1, 2 of the first step and 6, 7, 8 of the second."""
    fold = Fold(2)
    fold.per_step = 3
    rows = torch.arange(12).unsqueeze(1)
    assert fold.apart(rows)[..., 0].tolist() == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]
    assert torch.equal(fold.joined(fold.apart(rows)), rows)


def test_sums_of_many_without_compiled_kernels(monkeypatch):
    """Ids [1, 0] and [2, 1] of two cells with codes 0 to 2: rows 1 and 3 of the second network's six, and 2 and 4."""
    ids = torch.tensor([[[[1], [0]]], [[[2], [1]]]], dtype=torch.uint8)  # [network, batch, cell, layer]
    weights = torch.arange(12.0).view(2, 6, 1).requires_grad_()
    expected, slopes = [[[1.0]], [[8.0 + 10.0]]], [[0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setattr(symbolic, "_compiled", lambda ids: False)
        sums = symbolic.sums_of_many(ids, weights, 3)
        assert sums.tolist() == expected
        weights.grad = None
        sums.sum().backward()
        assert weights.grad[..., 0].tolist() == slopes


class Net(nn.Module):
    """A network of one's own; in ``odd`` the way depends on what is seen."""

    def __init__(self, observations, n_actions, odd):
        super().__init__()
        self.layer, self.odd = nn.Linear(math.prod(observations.parts["grid"].shape), n_actions), odd

    def forward(self, grid, own_colour):
        x = grid.flatten(1).float()
        if self.odd and x.sum() > 1e9:
            x = -x
        return self.layer(x)


class WithNet(DQN):
    odd = False

    def __init__(self, observations, action_names, n_streams=1, config=None, seed=0):
        torch.manual_seed(seed)
        net = Net(observations, len(action_names), self.odd)
        super().__init__(observations, action_names, n_streams, config, seed, network=net)


class Odd(WithNet):
    odd = True


def seated_alike(monkeypatch, kind, together):
    from sorrelsim.experiments.classes import Classes

    monkeypatch.setattr(Classes, "model", lambda self, name: kind)
    return experiment("dqn", {"warmup": 30, "batch_size": 16}, together)


def test_a_network_of_ones_own_is_asked_by_vmap(monkeypatch):
    one, other = seated_alike(monkeypatch, WithNet, True), seated_alike(monkeypatch, WithNet, False)
    assert one.together == [[place.name for place in one.places]]
    list(one.epochs()), list(other.epochs())
    compare(one, other)


def test_a_network_that_vmap_cannot_ask_is_asked_alone_and_a_line_says_so(monkeypatch, capsys):
    odd = seated_alike(monkeypatch, Odd, True)
    said = capsys.readouterr().err
    assert odd.together == []
    assert "act and learn one by one: Net cannot be asked for several at once" in said
    assert said.count("\n") == 1
    list(odd.epochs())
    assert odd.models[0].gradient_steps > 0
