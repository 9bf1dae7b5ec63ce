"""Which key does what: for every world's actions, for several people, and as remapped."""

import pytest

import sorrelsim
from sorrelsim.library.find import shipped
from sorrelsim.play.inputs import Inputs
from sorrelsim.play.keys import WINDOW_KEYS, default_keys, idle_action, remap
from sorrelsim.rules.movement import ABSOLUTE, EGOCENTRIC

CLEANUP = (*EGOCENTRIC, "zap", "clean")
MANY = (*EGOCENTRIC, *(f"special_{k}" for k in range(9)))


def keys_of(keys, actions, name):
    return {key for key, action in keys.items() if actions[action] == name}


def test_one_person_walks_by_wasd_and_arrows_and_turns_by_q_e_and_arrows():
    (keys,) = default_keys(CLEANUP)
    assert keys_of(keys, CLEANUP, "forward") == {"w", "up"}
    assert keys_of(keys, CLEANUP, "step_left") == {"a"}
    assert keys_of(keys, CLEANUP, "turn_left") == {"q", "left"}
    assert keys_of(keys, CLEANUP, "turn_right") == {"e", "right"}
    assert keys_of(keys, CLEANUP, "zap") == {"space", "1"}
    assert keys_of(keys, CLEANUP, "clean") == {"f", "2"}


def test_where_nobody_turns_arrows_walk_and_e_and_q_are_specials():
    actions = ("stay", *ABSOLUTE, "dig", "fill")
    (keys,) = default_keys(actions)
    assert keys_of(keys, actions, "left") == {"a", "left"}
    assert keys_of(keys, actions, "right") == {"d", "right"}
    assert keys_of(keys, actions, "dig") == {"space", "1"}
    assert keys_of(keys, actions, "fill") == {"e", "2"}
    assert keys_of(keys, actions, "stay") == {"x"}


def test_actions_of_unknown_names_get_keys_too():
    actions = ("deck_a", "deck_b", "pass")
    (keys,) = default_keys(actions)
    assert all(keys_of(keys, actions, name) for name in actions)


@pytest.mark.parametrize(
    ("actions", "people"), [(MANY, 1), *((a, n) for a in (CLEANUP, ABSOLUTE) for n in (1, 2, 3, 4))]
)
def test_every_action_of_everybody_has_a_key_and_no_key_serves_two(actions, people):
    everybody = default_keys(actions, people)
    for keys in everybody:
        assert set(keys.values()) == set(range(len(actions)))
    keys = [key for person in everybody for key in person]
    assert len(keys) == len(set(keys))


def test_five_people_are_too_many():
    with pytest.raises(ValueError, match="5 people"):
        default_keys(CLEANUP, 5)


@pytest.mark.parametrize("window_use", ["pause", "step", "view", "help", "restart", "quit"])
def test_actions_leave_the_window_its_keys(window_use):
    taken = {key for people in (1, 4) for person in default_keys(MANY, people) for key in person}
    assert set(WINDOW_KEYS[window_use]) - taken


def test_a_remapped_action_has_the_new_keys_only_and_takes_them_from_others():
    keys, window = remap(default_keys(CLEANUP), {"zap": ["f", "left ctrl"], "window": {"pause": "f12"}}, CLEANUP)
    assert keys_of(keys[0], CLEANUP, "zap") == {"f", "left ctrl"}
    assert keys_of(keys[0], CLEANUP, "clean") == {"2"}
    assert window["pause"] == ("f12",)
    keys, _ = remap(default_keys(CLEANUP, 2), {"players": [{}, {"zap": "m"}]}, CLEANUP)
    assert keys_of(keys[1], CLEANUP, "zap") == {"m"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"zapp": "f"}, "no action 'zapp'; did you mean 'zap'"),
        ({"zap": "f", "clean": "f"}, "'f' is given to zap and to clean"),
        ({"window": {"paus": "f"}}, "did you mean 'pause'"),
        ({"players": [{}, {}]}, "keys for 2 people, but 1 play"),
        ({"players": "zap"}, "'players' is a list"),
    ],
)
def test_a_wrong_remapping_is_told(given, message):
    with pytest.raises(ValueError, match=message):
        remap(default_keys(CLEANUP), given, CLEANUP)


def test_idle():
    assert idle_action(CLEANUP) == 0
    assert idle_action(ABSOLUTE) is None


def pairs(choices):
    return [choice[:2] for choice in choices]


def test_in_real_time_a_tap_is_never_lost_and_a_held_key_goes_on():
    inputs = Inputs([{"w": 1, "q": 5}], idle=0)
    assert pairs(inputs.now()) == [(0, None)]
    inputs.down("w", 10.0)
    inputs.up("w")
    assert pairs(inputs.now()) == [(1, 10.0)]  # up again before the turn came
    assert pairs(inputs.now()) == [(0, None)]
    inputs.down("w", 20.0)
    inputs.down("q", 30.0)
    assert pairs(inputs.now()) == [(5, 30.0)]
    assert pairs(inputs.now()) == [(5, 30.0)]
    inputs.up("q")
    assert pairs(inputs.now()) == [(1, 20.0)]  # still held
    assert inputs.holding(0) == 1
    inputs.release()
    assert pairs(inputs.now()) == [(0, None)]
    assert not inputs.down("f1", 1.0)


def test_without_idling_the_last_action_goes_on():
    inputs = Inputs([{"w": 2}], idle=None)
    inputs.down("w", 1.0)
    inputs.up("w")
    assert [inputs.now()[0][0] for _ in range(3)] == [2, 2, 2]


def test_in_turns_keys_pressed_ahead_wait_and_everybody_must_choose():
    inputs = Inputs([{"w": 1, "s": 2}, {"up": 1}], idle=0)
    inputs.down("w", 1.0)
    inputs.down("s", 2.0)
    assert inputs.waiting_for() == [1]
    inputs.down("up", 3.0)
    assert inputs.waiting_for() == []
    assert pairs(inputs.take()) == [(1, 1.0), (1, 3.0)]
    assert inputs.waiting_for() == [1]


def test_a_key_that_stays_down_is_said_to_be_held():
    inputs = Inputs([{"w": 1}], idle=0)
    inputs.down("w", 10.0)
    assert inputs.now() == [(1, 10.0, False)]  # this turn's press
    assert inputs.now() == [(1, 10.0, True)]
    inputs.up("w")
    assert inputs.now() == [(0, None, False)]
    inputs.down("w", 30.0)
    assert inputs.now() == [(1, 30.0, False)]


@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_every_action_of_every_world_has_a_key_of_its_own(name):
    world = sorrelsim.make(name, compiled=False)
    (keys,) = default_keys(world.action_names)
    assert set(keys.values()) == set(range(world.n_actions)) - ({idle_action(world.action_names)} - set(keys.values()))
    taken = {key for several in WINDOW_KEYS.values() for key in several}
    assert not {key for key, action in keys.items() if len(key) == 1 and key.isalpha()} & taken
