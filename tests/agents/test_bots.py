"""Scripted players: seeing, finding the way, walking, and that they play their part of each dilemma."""

import numpy as np
import pytest
from boards import seat

import sorrelsim
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.bots.bot import NOWHERE, Bot
from sorrelsim.testing import check_model
from sorrelsim.worlds.coins import Kind

BOTS = [f"{world}_{who}" for world in ("cleanup", "harvest", "coins") for who in ("cooperator", "defector")]


class Eater(Bot):
    """Walks to apples."""

    def take_actions(self, states, seat=None):
        view = self.see(states)
        direction, _ = view.toward(view.shows("apple"))
        return self.walk(view, direction, otherwise=self.wander(view, seat))


def harvest(board, n_agents=1, **settings):
    return sorrelsim.make("harvest", map=board, n_agents=n_agents, compiled=False, **settings)


def states_of(world):
    if isinstance(world.obs, dict):
        return {name: part.reshape(-1, *part.shape[2:]) for name, part in world.obs.items()}
    return world.obs.reshape(-1, *world.obs.shape[2:])


def look_again(world):
    world.set_state(world.get_state())  # the views follow what a test has moved
    return world


def bot(world, name=None, **config):
    cls = Eater if name is None else find_class(name, "agents", BaseModel)
    return cls.from_config(world.observations, world.action_names, 1, config, 0)


def chosen(world, model):
    return world.action_names[int(model.take_actions(states_of(world))[0])]


MAZE = """
WWWWWWWWW
W   A   W
W WWWWW W
W   P  WW
WWWWWWWWW
"""


@pytest.mark.parametrize(
    ("facing", "action"), [("N", "step_left"), ("W", "forward"), ("S", "step_right"), ("E", "backward")]
)
def test_toward_goes_round_walls(facing, action):
    world = look_again(seat(harvest(MAZE), (3, 4, facing)))
    model = bot(world)
    view = model.see(states_of(world))
    turned = {"N": 3, "E": 2, "S": 1, "W": 0}[facing]  # west on the map, in the turned picture
    direction, distance = view.toward(view.shows("apple"))
    sees = view.shows("apple").any()  # behind it the window ends after one row
    if facing == "S":
        assert not sees
        assert (direction[0], distance[0]) == (NOWHERE, -1)
    elif distance[0] >= 0:
        assert (direction[0], distance[0]) == (turned, 8)
        assert chosen(world, model) == action


def test_toward_with_the_whole_map_and_facing_shown():
    world = harvest(MAZE, window=sorrelsim.Window.full(), show_facing=True)
    for facing, action in (("N", "step_left"), ("W", "forward"), ("S", "step_right"), ("E", "backward")):
        seat(world, (3, 4, facing))
        world.grid[0, 3, 4, world.codes.agent_layer] += "NESW".index(facing)
        look_again(world)
        model = bot(world)
        view = model.see(states_of(world))
        direction, distance = view.toward(view.shows("apple"))
        assert (direction[0], distance[0]) == (3, 8)
        assert chosen(world, model) == action


def test_toward_avoids_and_knows_what_it_stands_on():
    world = look_again(seat(harvest("WWWWWWW\nW P A W\nW     W\nWWWWWWW"), (1, 2, "E")))
    view = bot(world).see(states_of(world))
    apples = view.shows("apple")
    assert [int(part[0]) for part in view.toward(apples)] == [0, 2]
    avoid = np.zeros_like(apples)
    avoid[0, 8, 5] = True  # the cell ahead: around it takes two steps more
    direction, distance = view.toward(apples, avoid=avoid)
    assert (int(direction[0]), int(distance[0])) == (1, 4)
    own = np.zeros_like(apples)
    own[0, 9, 5] = True
    assert [int(part[0]) for part in view.toward(own)] == [NOWHERE, 0]


def test_other_agents_block_the_way():
    world = look_again(seat(harvest("WWWWWWW\nWPP  AW\nWWWWWWW", 2), (1, 2, "E"), (1, 3, "E")))
    view = bot(world).see(states_of(world))
    assert view.toward(view.shows("apple"))[1][0] == -1
    assert view.shows("agent")[0, 8, 5]
    assert view.toward(view.shows("agent"))[1][0] == 1
    assert view.free[0].tolist() == [False, False, True, False]


def test_in_beam_is_where_a_beam_falls():
    world = look_again(seat(harvest("WWWWWWWWW\n" + "W   P   W\n" * 7 + "WWWWWWWWW"), (4, 3, "E")))
    view = bot(world).see(states_of(world))
    fallen = np.zeros((11, 11), bool)
    for row in range(11):
        for col in range(11):
            cells = np.zeros((1, 11, 11), bool)
            cells[0, row, col] = True
            fallen[row, col] = view.in_beam(cells, 3, 1)[0]
    world.step(np.array([[7]]))
    beams = world.obs["grid"][0, 0, ..., world.codes.layers.index("beam")] > 0
    assert fallen.sum() == 9
    assert (fallen == beams).all()


def test_turn_and_walk_turns_first():
    world = look_again(seat(harvest("WWWWWWW\nW P   W\nW A   W\nWWWWWWW"), (1, 2, "N")))
    model = bot(world)
    view = model.see(states_of(world))
    names = [world.action_names[model.turn_and_walk(view, np.array([d]))[0]] for d in range(4)]
    assert names == ["forward", "turn_right", "turn_right", "turn_left"]
    assert world.action_names[model.turn_and_walk(view, np.array([NOWHERE]))[0]] == "noop"


def test_wandering_reaches_every_corner_and_never_bumps():
    world = seat(harvest("WWWWWWWWW\nW P   W W\nW  W    W\nW    W  W\nWWWWWWWWW"), (1, 2, "E"))
    agent = Agent(world, [0], bot(world), learn=False)
    seen, moved, tried = set(), 0, 0
    for _ in range(400):
        before = tuple(world.pos[0, 0])
        agent.transition(world)
        tried += int(world.submitted[0, 0] == 1)
        world.step()
        agent.remember(world)
        moved += tuple(world.pos[0, 0]) != before
        seen.add(tuple(world.pos[0, 0]))
    assert len(seen) == 21 - 3  # every cell that is no wall
    assert moved == tried


def test_moves_on_the_map():
    world = sorrelsim.make("treasure_hunt", compiled=False)

    class Collector(Bot):
        """Goes for gems and food, around bones."""

        def take_actions(self, states, seat=None):
            view = self.see(states)
            bones = view.shows("bone")
            direction, _ = view.toward(view.shows("gem", "food"), avoid=bones)
            return self.walk(view, direction, otherwise=self.wander(view, seat, avoid=bones))

    agent = Agent(world, [0, 1], Collector(world.observations, world.action_names), learn=False)
    for _ in range(90):
        agent.transition(world)
        world.step()
        agent.remember(world)
    assert world.event_counts[0, :, 2].sum() == 0
    assert world.event_counts[0, :, :2].sum() > 20
    assert (world.episode_return > 50).all()


def test_what_a_bot_cannot_play_is_an_error():
    world = sorrelsim.make("treasure_hunt", compiled=False, observation="one_hot")
    with pytest.raises(ValueError, match="symbolic"):
        Eater(world.observations, world.action_names)
    world = sorrelsim.make("harvest", compiled=False, preset="socialjax")
    with pytest.raises(ValueError, match="rotate=False"):
        Eater(world.observations, world.action_names)
    world = sorrelsim.make("harvest", compiled=False, window=sorrelsim.Window.centred(3))
    with pytest.raises(ValueError, match="show_facing"):
        Eater(world.observations, world.action_names)
    world = sorrelsim.make("harvest", compiled=False)
    model = Eater(world.observations, world.action_names)
    with pytest.raises(ValueError, match="no action for Eater 'clean'"):
        model.action("clean")
    with pytest.raises(ValueError, match="did you mean 'apple'"):
        model.see(states_of(world)).shows("aple")


@pytest.mark.parametrize("name", BOTS)
def test_every_bot_keeps_the_contract(name):
    check_model(name, steps=12)


PATCH = """
WWWWWWW
W P A W
W  AAAW
W   A W
WWWWWWW
"""


def test_harvest_cooperator_leaves_the_last_apples():
    returns = {}
    for who in ("cooperator", "defector"):
        world = seat(harvest(PATCH, regrowth=(0.0, 0.0, 0.0, 0.0)), (1, 2, "E"))
        agent = Agent(world, [0], bot(world, f"harvest_{who}"), learn=False)
        for _ in range(120):
            agent.transition(world)
            world.step()
            agent.remember(world)
        returns[who] = world.episode_return[0, 0]
    assert returns["defector"] == 5
    assert 1 <= returns["cooperator"] <= 2  # an apple with four others around it, and then no more


COINS = """
WWWWWWW
W_ C CW
W C C W
WC C _W
WWWWWWW
"""


def test_coins_cooperator_takes_its_own_only():
    taken = {}
    for who in ("cooperator", "defector"):
        world = sorrelsim.make("coins", map=COINS, compiled=False, coin_probability=0.0, seed=1)
        for row, col, colour in (
            (1, 3, Kind.ORANGE),
            (3, 1, Kind.ORANGE),
            (1, 5, Kind.BLUE),
            (3, 3, Kind.BLUE),
        ):
            world.grid[0, row, col, world.codes.layer[colour]] = colour
        look_again(world)
        agent = Agent(world, [0, 1], bot(world, f"coins_{who}"), learn=False)
        for _ in range(150):
            agent.transition(world)
            world.step()
            agent.remember(world)
        taken[who] = world.event_counts[0, :, :2].sum(axis=0).tolist()
    assert taken["cooperator"] == [4, 0]
    assert sum(taken["defector"]) == 4
    assert taken["defector"][1] > 0


CREEK = """
WWWWWWWWW
WFFFFFFFW
WHHHHHHHW
W   P   W
WBBBBBBBW
WWWWWWWWW
"""


def test_cleanup_cooperator_cleans_and_defector_does_not():
    cleaned = {}
    for who in ("cooperator", "defector"):
        world = sorrelsim.make(
            "cleanup", map=CREEK, n_agents=1, compiled=False, dirt_probability=0.0, apple_probability=0.2
        )
        agent = Agent(world, [0], bot(world, f"cleanup_{who}"), learn=False)
        for _ in range(120):
            agent.transition(world)
            world.step()
            agent.remember(world)
        cleaned[who] = world.event_counts[0, 0, 1], world.episode_return[0, 0]
    assert cleaned["defector"] == (0, 0)
    assert cleaned["cooperator"][0] >= 5
    assert cleaned["cooperator"][1] > 5
