"""Acting and learning through the buffers of CUDA graphs, without a card; and products in bfloat16."""

import copy

import pytest
import torch

from sorrelsim import Experiment
from sorrelsim.models.torch import graphs
from sorrelsim.models.torch.graphs import Graphs, Recorded

SEATS = {
    "ppo": {"n_steps": 8, "n_minibatches": 3},  # of 43 and of 42 steps: two shapes
    "pqn": {"n_steps": 8, "n_minibatches": 2},
    "ddqn": {"warmup": 32, "batch_size": 16, "memory_size": 2000, "prioritised": True},
    "iqn": {"warmup": 32, "batch_size": 16, "memory_size": 2000},
}


def trained(model, slots="all", **further):
    config = {"network": {"hidden": [16, 16], **further.pop("network", {})}, **SEATS[model], **further}
    experiment = Experiment(
        {
            "world": {"name": "treasure_hunt", "max_steps": 10},
            "seats": [{"model": model, "slots": slots, "config": config}],
            "n_worlds": 8,
            "epochs": 1,
            "turns": 24,
            "threads": 1,
        }
    )
    (row,) = experiment.epochs()
    return row, experiment


def weights_of(experiment):
    return [p.detach() for model in experiment.models for net in model.networks.values() for p in net.parameters()]


@pytest.fixture
def recording(monkeypatch):
    """Graphs are recorded on the CPU too, in the same buffers; counts what is asked of them."""
    asked = []
    monkeypatch.setattr(graphs, "has_graphs", lambda device: True)
    ask = Graphs.__call__
    monkeypatch.setattr(Graphs, "__call__", lambda self, what, *given: asked.append(what) or ask(self, what, *given))
    return asked


@pytest.mark.parametrize("model", ["ppo", "pqn", "ddqn"])
def test_what_goes_through_the_buffers_of_graphs_is_learned_the_same(model, monkeypatch, request):
    _, plain = trained(model)
    asked = request.getfixturevalue("recording")
    _, recorded = trained(model)
    assert asked.count("acting") == 24  # once a turn: values of the few that were cut short, of any number, are not
    assert asked.count("learning") == recorded.models[0].gradient_steps > 0
    assert all(map(torch.equal, weights_of(recorded), weights_of(plain)))
    assert copy.deepcopy(recorded.models[0]).graphs is not recorded.models[0].graphs


def test_what_cannot_be_recorded_runs_and_is_told_once(recording, capfd):
    row, _ = trained("iqn")
    assert row["loss"] > 0
    assert not recording
    told = capfd.readouterr().err.splitlines()
    assert [line for line in told if "CUDA graph" in line] == [
        "IQN: learning runs without a CUDA graph: it draws or changes its loss as it goes, or has networks of one's own"
    ]
    _, annealed = trained("ppo", entropy=0.1, entropy_end=0.0)
    assert not annealed.models[0].recorded


def test_a_function_is_called_with_the_buffers_and_its_results_stay_where_they_are():
    """First 2x + 1 of x = [1, 2], then of [5, 7]: [3, 5] and [11, 15], in one place; what was given stays as it is."""
    given = {"x": torch.tensor([1.0, 2.0])}
    recorded = Recorded(lambda inputs: [2 * inputs["x"] + 1, None], given)
    first, nothing = recorded(given)
    assert nothing is None
    assert first.tolist() == [3, 5]
    second, _ = recorded({"x": torch.tensor([5.0, 7.0])})
    assert second is first
    assert second.tolist() == [11, 15]
    assert given["x"].tolist() == [1, 2]


def test_shapes_and_weights_that_moved_are_recorded_anew_and_failures_run_as_they_are(capfd):
    calls, weight = [], torch.ones(1)

    def times(inputs):
        calls.append(len(inputs["x"]))
        return [inputs["x"] * weight]

    record = Graphs("PPO")
    for x in (torch.ones(2), torch.ones(2), torch.ones(3), torch.ones(2)):
        assert record("acting", times, {"x": x}, [weight])[0].tolist() == [1] * len(x)
    assert calls == [2, 2, 2, 3, 3, 2]  # recorded, and then replayed, which here is a call
    weight = torch.full((1,), 4.0)
    assert record("acting", times, {"x": torch.ones(2)}, [weight])[0].tolist() == [4, 4]

    def fail_once(inputs):
        calls.append("called")
        if calls.count("called") == 1:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return [inputs["x"]]

    for _ in range(2):
        assert record("learning", fail_once, {"x": torch.ones(1)}, [])[0].tolist() == [1]
    assert calls.count("called") == 3  # the recording that failed, and twice as it is
    told = "PPO: learning runs without a CUDA graph: operation not permitted when stream is capturing"
    assert capfd.readouterr().err.splitlines() == [told]


@pytest.mark.parametrize(("model", "slots"), [("ppo", "all"), ("ppo", "each"), ("iqn", "all")])
def test_bfloat16_is_near_float32_and_its_weights_are_float32(model, slots):
    row, plain = trained(model, slots)
    other, half = trained(model, slots, network={"precision": "bfloat16"})
    assert all(p.dtype == torch.float32 for p in weights_of(half))
    assert not all(map(torch.equal, weights_of(half), weights_of(plain)))
    assert other["loss"] == pytest.approx(row["loss"], rel=0.2, abs=0.2)
    states = plain.models[0].zero_states()
    encoders = [next(iter(e.models[0].networks.values())).encoder for e in (plain, half)]
    encoders[1].load_state_dict(encoders[0].state_dict())
    exact, near = (encoder(states) for encoder in encoders)
    assert near.dtype == torch.float32
    # bfloat16 keeps 8 bits: a product of it is off by at most some 2^-8 of its terms.
    torch.testing.assert_close(near, exact, rtol=0.05, atol=0.02)
