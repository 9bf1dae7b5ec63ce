"""Which actions a world allows and how far each slot sees: declared in a world, answered alike by both runners."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest

from sorrelsim import Gridworld, Kinds, Window, kind, param, per_agent, probability, rule, sprites
from sorrelsim.models.agent import Agent
from sorrelsim.rules import draw, episode, grid, movement
from sorrelsim.testing.failures import Broken
from sorrelsim.testing.world_checks import compiles, keeps_to_limits, masks, plays

ROOM = "WWWWWWW\nWPPPPPW\nWPPWPPW\nWPPPPPW\nWWWWWWW\n"


class Kind(Kinds):
    WALL = kind("W", solid=True)
    APPLE = kind("A")


@dataclass(frozen=True)
class Params:
    rest: int = param(3, low=0)  # steps after an apple in which one may not stand still
    apple_probability: float = probability(0.1)
    max_steps: int = param(30, low=1)


@rule
def walk(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] != 0:
            continue
        if w.action[i] < 4:
            movement.step(w, i, movement.heading(w.action[i]))
        w.tired[i] = max(0, w.tired[i] - 1)
        if grid.has(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE):
            grid.take(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE)
            w.reward[i] += 1.0
            w.tired[i] = w.p.rest


@rule
def grow(w):
    grid.sprinkle(w, w.spawns, Kind.APPLE, 1, w.p.apple_probability)


@rule
def leave(w):
    """Now and then an agent is out for a while."""
    for i in range(w.n_agents):
        if w.out[i] == 0 and draw.chance(w, 0.05):
            movement.remove(w, i, 2)


@rule
def may(w, i, into):
    """Nobody may walk into a wall, or rest just after an apple."""
    for action in range(4):
        if movement.faces_wall(w, i, movement.heading(action)):
            into[action] = 0
    into[4] = w.tired[i] == 0


class Corridors(Gridworld):
    """Agents walk about for apples, and may not walk into walls."""

    kinds, params = Kind, Params
    maps = {"room": ROOM}
    n_agents = 3
    actions = (*movement.ABSOLUTE, "rest")
    window = Window.centred(2)
    allowed = may
    state = {"tired": per_agent(low=0)}
    start = (movement.scatter,)
    rules = (walk, leave, movement.respawn, grow, episode.time_limit)


@rule
def forbid_everything(w, i, into):
    for action in range(into.shape[0]):
        into[action] = w.turn < 3


class Stuck(Corridors):
    allowed = forbid_everything


class Sights(Corridors):
    """Slot 0 sees far, slot 1 little, and the others as the world says."""

    allowed = None
    window = Window(1, 1, 1, 1)
    windows = {0: Window(4, 0, 2, 1), range(1, 2): Window(0, 2, 0, 1)}


def random_steps(world, n, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        yield world.step(rng.integers(world.n_actions, size=world.submitted.shape))


def expected_mask(world):
    mask = np.ones((world.n_worlds, world.n_agents, world.n_actions), bool)
    wall = world.grid[..., world.codes.layer[Kind.WALL]] == Kind.WALL
    for copy_, slot in np.argwhere(world.out == 0):
        row, col = world.pos[copy_, slot]
        for action, (dr, dc) in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
            mask[copy_, slot, action] = not wall[copy_, row + dr, col + dc]
        mask[copy_, slot, 4] = world.copies.state["tired"][copy_, slot] == 0
    return mask


@pytest.mark.parametrize("compiled", [False, True])
def test_masks_say_what_the_world_allows_now_and_at_the_end(compiled):
    world = Corridors(4, 3, compiled=compiled)
    assert world.action_mask.dtype == bool
    np.testing.assert_array_equal(world.action_mask, expected_mask(world))
    ends = outs = 0
    # A world that is never cut goes the same way, so its mask is what the cut one's last observation allowed.
    uncut = Corridors(4, 3, compiled=compiled, max_steps=10**6)
    for step, other in zip(random_steps(world, 30), random_steps(uncut, 30), strict=True):
        np.testing.assert_array_equal(world.action_mask, expected_mask(world))
        outs += int((world.out != 0).sum())
        if step[4]["ended"].any():
            ends += 1
            np.testing.assert_array_equal(world.final_action_mask, uncut.action_mask)
            assert not np.array_equal(world.final_action_mask, world.action_mask)
        else:
            assert world.final_action_mask is None
        assert "final_action_mask" not in other[4]
    assert ends == 1
    assert outs > 0
    world.reset()
    np.testing.assert_array_equal(world.action_mask, expected_mask(world))
    twin = copy.deepcopy(world)
    np.testing.assert_array_equal(twin.action_mask, world.action_mask)
    mask = world.action_mask
    kept = mask.copy()
    for _ in random_steps(world, 5):
        pass
    np.testing.assert_array_equal(mask, kept)  # nobody's array changes under them


def test_both_runners_answer_the_same_masks():
    assert "bit for bit" in compiles(Corridors, 80)
    assert "forbid" in masks(Corridors, 60)


def test_a_world_that_declares_none_has_none():
    world = Sights(1, compiled=False)
    assert world.action_mask is None
    assert world.final_action_mask is None
    assert not {"mask_into", "final_mask"} & {field.name for field in world._runner.program.all_engine_fields}


def test_a_mask_that_forbids_everything_is_an_error():
    world = Stuck(1, compiled=False)
    with pytest.raises(ValueError, match=r"allowed\(\) forbids agent \d in copy 0 every action; .*up, down, left"):
        list(random_steps(world, 5))
    with pytest.raises(Broken, match="forbids agent"):
        masks(Stuck, 20)


MODELS = {
    "ppo": {"n_steps": 16},
    "ppo_gru": {"n_steps": 16, "recurrent": "gru"},
    "ddqn": {"warmup": 30, "memory_size": 600, "batch_size": 16},
    "iqn": {"warmup": 30, "memory_size": 600, "batch_size": 16, "n_step": 3},
}


@pytest.mark.parametrize("name", MODELS)
def test_no_learner_ever_chooses_what_is_forbidden(name):
    from sorrelsim.library.find import find_class
    from sorrelsim.models.base import BaseModel

    world = Corridors(4, 1, compiled=False, max_steps=12)
    cls = find_class(name.partition("_")[0], "agents", BaseModel)
    model = cls.from_config(world.observations, world.action_names, 12, MODELS[name], 0)
    chosen = np.zeros(5, int)
    for explore, learn, steps in ((True, True, 80), (False, False, 25)):
        agent = Agent(world, [0, 1, 2], model, learn=learn, explore=explore)
        world.reset()
        for _ in range(steps):
            agent.transition(world)
            allowed = np.take_along_axis(world.action_mask, world.submitted[..., None], 2)
            assert allowed.all(), (name, explore)
            chosen += np.bincount(world.submitted.ravel(), minlength=5)
            world.step()
            agent.remember(world)
    assert model.gradient_steps > 0
    assert (chosen[:4] > 0).all()


def test_memory_keeps_what_was_allowed_in_the_last_observation():
    """A truncated step bootstraps from its last observation, whose best action must be one allowed there."""
    from sorrelsim.library.find import find_class
    from sorrelsim.models.base import BaseModel

    world = Corridors(2, 1, compiled=False, max_steps=4)
    cls = find_class("ddqn", "agents", BaseModel)
    model = cls.from_config(world.observations, world.action_names, 6, {"warmup": 10**6, "memory_size": 6000}, 0)
    agent = Agent(world, [0, 1, 2], model)
    finals = []
    for _ in range(40):
        agent.transition(world)
        world.step()
        agent.remember(world)
        if world.final_action_mask is not None:
            finals.append(world.final_action_mask.reshape(-1, 5))
    batch = model.memory.sample(240)
    rows, streams = np.divmod(batch.index, 6)
    ends = rows % 4 == 3
    assert ends.any()
    np.testing.assert_array_equal(batch.next_masks[ends], np.stack(finals)[rows[ends] // 4, streams[ends]])
    assert not batch.next_masks[ends].all()


# ------------------------------------------------------------------------------------------------ windows


def test_windows_of_slots_are_cut_out_of_the_largest():
    """Each slot sees in its own reach what it would see alone, at the same distance from itself, and 0 beyond."""
    worlds = {compiled: Sights(3, 5, compiled=compiled) for compiled in (False, True)}
    far = Window(4, 2, 2, 1)
    single = Sights(3, 5, compiled=False, window=far)
    for compiled, world in worlds.items():
        assert world.window == far
        assert world.obs.shape == (3, 3, 7, 4, len(world.codes.layers))
        assert world.slot_windows[2] == Window(1, 1, 1, 1)
        for step, whole in zip(random_steps(world, 40), random_steps(single, 40), strict=True):
            for slot, (ahead, behind, left, right) in enumerate(((4, 0, 2, 1), (0, 2, 0, 1), (1, 1, 1, 1))):
                seen, all_ = step[0][:, slot], whole[0][:, slot]
                inside = np.s_[:, 4 - ahead : 5 + behind, 2 - left : 3 + right]
                np.testing.assert_array_equal(seen[inside], all_[inside], err_msg=f"{compiled} {slot}")
                rest = seen.copy()
                rest[inside] = 0
                assert not rest.any()
        single.reset(5)


def test_windows_are_given_by_slot_as_well():
    behind = {"forward": 0, "back": 3, "left": 1, "right": 1}
    world = Sights(1, compiled=False, window=[Window(1, 0, 0, 0), behind], n_agents=2)
    assert world.window == Window(1, 3, 1, 1)
    assert Sights(1, compiled=False, window="full").window.whole_map
    assert Sights(1, compiled=False, window={"forward": 2}).slot_windows == (Window(2),) * 3
    assert Sights(1, compiled=False, n_agents=1).window == Window(4, 0, 2, 1)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (5, r"window is 5 \(int\); allowed: 'full' for the whole map"),
        ("fulll", "window is 'fulll'"),
        ([], "allowed: 'full'"),
        ([Window(1), 3, Window(2)], r"window.1 is 3 \(int\)"),
        ([Window(1), Window(2)], "2 windows; allowed: one for each of the 3 slots"),
        ([Window(1), Window(2), Window.centred(1)], "all slots rotate or none does"),
        ({"forwards": 2}, "did you mean 'forward'"),
        ({"forward": -1}, "forward of a window is -1"),
        ({"forward": 128}, "allowed: a whole number from 0 to 127"),
        ({"forward": 1.5}, "forward"),
        ({"rotate": 2}, "rotate"),
        (True, "window is True"),
    ],
)
def test_bad_windows_are_explained(window, message):
    with pytest.raises(ValueError, match=message):
        Sights(1, compiled=False, window=window)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ({"0": Window(1)}, r"a slot in windows is '0' \(str\)"),
        ({-1: Window(1)}, "is -1"),
        ({0: Window(1), range(2): Window(2)}, "names slot 0 twice"),
        ({0: 3}, "the window of slot 0 is 3"),
    ],
)
def test_bad_windows_of_a_world_are_explained(windows, message):
    cls = type("Blind", (Sights,), {"windows": windows, "__module__": __name__})
    with pytest.raises(ValueError, match=message):
        cls(1, compiled=False)


# ---------------------------------------------------------------------------------- what slots take things for


class Fruits(Kinds):
    WALL = kind("W", solid=True)
    APPLE = kind("A", sprite=sprites.APPLE)
    PEAR = kind("p", sprite=sprites.plain("y"))
    PATH = kind("_", layer="ground", sprite=sprites.plain("t"))


class Tastes(Corridors):
    """Slot 0 takes pears for apples, slots 1 and beyond see no paths; slot 2 sees all as it is."""

    allowed = None
    kinds = Fruits
    maps = {"room": "WWWWWWW\nW_Ap__W\nWPPPApW\nWWWWWWW\n"}
    seen_as = {0: {Fruits.PEAR: Fruits.APPLE}, range(1, 9, 2): {Fruits.PATH: 0}}


@pytest.mark.parametrize("compiled", [False, True])
def test_slots_see_what_they_take_things_for_and_nothing_else_changes(compiled):
    world = Tastes(3, 5, compiled=compiled, max_steps=25)
    plain = type("Plain", (Tastes,), {"seen_as": {}, "__module__": __name__})(3, 5, compiled=False, max_steps=25)
    apple, pear, path = Fruits.APPLE, Fruits.PEAR, Fruits.PATH
    mistaken = ended = 0
    for step, true in zip(random_steps(world, 40), random_steps(plain, 40), strict=True):
        pairs = [(step[0], true[0])]
        pairs += [(step[4]["final_obs"], true[4]["final_obs"])] if step[4]["ended"].any() else []
        ended += len(pairs) - 1
        for seen, there in pairs:
            np.testing.assert_array_equal(seen[:, 0], np.where(there[:, 0] == pear, apple, there[:, 0]))
            np.testing.assert_array_equal(seen[:, 1], np.where(there[:, 1] == path, 0, there[:, 1]))
            np.testing.assert_array_equal(seen[:, 2], there[:, 2])
            mistaken += (there[:, 0] == pear).sum() + (there[:, 1] == path).sum()
        np.testing.assert_array_equal(world.grid, plain.grid)
    assert mistaken > 0
    assert ended == 1


def test_pictures_and_text_show_it_too():
    plain = type("Plain", (Tastes,), {"seen_as": {}, "__module__": __name__})
    for form in ("rgb", "ascii", "one_hot"):
        seen, there = (cls(1, 5, compiled=False, observation=form, window="full").obs for cls in (Tastes, plain))
        assert not np.array_equal(seen[0, 0], there[0, 0])
        np.testing.assert_array_equal(seen[0, 2], there[0, 2])


@pytest.mark.parametrize(
    ("seen_as", "message"),
    [
        ({0: {Fruits.PEAR: Fruits.PATH}}, "slot 0 cannot see PEAR as PATH, which lies in another layer"),
        ({0: {5: 0}}, "names 5, which is no Fruits"),
        ({0: Fruits.PEAR}, "seen_as of slot 0 is"),
        ({0: {}, range(2): {}}, "seen_as names slot 0 twice"),
        ({"0": {}}, "a slot in seen_as is '0'"),
        ([1], "seen_as: .* is no mapping of slots to what they see"),
    ],
)
def test_bad_appearances_are_explained(seen_as, message):
    cls = type("Odd", (Tastes,), {"seen_as": seen_as, "__module__": __name__})
    with pytest.raises(ValueError, match=message):
        cls(1, compiled=False)


def test_check_knows_masks_and_windows():
    cls = type("Both", (Corridors,), {"windows": Sights.windows, "window": Sights.window, "__module__": __name__})
    assert "forbid" in masks(cls, 40)
    assert "40 steps" in plays(cls, 40)
    assert "limits" in keeps_to_limits(cls, 40)


def test_a_recording_keeps_the_windows_of_slots():
    import json

    from sorrelsim.recordings.spec import WorldSpec

    windows = [Window(2), Window(3, 0, 1, 1)]
    spec = WorldSpec("treasure_hunt", 3, {"window": windows})
    again = WorldSpec("treasure_hunt", 3, json.loads(json.dumps(spec.plain())))
    assert again.make().slot_windows == tuple(windows)
