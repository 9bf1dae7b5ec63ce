"""Memories mirrored on the device where they are learned from: torch's own means give what compiled code does."""

import numpy as np
import pytest
import torch

from sorrelsim import Experiment
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.torch import mirror
from sorrelsim.observations.parts import as_parts
from sorrelsim.observations.spec import ObservationSpec, Part

CPU = torch.device("cpu")
SPEC = ObservationSpec({"grid": Part((2, 3), np.dtype(np.uint8)), "clock": Part((1,), np.dtype(np.float32))})


@pytest.fixture
def mirrored(monkeypatch):
    """Every memory has a mirror, on the CPU."""
    monkeypatch.setattr(mirror, "is_mirrored", lambda *_: True)


def filled(buffer, n_rows, rng):
    """Adds random steps, of which every fifth ends, and of these every second by a limit; now and then a boundary."""
    n = buffer.n_streams
    for _ in range(n_rows):
        if rng.random() < 0.05:
            buffer.add_empty()
        ended = rng.random(n) < 0.2
        truncated = ended & (rng.random(n) < 0.5)
        last = {"grid": rng.integers(256, size=(ended.sum(), 2, 3)), "clock": rng.random((ended.sum(), 1))}
        obs = {"grid": rng.integers(256, size=(n, 2, 3)), "clock": rng.random((n, 1))}
        buffer.add(obs, rng.integers(4, size=n), rng.random(n), ended & ~truncated, truncated, last)


@pytest.mark.parametrize("n_frames", [1, 2, 4])
@pytest.mark.parametrize("n_rows", [6, 23, 90])  # of 24: begun, almost full, gone round; the table of ends grows twice
def test_batches_are_gathered_by_torch_as_by_compiled_code(n_frames, n_rows):
    plain, other = (Buffer(SPEC, 24 * 9, 9, n_frames, n_step=2, seed=1) for _ in range(2))
    other.ring.mirror = mirror.MirroredRing(other.ring, CPU)
    for buffer in (plain, other):
        filled(buffer, n_rows, np.random.default_rng(n_rows))
    for turn in range(3):
        if turn == 2:  # what is loaded, and what comes after it
            other.load_state_dict(plain.state_dict())
            for buffer in (plain, other):
                filled(buffer, 2, np.random.default_rng(5))
        ours, theirs = plain.sample(48), other.sample(48)
        assert (ours.valid > 0).any()
        for name in ("states", "next_states"):
            for part, array in as_parts(getattr(ours, name)).items():
                tensor = as_parts(getattr(theirs, name))[part]
                assert isinstance(tensor, torch.Tensor)
                np.testing.assert_array_equal(tensor.numpy(), array)
        for name in ("actions", "rewards", "dones", "valid", "discounts", "weights", "index"):
            np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))


def test_a_final_frame_closes_its_stack_and_a_stack_begins_with_its_episode():
    """Rows 0 to 4 of one stream; the step of row 2 ended it, so row 3 begins an episode.

    Stacks of three: up to row 1 there is nothing before row 0; what row 2 led to comes after rows 1 and 2; row 4 has
    row 3 before it and then nothing.
    """
    kind = torch.tensor([[0], [0], [1], [0], [0], [0]], dtype=torch.uint8)
    rows, streams = torch.tensor([1, -1 - 2, 4]), torch.zeros(3, dtype=torch.long)
    places = mirror.stack_places(rows, streams, head=5, size=5, kind=kind, depth=3)
    assert places.rows.tolist()[1] == [1, 2, 2]
    assert places.there.tolist() == [[False, True, True], [True, True, True], [False, True, True]]
    assert places.is_final.tolist() == [False, True, False]
    assert [row[1:] for row in places.rows.tolist()] == [[0, 1], [2, 2], [3, 4]]


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("ppo", {"n_steps": 8, "n_frames": 2}),
        ("ppo", {"n_steps": 8, "recurrent": "gru", "sequence_length": 4}),
        ("ddqn", {"warmup": 24, "batch_size": 8, "memory_size": 120, "n_frames": 2}),
        ("iqn", {"warmup": 24, "batch_size": 8, "memory_size": 120, "prioritised": True}),
    ],
)
def test_what_is_learned_from_a_mirror_is_the_same(model, config, monkeypatch):
    """Pictures of one pixel a cell, which are kept as symbols, in two shares; the mirror is asked in every update."""

    def weights():
        seat = {"model": model, "slots": "all", "config": {"network": {"hidden": [8]}, **config}}
        world = {"name": "treasure_hunt", "max_steps": 7, "observation": "rgb", "sprite_size": 1}
        experiment = Experiment(
            {"world": world, "seats": [seat], "n_worlds": 4, "epochs": 1, "turns": 40, "threads": 1, "halves": 2}
        )
        list(experiment.epochs())
        return experiment.models[0], [
            p.detach() for net in experiment.models[0].networks.values() for p in net.parameters()
        ]

    _, plain = weights()
    asked = []
    monkeypatch.setattr(mirror, "is_mirrored", lambda *_: True)
    for owner, name in ((mirror.MirroredStates, "take"), (mirror.MirroredRing, "gather")):
        method = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, method=method: asked.append(found := method(*given)) or found)
    learner, found = weights()
    assert all(map(torch.equal, found, plain))
    assert len(asked) == 5 if model == "ppo" else len(asked) > 5
    assert all(asked)  # none was filled otherwise
    assert learner.gradient_steps > 0


def test_a_rollout_that_was_filled_otherwise_is_sent_over(mirrored):
    seat = {"model": "ppo", "slots": "all", "config": {"n_steps": 4, "network": {"hidden": [8]}}}
    experiment = Experiment({"world": "treasure_hunt", "seats": [seat], "n_worlds": 2, "epochs": 1, "turns": 3})
    list(experiment.epochs())
    memory = experiment.models[0].memory
    memory.load_state_dict(memory.state_dict())
    memory.size = 4
    assert memory.mirror.take() == {}


def test_a_mirror_is_for_a_card_with_room(monkeypatch):
    arrays = {"grid": np.zeros(400, np.uint8)}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    cuda = torch.device("cuda")
    assert mirror.is_mirrored(arrays, cuda, "auto")
    assert not mirror.is_mirrored(arrays, cuda, "cpu")
    assert not mirror.is_mirrored(arrays, CPU, "auto")
    assert not mirror.is_mirrored({"grid": np.zeros(501, np.uint8)}, cuda, "auto")
