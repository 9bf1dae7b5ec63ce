"""Factory of the Commons: loads and what comes of them step by step, jams, hands, apples."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.factory_commons import Kind

FLOOR = """
WWWWWWWWWWWWWWWW
W  ls  ls  lt  W
W  Oj  Oj  O#  W
W   z   z   z  W
W   x   x   x  W
W              W
WWWWWWWWWWWWWWWW
"""
FIRST, SECOND, BURNS = (2, 3), (2, 7), (2, 11)  # the mouths: two keep, one burns


def make(n_agents=2, map=FLOOR, **settings):
    return sorrelsim.make("factory_commons", map=map, n_agents=n_agents, compiled=False, **settings)


def idle(n_agents=2, **settings):
    return seat(make(n_agents, **settings), (5, 1, "E"), (5, 2, "E"), *[(5, 5 + k, "E") for k in range(n_agents - 2)])


def lay(world, place, kind):
    world.grid[:, place[0], place[1], world.codes.layer[kind]] = kind


def lies(world, place, layer):
    kind = world.grid[0, place[0], place[1], world.codes.layers.index(layer)]
    return Kind(kind).name.lower() if kind else ""


def near(mouth):
    return mouth[0] + 1, mouth[1] + 1


def far(mouth):
    return mouth[0] + 2, mouth[1] + 1


def play(world, steps, loads=(), watch=(), acts=()):
    """Idles; before step L a cube comes to lie over each mouth loaded in L. Returns when things are first seen.

    Args:
        world: The world.
        steps: How many.
        loads: Pairs of a step and a mouth.
        watch: Triples of a cell, its layer and what is waited for.
        acts: What agents do in some steps, ``{step: names}``.
    """
    seen = [None] * len(watch)
    for step in range(1, steps + 1):
        for when, mouth in loads:
            if when == step:
                lay(world, mouth, Kind.CUBE)
        act(world, *dict(acts).get(step, ["noop"] * world.n_agents))
        for k, (place, layer, kind) in enumerate(watch):
            if seen[k] is None and lies(world, place, layer) == kind:
                seen[k] = step
    return seen


def outputs(*mouths):
    return [
        (place(mouth), layer, kind)
        for mouth in mouths
        for place, layer, kind in ((near, "object", "cube"), (near, "apple", "apple"), (far, "apple", "apple"))
    ]


def events(world):
    return dict(zip(world.events, world.event_counts[0].sum(0).tolist(), strict=True))


def test_keeps_the_contract():
    check_world("factory_commons", compiled=False, steps=30)


def test_map_sizes_and_counts():
    n = 200
    world = sorrelsim.make("factory_commons", n_worlds=n, compiled=False)
    assert (world.width, world.height, world.n_agents, world.n_actions) == (23, 16, 3, 12)
    assert {site: len(cells) for site, cells in world.map.sites.items()} == {"spawns": 230, "mouths": 8, "perhaps": 10}
    ground, things = (world.grid[..., world.codes.layers.index(layer)] for layer in ("ground", "object"))
    for west, belt in ((True, Kind.KEEP_BELT), (False, Kind.BURN_BELT)):
        cols = np.nonzero(ground[0] == belt)[1]
        assert len(cols) == 4
        assert ((cols < 11) == west).all()
    cubes = (things == Kind.CUBE).sum((1, 2))
    assert cubes.min() >= 6
    assert share_ok((cubes - 6).sum(), 10 * n, 0.5)
    assert (world.copies.state["made"].sum(1) == 4 * 1 + 4 * 2).all()


def test_default_numbers():
    world = make()
    numbers = {name: values[0].item() for name, values in world.copies.params.items()}
    assert numbers == {
        "cube_probability": 0.5, "apple_value": 1.0, "near_delay": 10, "far_delay": 13, "max_stamina": 18,
        "yellow_from": 1, "green_from": 7, "red_rest": 6, "yellow_rest": 2, "min_steps": 1000, "end_probability": 0.1,
        "max_steps": 5000,
    }  # fmt: skip


def test_a_machine_that_keeps_storyboard():
    # Over the mouth at the end of step 6, so L = 7: the cube is back at 17, to be grasped at 18; the apple comes at 20.
    world = idle()
    assert lies(world, FIRST, "ground") == "mouth"
    watch = [
        (FIRST, "object", "sinking_cube"), (FIRST, "object", "sunken_cube"), (FIRST, "ground", "half_mouth"),
        (FIRST, "ground", "shut_mouth"), (near(FIRST), "object", "new_cube"), (near(FIRST), "object", "cube"),
        (far(FIRST), "apple", "apple"), (near(FIRST), "apple", "apple"), ((1, 3), "object", "dark_lamp"),
    ]  # fmt: skip
    assert play(world, 6) == []
    seen = play(world, 14, loads=[(1, FIRST)], watch=watch)
    assert [None if step is None else step + 6 for step in seen] == [8, 9, 11, 12, 17, 18, 20, None, 8]
    assert lies(world, FIRST, "object") == ""
    mouths = []
    for _ in range(21, 27):
        act(world, "noop", "noop")
        mouths.append(lies(world, FIRST, "ground"))
    assert mouths == ["shut_mouth"] * 3 + ["half_mouth", "mouth", "mouth"]  # half at L + 17 = 24, open at 25
    assert lies(world, (1, 3), "object") == "lamp"


def test_a_machine_that_burns_puts_out_two_apples():
    world = idle()
    watch = [(place(BURNS), "apple", kind) for place in (near, far) for kind in ("new_apple", "apple")]
    # L = 5: seen at 15, to be eaten at 16.
    assert play(world, 40, [(5, BURNS)], [*watch, (near(BURNS), "object", "cube")]) == [15, 16, 15, 16, None]


def test_of_two_that_keep_neither_delivers():
    world = idle()
    seen = play(world, 70, [(11, FIRST), (15, SECOND)], outputs(FIRST, SECOND))
    assert seen == [None] * 6
    assert lies(world, SECOND, "ground") == "mouth"  # open, its light off
    assert lies(world, (1, 7), "object") == "dark_lamp"
    lay(world, SECOND, Kind.CUBE)  # and it swallows cubes
    play(world, 4)
    assert lies(world, SECOND, "object") == ""


def test_the_other_kind_works_on():
    # Loaded in 11, the machine that keeps delivers a cube at 22 and an apple at 24; the one that burns is jammed.
    assert play(idle(), 60, [(11, FIRST), (15, BURNS)], outputs(FIRST, BURNS)) == [22, None, 24, None, None, None]
    # Jammed by the one that burns, the one that keeps does not hinder the next load of that one: it is another kind.
    world = idle()
    assert play(world, 60, [(11, BURNS), (15, FIRST), (40, BURNS)], outputs(BURNS)) == [None, 22, 22]
    assert lies(world, near(FIRST), "object") == ""


def test_loads_in_one_step_and_at_the_end_of_work():
    # In the same step the first in reading order works; the other one is jammed and claims all of its kind.
    world = idle()
    assert play(world, 40, [(5, FIRST), (5, BURNS)], outputs(FIRST, BURNS)) == [16, None, 18, None, None, None]
    # In L + 17 a machine that comes later finds the work just done; an earlier one does not, and one in L + 18 does.
    assert play(idle(), 60, [(5, FIRST), (22, SECOND)], outputs(SECOND)) == [33, None, 35]
    assert play(idle(), 60, [(5, SECOND), (22, FIRST)], outputs(FIRST)) == [None] * 3
    assert play(idle(), 60, [(5, SECOND), (23, FIRST)], outputs(FIRST)) == [34, None, 36]


def test_wrestling_beside_a_jammed_machine_starts_it():
    # Two that keep; somebody beside the second mouth holds in 60: it works from 61 on: cube at 70, apple at 73.
    world = seat(make(), (3, 7, "W"), (5, 1, "E"))
    watch = [(near(SECOND), "object", "new_cube"), *outputs(SECOND)]
    seen = play(world, 80, [(11, FIRST), (15, SECOND)], watch, {60: ("hold", "noop")}.items())
    assert seen == [70, 71, None, 73]
    # It is enough to be held there, by one who stands two cells off.
    world = seat(make(), (3, 5, "E"), (3, 7, "W"))
    assert play(world, 80, [(11, FIRST), (15, SECOND)], watch, {60: ("hold", "noop")}.items()) == [70, 71, None, 73]
    # Further away it does not help, nor while another works.
    world = seat(make(), (4, 7, "W"), (5, 1, "E"))
    assert play(world, 80, [(11, FIRST), (15, SECOND)], watch, {60: ("hold", "noop")}.items()) == [None] * 4
    world = seat(make(), (3, 7, "W"), (5, 1, "E"))
    assert play(world, 80, [(11, FIRST), (15, SECOND)], watch, {20: ("hold", "noop")}.items()) == [None] * 4


def test_an_output_waits_while_its_cell_is_taken_and_a_second_one_is_lost():
    world = seat(make(), (3, 4, "W"), (5, 1, "E"))  # on the near cell of the first machine
    leave = {30: ("forward", "noop")}.items()
    assert play(world, 40, [(5, FIRST)], outputs(FIRST), leave) == [31, None, 18]
    world = seat(make(), (3, 4, "W"), (5, 1, "E"))
    watch = [*outputs(FIRST), *outputs(SECOND)]
    assert play(world, 60, [(5, FIRST), (30, SECOND)], watch, {50: ("forward", "noop")}.items()) == [
        None, None, 18, 41, None, 43,
    ]  # fmt: skip


def test_an_apple_ripens_under_a_stander_who_eats_it():
    world = seat(make(), (3, 12, "W"), (4, 12, "W"))
    rewards = []
    for step in range(1, 20):
        if step == 5:
            lay(world, BURNS, Kind.CUBE)
        rewards.append(act(world, "noop", "noop"))
    assert [step + 1 for step, reward in enumerate(rewards) if reward != [0.0, 0.0]] == [16]
    assert rewards[15] == [1.0, 1.0]


def test_a_cube_is_pushed_into_a_mouth_and_leaves_the_hand():
    world = seat(make(), (5, 3, "N"), (5, 1, "E"))
    lay(world, (4, 3), Kind.CUBE)
    act(world, "grasp", "noop")
    assert lies(world, (4, 3), "beam") == "hand"
    for _ in range(2):
        act(world, "forward", "noop")
    assert lies(world, FIRST, "object") == "cube"  # the end of step 3
    act(world, "noop", "noop")  # L = 4
    assert world.copies.state["grip"][0, 0] > 0
    act(world, "forward", "noop")
    assert world.copies.state["grip"][0, 0] == 0
    assert lies(world, FIRST, "object") == "sinking_cube"
    assert world.pos[0, 0].tolist() == [3, 3]  # solid while it sinks
    assert events(world)["cubes_kept"] == 1
    act(world, "noop", "noop")
    act(world, "forward", "noop")  # gone at L + 3: the mouth can be walked on
    assert world.pos[0, 0].tolist() == [2, 3]


def test_a_cube_that_is_carried_off_in_the_step_of_its_load_sinks_where_it_is():
    world = seat(make(), (3, 3, "N"), (5, 1, "E"))
    lay(world, FIRST, Kind.CUBE)
    lay(world, FIRST, Kind.SHUT_MOUTH)
    world.copies.state["left"][:, 0] = 5
    world.copies.state["working"][:] = 1
    act(world, "grasp", "noop")
    for mouth in ("shut_mouth", "shut_mouth", "half_mouth", "mouth"):
        act(world, "noop", "noop")
        assert lies(world, FIRST, "ground") == mouth
        assert lies(world, FIRST, "object") == "cube"
    act(world, "backward", "noop")  # the mouth was open at the end of the last step, so this is L
    assert lies(world, (3, 3), "object") == "cube"
    act(world, "noop", "noop")
    assert lies(world, (3, 3), "object") == "sinking_cube"
    for _ in range(2):
        act(world, "noop", "noop")
    assert lies(world, (3, 3), "object") == ""


def test_only_the_cube_that_was_taken_leaves_its_hand():
    # Agent 0 walks off with the cube in the step of its load; agent 1 holds another one, two cells from the mouth.
    world = seat(make(), (3, 3, "N"), (3, 5, "W"))
    lay(world, FIRST, Kind.CUBE)
    lay(world, (3, 4), Kind.CUBE)
    world.copies.state["grip"][:] = world.codes.layers.index("object") + 1
    world.copies.state["grip_at"][:] = [FIRST, (3, 4)]
    act(world, "backward", "noop")  # L
    act(world, "noop", "noop")
    assert (world.copies.state["grip"][0] > 0).tolist() == [False, True]
    assert [lies(world, place, "object") for place in ((3, 3), (3, 4))] == ["sinking_cube", "cube"]
    for _ in range(2):
        act(world, "noop", "noop")
    assert [lies(world, place, "object") for place in ((3, 3), (3, 4))] == ["", "cube"]
    # Taken hold of in L, and shoved away by another in the same step, it is gone all the same.
    world = seat(make(), (3, 3, "N"), (3, 1, "E"))
    lay(world, FIRST, Kind.CUBE)
    act(world, "grasp", "shove")
    assert lies(world, (2, 4), "object") == "cube"
    for _ in range(3):
        act(world, "noop", "noop")
    assert not (world.grid[0, ..., world.codes.layer[Kind.CUBE]] >= Kind.CUBE).any()


def test_a_cube_that_waits_over_a_mouth_is_taken_in_the_step_after_it_is_open():
    # L = 5: the mouth is open again at L + 18 = 23, so what waits is taken in 24 and sinks in 25.
    world = idle()
    play(world, 20, [(5, FIRST)])
    assert play(world, 6, [(1, FIRST)], [(FIRST, "ground", "mouth"), (FIRST, "object", "sinking_cube")]) == [3, 5]


def test_who_loads_and_who_jams_is_counted():
    world = seat(make(), (3, 3, "N"), (3, 7, "N"))
    lay(world, FIRST, Kind.CUBE)
    lay(world, SECOND, Kind.CUBE)
    world.copies.state["left_by"][:, FIRST[0], FIRST[1]] = 1
    world.copies.state["left_by"][:, SECOND[0], SECOND[1]] = 2
    play(world, 40)
    counts = world.event_counts[0]
    assert counts[:, world.events.index("cubes_kept")].tolist() == [1, 1]
    assert counts[:, world.events.index("jams")].tolist() == [0, 1]


def test_apples_are_eaten_grasped_and_fed():
    world = seat(make(), (5, 3, "E"), (5, 6, "W"))
    lay(world, (5, 4), Kind.APPLE)
    world.note_events()
    act(world, "grasp", "noop")
    assert act(world, "forward", "noop") == [0.0, 0.0]  # carries it: both moved
    assert world.pos[0, 0].tolist() == [5, 4]
    assert lies(world, (5, 5), "apple") == "apple"
    assert act(world, "noop", "forward") == [0.0, 1.0]  # walks onto it
    fed = [(event.agent, event.whom) for event in world.happened() if event.what == "fed"]
    assert fed == [(0, 1)]
    assert world.copies.state["grip"][0, 0] == 0
    lay(world, (5, 3), Kind.APPLE)
    assert act(world, "backward", "noop") == [1.0, 0.0]
    # Swung onto another it feeds that one.
    world = seat(make(), (4, 3, "E"), (5, 3, "W"))
    lay(world, (4, 4), Kind.APPLE)
    world.grid[0, 4, 4, world.codes.layers.index("ground")] = 0
    act(world, "grasp", "noop")
    assert act(world, "turn_right", "noop") == [0.0, 1.0]


def test_shoves_take_along_what_the_held_one_holds():
    world = seat(make(), (5, 3, "E"), (5, 5, "E"))
    lay(world, (5, 6), Kind.CUBE)
    act(world, "noop", "grasp")
    act(world, "shove", "noop")
    assert world.pos[0, 1].tolist() == [5, 6]
    assert lies(world, (5, 7), "object") == "cube"


@pytest.mark.parametrize(("left", "moved"), [(18, [1, 2, 3, 4, 5, 6, 7]), (7, [1, 4, 7]), (1, [1])])
def test_every_move_costs_stamina(left, moved):
    world = seat(make(), (5, 2, "E"), (5, 14, "E"))
    world.copies.state["stamina"][:] = left
    found = []
    for step in range(1, 8):
        before = world.pos[0, 0, 1]
        act(world, "forward", "noop")
        if world.pos[0, 0, 1] != before:
            found.append(step)
    assert found == moved


def test_a_machine_without_its_parts_does_nothing():
    world = seat(make(map=FLOOR.replace("lt", " W")), (5, 1, "E"), (5, 2, "E"))
    lay(world, BURNS, Kind.CUBE)
    play(world, 20)
    assert lies(world, BURNS, "object") == "cube"
