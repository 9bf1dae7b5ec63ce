"""Scenarios of the library: they load, everybody has a slot, and they can be played; what is missing is said."""

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from social import write_good

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.players import Scripted, player_of
from sorrelsim.experiments.run import run
from sorrelsim.experiments.scenarios import (
    NotTrained,
    background_of,
    load_scenario,
    misfit,
    mixture_of,
    play_scenario,
)
from sorrelsim.library.catalogue import scenario_files, scenarios
from sorrelsim.library.find import shipped

ROOT = Path(__file__).parents[2]
GOOD = """
description: One among two who give.
tests: Does it give?
world: {name: good, compiled: false}
focal: [0]
background:
  - {slots: [1, 2], player: good_cooperator}
episodes: 3
"""


def quick(scenario):
    """The same scenario, interpreted and short."""
    return dataclasses.replace(scenario, world=scenario.world | {"compiled": False, "max_steps": 3}, episodes=1)


@pytest.mark.parametrize("name", scenario_files())
def test_scenario_can_be_played(name):
    scenario = load_scenario(name)
    assert name == scenario.name
    assert name.partition("/")[0] == scenario.world["name"]
    short = quick(scenario)
    trained = [each.trained for each in scenario.background if each.trained]
    for config in trained:
        assert (ROOT / "configs" / f"{config}.yaml").is_file()
    seats = [(each.slots, Scripted("random")) for each in short.background] if trained else background_of(short, {})
    mixture = mixture_of(short, Scripted("random"), seats)
    assert sorted([*mixture.focal, *(slot for slots, _ in seats for slot in slots)]) == list(range(len(mixture.who)))
    if not trained:
        assert len(play_scenario(short, Scripted("random")).episodes) == 1


def test_every_dilemma_has_two_at_least():
    worlds = Counter(name.partition("/")[0] for name in scenario_files())
    games = Counter(load_scenario(name).world.get("preset") for name in scenario_files())
    no_dilemma = {"iowa", "tag", "tmaze", "treasure_hunt", "two_keys"}
    assert {world for world in shipped("worlds") if worlds[world] < 2} <= no_dilemma
    assert all(games[f"{game}_arena"] >= 2 for game in ("prisoners_dilemma", "stag_hunt", "chicken"))
    assert all(entry.summary for entry in scenarios())


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study folder with the public good and a scenario of it, as the working directory."""
    monkeypatch.chdir(tmp_path)
    write_good(tmp_path)
    Path("configs/scenarios/good").mkdir(parents=True)
    Path("configs/scenarios/good/among_givers.yaml").write_text(GOOD)
    return tmp_path


def test_a_scenario_of_ones_own(study):
    scenario = load_scenario("good/among_givers")
    outcome = play_scenario(scenario, player_of("good_defector"))
    # Two gifts in each of four steps: 8 for who takes, and 8 - 8 for each of those who give.
    assert outcome.episodes.returns.tolist() == [[8.0, 0.0, 0.0]] * 3
    assert (outcome.focal, outcome.background) == ((0,), (1, 2))
    assert play_scenario(scenario, player_of("good_cooperator"), episodes=1).episodes.returns.tolist() == [[4.0] * 3]
    assert load_scenario("configs/scenarios/good/among_givers.yaml").focal == [0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("focal: [0]", "focal: [0, 1]"), "slot 1 is taken twice, by good_defector and by good_cooperator"),
        (("focal: [0]", "focal: [3]"), "good_defector in slot 3; this world has slots 0 to 2"),
        (("slots: [1, 2]", "slots: [1]"), "nobody plays slots 2"),
        (("player:", "plaier:"), "no setting 'plaier'; did you mean 'player'"),
        (("player: good_cooperator", "player: x, trained: y"), "give either player or trained"),
        (("tests: Does it give?", ""), "tests is missing"),
        (("name: good", "name: godo"), "did you mean 'good'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(study, change, said):
    Path("wrong.yaml").write_text(GOOD.replace(*change))
    with pytest.raises(ValueError, match=said):
        play_scenario(load_scenario("wrong.yaml"), player_of("good_defector"))


def test_agents_that_nobody_trained(study):
    Path("wanted.yaml").write_text(GOOD.replace("player: good_cooperator", "trained: good_ppo"))
    scenario = load_scenario("wanted.yaml")
    with pytest.raises(NotTrained, match=r"sorrelsim train configs/good_ppo.yaml, or give .*--trained good_ppo=RUN"):
        play_scenario(scenario, player_of("good_defector"))
    with pytest.raises(ConfigError, match="did you mean 'good/among_givers'"):
        load_scenario("good/among_giver")


def test_what_fits_a_run(study):
    seats = [{"model": "ppo", "slots": "all", "config": {"network": {"hidden": [4]}, "n_steps": 4}}]
    settings = {"name": "good_ppo", "world": {"name": "good", "compiled": False}, "seats": seats, "n_worlds": 2}
    evaluation = {"n_worlds": 1, "gif_turns": 0}
    folder = run(Experiment(settings | {"epochs": 1, "turns": 4, "evaluation": evaluation}))
    focal = player_of(str(folder))
    assert misfit(load_scenario("good/among_givers"), focal) == ""
    assert "was trained in 'good'" in misfit(load_scenario("coins/meets_a_defector"), focal)
    Path("wanted.yaml").write_text(GOOD.replace("player: good_cooperator", "trained: good_ppo"))
    assert len(play_scenario(load_scenario("wanted.yaml"), focal).episodes) == 3  # among its own, the newest run
