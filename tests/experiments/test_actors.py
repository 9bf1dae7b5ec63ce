"""Many actors, without Ray: what is dealt out, what comes back, what is learned from it, and what is refused."""

import sys

import numpy as np
import pytest
import torch
import yaml
from crews import Here

from sorrelsim.experiments import config as configs
from sorrelsim.experiments import crew as crews
from sorrelsim.experiments import on_ray
from sorrelsim.experiments.actor import Actor, seed_of
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import resume
from sorrelsim.experiments.run import load_run, run
from sorrelsim.experiments.staff import MemoryLost, NoActors
from sorrelsim.models.memory.shards import MemoryPlan, Shards, StepsToSend
from sorrelsim.models.torch.exploration import ladder
from sorrelsim.models.torch.gathering import take_weights, weights_of
from sorrelsim.observations.spec import ObservationSpec, Part
from sorrelsim.settings import ConfigError

SETTINGS = {
    "impala": {"n_steps": 10, "sequence_length": 5},
    "a3c": {"n_steps": 5, "n_minibatches": 2},
    "dqn_apex": {"warmup": 200, "batch_size": 16, "steps_between_updates": 40, "memory_size": 4000},
    "ddpg_apex": {"warmup": 200, "batch_size": 16, "steps_between_updates": 40, "memory_size": 4000},
}


@pytest.fixture(autouse=True)
def _as_if_ray_were_there(monkeypatch):
    monkeypatch.setattr(configs, "_installed", lambda package: True)


def plain(learner, tmp_path, **more):
    """A config of two actors with two copies each."""
    return {
        "world": {"name": "coins", "compiled": False, "max_steps": 20, "min_steps": 20},
        "n_worlds": 4,
        "seats": [{"slots": "all", "model": learner, "config": SETTINGS[learner] | {"network": {"hidden": [8]}}}],
        "epochs": 2,
        "turns": 60,
        "actors": 2,
        "evaluation": {"n_worlds": 2, "gif_turns": 0},
        "tensorboard": False,
        "runs": str(tmp_path / "runs"),
    } | more


def staffed(config, **options):
    experiment = Experiment(config)
    experiment.crew.staff = Here(**options)
    return experiment


# Pure pieces


def test_each_actor_has_its_part_of_the_ladder():
    """Eight streams explore by .4, .4^2 and on to .4^8; the second of two actors has .4^5 to .4^8."""
    np.testing.assert_allclose(ladder(0.4, 7, 4, (0, 2)), 0.4 ** np.arange(1, 5))
    np.testing.assert_allclose(ladder(0.4, 7, 4, (1, 2)), 0.4 ** np.arange(5, 9))
    np.testing.assert_allclose(ladder(0.4, 7, 1, (0, 1)), [0.4])


def test_the_chance_of_an_actor_follows_from_the_seed_its_number_and_its_life():
    seeds = [seed_of(seed, number, life) for seed in (0, 1) for number in (0, 1) for life in (0, 1)]
    assert len(set(seeds)) == 8
    assert seeds[0] == seed_of(0, 0, 0)
    assert all(0 <= seed < 2**63 for seed in seeds)


LINE = ObservationSpec({"grid": Part((1,), np.dtype(np.float32))})


def two_shards(errors=((3.0,), (1.0,))):
    """Two memories of one stream and steps without a window beyond: a step of each error can be drawn."""
    shards = Shards(MemoryPlan(LINE, 40, 2, 1, 1, 0.5, 1.0, 0, ((), np.int64)), 2)
    for k, each in enumerate(errors):
        sent = StepsToSend(1)
        for error in (*each, 0.0):  # the last step has no window yet
            sent.appraise(np.array([-error]), np.array([0.0]))
            sent.add(np.full((1, 1), 10 * k + error, np.float32), [k], [0.0], [False], [False])
        shards.add(k, sent.take())
    return shards


def test_batches_are_drawn_by_the_priorities_of_all_shards():
    """Priorities 3 and 1 (and 1e-6 more): of 4000 draws 3000 are of the first. With beta 1 weights go as 1 / chance."""
    shards = two_shards()
    assert (len(shards), shards.capacity) == (4, 40)
    draws = [shards.sample(4, 1.0) for _ in range(1000)]
    assert [sorted(batch.actions.tolist()) for batch in draws] == [[0, 0, 0, 1]] * 1000  # a slice of the sum each
    np.testing.assert_allclose(draws[0].weights[np.argsort(draws[0].actions)], [1 / 3, 1 / 3, 1 / 3, 1], rtol=1e-5)
    np.testing.assert_array_equal(np.ravel(draws[0].states)[np.argsort(draws[0].actions)], [3, 3, 3, 11])
    assert sorted(set(draws[0].index.tolist())) == [0, 20]  # the second shard's places follow the first one's twenty
    shards.update_priorities(np.array([0, 20]), np.array([0.0, 5.0]))
    assert shards.sample(4, 1.0).actions.tolist() == [1] * 4


def test_a_shard_may_be_asked_for_more_steps_than_it_holds():
    """The first holds two steps, and all of the priority: six draws of it, two at a time."""
    shards = two_shards(((1e6,), (0.0, 0.0, 0.0, 0.0)))
    batch = shards.sample(6)
    assert (batch.actions.tolist(), len(batch.index), len(batch.weights)) == ([0] * 6, 6, 6)
    with pytest.raises(ValueError, match="cannot sample a batch of 100: the memory holds 7 steps"):
        shards.sample(100)


def test_before_any_window_is_complete_steps_are_drawn_that_teach_nothing():
    """Actors send 50 steps at once, of which not one is followed by the 60 of its window."""
    shards = Shards(MemoryPlan(LINE, 400, 2, 1, 60, 0.5, 1.0, 0, ((), np.int64)), 2)
    sent = StepsToSend(1)
    for step in range(50):
        sent.add(np.full((1, 1), step, np.float32), [0], [1.0], [False], [False])
    steps = sent.take()
    shards.add(0, steps)
    batch = shards.sample(8, 0.4)
    np.testing.assert_array_equal(batch.valid, np.zeros(8))
    np.testing.assert_array_equal(batch.weights, np.ones(8))
    shards.update_priorities(batch.index, np.ones(8))  # has no effect: what cannot be drawn has no priority
    shards.add(0, steps)  # 100 steps: the first 40 have all of their window, 1 + 1/2 + 1/4 + ... = 2
    batch = shards.sample(8, 0.4)
    np.testing.assert_array_equal(batch.valid, np.ones(8))
    np.testing.assert_array_equal(batch.rewards, np.full(8, 2.0))
    assert (batch.states[:, 0] < 40).all()


def test_saved_shards_go_on_as_they_were_and_others_are_refused():
    shards, other = two_shards(), two_shards(((1.0, 2.0), (2.0,)))
    other.load_state_dict(shards.state_dict())
    for _ in range(5):
        np.testing.assert_array_equal(shards.sample(4).index, other.sample(4).index)
    state = shards.state_dict()
    with pytest.raises(ValueError, match="the saved memory's shards has no 1"):
        other.load_state_dict(state | {"shards": {"0": state["shards"]["0"]}})


def test_an_actor_that_takes_the_place_of_another_begins_behind_a_boundary():
    """No window crosses it: the step before it cannot be drawn."""
    shards = two_shards()
    sent = StepsToSend(1)
    sent.add_empty()
    for reward in (1.0, 2.0):
        sent.appraise(np.zeros(1), np.zeros(1))
        sent.add(np.zeros((1, 1), np.float32), [0], [reward], [False], [False])
    shards.add(0, sent.take())
    priorities = shards.shards[0].priorities.tree[len(shards.shards[0].priorities.tree) // 2 :]
    np.testing.assert_allclose(priorities[:5], [3, 0, 0, 1, 0], atol=2e-6)


# A crew


@pytest.mark.parametrize("learner", SETTINGS)
def test_each_learner_learns_from_what_two_actors_play(learner, tmp_path):
    """2 epochs of 60 turns of 4 copies: as many steps as in one process, and the saved models load."""
    experiment = staffed(plain(learner, tmp_path))
    model = experiment.models[0]
    before = [p.detach().clone() for net in model.networks.values() for p in net.parameters()]
    folder = run(experiment)
    after = [p for net in model.networks.values() for p in net.parameters()]
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    metrics = load_run(folder).metrics()
    assert metrics["env_steps"].tolist() == [240, 480]
    assert metrics["episodes"].sum() >= 4 * 5  # episodes of 20 turns; what was still under way is counted as it came
    assert model.gradient_steps > 0
    assert model.agent_steps >= 480 * 2 - 2 * 2 * 50 * 2  # but for what has not come together yet
    world = load_run(folder).world(2)
    assert load_run(folder).agents(world)[0].model.gradient_steps == model.gradient_steps
    facts = load_run(folder).facts["actors"]
    assert facts["number"] == 2
    assert "not bit for bit" in facts["repeatable"]
    log = (folder / "actors.log").read_text()
    assert "actor 0 plays on" in log
    assert "actor 1 plays on" in log


@pytest.mark.parametrize("learner", ["dqn_apex", "impala"])
def test_pictures_travel_as_symbols_and_are_learned_from_as_they_were(learner, tmp_path, monkeypatch):
    """Coins shows 11 x 11 cells in two layers: 243 bytes of a frame, in shards and rollouts alike."""
    learned = []
    for kept in (True, False):
        if not kept:
            monkeypatch.setattr("sorrelsim.models.torch.torch_model.Kept.of", lambda observed: None)
        config = plain(learner, tmp_path, epochs=1)
        config["world"] |= {"observation": "rgb", "sprite_size": 1}
        experiment = staffed(config)
        list(experiment.epochs())
        model = experiment.models[0]
        assert model.gradient_steps > 0
        if learner == "dqn_apex":
            held = [shard.ring.frames["grid"].shape[2:] for shard in model.memory.shards]
        else:
            held = [model.memory.states["grid"].shape[2:]]
        assert set(held) == {(243,) if kept else (11, 11, 3)}
        learned.append([p for net in model.networks.values() for p in net.parameters()])
    assert all(map(torch.equal, *learned))


def test_work_under_way_is_bounded_and_weights_are_shared_once_per_version(tmp_path):
    """Two pieces of work per actor of IMPALA at the most, one per actor of A3C; weights only after a gradient step."""
    for learner, most in (("impala", 4), ("a3c", 2)):
        experiment = staffed(plain(learner, tmp_path))
        rows = list(experiment.epochs())
        staff, model = experiment.crew.staff, experiment.models[0]
        assert staff.most <= most
        assert staff.shared <= model.gradient_steps + 1
        lag = [row[f"policy_lag_{learner}"] for row in rows]
        assert all(each > 0 for each in lag)  # others moved the weights since they were given


def test_actors_explore_less_before_the_first_gradient_step_too(tmp_path):
    """Epsilon falls from 1 to .2 over 320 agent-steps of the warm-up.

    An actor plays 50 turns of two copies and two agents at a time, 200 agent-steps. Its second piece of work is given
    when those of both are in, 400 agent-steps after the start: epsilon is .2 by then, and no gradient step was taken.
    """
    given = SETTINGS["dqn_apex"] | {"warmup": 2000, "epsilon_start": 1.0, "epsilon_end": 0.2, "epsilon_steps": 320}
    seats = [{"slots": "all", "model": "dqn_apex", "config": given | {"network": {"hidden": [8]}}}]
    experiment = staffed(plain("dqn_apex", tmp_path, epochs=1, turns=200, seats=seats))
    list(experiment.epochs())
    assert experiment.models[0].gradient_steps == 0
    for actor in experiment.crew.staff.actors.values():
        assert actor.gatherings[0].model.epsilon == pytest.approx(0.2)


class Eager:
    """Stands for Ray where every piece of work is done at once; of several it names the first of what it is asked."""

    class exceptions:
        RayTaskError = RayError = ObjectLostError = ZeroDivisionError

    def remote(self, cls):
        return self

    def options(self, **given):
        return Eager.Begun() if "num_cpus" in given else self

    class Begun:
        def remote(self):
            return Eager.Playing()

    class Playing:
        def __init__(self):
            self.begin = self.play = self

        def options(self, num_returns):
            return self

        def remote(self, *asked):
            return object() if len(asked) == 1 else [object()]

    def wait(self, references, num_returns=1, timeout=None):
        return references[:num_returns], references[num_returns:]

    def get(self, reference):
        return "here"


def test_of_actors_that_are_done_none_waits_for_ever(monkeypatch):
    """Three are always done, and each is heard in turn, whoever Ray names first."""
    monkeypatch.setattr(on_ray, "find_ray", lambda what: Eager())
    monkeypatch.setattr(on_ray, "connect", lambda *given: False)
    staff = on_ray.RayStaff(3, [])
    for number in range(3):
        staff.hire(crews.Errand(None, number, 0, "", {}))
    heard = []
    for _ in range(9):
        heard.append(staff.next(0.0).number)
        staff.ask(heard[-1], [], 10)
    assert heard == [0, 1, 2] * 3


def test_rollouts_of_any_actors_make_one_of_the_learners(tmp_path):
    """Behaviour log-probabilities are those of the weights that were given, whatever the learner's are by now."""
    experiment = Experiment(plain("impala", tmp_path))
    errand = crews.Errand(experiment.config, 1, 0, str(tmp_path), experiment.classes.where())
    actor, model = Actor(), experiment.models[0]
    actor.begin(errand)
    gathering = experiment.crew.gatherings[0]
    rollouts = []
    for _ in range(2):
        news, parcel = actor.play([weights_of(model)], 10)
        assert news.turns == 10
        rollouts += parcel
    assert [each["rewards"].shape for each in rollouts] == [(10, 4)] * 2  # two copies with two slots each
    said = list(gathering.learn(rollouts[:1], 10))
    assert (len(said), model.gradient_steps) == (1, 0)
    model.train_step = lambda: {"loss": 0.0}  # what it would learn from is looked at
    list(gathering.learn(rollouts[1:], 10))
    assert model.memory.full
    np.testing.assert_array_equal(model.memory.rewards[:, 4:], rollouts[1]["rewards"])
    batch = {name: torch.as_tensor(each) for name, each in model.lived().items()}
    flat = {name: each.flatten(0, 1) for name, each in batch.items()}
    from sorrelsim.models.torch.distributions import as_terms

    with torch.no_grad():
        terms = as_terms(model.policy.terms(flat), flat)
    torch.testing.assert_close(terms.log_probs, flat["log_probs"], atol=1e-5, rtol=1e-4)


def test_a_gradient_from_an_actor_moves_the_weights_as_the_learners_own_would(tmp_path):
    """One actor and one group: what it sends is the step that a learner in one process takes on the same rollout."""
    config = plain("a3c", tmp_path, actors=1)
    config["seats"][0]["config"]["n_minibatches"] = 1
    experiment, alone = Experiment(config), Experiment(config | {"actors": 0})
    actor, model, own = Actor(), experiment.models[0], alone.models[0]
    actor.begin(crews.Errand(experiment.config, 0, 0, str(tmp_path), experiment.classes.where()))
    acting = actor.gatherings[0].model
    minibatches, kept = acting.minibatches, []

    def keep():
        for batch in minibatches():
            kept.append(batch)
            yield batch

    acting.minibatches = keep
    _, parcel = actor.play([weights_of(model)], 5)
    list(experiment.crew.gatherings[0].learn(parcel, 5))
    own.agent_steps = model.agent_steps
    with own.learning():
        losses = own.gradient_step(kept[0])
    assert model.gradient_steps == 1
    assert model.take_losses() == pytest.approx(losses, rel=1e-5)
    for a, b in zip(model.all_parameters(), own.all_parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_weights_carry_counters_and_epsilon_and_no_targets(tmp_path):
    experiment = Experiment(plain("dqn_apex", tmp_path))
    model = experiment.models[0]
    model.agent_steps, model.gradient_steps = 70, 7
    model.set_epsilon(0.25)
    weights = weights_of(model)
    assert list(weights["networks"]) == ["online"]
    other = Experiment(plain("dqn_apex", tmp_path, seed=1)).models[0]
    take_weights(other, weights)
    assert (other.agent_steps, other.gradient_steps, other.epsilon) == (70, 7, 0.25)
    for a, b in zip(model.networks["online"].parameters(), other.networks["online"].parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_lost_actor_is_replaced_by_one_of_another_chance_and_the_run_goes_on(tmp_path, capsys):
    experiment = staffed(plain("dqn_apex", tmp_path), kill={7: 1})
    folder = run(experiment)
    assert [(each.number, each.life) for each in experiment.crew.staff.errands] == [(0, 0), (1, 1), (1, 2)]
    assert load_run(folder).facts["end"] == "finished"
    told = capsys.readouterr().err
    assert "actor 1 is lost (killed); another takes its place" in told
    assert "another takes its place" in (folder / "actors.log").read_text()


def test_a_memory_that_is_lost_fills_anew(tmp_path, capsys):
    experiment = staffed(plain("dqn_apex", tmp_path))

    def lose(size, correction):
        raise MemoryLost("killed")

    real = experiment.crew.staff.entrust
    memories = []

    def entrust(memory):
        memories.append(real(memory))
        if len(memories) == 1:
            memory.sample = lose
        return memory

    experiment.crew.staff.entrust = entrust
    rows = list(experiment.epochs())
    assert len(memories) == 2
    assert rows[-1]["env_steps"] == 480
    assert experiment.models[0].gradient_steps > 0
    assert "the replay memory of DQNApex is lost (killed); it fills anew" in capsys.readouterr().err


def test_without_any_actor_the_run_stops_with_a_checkpoint_and_says_so(tmp_path, monkeypatch):
    experiment = staffed(plain("impala", tmp_path, epochs=4))
    monkeypatch.setattr(crews, "PATIENCE", 0.0)
    play, staff = experiment.crew.play, experiment.crew.staff

    def lose_all(limit):
        if experiment.turns >= 60:
            staff.room, staff.work = False, type(staff.work)()
            for post in experiment.crew._posts:
                post.begun = False
        return play(limit)

    experiment.crew.play = lose_all
    with pytest.raises(NoActors, match="no actor could be had for 0 minutes: is there room for them, a core each"):
        run(experiment)
    folder = next((tmp_path / "runs").iterdir())
    assert load_run(folder).facts["end"] == "stopped"
    (checkpoint,) = (folder / "checkpoint").iterdir()
    assert checkpoint.name == "turn_000000060"


@pytest.mark.parametrize("learner", ["impala", "dqn_apex"])
def test_a_stopped_run_goes_on(learner, tmp_path, monkeypatch):
    """The memory, the counters and the number of actors that were begun come out of the checkpoint."""
    monkeypatch.setattr("sorrelsim.experiments.on_ray.RayStaff", lambda n, by_memory: Here())
    experiment = Experiment(plain(learner, tmp_path, epochs=3))
    play = experiment.crew.play

    def stop_at_90(limit):
        played = play(limit)
        if experiment.turns + played >= 90:
            experiment.stop()
        return played

    experiment.crew.play = stop_at_90
    folder = run(experiment)
    stopped = load_run(folder).metrics()
    assert stopped["epoch"].tolist() == [1, 2]
    assert stopped["env_steps"][-1] < 480
    resume(folder)
    metrics = load_run(folder).metrics()
    assert metrics["env_steps"].tolist() == [240, 480, 720]
    assert np.isfinite(metrics["return_mean"]).all()
    with pytest.raises(ConfigError, match="actors cannot change when a run goes on"):
        resume(folder, ["epochs=9", "actors=1"])


def test_copies_keep_their_params_and_their_numbers(tmp_path):
    """Four copies of two probabilities, dealt out to two actors; episodes go into the row of their combination."""
    config = plain("impala", tmp_path)
    config["world"]["coin_probability"] = [0.1, 0.1, 0.1, 1.0]
    experiment = staffed(config)
    list(experiment.epochs())
    few, many = experiment.sweep
    assert (few["coin_probability"], few["copies"], many["coin_probability"], many["copies"]) == (0.1, 3, 1.0, 1)
    assert few["episodes"] >= 2 * many["episodes"] > 0
    shares = [actor.world.copies.params["coin_probability"].tolist() for actor in experiment.crew.staff.actors.values()]
    assert shares == [[0.1, 0.1], [0.1, 1.0]]


def test_rewards_are_counted_whether_their_episodes_ended_or_not(tmp_path):
    """All that was paid by the last turn is in the means of the epochs, or is what is still running."""
    experiment = staffed(plain("impala", tmp_path))
    paid = []
    take = experiment.crew._take

    def listening(outcome):
        if outcome.news is not None:
            paid.append(outcome.news.paid)
        take(outcome)

    experiment.crew._take = listening
    rows = list(experiment.epochs())
    assert sum(row["reward_mean"] * 240 for row in rows) == pytest.approx(np.sum(paid, 0).mean())


# What is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"seats": [{"slots": "all", "model": "dqn"}]},
            "actors is 2, and DQN of seat dqn learns in one process only; learners that actors can serve: a3c, "
            "ddpg_apex, dqn_apex, impala; or actors=0",
        ),
        ({"seats": [{"slots": "all", "model": "random"}]}, "actors is 2, and nobody learns from what they play"),
        ({"n_worlds": 5}, "n_worlds must be a multiple of actors, .* 5 copies for 2 actors; 4 would do"),
        ({"events": {"detail": "steps"}}, "events.detail is 'steps', which is written with actors=0 only; got 2"),
        ({"actors": -1}, "actors"),
    ],
)
def test_what_actors_cannot_play_is_refused(change, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        Experiment(plain("impala", tmp_path) | change)


def test_an_error_names_the_file(tmp_path):
    path = tmp_path / "uneven.yaml"
    path.write_text(yaml.safe_dump(plain("dqn_apex", tmp_path, n_worlds=3)))
    with pytest.raises(ConfigError, match=r"uneven.yaml: n_worlds must be a multiple of actors, .*; 4 would do"):
        Experiment(path)


def test_ray_that_is_not_installed_is_told_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"actors is 2, .*not installed: pip install 'sorrelsim\[ray\]', or actors=0"):
        Experiment(plain("impala", tmp_path))
    Experiment(plain("impala", tmp_path, actors=0))  # needs none


def test_a_node_without_the_runs_folder_is_told(tmp_path):
    experiment = Experiment(plain("impala", tmp_path))
    with pytest.raises(ConfigError, match=r"has no folder .*nowhere: all nodes must share it"):
        Actor().begin(crews.Errand(experiment.config, 0, 0, str(tmp_path / "nowhere"), experiment.classes.where()))
