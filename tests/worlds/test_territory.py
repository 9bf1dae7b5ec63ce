"""Territory: claims, their pay, zapped resources, and agents removed for good."""

import math

import numpy as np
import pytest

import sorrelsim
from sorrelsim.worlds.territory import MAPS, Kind

NOOP, FORWARD, BACKWARD, LEFT, RIGHT, TURN_LEFT, TURN_RIGHT, ZAP, CLAIM = range(9)
FACINGS = "NESW"
CLAIMS, PAYOUTS, DESTROYED, FIRED, RECEIVED, REMOVALS = range(6)


def field(text, agents, n_worlds=1, **settings):
    """A scene with agents placed at will: ``agents`` are (row, col, facing)."""
    spawns = "P" * max(len(agents), len(text.splitlines()[0]))
    width = len(spawns)
    text = "\n".join([*(line.ljust(width, ",") for line in text.splitlines()), spawns])
    world = sorrelsim.make("territory", n_worlds, map=text + "\n", n_agents=len(agents), compiled=False, **settings)
    world.occupant[...] = -1
    world.grid[..., world.codes.agent_layer] = 0
    for i, (row, col, facing) in enumerate(agents):
        world.pos[:, i] = row, col
        world.facing[:, i] = FACINGS.index(facing)
        world.occupant[:, row, col] = i
        world.grid[:, row, col, world.codes.agent_layer] = world.codes.agent_code + i * world.codes.slot_stride
    return world


def act(world, *actions):
    return world.step(np.tile(np.array(actions), (world.n_worlds, 1)))


def lies(world, row, col, layer="object", copy=0):
    return world.grid[copy, row, col, world.codes.layers.index(layer)]


def owner(world, row, col, copy=0):
    return world.copies.state["owner"][copy, row, col] - 1


def share_ok(count, n, p, sigmas=4.5):
    return abs(count - n * p) <= sigmas * np.sqrt(n * p * (1 - p)) + 1e-9


@pytest.mark.parametrize(
    ("name", "width", "height", "resources", "spawns"),
    [("open", 39, 23, 88, 18), ("rooms", 21, 21, 180, 9), ("inside_out", 23, 23, 88, 8)],
)
def test_maps_have_their_contents(name, width, height, resources, spawns):
    text = MAPS[name]
    rows = text.strip("\n").splitlines()
    assert (len(rows[0]), len(rows)) == (width, height)
    assert (text.count("R"), text.count("P")) == (resources, spawns)


def test_inside_out_is_drawn_afresh():
    """88 sure cells, two in three of 48 A and one in four of 64 B: 136 resources on average; 8 P, 16 Q by sevenths."""
    n = 200
    world = sorrelsim.make("territory", n, preset="inside_out", seed=3, compiled=False)
    sites = world.map.sites
    assert (world.n_agents, len(sites["lines"]), len(sites["meshes"]), len(sites["perhaps"])) == (5, 48, 64, 16)
    stands = world.grid[..., world.codes.layers.index("object")] == Kind.RESOURCE
    unclaimed = world.grid[..., world.codes.layers.index("paint")] == Kind.UNCLAIMED
    np.testing.assert_array_equal(stands, unclaimed)
    counts = {site: stands[:, cells[:, 0], cells[:, 1]].sum() for site, cells in sites.items()}
    sure = counts["resources"] - counts["lines"] - counts["meshes"]
    assert sure == 88 * n
    assert share_ok(counts["lines"], 48 * n, 2 / 3)
    assert share_ok(counts["meshes"], 64 * n, 1 / 4)
    assert (stands[0] != stands[1]).any()
    # With k of the 16 Q open an agent starts at one of them with chance k / (8 + k): 0.212 for binomial k.
    shares = [math.comb(16, k) * (1 / 7) ** k * (6 / 7) ** (16 - k) * k / (8 + k) for k in range(17)]
    perhaps = {tuple(cell) for cell in sites["perhaps"]}
    at_q = sum(tuple(place) in perhaps for place in world.pos[:, 0].tolist())
    assert share_ok(at_q, n, sum(shares))
    assert (world.grid[..., world.codes.layers.index("object")] == Kind.WALL).sum() == n * 88  # Q are floor again
    world = sorrelsim.make("territory", preset="inside_out", line_probability=0, mesh_probability=1, compiled=False)
    assert (world.grid == Kind.RESOURCE).sum() == 88 + 64


def test_who_finds_no_spawn_among_those_drawn_starts_at_another():
    for text in ("W,Q,Q,Q,W\n", "PQ,,Q\n"):
        world = sorrelsim.make("territory", 20, map=text, n_agents=2, spawn_probability=0.1, compiled=False)
        assert (world.out == 0).all()
        assert ((world.occupant >= 0).sum((1, 2)) == 2).all()


def test_settings_of_the_world():
    rooms = sorrelsim.make("territory", map="rooms", compiled=False)
    assert rooms.wraps
    assert not sorrelsim.make("territory", compiled=False).wraps
    assert rooms.n_agents == 9
    assert rooms.action_names[7:] == ("zap", "claim")
    assert rooms.obs["grid"].shape[2:4] == (11, 11)
    # One agent in each of the nine rooms.
    assert {(row // 7, col // 7) for row, col in rooms.pos[0]} == {(r, c) for r in range(3) for c in range(3)}


def test_other_maps_glyphs_can_be_pasted_in():
    world = sorrelsim.make("territory", map="F=T\n|,|\n|P|\nL=J\n", n_agents=1, compiled=False)
    assert (world.grid[0, ..., world.codes.layer[Kind.WALL]] == Kind.WALL).sum() == 10


def test_touching_claims_the_resource_right_ahead_with_any_action():
    world = field(",,,\n,R,\n,R,", [(0, 1, "S")])
    act(world, NOOP)
    assert owner(world, 1, 1) == 0
    assert owner(world, 2, 1) == -1
    assert lies(world, 1, 1, "paint") == Kind.CLAIM_0
    assert lies(world, 2, 1, "paint") == Kind.UNCLAIMED
    act(world, NOOP)
    assert world.event_counts[0, 0, CLAIMS] == 1  # not claimed anew each step


def test_touch_reaches_across_the_seam_of_a_torus():
    world = sorrelsim.make("territory", map="rooms", n_agents=1, compiled=False)
    world.occupant[...] = -1
    world.grid[..., world.codes.agent_layer] = 0
    world.pos[:, 0] = 0, 3
    world.facing[:, 0] = 0
    act(world, NOOP)
    assert owner(world, 20, 3) == 0


def test_a_claim_beam_of_length_2_passes_through_resources_and_agents_but_no_wall():
    world = field("RRR,\nRRR,\n,,,,", [(2, 0, "N"), (2, 3, "W")])
    act(world, CLAIM, NOOP)
    assert [owner(world, row, 0) for row in (1, 0)] == [0, 0]
    world = field(",,R,", [(0, 0, "E"), (0, 1, "N")])
    act(world, CLAIM, NOOP)
    assert owner(world, 0, 2) == 0
    world = field(",WR,", [(0, 0, "E")])
    act(world, CLAIM)
    assert owner(world, 0, 2) == -1


def test_a_claim_can_be_fired_every_step():
    world = field("RR,,", [(0, 2, "W"), (1, 0, "N")])
    act(world, CLAIM, NOOP)
    for _ in range(4):
        act(world, CLAIM, NOOP)  # agent 1 touches (0, 0) first, then the beam takes it back
        assert owner(world, 0, 0) == 0


def test_two_who_touch_one_resource_take_it_from_each_other_by_chance():
    n = 400
    world = field(",R,", [(0, 0, "E"), (0, 2, "W")], n_worlds=n, seed=2)
    act(world, NOOP, NOOP)
    assert share_ok((world.copies.state["owner"][:, 0, 1] == 1).sum(), n, 0.5)


def test_pay_begins_25_steps_after_the_claim_and_shows():
    world = field(",R,", [(0, 0, "E")], pay_probability=1.0)
    rewards = [act(world, NOOP)[1][0, 0] for _ in range(28)]
    assert rewards == [0] * 25 + [1] * 3
    assert lies(world, 0, 1) == Kind.PAYING
    assert world.event_counts[0, 0, PAYOUTS] == 3


def test_pay_has_probability_one_in_a_hundred_for_each_resource():
    n, steps = 40, 60
    world = field("RRR,\n,,,,\n", [(1, 1, "N")], n_worlds=n, seed=3, pay_delay=0)
    world.copies.state["owner"][:, 0, :3] = 1
    paid = sum(act(world, NOOP)[1].sum() for _ in range(steps))
    assert share_ok(paid, 3 * n * steps, 0.01)


def test_a_change_of_hands_starts_the_wait_anew():
    world = field(",R,", [(0, 0, "E"), (0, 2, "N")], pay_probability=1.0)
    for _ in range(30):
        act(world, NOOP, NOOP)
    assert lies(world, 0, 1) == Kind.PAYING
    act(world, TURN_LEFT, TURN_LEFT)
    assert owner(world, 0, 1) == 1
    assert lies(world, 0, 1) == Kind.RESOURCE
    rewards = [act(world, NOOP, NOOP)[1][0].tolist() for _ in range(26)]
    assert rewards[:24] == [[0, 0]] * 24
    assert rewards[24:] == [[0, 1]] * 2


def test_two_zaps_destroy_a_resource_for_good_and_it_becomes_walkable():
    world = field(",,,\n,R,\n,,,", [(0, 1, "S")], mend_probability=0.0, zap_cooldown=0, zap_radius=0)
    act(world, ZAP)
    assert lies(world, 1, 1) == Kind.CRACKED
    act(world, FORWARD)
    assert tuple(world.pos[0, 0]) == (0, 1)
    act(world, ZAP)
    assert lies(world, 1, 1) == lies(world, 1, 1, "paint") == 0
    assert world.event_counts[0, 0, DESTROYED] == 1
    act(world, FORWARD)
    assert tuple(world.pos[0, 0]) == (1, 1)


def test_a_zap_stops_at_a_resource_but_goes_on_behind_one_that_it_fells():
    world = field(",,,\n,R,\n,R,", [(0, 1, "S")], mend_probability=0.0, zap_cooldown=0, zap_radius=0)
    act(world, ZAP)
    assert (lies(world, 1, 1), lies(world, 2, 1)) == (Kind.CRACKED, Kind.RESOURCE)
    act(world, ZAP)
    assert (lies(world, 1, 1), lies(world, 2, 1)) == (0, Kind.CRACKED)


def test_a_cracked_resource_keeps_its_owner_and_pays():
    world = field(",R,", [(0, 0, "E")], pay_probability=1.0, pay_delay=0, mend_probability=0.0)
    act(world, ZAP)
    _, reward, *_ = act(world, NOOP)
    assert reward[0, 0] == 1
    assert lies(world, 0, 1) == Kind.CRACKED_PAYING


def test_a_resource_mends_from_15_steps_after_the_last_zap():
    world = field(",R,", [(0, 0, "E")], mend_probability=1.0)
    act(world, ZAP)
    for _ in range(14):
        act(world, NOOP)
    assert lies(world, 0, 1) == Kind.CRACKED
    act(world, NOOP)
    assert lies(world, 0, 1) == Kind.RESOURCE
    assert world.copies.state["cracked"][0, 0] == 0
    act(world, ZAP)  # its health is whole again: one more zap cracks it only
    assert lies(world, 0, 1) == Kind.CRACKED


def test_mending_has_its_probability():
    n = 500
    world = field(",R,", [(0, 0, "E")], n_worlds=n, seed=4, mend_delay=1)
    act(world, ZAP)
    act(world, NOOP)
    mended = world.grid[:, 0, 1, world.codes.layers.index("object")] == Kind.RESOURCE
    assert share_ok(mended.sum(), n, 0.1)


def test_a_second_zap_removes_an_agent_for_good_and_its_claims_lapse():
    world = field(",,,,\n,,,R", [(0, 0, "E"), (0, 2, "S")], zap_cooldown=0)
    act(world, NOOP, TURN_LEFT)
    act(world, NOOP, TURN_RIGHT)
    world.copies.state["owner"][:, 1, 3] = 2
    world.grid[:, 1, 3, 0] = Kind.CLAIM_1
    act(world, ZAP, NOOP)
    assert world.out[0, 1] == 0
    assert owner(world, 1, 3) == 1
    act(world, ZAP, NOOP)
    assert world.out[0, 1] == -1
    assert owner(world, 1, 3) == -1
    assert lies(world, 1, 3, "paint") == Kind.UNCLAIMED
    assert world.event_counts[0, 1, [RECEIVED, REMOVALS]].tolist() == [2, 1]
    for _ in range(60):
        obs, *_ = act(world, NOOP, NOOP)
    assert world.out[0, 1] == -1
    assert not obs["grid"][0, 1].any()


def test_a_frozen_agent_still_claims():
    world = field(",,,,\n,,,R", [(0, 0, "E"), (0, 2, "S")])
    act(world, ZAP, NOOP)
    assert world.frozen[0, 1] > 0
    world.facing[:, 1] = 1
    world.pos[:, 1] = 1, 2
    act(world, NOOP, FORWARD)
    assert owner(world, 1, 3) == 1


def test_all_hangs_together_under_random_play():
    world = sorrelsim.make("territory", 2, map="rooms", seed=5, compiled=False, zap_cooldown=0)
    rng = np.random.default_rng(0)
    resources = world.map.sites["resources"]
    total = np.zeros((2, 9))
    for _ in range(150):
        _, reward, *_ = world.step(rng.integers(0, 9, (2, 9)))
        total += reward
        objects = world.grid[..., world.codes.layers.index("object")]
        paint = world.grid[..., 0]
        for copy in range(2):
            at = objects[copy][tuple(resources.T)]
            claimed = world.copies.state["owner"][copy][tuple(resources.T)]
            stands = at > 0
            assert (claimed[~stands] == 0).all()
            worn = paint[copy][tuple(resources.T)]
            expected = np.where(claimed > 0, Kind.CLAIM_0 + claimed - 1, np.where(stands, Kind.UNCLAIMED, 0))
            np.testing.assert_array_equal(worn, expected)
            assert (at >= Kind.CRACKED).sum() == world.copies.state["cracked"][copy, 0]
            assert (~stands).sum() == world.event_counts[copy, :, DESTROYED].sum()
    np.testing.assert_array_equal(total, world.event_counts[..., PAYOUTS])
    assert total.sum() > 0
    assert world.event_counts[..., DESTROYED].sum() > 0


@pytest.mark.parametrize("map_name", ["rooms", "inside_out"])
def test_compiled_equals_interpreted(map_name):
    worlds = [sorrelsim.make("territory", 2, seed=6, map=map_name, compiled=c) for c in (False, True)]
    rng = np.random.default_rng(1)
    for _ in range(150):
        actions = rng.integers(0, 9, (2, 9))
        for world in worlds:
            world.step(actions)
        np.testing.assert_array_equal(worlds[0].obs["grid"], worlds[1].obs["grid"])
        np.testing.assert_array_equal(worlds[0].reward, worlds[1].reward)
    states = [world.get_state() for world in worlds]
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name], err_msg=name)
