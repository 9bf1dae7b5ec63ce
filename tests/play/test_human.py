"""A person as a model: asked for every action, remembered like any learner, seated from a config."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.agents.human import HumanConfig, HumanModel
from sorrelsim.models.agent import Agent

MAP = "WWWWWWWWW\nWPHFAP BW\nW PH  P W\nWP B P  W\nWWWWWWWWW"


@pytest.fixture
def world():
    return sorrelsim.make("cleanup", 1, 4, compiled=False, map=MAP, n_agents=2)


def press(name, down=True):
    import pygame

    kind = pygame.KEYDOWN if down else pygame.KEYUP
    pygame.event.post(pygame.event.Event(kind, key=pygame.key.key_code(name), mod=0, unicode="", scancode=0))


def test_its_actions_come_from_the_keyboard_and_its_memory_fills(world, dummy):
    from sorrelsim.play.person_window import person_window

    model = HumanModel(world.observations, world.action_names, config=HumanConfig(memory_size=50))
    agents = [Agent(world, [0], model), Agent(world, [1], HumanModel(
        world.observations, world.action_names, ask=lambda person, parts, mask: 0
    ), learn=False)]  # fmt: skip
    person_window()
    seen = []
    for key in ("w", "e", "space", "f"):
        press(key)
        press(key, down=False)
        seen.append(world.obs["grid"][0, 0].copy())
        for agent in agents:
            agent.transition(world)
        world.step()
        for agent in agents:
            agent.remember(world)
    state = model.memory.state_dict()
    names = [world.action_names[a] for a in state["actions"][:, 0]]
    assert names == ["forward", "turn_right", "zap", "clean"]
    np.testing.assert_array_equal(state["frames"]["grid"][:, 0], seen)
    assert model.people[0].turn == 4
    assert model.agent_steps == 4


def test_a_forbidden_action_is_asked_for_again(world, dummy):
    from sorrelsim.play.person_window import person_window

    model = HumanModel(world.observations, world.action_names)
    person_window()
    press("w")
    press("e")
    mask = np.ones(9, np.bool_)
    mask[world.action_names.index("forward")] = False
    parts = {name: part[0, 0] for name, part in world.obs.items()}
    assert person_window().ask(model.people[0], parts, mask) == world.action_names.index("turn_right")


def test_the_panel_and_the_help_name_the_keys(world, dummy):
    from sorrelsim.play.person_window import person_window

    model = HumanModel(world.observations, world.action_names)
    window, zap = person_window(), world.action_names.index("zap")
    press("w")
    mask = np.arange(9) != zap
    window.ask(model.people[0], {name: part[0, 0] for name, part in world.obs.items()}, mask)
    window.draw_overlays()
    info = window.info()
    assert [gauge.name for gauge in info.gauges] == list(world.scalars)
    rows = {row.action: (row.keys, row.lit) for row in info.keys}
    assert "zap" not in rows  # not allowed now
    assert rows["forward"] == (("W", "\u2191"), True)
    lines = window.help_lines()
    assert {("Space  1", "zap"), ("Q  \u2190", "turn left"), ("Esc", "end the run")} <= set(lines)


def test_closing_the_window_ends_the_run(world, dummy):
    import pygame

    from sorrelsim.play.person_window import person_window

    model = HumanModel(world.observations, world.action_names)
    person_window()
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    with pytest.raises(KeyboardInterrupt, match="closed"):
        model.take_action({name: part[0, 0] for name, part in world.obs.items()})


def test_the_window_draws_what_the_world_would(world):
    from sorrelsim.play.person_window import looks_of

    np.testing.assert_array_equal(looks_of(world.codes), world.looks_table())


def test_from_a_config_with_keys_of_its_own(world):
    model = HumanModel.from_config(world.observations, world.action_names, 1, {"keys": {"zap": "z"}, "memory_size": 0})
    assert model.people[0].keys["z"] == world.action_names.index("zap")
    assert model.memory is None
    with pytest.raises(ValueError, match="did you mean 'memory_size'"):
        HumanModel.from_config(world.observations, world.action_names, 1, {"memry_size": 0})


def test_impossible_seats_are_told(world):
    with pytest.raises(ValueError, match="64 streams"):
        HumanModel(world.observations, world.action_names, n_streams=64)
    rgb = sorrelsim.make("cleanup", 1, 4, compiled=False, map=MAP, n_agents=2, observation="rgb")
    with pytest.raises(ValueError, match="symbolic"):
        HumanModel(rgb.observations, rgb.action_names)


def test_it_sits_in_a_training_run(tmp_path, monkeypatch):
    from sorrelsim.experiments.loop import Experiment

    config = {
        "world": {"name": "cleanup", "map": MAP, "n_agents": 2, "compiled": False},
        "n_worlds": 1, "epochs": 2, "turns": 5,
        "seats": [{"slots": [0], "model": "human"}, {"slots": "each", "model": "random"}], "runs": str(tmp_path),
    }  # fmt: skip
    experiment = Experiment(config)
    human = experiment.models[0]
    human._ask = lambda person, parts, mask: 1
    rows = list(experiment.epochs())
    assert len(rows) == 2
    assert len(human.memory) == 10


def test_a_run_asks_a_person_for_its_training_and_nothing_else(tmp_path, capsys):
    from sorrelsim.experiments.loop import Experiment
    from sorrelsim.experiments.run import run

    config = {
        "world": {"name": "cleanup", "map": MAP, "n_agents": 2, "compiled": False, "max_steps": 6, "min_steps": 6},
        "n_worlds": 1, "epochs": 2, "turns": 5, "evaluation": {"every": 1, "n_worlds": 1},
        "seats": [{"slots": [0], "name": "ada", "model": "human"}, {"slots": [1], "model": "random"}],
        "runs": str(tmp_path),
    }  # fmt: skip
    experiment, asked = Experiment(config), []
    experiment.models[0]._ask = lambda person, parts, mask: asked.append(1) or 1
    folder = run(experiment)
    assert len(asked) == 10  # two epochs of five turns
    assert not (folder / "episode.gif").exists()
    assert "a person plays, who is not asked to play for evaluations and films as well" in capsys.readouterr().err
