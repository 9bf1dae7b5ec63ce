"""Seeds at once in one process: each comes to what it comes to alone, whatever becomes of the others."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sorrelsim.experiments.at_once import Course, play_at_once
from sorrelsim.experiments.joined import Joined
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import reopen, resume
from sorrelsim.experiments.run import course_of, load_run, run
from sorrelsim.models.rewards import Beside, Common, Individual

COINS = {
    "name": "coins",
    "compiled": False,
    "min_size": 5,
    "max_size": 6,
    "min_steps": 3,
    "coin_probability": 0.2,
}
POLICY = {"n_steps": 8, "n_frames": 2, "network": {"hidden": [16]}}
VALUES = {"warmup": 30, "batch_size": 16, "network": {"hidden": [16]}, "target_tau": 0.1, "target_every": None}
VALUES |= {"steps_between_updates": 1}


def settings(model, config, seed):
    """Two learners who are paid by each other's rewards, in different ways; or one, beside a bot.

    Episodes end at other turns than those of other seeds, as they do in worlds that end by what happens: after 9, 7, 5.
    """
    other = {"model": model, "name": f"{model}_1", "config": config, "reward": "common"}
    return {
        "world": COINS | {"max_steps": 9 - 2 * seed},
        "seats": [
            {"slots": [0], "model": model, "name": f"{model}_0", "config": config, "reward": "inequity_aversion"},
            {"slots": [1]} | (other if model == "ppo" else {"model": "random"}),
        ],
        "n_worlds": 2,
        "turns": 13,
        "epochs": 3,
        "evaluation": {"gif_turns": 0, "n_worlds": 1, "every": 2},
        "tensorboard": False,
        "seed": seed,
    }


class Seeds:
    """Folders of several seeds, and how each ended."""

    def __init__(self, place, model="ppo", config=POLICY, n=3):
        self.settings = [settings(model, config, seed) for seed in range(n)]
        self.folders = [place / f"seed{seed}" for seed in range(n)]
        self.ended = {}

    def begin(self):
        """Experiments in new folders."""
        for folder in self.folders:
            folder.mkdir(parents=True)
        return {k: (Experiment(each), None) for k, each in enumerate(self.settings)}

    def play(self, experiments, watchers=None):
        """Plays some of them at once; ``experiments`` says which, and since which checkpoint each."""
        courses = [
            Course(
                experiment,
                course_of(experiment, self.folders[k], (watchers or {}).get(k), since),
                lambda error, k=k: self.ended.update({k: error}),
            )
            for k, (experiment, since) in experiments.items()
        ]
        play_at_once(courses)


@pytest.fixture(scope="module", autouse=True)
def no_curves():
    """Drawing takes as long as all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sorrelsim.experiments.run.draw_run", lambda folder, path: None)
        yield


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Gives the folders of seeds that were played one after the other, once for all tests that ask for the same."""
    known = {}

    def folders(model="ppo", config=POLICY, n=3):
        found = known.setdefault(repr((model, config)), [])
        for seed in range(len(found), n):
            experiment = Experiment(settings(model, config, seed))
            found.append(run(experiment, tmp_path_factory.mktemp(f"{model}_{seed}_")))
        return found[:n]

    return folders


def compare(one, other):
    """Holds two run folders to be of the same run, but for the clock and the rounding of sums.

    Of sums of at most 1,024 terms that are added in another order a gradient is off by some 1024 x 6e-8 = 6e-5 of
    itself, and a step of Adam, at most the learning rate of 5e-4, by 3e-8: 1e-5 of weights of 0.1 covers 30 of them.
    """
    one, other = load_run(one), load_run(other)
    assert one.config == other.config
    assert one.facts["end"] == other.facts["end"]
    mine, theirs = one.metrics(), other.metrics()
    assert list(mine) == list(theirs)
    for name in mine:
        if name not in ("seconds", "steps_per_second"):
            if mine[name].dtype.kind == "f":
                np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)
            else:
                assert (mine[name] == theirs[name]).all(), name
    mine, theirs = (each.agents(each.world()) for each in (one, other))
    for a, b in zip(mine, theirs, strict=True):
        a, b = a.model, b.model
        if a.name == "Random":
            continue
        assert (a.agent_steps, a.gradient_steps) == (b.agent_steps, b.gradient_steps)
        assert a.gradient_steps > 0
        assert a.rng.bit_generator.state == b.rng.bit_generator.state
        assert torch.equal(a.generator.get_state(), b.generator.get_state())
        for name, net in a.networks.items():
            for p, q in zip(net.parameters(), b.networks[name].parameters(), strict=True):
                torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


LEARNERS = [("ppo", POLICY), pytest.param("ddqn", VALUES, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("model", "config"), LEARNERS)
def test_each_seed_is_what_it_is_alone(tmp_path, alone, model, config):
    """Four learners as one, who see two frames and are paid by others' rewards of their world; or two, beside bots."""
    seeds = Seeds(tmp_path / "at_once", model, config, n=2)
    experiments = seeds.begin()
    seeds.play(experiments)
    assert seeds.ended == {0: None, 1: None}
    names = [{path.name for path in folder.iterdir()} for folder in (seeds.folders[0], alone(model, config, 2)[0])]
    assert names[0] == names[1]
    weights = [first_weights(model) for experiment, _ in experiments.values() for _, model in experiment.learners]
    assert len({each.untyped_storage().data_ptr() for each in weights}) == 1  # one tensor holds those of all
    for one, other in zip(seeds.folders, alone(model, config, 2), strict=True):
        compare(one, other)
    returns = [load_run(folder).metrics()["return_mean"] for folder in seeds.folders]
    assert not (returns[0] == returns[1]).all()  # they are other seeds


def first_weights(model):
    return next(next(iter(model.networks.values())).parameters())


class StopAt:
    """A watcher that stops an experiment at an epoch's end."""

    def __init__(self, experiment, epoch):
        self.experiment, self.at = experiment, epoch

    def epoch(self, row):
        if row["epoch"] == self.at:
            self.experiment.stop(hurry=True)

    def doing(self, what):
        pass


def test_seeds_that_were_stopped_go_on_alone_or_at_once_and_who_is_behind_catches_up(tmp_path, alone):
    """After 13 turns, or 26, each stands in the midst of a rollout of 8, and of episodes of 9, 7, 5."""
    seeds = Seeds(tmp_path / "at_once")
    experiments = seeds.begin()
    seeds.play(experiments, {k: StopAt(experiments[k][0], epoch) for k, epoch in enumerate((2, 1, 2))})
    assert [load_run(folder).facts["end"] for folder in seeds.folders] == ["stopped"] * 3
    assert [len(load_run(folder).metrics()["epoch"]) for folder in seeds.folders] == [2, 1, 2]
    resume(seeds.folders[0])
    seeds.play({k: reopen(seeds.folders[k]) for k in (1, 2)})
    for one, other in zip(seeds.folders, alone(), strict=True):
        compare(one, other)


@pytest.mark.parametrize(("model", "config"), LEARNERS)
def test_a_seed_that_diverges_leaves_the_others_going(tmp_path, alone, model, config):
    """With 2 agent-steps a turn of each learner, two gradient steps fall due at once; it diverges at the first."""
    seeds = Seeds(tmp_path / "at_once", model, config, n=2)
    experiments = seeds.begin()
    with torch.no_grad():
        first_weights(experiments[1][0].models[0])[0] = float("nan")
    seeds.play(experiments)
    assert f"seat {model}_0: training of {model.upper()} diverged" in str(seeds.ended[1])
    assert seeds.ended[0] is None
    assert load_run(seeds.folders[1]).facts["end"] == "diverged"
    assert list(seeds.folders[1].glob("models/*_diverged.safetensors"))
    compare(seeds.folders[0], alone(model, config, 2)[0])


def test_a_world_that_fails_ends_its_own_run_which_keeps_what_it_had(tmp_path, alone):
    """Its 30th step fails, when three rollouts have been learned from."""
    seeds = Seeds(tmp_path / "at_once")
    experiments = seeds.begin()
    world = experiments[1][0].world
    step, taken = world.step, []

    def fail(actions=None):
        taken.append(1)
        if len(taken) == 30:
            raise ZeroDivisionError("a rule of one's own")
        return step(actions)

    world.step = fail
    seeds.play(experiments)
    assert isinstance(seeds.ended[1], ZeroDivisionError)
    assert load_run(seeds.folders[1]).facts["end"] == "broken off"
    agents = load_run(seeds.folders[1]).agents(load_run(seeds.folders[1]).world())
    assert agents[0].model.agent_steps == 29 * 2
    compare(seeds.folders[0], alone()[0])
    compare(seeds.folders[2], alone()[2])


def test_an_error_of_the_whole_is_raised_and_each_keeps_what_it_had(tmp_path, monkeypatch):
    """What breaks is the network of all, in the 11th turn."""
    seeds = Seeds(tmp_path / "at_once", n=2)
    experiments = seeds.begin()
    from sorrelsim.models.torch.policies_together import PoliciesTogether

    acted, take_actions = [], PoliciesTogether.take_actions

    def fail(self, states, seat):
        acted.append(1)
        if len(acted) == 11:
            raise MemoryError("no more")
        return take_actions(self, states, seat)

    monkeypatch.setattr(PoliciesTogether, "take_actions", fail)
    with pytest.raises(MemoryError, match="no more"):
        seeds.play(experiments)
    for folder in seeds.folders:
        assert load_run(folder).facts["end"] == "broken off"


def test_an_error_of_saving_one_that_is_broken_off_keeps_no_other_from_being_saved():
    """Both wait for their first turn when it fails; the one that began last is closed first, and fails at that."""
    closed = []

    class Waiting:
        over = beside = False
        experiment = SimpleNamespace(turns=0, config=SimpleNamespace(together=False), crew=None, world=Half(0))

        def __init__(self, name):
            self.name = name

        def go_on(self):
            pass

        def close(self):
            closed.append(self.name)
            raise RuntimeError(f"{self.name} cannot be saved")

        def __enter__(self):
            raise KeyboardInterrupt

        def __exit__(self, *error):
            pass

    with pytest.raises(RuntimeError, match="cannot be saved"):
        play_at_once([Waiting("first"), Waiting("second")])
    assert sorted(closed) == ["first", "second"]


class Half:
    """A world of two copies and three slots, of which only what is asked for is there."""

    def __init__(self, first, masked=False, over=False):
        self.name, self.n_worlds, self.n_agents, self.n_actions, self.action_names = "half", 2, 3, 2, ("a", "b")
        self.observations = None
        self.parts = {"x": np.arange(first, first + 6).reshape(2, 3)}
        self.final_parts = {"x": self.parts["x"] + 100} if over else None
        self.action_mask = np.zeros((2, 3, 2), bool) if masked else None
        self.info = {"final_action_mask": np.zeros((2, 3, 2), bool)} if masked and over else {}
        self.submitted = []

    def submit(self, slots, actions):
        self.submitted.append((slots.tolist(), actions.tolist()))


def test_worlds_side_by_side_have_the_slots_of_one_after_the_other():
    """The first world's copies hold 0 1 2 and 3 4 5, the second's 10 11 12 and 13 14 15."""
    worlds = [Half(0), Half(10)]
    joined = Joined(worlds)
    assert joined.n_agents == 6
    assert joined.parts["x"].tolist() == [[0, 1, 2, 10, 11, 12], [3, 4, 5, 13, 14, 15]]
    assert joined.final_parts is None
    assert joined.action_mask is None
    assert joined.info == {}
    for _ in range(2):
        joined.submit([5, 0, 2], np.array([[7, 8, 9], [17, 18, 19]]))
    assert worlds[0].submitted == [([0, 2], [[8, 9], [18, 19]])] * 2
    assert worlds[1].submitted == [([2], [[7], [17]])] * 2

    joined = Joined([Half(0), Half(10, masked=True, over=True)])
    assert joined.final_parts["x"].tolist() == [[0, 1, 2, 110, 111, 112], [3, 4, 5, 113, 114, 115]]
    assert joined.action_mask[0, :, 0].tolist() == [True] * 3 + [False] * 3
    assert joined.info["final_action_mask"][1, :, 1].tolist() == [True] * 3 + [False] * 3


def test_each_world_s_rewards_are_its_own():
    """The second world's sum is 4 + 8 = 12; the first's agents keep their own."""
    paid = Beside([Individual(), Common()])(np.array([[1.0, 2.0, 4.0, 8.0]]), np.zeros((1, 4), bool))
    assert paid.tolist() == [[1, 2, 12, 12]]
