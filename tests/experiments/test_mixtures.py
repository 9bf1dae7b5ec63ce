"""Mixtures: who sits where, that a cast plays as agents do, and what is reported of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from social import SETTINGS, write_good

import sorrelsim
from sorrelsim.errors import ConfigError
from sorrelsim.experiments.cast import Cast, Seated, Streams
from sorrelsim.experiments.evaluation import play_episodes
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.mixtures import cast_of, mix, play_mixture, slots_of, stage_of
from sorrelsim.experiments.outcomes import write_csv, write_json
from sorrelsim.experiments.players import Scripted, Trained, player_of
from sorrelsim.experiments.run import load_run, run
from sorrelsim.library.find import NotFound, find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import play_step


@pytest.fixture
def good(tmp_path, monkeypatch):
    """A study folder with the public good, as the working directory."""
    monkeypatch.chdir(tmp_path)
    write_good(tmp_path)
    return stage_of("good", SETTINGS)


def config(**more):
    return {
        "name": "treasure", "world": {"name": "treasure_hunt", "max_steps": 8, "compiled": False},
        "seats": [{"slots": [0], "model": "iqn", "name": "first", "config": {"network": {"hidden": [8]}}},
                  {"slots": [1], "model": "iqn", "name": "second", "config": {"network": {"hidden": [8]}}}],
        "n_worlds": 2, "epochs": 1, "turns": 4, "evaluation": {"n_worlds": 1, "gif_turns": 0},
    } | more  # fmt: skip


def test_slots_and_what_is_wrong_with_them():
    assert slots_of("0,2-4", 5) == [0, 2, 3, 4]
    assert slots_of("all", 3) == [0, 1, 2]
    for wrong in ("", "a", "2-1", "1-", "-1"):
        with pytest.raises(ConfigError, match="write slots as 0,2-4 or all"):
            slots_of(wrong, 5)
    with pytest.raises(ConfigError, match="no slot 5; this world has slots 0 to 4"):
        slots_of("3-5", 5)


def test_slots_that_overlap_or_are_left():
    giver, taker = Scripted("giver"), Scripted("taker")
    with pytest.raises(ConfigError, match="slot 1 is taken twice, by giver and by taker"):
        mix([([0, 1], giver), ([1, 2], taker)], 3)
    with pytest.raises(ConfigError, match="nobody plays slots 1,2; say who does, such as --slots 1,2=random"):
        mix([([0], giver)], 3)
    mixture = mix([([1], giver)], 3, others=taker)
    assert mixture.labels == ("taker", "giver", "taker")
    assert mixture.focal == (1,)
    assert mix([([1], giver)], 3, others=taker, focal=[2, 0]).focal == (0, 2)


def test_what_a_mixture_earns(good):
    mixture = mix([([2], player_of("good_cooperator")), ([0, 1], player_of("good_defector"))], 3)
    outcome = play_mixture(good, mixture, 5, seed=3)
    # One gift in each of four steps: 1 for everybody, and 2 less for who gives.
    assert outcome.episodes.returns.tolist() == [[4.0, 4.0, -4.0]] * 5
    found = {(record["measure"], record["of"]): record for record in outcome.records()}
    assert found["per_capita_return", "focal"]["mean"] == -4
    assert (found["per_capita_return", "background"]["low"], found["per_capita_return", "background"]["high"]) == (4, 4)
    assert found["given", "focal"]["mean"] == 4
    assert found["given", "background"]["mean"] == 0
    assert found["efficiency", "all"]["mean"] == 1  # 4 over four steps
    facts = json.loads(write_json("a/out.json", outcome.facts()).read_text())
    assert facts["players"] == ["good_defector", "good_defector", "good_cooperator"]
    assert {record["measure"]: record["mean"] for record in facts["results"]}["equality"] is None  # a negative return
    rows = write_csv("out.csv", outcome.records()).read_text().splitlines()
    assert rows[0] == "measure,of,slots,player,mean,low,high,episodes"
    assert rows[2] == "per_capita_return,background,0 1,good_defector,4.0,4.0,4.0,5"


def test_settings_of_a_bot_and_of_the_world(good):
    assert player_of("good_defector:action=1").label == "good_defector:action=1"
    giver = player_of("agents/good_defector.py:action=1")
    outcome = play_mixture(stage_of("good", [*SETTINGS, "cost=5"]), mix([([0, 1, 2], giver)], 3), 2, seed=0)
    assert outcome.episodes.returns[0].tolist() == [-8.0, -8.0, -8.0]  # 4 x (3 - 5)
    assert stage_of("good").lasting(7).settings["max_steps"] == 7
    assert stage_of("good").lasting(0, otherwise=9).settings == {}
    assert stage_of("good").lasting(None, otherwise=9).settings == {"max_steps": 9}
    assert stage_of("good", ["max_steps=5"]).lasting(None, otherwise=9).settings == {"max_steps": 5}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("good_coperator", "did you mean 'good_cooperator'.* nor is there a folder of a run at good_coperator"),
        ("good_defector:action", "'action' is no setting; write key=value"),
    ],
)
def test_players_that_are_none(good, text, said):
    with pytest.raises((NotFound, ConfigError), match=said):
        player_of(text)


def test_players_that_cannot_play_there(good):
    everybody = [0, 1, 2]
    for text, said in (
        ("ppo", "ppo is a learner, which plays nothing sensible untrained"),
        ("good_defector:acton=1", "did you mean 'action'"),
        ("harvest_defector", "harvest_defector cannot play good: .*walks by the actions"),
    ):
        with pytest.raises(ConfigError, match=said):
            play_mixture(good, mix([(everybody, player_of(text))], 3), 1, 0)


def test_a_cast_plays_as_agents_do():
    """The same models in the same seats: whole trajectories of two ways to seat them are equal."""

    def models(world):
        return [
            find_class(name, "agents", BaseModel).to_play(world.observations, world.action_names, 3, {}, 10 + slot)
            for slot, name in enumerate(("harvest_cooperator", "random", "harvest_defector"))
        ]

    settings = {"n_agents": 3, "max_steps": 25, "min_steps": 25, "compiled": False}
    world = sorrelsim.make("harvest", 3, 5, **settings)
    agents = [Agent(world, [slot], model, learn=False) for slot, model in enumerate(models(world))]
    other = sorrelsim.make("harvest", 3, 5, **settings)
    seated = {(slot, slot): Seated(model) for slot, model in enumerate(models(other))}
    cast = Cast(other, np.tile(np.arange(3), (3, 1)), seated)
    one, two = play_episodes(world, agents, 30), play_episodes(other, [cast], 30)
    assert np.array_equal(one.returns, two.returns)
    assert np.array_equal(world.rng, other.rng)
    assert one.returns.sum() > 0


class Counting(BaseModel):
    """Notes how many streams it is asked for, and how often each was asked, which it carries."""

    def take_action(self, state):
        return 0

    def new_carry(self, n_streams):
        return {"asked": np.zeros(n_streams, np.int64)}

    def take_actions(self, states, seat=None):
        seat.carry["asked"] += 1
        self.seen = [*getattr(self, "seen", ()), seat.carry["asked"].tolist()]
        return np.zeros(seat.n_streams, np.int64)


def test_who_has_finished_is_asked_no_more():
    world = sorrelsim.make("treasure_hunt", 3, 0, max_steps=[2, 5, 4], compiled=False)
    models = [Counting(world.observations, world.action_names) for _ in range(2)]
    who = np.zeros((3, 2), np.int64)
    who[1] = 1  # another player in copy 1
    seated = {
        (0, 0): Seated(models[0]),
        (0, 1): Seated(models[0]),
        (1, 0): Seated(models[1]),
        (1, 1): Seated(models[1]),
    }
    found = play_episodes(world, [Cast(world, who, seated)], 100)
    assert sorted(found.lengths.tolist()) == [2, 4, 5]
    first, second = models[0].seen[::2], models[1].seen[::2]  # slot 0; both slots are asked in turn
    assert first == [[1, 1], [2, 2], [3], [4]]  # copies 0 and 2, then 2, with what it carries there
    assert second == [[1], [2], [3], [4], [5]]


def test_who_sits_elsewhere_changes_no_draw():
    chosen = []
    for other in ("random", "coins_defector"):
        world = stage_of("coins", ["compiled=false", "max_steps=6"]).make(4, 0)
        cast = cast_of(world, np.tile([0, 1], (4, 1)), [Scripted("random"), Scripted(other)])
        cast.reseed(9)
        chosen.append([])
        for _ in range(6):
            play_step(world, [cast])
            chosen[-1].append(world.submitted[:, 0].tolist())
    assert chosen[0] == chosen[1]


def test_runs_as_players(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = run(Experiment(config()))
    stage = stage_of(str(folder))
    whole = play_mixture(stage, mix([([0], player_of(str(folder)))], 2, stage.agents), 3, 1)
    assert whole.players == ("treasure-001", "treasure-001")
    # As the run itself plays: greedy learners of values, so that the same copies give the same returns.
    world = load_run(folder).world(3, 1)
    direct = play_episodes(world, load_run(folder).agents(world), 20)
    assert np.array_equal(whole.episodes.returns, direct.returns)

    one = player_of(f"{folder}:second")
    assert one.label == "treasure-001:second"
    swapped = play_mixture(stage, mix([([0, 1], one)], 2), 3, 1)
    assert len(swapped.episodes) == 3
    for text, said in (
        (f"{folder}:third", "no seat 'third'.*Allowed: first, second"),
        (f"{folder}@7", "no snapshot '7'. Allowed: none"),
    ):
        with pytest.raises(ConfigError, match=said):
            player_of(text)
    with pytest.raises(ConfigError, match="was trained in 'treasure_hunt', and this is 'coins'"):
        play_mixture(stage_of("coins", ["compiled=false"]), mix([([0, 1], player_of(str(folder)))], 2), 1, 0)
    narrower = stage_of(str(folder), ["window={forward: 2, back: 2, left: 2, right: 2}"])
    with pytest.raises(ConfigError, match=r"seat first cannot play here: (.|\n)*window.rotate is False in"):
        play_mixture(narrower, mix([([0, 1], player_of(str(folder)))], 2), 1, 0)


def test_snapshots_of_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = run(Experiment(config()))
    kept = Path(folder, "models", "epoch_0001")
    kept.mkdir()
    for seat in ("first", "second"):
        Path(folder, "models", f"{seat}.safetensors").rename(kept / f"{seat}.safetensors")
    early = player_of(f"{folder}@1")
    assert isinstance(early, Trained)
    assert early.label == "treasure-001@1"
    assert len(play_mixture(stage_of(str(folder)), mix([([0, 1], early)], 2), 2, 0).episodes) == 2
    with pytest.raises(ConfigError, match=r"no snapshot '3'.*Allowed: 1"):
        player_of(f"{folder}@3")


def test_a_shared_model_is_told_which_slot_it_plays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared = [{"slots": "all", "model": "iqn", "config": {"network": {"hidden": [8]}}, "identity": True}]
    folder = run(Experiment(config(seats=shared)))
    player = player_of(str(folder))
    world = stage_of(str(folder)).make(2, 0)
    assert [player.seat(world, slot, 0).identity for slot in (0, 1)] == [(0, 2), (1, 2)]
    streams = Streams(world, np.arange(2), np.ones(2, np.int64), (1, 2))
    assert streams.parts["identity"].tolist() == [[[0, 1]], [[0, 1]]]
    outcome = play_mixture(stage_of(str(folder)), mix([([0, 1], player)], 2), 3, 1)
    world = load_run(folder).world(3, 1)
    assert np.array_equal(outcome.episodes.returns, play_episodes(world, load_run(folder).agents(world), 20).returns)


def test_the_world_may_be_another_library_s():
    """CartPole pays 1 a step: a return is the length of its episode."""
    pytest.importorskip("gymnasium")
    stage = stage_of("gym:CartPole-v1")
    episodes = play_mixture(stage, mix([([0], player_of("random"))], 1), 4, 0).episodes
    assert len(episodes) == 4
    np.testing.assert_array_equal(episodes.returns[:, 0], episodes.lengths)
    assert (episodes.lengths >= 8).all()  # a pole that stands up takes that long to fall by 12 degrees
    with pytest.raises(ConfigError, match="has no max_steps to set"):
        stage.lasting(5)
