"""Matrix games: gathering, interacting, being shown and paid, roles, resources that break and come back."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.matrix_game import Kind, MatrixGame

ROOM = """
WWWWWWWWWWW
W    1    W
W         W
W  2      W
W       PPW
WWWWWWWWWWW
"""
ROOM_OF_8 = """
WWWWWWWWWWW
W         W
W         W
W  PPPP   W
W  PPPP   W
WWWWWWWWWWW
"""
GAMES = (
    "prisoners_dilemma", "stag_hunt", "chicken", "bach_or_stravinsky", "pure_coordination",
    "rationalizable_coordination", "running_with_scissors",
)  # fmt: skip
NOOP = "noop"


def make(preset="prisoners_dilemma_repeated", map=ROOM, **settings):
    return sorrelsim.make("matrix_game", preset=preset, map=map, compiled=False, **settings)


def facing_pair(**settings):
    """Two ready agents that face each other, two cells apart; agent 0 holds (3, 1), agent 1 (1, 2)."""
    world = seat(make(**settings), (2, 3, "E"), (2, 5, "W"))
    give(world, [3, 1], [1, 2])
    return world


def give(world, *inventories):
    for i, inventory in enumerate(inventories):
        world.copies.state["inventory"][:, i] = inventory
        world.copies.state["ready"][:, i] = 1


def marks(world):
    return [int(world.grid[0, row, col, world.codes.layers.index("mark")]) for row, col in world.pos[0]]


def test_keeps_the_contract():
    check_world("matrix_game", compiled=False, steps=10)


@pytest.mark.parametrize(
    ("name", "size", "counts"),
    [
        ("arena", (24, 25), {"1": 13, "2": 13, "3": 0, "a": 10, "P": 64}),
        ("arena_3", (24, 25), {"1": 13, "2": 13, "3": 13, "a": 10, "P": 64}),
        ("stag_arena", (24, 25), {"1": 23, "2": 40, "3": 0, "a": 12, "P": 88}),
        ("repeated", (15, 23), {"1": 12, "2": 12, "3": 0, "a": 12, "P": 13}),
        ("repeated_3", (15, 23), {"1": 6, "2": 6, "3": 6, "a": 18, "P": 13}),
    ],
)
def test_maps_have_the_published_sizes_and_counts(name, size, counts):
    text = MatrixGame.maps[name].strip("\n")
    rows = text.splitlines()
    assert (len(rows), len(rows[0])) == size
    assert {glyph: text.count(glyph) for glyph in counts} == counts


@pytest.mark.parametrize("name", ["arena", "arena_3", "stag_arena", "repeated", "repeated_3"])
def test_every_cell_of_a_map_can_be_walked_to(name):
    cells = np.array([list(row) for row in MatrixGame.maps[name].strip("\n").splitlines()]) != "W"
    seen = np.zeros_like(cells)
    seen[tuple(np.argwhere(cells)[0])] = True
    for _ in range(cells.size):
        grown = seen.copy()
        grown[1:] |= seen[:-1]
        grown[:-1] |= seen[1:]
        grown[:, 1:] |= seen[:, :-1]
        grown[:, :-1] |= seen[:, 1:]
        if np.array_equal(grown & cells, seen):
            break
        seen = grown & cells
    assert np.array_equal(seen, cells)


def test_there_is_a_preset_for_every_game_and_form():
    presets = MatrixGame.presets
    assert set(presets) == {f"{game}_{form}" for game in GAMES for form in ("arena", "repeated", "one_shot")}
    arena = {name: presets[f"{name}_arena"]["end_probability"] for name in GAMES}
    repeated = {name: presets[f"{name}_repeated"]["end_probability"] for name in GAMES}
    assert arena == {
        "prisoners_dilemma": 0.15, "stag_hunt": 0.1, "chicken": 0.2, "bach_or_stravinsky": 0.2,
        "pure_coordination": 0.2, "rationalizable_coordination": 0.2, "running_with_scissors": 0.2,
    }  # fmt: skip
    assert repeated == {name: 0.2 if name == "running_with_scissors" else 0.1 for name in GAMES}


@pytest.mark.parametrize(
    ("form", "n_agents", "window", "timeout", "regrowth"),
    [("arena", 8, (11, 11), 50, 0.04), ("repeated", 2, (5, 5), 5, 0.02), ("one_shot", 2, (5, 5), 5, 0.0)],
)
def test_forms(form, n_agents, window, timeout, regrowth):
    world = sorrelsim.make("matrix_game", preset=f"chicken_{form}", compiled=False)
    assert (world.n_agents, world.obs["grid"].shape[2:4]) == (n_agents, window)
    assert (world.copies.params["timeout"][0], world.copies.params["regrowth_probability"][0]) == (timeout, regrowth)


def test_gathering_counts_and_makes_ready():
    world = seat(make(), (2, 5, "N"), (4, 8, "N"))
    assert world.obs["inventory"][0, 0].tolist() == [1, 1]
    assert act(world, "forward", NOOP) == [0, 0]
    assert world.obs["inventory"][0].tolist() == [[2, 1], [1, 1]]
    assert marks(world) == [Kind.READY, 0]
    assert world.event_counts[0, 0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    act(world, "backward", NOOP)
    assert world.grid[0, 1, 5].tolist() == [0, 0, 0, 0]  # the mark has gone with its agent
    assert world.obs["grid"][0, 0, 3, 2, world.codes.layers.index("mark")] == Kind.READY


def test_no_interaction_before_both_have_gathered():
    world = facing_pair()
    world.copies.state["ready"][0, 1] = 0
    assert act(world, "interact", "interact") == [0, 0]
    assert world.copies.state["due"][0].tolist() == [0, 0]
    assert world.frozen[0].tolist() == [0, 0]


def test_an_interaction_is_shown_for_16_steps_then_paid_then_both_are_out_for_5_and_6_observations():
    world = facing_pair()
    p, q = np.array([3, 1]) / 4, np.array([1, 2]) / 3
    payoff = np.array([[3, 0], [5, 1]])
    expected = [p @ payoff @ q, p @ payoff.T @ q]
    assert act(world, "interact", NOOP) == [0, 0]
    for _ in range(15):
        assert marks(world) == [Kind.RESULT_1 + int(np.floor(value)) for value in expected]
        assert world.obs["inventory"][0].tolist() == [[3, 1], [1, 2]]
        assert act(world, "backward", "turn_left") == [0, 0]
    assert marks(world) == [Kind.RESULT_1 + int(np.floor(value)) for value in expected]
    assert world.pos[0].tolist() == [[2, 3], [2, 5]]
    np.testing.assert_allclose(act(world, "interact", "interact"), expected, atol=1e-12)  # paid though out
    for _ in range(6):
        assert (world.out[0] > 0).all()
        assert not world.obs["grid"].any()
        assert not world.obs["inventory"].any()
        assert (world.occupant == -1).all()
        act(world, NOOP, NOOP)
    assert (world.out[0] == 0).all()
    assert world.obs["inventory"][0].tolist() == [[1, 1], [1, 1]]
    assert marks(world) == [0, 0]
    interactions, payoffs = world.event_counts[0, :, 0], world.event_counts[0, :, 1]
    assert interactions.tolist() == [1, 1]
    np.testing.assert_allclose(payoffs, expected, atol=1e-12)
    np.testing.assert_allclose(payoffs, world.episode_return[0])
    assert world.event_counts[0, :, 7:9].tolist() == [[1, 0], [0, 1]]  # mostly 1, mostly 2


def test_the_time_out_of_the_arena_is_50():
    world = seat(make("prisoners_dilemma_arena", n_agents=2), (2, 3, "E"), (2, 5, "W"))
    give(world, [2, 1], [2, 1])
    act(world, "interact", NOOP)
    missed = 0
    for _ in range(80):
        act(world, NOOP, NOOP)
        missed += world.out[0, 0] != 0
    assert missed == 51


ONE_SIDED = {"column_matrix": [[0, -1], [-2, 0]], "transposed": False}


def test_who_fires_is_the_row_player():
    hands = np.array([[3, 1], [1, 2]]) / [[4], [3]]
    for firing in (0, 1):
        world = facing_pair(**ONE_SIDED)
        act(world, *["interact" if i == firing else NOOP for i in range(2)])
        p, q = hands[firing], hands[1 - firing]
        expected = [p @ np.array([[3, 0], [5, 1]]) @ q, p @ np.array([[0, -1], [-2, 0]]) @ q]
        np.testing.assert_allclose(world.copies.state["payoff"][0, [firing, 1 - firing]], expected, atol=1e-12)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("firing", [0, 1])
def test_payoffs_of_every_game(game, firing):
    rng = np.random.default_rng(firing)
    matrix = np.array(MatrixGame.presets[f"{game}_arena"]["matrix"], float)
    n = len(matrix)
    room = ROOM.replace("2", " ").replace("1", " ")
    world = make(f"{game}_repeated", room)
    for _ in range(5):
        seat(world, (2, 3, "E"), (2, 5, "W"))
        hands = rng.integers(1, 9, size=(2, n))
        give(world, *hands)
        world.copies.state["cooling"][:] = 0
        act(world, *["interact" if i == firing else NOOP for i in range(2)])
        row, col = firing, 1 - firing
        column_matrix = matrix.T
        if game == "bach_or_stravinsky":
            row, col, column_matrix = 0, 1, np.array([[2, 0], [0, 3]])
        p, q = hands[row] / hands[row].sum(), hands[col] / hands[col].sum()
        np.testing.assert_allclose(
            world.copies.state["payoff"][0, [row, col]], [p @ matrix @ q, p @ column_matrix @ q], atol=1e-12
        )
        world.reset()


def test_roles_alternate_and_equal_roles_do_not_interact():
    world = make("bach_or_stravinsky_arena", ROOM_OF_8)
    ground = [int(world.grid[0, row, col, 0]) for row, col in world.pos[0]]
    assert ground == [Kind.ROW, Kind.COLUMN] * 4
    for partner, expected in ((2, 0), (3, 17)):
        world.reset()
        places = [None] * 8
        places[0], places[partner] = (2, 2, "E"), (2, 4, "W")
        seat(world, *places)
        give(world, *[[2, 1]] * 8)
        act(world, "interact", *[NOOP] * 7)
        assert world.copies.state["due"][0, partner] == max(0, expected - 1)


def test_a_frozen_agent_cannot_be_drawn_into_a_second_interaction():
    world = make("prisoners_dilemma_arena", ROOM_OF_8, n_agents=3)
    seat(world, (2, 2, "E"), (2, 4, "W"), (4, 4, "N"))
    give(world, [2, 1], [2, 1], [2, 1])
    act(world, "interact", NOOP, NOOP)
    act(world, NOOP, NOOP, "interact")
    assert world.copies.state["due"][0].tolist() == [15, 15, 0]
    assert world.event_counts[0, :, 0].tolist() == [1, 1, 0]


def test_one_beam_meets_one_agent_only():
    world = make("prisoners_dilemma_arena", ROOM_OF_8, n_agents=3)
    seat(world, (2, 2, "E"), (2, 4, "W"), (3, 3, "N"))  # one ahead, one in the beam's right column
    give(world, [2, 1], [2, 1], [2, 1])
    act(world, "interact", NOOP, NOOP)
    assert world.event_counts[0, :, 0].tolist() == [1, 1, 0]


def test_of_two_who_fire_at_each_other_either_is_the_row_player_half_of_the_time():
    n = 300
    world = seat(make(n_worlds=n, **ONE_SIDED), (2, 3, "E"), (2, 5, "W"))
    give(world, [3, 1], [1, 2])
    act(world, "interact", "interact")
    assert (world.copies.state["due"] == 16).all()
    assert (world.event_counts[:, :, 0] == 1).all()
    assert (world.event_counts[:, :, 6] == 1).all()  # both have fired
    is_row = world.copies.state["payoff"] > 0  # the column player's payoffs are negative here
    assert (is_row.sum(axis=1) == 1).all()
    assert share_ok(is_row[:, 0].sum(), n, 0.5)  # five standard errors: 0.14


def test_the_beam_can_be_fired_every_third_step_and_waits_while_frozen_or_out():
    world = seat(make(), (2, 3, "N"), (4, 8, "N"))
    ready = []
    for _ in range(6):
        act(world, "interact", NOOP)
        ready.append(world.obs["ready_to_shoot"][0, 0, 0])
    assert ready == [0, 0.5, 1, 0, 0.5, 1]
    assert world.event_counts[0, 0, 6] == 2
    world = facing_pair()
    act(world, "interact", NOOP)
    for _ in range(22):  # 16 frozen and 6 unseen
        act(world, "interact", NOOP)
        assert world.copies.state["cooling"][0, 0] == 2
    assert world.out[0].tolist() == [0, 0]  # just back
    act(world, "interact", NOOP)
    assert world.copies.state["cooling"][0, 0] == 1


def test_three_hits_destroy_a_resource_and_the_third_goes_through():
    corridor = "WWWWWWW\nW  1  W\nWWWWWWW\nWPP   W\nWWWWWWW"
    world = seat(make(map=corridor, regrowth_probability=0), (1, 2, "E"), (1, 4, "W"))
    give(world, [2, 1], [2, 1])
    beam = world.codes.layers.index("beam")
    for shot in range(3):
        assert world.grid[0, 1, 3, 0] == Kind.RESOURCE_1
        act(world, "interact", NOOP)
        if shot < 2:
            assert world.grid[0, 1, :, beam].tolist() == [0, 0, 0, Kind.BEAM, 0, 0, 0]
            act(world, NOOP, NOOP)
            act(world, NOOP, NOOP)
    assert world.grid[0, 1, :, beam].tolist() == [0, 0, 0, Kind.BEAM, Kind.BEAM, 0, 0]
    assert world.grid[0, 1, 3, 0] == 0
    assert world.copies.state["due"][0].tolist() == [16, 16]  # the agent behind was hit
    assert world.event_counts[0, 0, 5] == 1


def test_a_resource_rests_10_steps_and_does_not_grow_under_an_agent():
    world = seat(make(regrowth_probability=1.0), (2, 5, "N"), (4, 8, "N"))
    act(world, "forward", NOOP)
    act(world, "backward", NOOP)
    for _ in range(8):
        assert world.grid[0, 1, 5, 0] == 0
        act(world, NOOP, NOOP)
    assert world.grid[0, 1, 5, 0] == 0
    act(world, NOOP, NOOP)
    assert world.grid[0, 1, 5, 0] == Kind.RESOURCE_1
    act(world, "forward", NOOP)
    for _ in range(15):
        act(world, NOOP, NOOP)
        assert world.grid[0, 1, 5, 0] == 0
    act(world, "backward", NOOP)
    assert world.grid[0, 1, 5, 0] == Kind.RESOURCE_1


@pytest.mark.parametrize(("form", "p"), [("arena", 0.04), ("repeated", 0.02)])
def test_frequency_of_regrowth(form, p):
    field = "\n".join(["W" * 62, *["W" + "1" * 60 + "W"] * 60, "W" + "P" * 60 + "W", "W" * 62])
    world = make(f"prisoners_dilemma_{form}", field, n_agents=2)
    resources = world.grid[0, 1:61, 1:61, 0]
    resources[:] = 0
    world.turn[:] = 20
    grown = 0
    for _ in range(4):
        act(world, NOOP, NOOP)
        grown += (resources > 0).sum()
        resources[:] = 0
    assert share_ok(grown, 4 * 3600, p)  # five standard errors: 0.008 for the arena, 0.006 repeated


def test_a_cell_of_a_random_resource_takes_each_equally_often_and_keeps_it():
    field = "\n".join(["W" * 42, *["W" + "a" * 40 + "W"] * 40, "W" + "P" * 40 + "W", "W" * 42])
    world = make("running_with_scissors_repeated", field)
    first = world.grid[0, 1:41, 1:41, 0].copy()
    for kind in (Kind.RESOURCE_1, Kind.RESOURCE_2, Kind.RESOURCE_3):
        assert share_ok((first == kind).sum(), 1600, 1 / 3)  # five standard errors: 0.06
    world.grid[0, 1:41, 1:41, 0] = 0
    seat(world, None, None)
    act(world, NOOP, NOOP)  # all are out, so everything is back
    assert np.array_equal(world.grid[0, 1:41, 1:41, 0], first)
    world.reset()
    assert not np.array_equal(world.grid[0, 1:41, 1:41, 0], first)


def test_everything_refills_once_both_are_out_when_repeated_only():
    for form, expected in (("repeated", Kind.RESOURCE_2), ("arena", 0)):
        world = make(f"prisoners_dilemma_{form}", n_agents=2, regrowth_probability=0.0)
        seat(world, (2, 3, "S"), (2, 5, "W"))
        act(world, "forward", NOOP)
        act(world, "backward", NOOP)
        give(world, [1, 2], [2, 1])
        world.facing[0, 0] = 1
        act(world, "interact", NOOP)
        for _ in range(16):
            assert world.grid[0, 3, 3, 0] == 0
            act(world, NOOP, NOOP)
        assert (world.out[0] > 0).all()
        act(world, NOOP, NOOP)
        assert world.grid[0, 3, 3, 0] == expected


def test_one_shot_terminates_when_the_first_interaction_is_paid():
    world = facing_pair(preset="prisoners_dilemma_one_shot")
    act(world, "interact", NOOP)
    for _ in range(15):
        act(world, NOOP, NOOP)
        assert not world.terminated.any()
    rewards = act(world, NOOP, NOOP)
    assert min(rewards) > 0
    assert world.terminated.all()
    assert not world.truncated.any()
    np.testing.assert_allclose(world.info["episode_events"][0, :, 1], rewards)


def test_any_matrix_and_a_resource_without_a_row():
    world = make(map=ROOM.replace("W  2", "W  3"), matrix=[[1, -2], [4, 0.5]])
    assert not (world.grid[..., 0] == Kind.RESOURCE_3).any()
    seat(world, (2, 3, "E"), (2, 5, "W"))
    give(world, [1, 3], [3, 1])
    act(world, "interact", NOOP)
    p, q, matrix = np.array([1, 3]) / 4, np.array([3, 1]) / 4, np.array([[1, -2], [4, 0.5]])
    np.testing.assert_allclose(world.copies.state["payoff"][0], [p @ matrix @ q, p @ matrix.T @ q])
    with pytest.raises(ValueError, match="matrix"):
        make(matrix=[[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    three = make("running_with_scissors_arena", None, matrix=[[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert three.obs["inventory"].shape == (1, 8, 3)


def test_rewards_equal_payoff_events_in_random_play():
    world = make("stag_hunt_arena", ROOM_OF_8.replace("W         W\nW   ", "W 1 2 1 2 W\nW   ", 1))
    rng = np.random.default_rng(0)
    for _ in range(300):
        world.step(rng.integers(8, size=(1, 8)))
    assert world.event_counts[0, :, 0].sum() > 0
    np.testing.assert_allclose(world.event_counts[0, :, 1], world.episode_return[0])
