"""Saved models from anywhere: damaged, hostile, of another world, of another device, or gone."""

import copy
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import sorrelsim
from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.checkpoint import CheckpointError, load_tree, save_tree
from sorrelsim.models.noted import LOSS_LIMIT, WEIGHT_LIMIT, TrainingDiverged

BEFORE = Path(__file__).parents[1] / "data" / "before"
SMALL = {"network": {"hidden": [8]}}
REPLAY = SMALL | {"warmup": 16, "batch_size": 8, "memory_size": 400, "steps_between_updates": 8}
LEARNERS = {
    "iqn": REPLAY | {"noisy": True, "n_frames": 2},
    "ddqn": REPLAY | {"prioritised": True, "anneal_steps": 400},
    "ppo": SMALL | {"n_steps": 8, "n_minibatches": 1, "recurrent": "gru", "sequence_length": 4},
}


def experiment(tmp_path, kind="iqn", seat=None, **changes):
    config = {
        "name": "tiny",
        "world": {"name": "treasure_hunt", "max_steps": 10, "compiled": False},
        "seats": [{"slots": "all", "model": kind, "config": LEARNERS.get(kind, {}), **(seat or {})}],
        "n_worlds": 2,
        "epochs": 2,
        "turns": 22,
        "evaluation": {"n_worlds": 1, "gif_turns": 0},
        "runs": str(tmp_path / "runs"),
    }
    return Experiment(read_config(config | changes))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model of each kind, and its file with the memory."""
    folder, models = tmp_path_factory.mktemp("trained"), {}
    for kind in LEARNERS:
        training = experiment(folder, kind)
        list(training.epochs())
        models[kind] = training.models[0], folder / f"{kind}.safetensors"
        training.models[0].save(models[kind][1], memory=True)
        assert training.models[0].gradient_steps > 0
    return models


def leaves(node, path=()):
    """Every array, number and text of a tree, as bytes or text, by path."""
    if isinstance(node, dict):
        return {key: value for name, below in node.items() for key, value in leaves(below, (*path, name)).items()}
    if isinstance(node, list | tuple):
        return {key: value for k, below in enumerate(node) for key, value in leaves(below, (*path, k)).items()}
    if isinstance(node, torch.Tensor):
        node = node.detach().cpu().numpy()
    return {path: node.tobytes() if isinstance(node, np.ndarray) else repr(node)}


def mutations(data, n, seed=0):
    """Single bytes changed, cuts, and stretches swapped."""
    rng = np.random.default_rng(seed)
    for k in range(n):
        changed = bytearray(data)
        i, j = (int(each) for each in rng.integers(len(data), size=2))
        if k % 5 < 3:
            changed[i] ^= 1 << int(rng.integers(8))
        elif k % 5 == 3:
            del changed[i:]
        else:
            length = int(rng.integers(1, 64))
            changed[i : i + length], changed[j : j + length] = changed[j : j + length], changed[i : i + length]
        yield bytes(changed)


def refusal(call, *given):
    """Returns what a call raised, if it refused."""
    try:
        call(*given)
    except ValueError as error:
        return error
    return None


def held_to(model, path, data):
    """Loads a changed file: it is refused in a sentence that names it, or gives the same model."""
    path.write_bytes(data)
    before, begun = leaves(model.state_dict()), time.perf_counter()
    error = refusal(model.load, path)
    assert error is None or (type(error) is CheckpointError and str(path) in str(error) and "checkpoint" in str(error))
    assert leaves(model.state_dict()) == before
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("n", [200, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", LEARNERS)
def test_a_changed_file_is_refused_or_loads_the_same(trained, tmp_path, kind, n):
    model, file = trained[kind]
    model.load(file)
    for data in mutations(file.read_bytes(), n):
        held_to(model, tmp_path / "model.safetensors", data)


@pytest.mark.parametrize("n", [100, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", LEARNERS)
def test_a_changed_file_of_before_is_refused_or_loads_the_same(tmp_path, kind, n):
    loaded = load_run(BEFORE / f"{kind}-001")
    (agent,) = loaded.agents(loaded.world(1))
    for data in mutations((BEFORE / f"{kind}-001" / "models" / f"{kind}.pt").read_bytes(), n):
        held_to(agent.model, tmp_path / "model.pt", data)


def before_npz(path, tree, **arrays):
    """Writes what ``save_tree`` wrote before."""
    np.savez(path, tree=np.frombuffer(json.dumps(tree).encode(), np.uint8), **arrays)


def test_a_memory_or_bot_of_before_still_loads_and_its_changes_are_refused(tmp_path):
    path = tmp_path / "state.npz"
    before_npz(path, {"a": {"__array__": "a0"}, "b": [1, None, "x"]}, a0=np.arange(100.0))
    good = leaves(load_tree(path))
    assert good["a",] == np.arange(100.0).tobytes()
    kept = []
    for data in mutations(path.read_bytes(), 200):
        path.write_bytes(data)
        error = refusal(lambda: kept.append(leaves(load_tree(path))))
        assert error is None or (type(error) is CheckpointError and str(path) in str(error))
    assert kept
    assert all(each == good for each in kept)


HOSTILE = [
    None, True, -1, 2**70, 1.5, float("nan"), float("inf"), "x", [], [1], {}, {"x": 1}, np.zeros(0), np.array(["x"]),
]  # fmt: skip


def hostile_arrays(array):
    """The same array in other shapes and types, and with its last or first number out of any range."""
    yield array.reshape(-1)[:0]
    yield array[None]
    yield array.astype(np.complex64 if array.dtype.kind == "f" else np.float64)
    if not array.size or array.dtype.kind not in "fiu":
        return
    whole = array.dtype.kind != "f"
    for place, value in (
        (-1, np.iinfo(array.dtype).max if whole else np.nan),
        (-1, np.iinfo(array.dtype).max if whole else np.inf),
        (0, np.iinfo(array.dtype).min if whole else -np.inf),
    ):
        changed = array.copy()
        changed.reshape(-1)[place] = value
        yield changed


def put(tree, path, value):
    node = tree
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value


def get(tree, path):
    for key in path:
        tree = tree[key]
    return tree


@pytest.mark.parametrize("kind", LEARNERS)
def test_every_entry_of_a_file_with_hostile_values_is_refused_or_harmless(trained, tmp_path, kind, capfd):
    """Files that are whole, but hold anything: no trace from the depths, and nothing half changed."""
    _, file = trained[kind]
    tree = load_tree(file)
    model = experiment(tmp_path, kind).models[0]
    model.load(file)
    before, refused = leaves(model.state_dict()), 0
    every = list(leaves(tree))
    for path in every:
        if path[0] == "config":
            continue
        value = get(tree, path)
        given = [*HOSTILE, *(hostile_arrays(value) if isinstance(value, np.ndarray) else ())]
        for hostile in [given[k] for k in {0, 2, 5, 7, 11} | set(range(len(HOSTILE), len(given)))]:
            changed = copy.copy(tree)
            for depth in range(1, len(path)):
                put(changed, path[:depth], copy.copy(get(changed, path[:depth])))
            put(changed, path, hostile)
            error = refusal(model.load_state_dict, {key: changed[key] for key in changed if key != "signature"})
            if error is None:
                model.load(file)
                continue
            refused += 1
            assert len(str(error)) > 10
            assert leaves(model.state_dict()) == before, path
    assert refused > 200
    for name in ("rng", "networks", "optimizers", "memory", "generator", "signature"):
        for hostile in (3, {}, [], "x"):
            save_tree(tmp_path / "hostile", tree | {name: hostile})
            error = refusal(model.load, tmp_path / "hostile")
            assert type(error) is CheckpointError
            assert str(tmp_path / "hostile") in str(error)
            assert leaves(model.state_dict()) == before
    model.train_step()


def test_every_array_of_a_saved_memory_is_checked_before_anything_changes(trained):
    for kind in LEARNERS:
        memory = copy.deepcopy(trained[kind][0].memory)
        state = memory.state_dict()
        before = leaves(state)
        for path in leaves(state):
            value = get(state, path)
            for hostile in [*HOSTILE, *(hostile_arrays(value) if isinstance(value, np.ndarray) else ())]:
                changed = copy.deepcopy(state)
                put(changed, path, hostile)
                if leaves(changed) == before:
                    continue
                error = refusal(memory.load_state_dict, changed)
                if error is not None:
                    assert any(str(name).split(" ")[-1] in str(error) for name in path), f"{path}: {error}"
                    assert leaves(memory.state_dict()) == before
                    continue
                # What is taken is another value that is as good.
                good = path[-1] in ("tree", "top_priority", "inc", "state", "uinteger", "has_uint32")
                assert good or (isinstance(hostile, np.ndarray) and hostile.shape == value.shape), (path, hostile)
                memory.load_state_dict(state)


@pytest.mark.parametrize(
    ("entry", "change", "said"),
    [
        ("final_index", lambda a: np.where(a >= 0, 10**8, a).astype(np.int32), r"final_index\[.* is 100000000"),
        ("kind", lambda a: a + np.uint8(9), r"kind\[0, 0\] is (9|10|11); it must be finite and .*at most 3"),
        ("free", lambda a: np.zeros_like(a), "name entry"),
        ("n_free", lambda n: 10**6, "n_free must be a whole number"),
        ("head", lambda n: n + 1, "head is"),
        ("size", lambda n: n + 1, "size|head"),
        ("tree", lambda a: np.where(np.arange(len(a)) == 1, 1e9, a), r"tree\[1\] is 1000000000.0, but"),
        ("tree", lambda a: np.where(np.arange(len(a)) == len(a) - 1, 1.0, a), "no step lies there"),
        ("tree", lambda a: -a, "at least 0"),
        ("top_priority", lambda n: float("inf"), "top_priority"),
    ],
)
def test_what_a_hostile_memory_says_is_named(trained, entry, change, said):
    memory = copy.deepcopy(trained["ddqn"][0].memory)
    state = memory.state_dict()
    with pytest.raises(ValueError, match=said):
        memory.load_state_dict(state | {entry: change(state[entry])})
    emptied = state | {"final": {name: table[:0] for name, table in state["final"].items()}}
    with pytest.raises(ValueError, match="final grid must be"):
        memory.load_state_dict(emptied)


# Files from strangers


def zipped(path, method=zipfile.ZIP_STORED, **entries):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in entries.items():
            file.writestr(name.replace("__", "/"), data)


class Runs:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def pickled_tensor(shape, stride, numel=4):
    """A pickle such as torch.save writes, of a tensor of any shape over a storage of four numbers."""
    return b"".join(
        [
            b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n",
            b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu",
            pickle.dumps(numel, 2)[2:-1],
            b"tQK\x00",
            pickle.dumps(shape, 2)[2:-1],
            pickle.dumps(stride, 2)[2:-1],
            b"\x89}tRs.",
        ]
    )


def doubled(n):
    """A pickle of a list that holds the one before twice, n times over: small to read, without end to walk."""
    return b"\x80\x02]q\x00" + b"".join(b"](h%ch%ceq%c" % (k, k, k + 1) for k in range(n)) + b"."


def test_files_from_strangers_run_nothing_and_end_soon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    four = np.arange(4, dtype="<f4").tobytes()
    good = {"a__data.pkl": pickled_tensor((2, 2), (2, 1)), "a__data__0": four}
    zipped(path, **good)
    assert load_tree(path)["w"].tolist() == [[0, 1], [2, 3]]
    deep = b"[" * 100_000 + b"]" * 100_000
    header = json.dumps({"__metadata__": {"sorrelsim": "1", "checksum": "0" * 64, "tree": "1"}}).encode()
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(npy, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    files = [
        {"a__data.pkl": pickle.dumps(Runs(), 2)},
        {"a__data.pkl": pickle.dumps({"x": Runs()}, 4)},
        {"a__data.pkl": doubled(60)},
        {"a__data.pkl": b"\x80\x02]q\x00h\x00a."},
        {"a__data.pkl": b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b"."},
        {"a__data.pkl": b"."},
        {"a__data.pkl": b"\x80\x02a."},
        {"a__data.pkl": b""},
        good | {"a__data.pkl": pickled_tensor((10**12,), (0,))},
        good | {"a__data.pkl": pickled_tensor((10**6, 10**6), (1, 1))},
        good | {"a__data.pkl": pickled_tensor((5,), (1,))},
        good | {"a__data.pkl": pickled_tensor((2,), (-1,))},
        good | {"a__data.pkl": pickled_tensor((4,), (1,), 10**12)},
        {"a__data.pkl": good["a__data.pkl"]},
        {"tree.npy": npy.getvalue()},
        {"tree.npy": b""},
        {"a__data.pkl": b"\x80\x02" + b"N0" * 3_000_000 + b"."},
        {"a__data.pkl": b"\x80\x02" + b"NN" * 3_000_000 + b"."},
        {"something": b"else"},
        {},
    ]
    for entries in files:
        zipped(path, **entries)
        begun = time.perf_counter()
        with pytest.raises(CheckpointError, match=str(path)):
            load_tree(path)
        assert time.perf_counter() - begun < 5
    plain = [b"", b"\x00", b"PK", b"{}", b"\xff" * 100, deep, (len(header)).to_bytes(8, "little") + header]
    plain.append(len(deep).to_bytes(8, "little") + b"{" + deep)
    for data in plain:
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=str(path)):
            load_tree(path)
    zipped(path, zipfile.ZIP_DEFLATED, tree=b"0" * 50_000_000)
    begun = time.perf_counter()
    with pytest.raises(CheckpointError, match="compressed"):
        load_tree(path)
    assert time.perf_counter() - begun < 1
    assert sorted(os.listdir()) == ["model.pt"]


def test_a_command_that_meets_a_malformed_model_says_so_in_a_line(tmp_path):
    folder = shutil.copytree(BEFORE / "ppo-001", tmp_path / "run")
    (folder / "models" / "ppo.pt").write_bytes(b"")  # torch and NumPy raise EOFError here, which ends a command
    done = subprocess.run(
        [sys.executable, "-m", "sorrelsim", "eval", str(folder), "--episodes", "1"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "ppo.pt is empty" in done.stderr
    assert len(done.stderr.splitlines()) < 3


def test_a_missing_model_names_the_nearest(tmp_path):
    save_tree(tmp_path / "left.safetensors", {"a": 1})
    with pytest.raises(FileNotFoundError, match=r"no saved model 'lefft.pt'; did you mean 'left.safetensors'"):
        load_tree(tmp_path / "lefft.pt")
    assert load_tree(tmp_path / "left.pt") == {"a": 1}  # the ending of before will do
    with pytest.raises(FileNotFoundError, match="is a folder"):
        load_tree(tmp_path)


# Writing


def test_what_is_written_has_the_permissions_of_any_new_file_and_leaves_nothing_beside(tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        save_tree(tmp_path / "model", {"a": np.arange(3)})
    finally:
        os.umask(before)
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o640

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_tree(tmp_path / "model", {"a": np.zeros(3)})
    assert load_tree(tmp_path / "model")["a"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("n", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_a_kill_while_writing_leaves_a_whole_file_and_no_litter(tmp_path, n):
    path = tmp_path / "model.safetensors"
    save_tree(path, {"k": -1})
    code = (
        "import sys, numpy as np\n"
        "from sorrelsim.models.checkpoint import save_tree\n"
        "k = 0\n"
        "while True:\n"
        "    save_tree(sys.argv[1], {'k': k, 'a': np.full(300_000, k)})\n"
        "    print(k, flush=True)\n"
        "    k += 1\n"
    )
    rng = np.random.default_rng(0)
    for _ in range(n):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(rng.random() * 0.1)
        writer.kill()
        writer.communicate()
        tree = load_tree(path)
        assert (tree["a"] == tree["k"]).all()
        save_tree(path, tree)  # a kill between naming and swapping leaves a name, which the next write removes
        assert [each.name for each in tmp_path.iterdir()] == [path.name]


# Starting from a model, and going on with one


@pytest.mark.parametrize("kind", LEARNERS)
def test_starting_from_a_model_takes_its_networks_and_nothing_else(trained, tmp_path, kind):
    model, file = trained[kind]
    fresh = leaves(experiment(tmp_path, kind, seed=3).models[0].state_dict())
    started = leaves(experiment(tmp_path, kind, {"load": str(file)}, seed=3).models[0].state_dict())
    learned = leaves(model.state_dict())
    for path in fresh:
        assert started[path] == (learned if path[0] == "networks" else fresh)[path], path
    assert any(fresh[path] != learned[path] for path in fresh if path[0] == "networks")
    resumed = experiment(tmp_path, kind, seed=3).models[0]
    resumed.load(file)
    assert leaves(resumed.state_dict()) == learned


@pytest.mark.parametrize("kind", LEARNERS)
def test_two_seats_and_two_seeds_that_start_from_one_file_go_their_own_ways(trained, tmp_path, kind):
    seat = {"load": str(trained[kind][1]), "slots": "each"}
    for seed in (1, 2):
        training = experiment(tmp_path, kind, seat, seed=seed)
        ours, theirs = (leaves(each.state_dict()) for each in training.models)
        for path in [("generator",), *(path for path in ours if path[:2] == ("rng", "state"))]:
            assert ours[path] != theirs[path]
    first, second = (experiment(tmp_path, kind, seat, seed=seed).models[0] for seed in (1, 2))
    assert leaves(first.state_dict()["rng"]) != leaves(second.state_dict()["rng"])
    assert not torch.equal(first.generator.get_state(), second.generator.get_state())


def test_an_annealed_learning_rate_starts_at_its_start(trained, tmp_path):
    model, file = trained["ddqn"]
    started = experiment(tmp_path, "ddqn", {"load": str(file)})
    assert model.learning_rate < model.config.learning_rate
    assert started.models[0].learning_rate == started.models[0].config.learning_rate
    before = leaves(started.models[0].state_dict()["networks"])
    list(started.epochs())
    assert leaves(started.models[0].state_dict()["networks"]) != before


def test_a_models_own_entries_are_what_it_learned(tmp_path):
    class Own(BaseModel):
        weight = 0.0

        def take_action(self, state):
            return 0

        def state_dict(self, memory=True):
            return super().state_dict(memory) | {"weight": self.weight}

        def load_state_dict(self, state):
            super().load_state_dict(state)
            self.weight = float(state["weight"])

    world = sorrelsim.make("treasure_hunt", compiled=False)
    given = Own(world.observations, world.action_names, seed=1)
    given.weight, given.agent_steps = 2.5, 7
    given.save(tmp_path / "own")
    other = Own(world.observations, world.action_names, seed=2)
    other.load_weights(tmp_path / "own")
    assert (other.weight, other.agent_steps) == (2.5, 0)
    assert other.rng.bit_generator.state == np.random.default_rng(2).bit_generator.state
    save_tree(tmp_path / "own", {key: value for key, value in load_tree(tmp_path / "own").items() if key != "weight"})
    other.weight = 3.0
    with pytest.raises(CheckpointError, match=r"nothing of it was loaded: KeyError: 'weight'"):
        other.load(tmp_path / "own")
    assert (other.weight, other.agent_steps) == (3.0, 0)  # its own load_state_dict failed half way


# Another world


def world_of(**settings):
    return sorrelsim.make("treasure_hunt", 1, 0, compiled=False, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"looks": "individual", "n_agents": 2},
            [r"looks is 'other' in the checkpoint, 'individual' here",
             r"id \d+ is 'agent' in the checkpoint, 'agent 0' here"],
        ),
        ({"show_facing": True}, ["show_facing is False in the checkpoint, True here"]),
        ({"window": {"forward": 3}}, [r"part 'grid' has shape \[.*window.forward is"]),
        ({"window": {"rotate": True}}, ["window.rotate is False in the checkpoint, True here"]),
        ({"observation": "one_hot"}, ["form is 'symbolic' in the checkpoint, 'one_hot' here"]),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_observation_says_what_differs(tmp_path, settings, said):
    random = find_class("random", "agents", BaseModel)
    world, other = world_of(), world_of(**settings)
    model = random(world.observations, world.action_names)
    model.save(tmp_path / "model")
    assert not world.observations.differences(world.observations.signature())
    error = refusal(random(other.observations, other.action_names).load, tmp_path / "model")
    told = "\n".join(other.observations.differences(world.observations, "in the checkpoint"))
    for words in said:
        assert re.search(words, str(error), re.DOTALL)
        assert re.search(words, told, re.DOTALL)
    with pytest.raises(ValueError, match="was built for other observations; what differs"):
        Agent(other, [0], model)


def test_a_checkpoint_of_other_actions_or_frames_says_what_differs(trained, tmp_path):
    world = world_of()
    random = find_class("random", "agents", BaseModel)
    random(world.observations, world.action_names).save(tmp_path / "model")
    names = (*world.action_names[:-2], "dance", *world.action_names[-1:])
    with pytest.raises(CheckpointError, match=rf"action {len(names) - 2} is '\w+' in the checkpoint, 'dance' here"):
        random(world.observations, names).load(tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"action 1 is .* in the checkpoint, not there here"):
        random(world.observations, world.action_names[:1]).load(tmp_path / "model")
    changed = experiment(tmp_path, "iqn", {"config": LEARNERS["iqn"] | {"n_frames": 3}}).models[0]
    with pytest.raises(CheckpointError, match="n_frames is 2 in the checkpoint, 3 here"):
        changed.load(trained["iqn"][1])
    wider = experiment(tmp_path, "iqn", {"config": LEARNERS["iqn"] | {"network": {"hidden": [9]}}}).models[0]
    with pytest.raises(CheckpointError, match=r"(?s)is \[8\] in the checkpoint, \[9\] here.*network.hidden is \[8\]"):
        wider.load(trained["iqn"][1])


def test_what_does_not_come_from_a_grid_is_compared_by_its_parts(tmp_path):
    from sorrelsim.observations.spec import ObservationSpec, Part

    random = find_class("random", "agents", BaseModel)
    ours = ObservationSpec({"grid": Part((4,), np.dtype(np.float32)), "clock": Part((1,), np.dtype(np.float32))})
    random(ours, ["a", "b"]).save(tmp_path / "model")
    other = ObservationSpec({"grid": Part((5,), np.dtype(np.uint8)), "time": Part((1,), np.dtype(np.float32))})
    with pytest.raises(CheckpointError) as caught:
        random(other, ["a", "b"]).load(tmp_path / "model")
    for words in ("part 'clock' is only in the checkpoint", "part 'time' is only here", "shape [4]", "dtype f4"):
        assert words in str(caught.value)


# Another device, another folder, and play alone


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_random_state_of_another_device_gives_way_to_one_of_the_seed_and_the_counters(trained, tmp_path, kind, capfd):
    """The state of CUDA's generator has 16 bytes, the CPU's 5056; neither can be put into the other."""
    model, file = trained[kind]
    path = tmp_path / "gpu.safetensors"
    save_tree(path, load_tree(file) | {"generator": np.arange(16, dtype=np.uint8)})
    drawn = []
    for seed in (5, 5, 6):
        other = experiment(tmp_path, kind, seed=seed).models[0]
        other.load(path)
        drawn.append(other.generator.get_state())
        told = capfd.readouterr().err.splitlines()
        assert len(told) == 1
        assert "another kind of device than cpu" in told[0]
        assert leaves(other.state_dict()["networks"]) == leaves(model.state_dict()["networks"])
        assert other.rng.bit_generator.state == model.rng.bit_generator.state
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_model_on_a_gpu_meets_a_file_of_a_cpu(trained, tmp_path, capfd):
    """The reverse, with a generator whose state is as short as CUDA's."""
    from sorrelsim.models.torch.saved_tensors import fits_generator

    class Faked:
        device = torch.device("cpu")

        def get_state(self):
            return torch.zeros(16, dtype=torch.uint8)

    assert not fits_generator(load_tree(trained["iqn"][1])["generator"], Faked())


@pytest.mark.parametrize("kind", LEARNERS)
def test_looking_at_a_run_needs_neither_the_file_it_started_from_nor_a_memory(trained, tmp_path, kind):
    start = shutil.copy(trained[kind][1], tmp_path / "start.safetensors")
    size = {} if kind == "ppo" else {"memory_size": 1_000_000}
    seat = {"load": str(start), "config": LEARNERS[kind] | size}
    folder = run(experiment(tmp_path, kind, seat, epochs=1))
    Path(start).unlink()
    loaded = load_run(folder)
    world = loaded.world(2)
    tracemalloc.start()
    agents = loaded.agents(world)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(agent.model.memory is None for agent in agents)
    assert peak < 5e6
    (trained_agent,) = agents
    trained_agent.transition(world)
    learning = loaded.agents(world, learn=True)  # who goes on learning has one
    assert learning[0].model.memory is not None
    with pytest.raises(ValueError, match="was built to play only"):
        Agent(world, [0, 1], trained_agent.model)


def test_a_frozen_seat_has_no_memory(tmp_path):
    assert experiment(tmp_path, "iqn", {"learn": False}).models[0].memory is None


# Divergence


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_loss_beyond_any_sense_stops_the_run_with_the_networks_as_they_were(tmp_path, kind):
    training = experiment(tmp_path, kind)
    model = training.models[0]
    list(training.epochs())
    before = leaves(model.state_dict()["networks"])
    rewards = model.memory.rewards if kind == "ppo" else model.memory.ring.rewards
    rewards[:] = 1e12
    if kind == "ppo":
        model.memory.size = 8
        model.memory.values[:] = 0

    def learn():
        for _ in range(20):
            model.note_losses(model.train_step())

    with pytest.raises(TrainingDiverged, match=r"diverged at gradient step \d+ .*loss=[1-9]"):
        learn()
    if kind == "ppo":
        assert leaves(model.state_dict()["networks"]) == before


@pytest.mark.parametrize("kind", LEARNERS)
def test_weights_beyond_any_sense_stop_the_run_and_name_seat_step_and_checkpoint(tmp_path, kind):
    training = experiment(tmp_path, kind, epochs=60)

    def grow(**now):
        if now["epoch"] == 3:
            for network in training.models[0].networks.values():
                for parameter in network.parameters():
                    parameter.data[...] = 0
            next(iter(next(iter(training.models[0].networks.values())).parameters())).data.view(-1)[0] = (
                2 * WEIGHT_LIMIT
            )

    training.models[0].start_epoch_action = grow
    with pytest.raises(TrainingDiverged) as caught:
        run(training, tmp_path)
    said = str(caught.value)
    assert said.startswith(f"seat {kind}: training of {kind.upper()} diverged at gradient step")
    assert f"models/{kind}.safetensors" in said
    assert "largest weight=2" in said or "loss=" in said
    assert (tmp_path / "models" / f"{kind}_diverged.safetensors").exists()


def test_a_loss_of_a_models_own_is_held_to_the_limit():
    world = world_of()
    model = find_class("random", "agents", BaseModel)(world.observations, world.action_names)
    model.note_losses(LOSS_LIMIT)
    for value in (2 * LOSS_LIMIT, -2 * LOSS_LIMIT, float("nan"), float("inf")):
        with pytest.raises(TrainingDiverged):
            model.note_losses({"loss": value})
