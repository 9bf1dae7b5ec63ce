"""What holds in every world at every step, whatever the map, the number of agents and the actions."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class, names

STEPS = 25
WORLDS = names("worlds")
QUIETLY = settings(
    max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@st.composite
def scenes(draw, cls):
    """A world of 2 copies on one of its maps or on a random one in its legend, and a seed for the actions."""
    preset = draw(st.sampled_from([None, *cls.presets]))
    chosen = cls.presets.get(preset, {}).get("map", next(iter(cls.maps)))
    spawn_glyphs = (cls.presets.get(preset, {}).get("sites") or cls.sites)["spawns"]
    n_agents = draw(st.integers(1, min(6, sum(cls.maps[chosen].count(glyph) for glyph in spawn_glyphs))))
    given_map = draw(st.booleans())
    setup = {"preset": preset, "n_agents": n_agents, "seed": draw(st.integers(0, 2**63)), "compiled": False}
    if given_map:
        glyphs = sorted(set(cls.maps[chosen]) - {"\n"})
        height, width = draw(st.integers(5, 11)), draw(st.integers(6, 12))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        cells = rng.choice(glyphs, size=(height, width))
        cells[[0, -1]] = cells[:, [0, -1]] = "W"
        spots = rng.choice((height - 2) * (width - 2), size=n_agents, replace=False)
        rows, cols = np.divmod(spots, width - 2)
        cells[rows + 1, cols + 1] = spawn_glyphs[0]
        setup["map"] = "\n".join("".join(row) for row in cells) + "\n"
    return cls(2, **setup), draw(st.integers(0, 2**32))


def agents_stand_where_they_should(world):
    codes = world.codes
    for copy in range(world.n_worlds):
        shown = np.zeros((world.height, world.width), np.int64)
        taken = np.full((world.height, world.width), -1)
        for i in np.flatnonzero(world.out[copy] == 0):
            row, col = world.pos[copy, i]
            assert 0 <= row < world.height
            assert 0 <= col < world.width
            assert taken[row, col] == -1, "two agents on a cell"
            taken[row, col] = i
            turned = world.facing[copy, i] if codes.facing else 0
            shown[row, col] = codes.agent_code + i * codes.slot_stride + turned
            for layer in range(len(codes.layers)):
                if layer != codes.agent_layer:
                    assert not codes.solid[world.grid[copy, row, col, layer]]
        assert np.array_equal(world.occupant[copy], taken)
        assert np.array_equal(world.grid[copy, ..., codes.agent_layer], shown)
        assert np.isin(world.facing[copy], range(4)).all()


def ids_are_legal_and_in_their_layer(world):
    codes = world.codes
    for layer in range(len(codes.layers)):
        ids = world.grid[..., layer]
        assert (ids < codes.n_codes).all()
        assert (codes.layer[ids[ids > 0]] == layer).all()
        assert not (ids == codes.outside).any()


def nothing_outside_the_map_is_touched(world):
    pad, height, width = world.copies.pad, world.height, world.width
    padded, template = world.copies.of["cells"].copy(), world.copies.template.copy()
    inner = padded[:, pad : pad + height, pad : pad + width]
    if world.wraps:
        assert np.array_equal(padded, np.pad(inner, ((0, 0), (pad, pad), (pad, pad)), mode="wrap"))
    else:
        inner[:] = template[pad : pad + height, pad : pad + width] = 0
        assert (padded == template).all()
    layers = len(world.codes.layers)
    assert not world.copies.of["cells"].view(np.uint8).reshape(*padded.shape, -1)[..., layers:].any()


def walls(world):
    wall = world.kinds["WALL"]
    return world.grid[..., world.codes.layer[wall]] == wall


def observations_fit(world):
    parts = world.obs if isinstance(world.obs, dict) else {"grid": world.obs}
    out = world.out != 0
    for name, part in parts.items():
        assert np.isfinite(part).all(), name
        told = world.observe_while_out and name in world.scalars
        assert told or not part[out].any(), f"an agent that is out sees {name}"
    own = world.codes.self_code
    agents = parts["grid"][~out][..., world.codes.agent_layer]
    selves = ((agents >= own) & (agents < world.codes.agent_code)).sum(axis=(1, 2))
    assert (selves == 1).all()


def count(world, copy, site, kind):
    cells = world.map.sites[site]
    return int((world.grid[copy, cells[:, 0], cells[:, 1], world.codes.layer[kind]] == kind).sum())


def cleanup_counts(world, copy):
    assert world.copies.state["dirt"][copy, 0] == count(world, copy, "river", world.kinds.DIRT)


def harvest_counts(world, copy):
    reach = int(world.copies.params["reach_squared"][copy])
    apple = world.kinds.APPLE
    apples = np.argwhere(world.grid[copy, ..., world.codes.layer[apple]] == apple)
    for row, col in world.map.sites["orchard"]:
        away = ((apples - [row, col]) ** 2).sum(axis=1)
        if not world.wraps:
            assert world.copies.state["around"][copy, row, col] == ((away > 0) & (away <= reach)).sum()


def allelopathic_counts(world, copy):
    kinds = world.kinds
    for c, colour in enumerate(("RED", "GREEN", "BLUE")):
        lying = sum(count(world, copy, "orchard", kinds[f"{state}_{colour}"]) for state in ("RIPE", "UNRIPE"))
        assert world.copies.state["berries"][copy, c] == lying


def territory_counts(world, copy):
    kinds = world.kinds
    cracked = sum(count(world, copy, "resources", kinds[name]) for name in ("CRACKED", "CRACKED_PAYING"))
    assert world.copies.state["cracked"][copy, 0] == cracked


def matrix_counts(world, copy):
    """Gathered since the last payment: what is held beyond one of each."""
    held = world.copies.state["inventory"][copy].sum(axis=1) - world.copies.state["inventory"].shape[2]
    assert np.array_equal(held > 0, world.copies.state["ready"][copy] > 0)
    assert (held <= world.event_counts[copy, :, 2:5].sum(axis=1)).all()
    marked = world.grid[copy, ..., world.codes.layers.index("mark")] > 0
    on_grid = world.out[copy] == 0
    assert marked.sum() == (on_grid & (world.copies.state["ready"][copy] > 0)).sum()


def tag_counts(world, copy):
    ring = world.grid[copy, ..., world.codes.layer[world.kinds.IT]] == world.kinds.IT
    assert np.argwhere(ring).tolist() == [world.pos[copy, world.copies.state["it"][copy, 0]].tolist()]


def foraging_counts(world, copy):
    things = world.grid[copy, ..., world.codes.layer[world.kinds.FOOD_1]]
    assert world.copies.state["left"][copy, 0] == (things >= world.kinds.FOOD_1).sum()
    badges = world.grid[copy, ..., world.codes.layer[world.kinds.LEVEL_1]].astype(int)
    rows, cols = world.pos[copy].T
    assert (badges[rows, cols] - world.kinds.LEVEL_1 + 1 == world.copies.state["level"][copy]).all()
    assert (badges > 0).sum() == world.n_agents


def wolfpack_counts(world, copy):
    prey = world.grid[copy, ..., world.codes.layer[world.kinds.PREY]] == world.kinds.PREY
    assert np.argwhere(prey).tolist() in ([world.copies.state["prey"][copy].tolist()], [])


def coop_mining_counts(world, copy):
    ore = world.kinds.FLASHING_GOLD
    flashing = world.grid[copy, ..., world.codes.layer[ore]] == ore
    assert np.array_equal(world.copies.state["miner"][copy] > 0, flashing)
    assert world.copies.state["flashing"][copy, 0] == flashing.sum()


COUNTS = {
    "level_based_foraging": foraging_counts,
    "wolfpack": wolfpack_counts,
    "cleanup": cleanup_counts,
    "harvest": harvest_counts,
    "allelopathic_harvest": allelopathic_counts,
    "territory": territory_counts,
    "matrix_game": matrix_counts,
    "tag": tag_counts,
    "coop_mining": coop_mining_counts,
}


def test_every_count_belongs_to_a_world():
    assert set(COUNTS) <= set(WORLDS)


def fresh():
    return find_class("treasure_hunt", "worlds", Gridworld)(1, 0, compiled=False)


def test_the_checks_notice_what_is_wrong():
    def two_on_a_cell(world):
        world.pos[0, 0] = world.pos[0, 1]

    def a_ghost(world):
        world.out[0, 0] = 3

    def an_id_in_the_wrong_layer(world):
        world.grid[0, 5, 5, world.codes.agent_layer] = world.kinds.GEM

    def paint_outside(world):
        world.copies.of["cells"][0, 0, 0] = 1 << 8

    def a_view_from_beyond(world):
        world.out[0, 0] = -1

    for spoil, check in (
        (two_on_a_cell, agents_stand_where_they_should),
        (a_ghost, agents_stand_where_they_should),
        (an_id_in_the_wrong_layer, ids_are_legal_and_in_their_layer),
        (paint_outside, nothing_outside_the_map_is_touched),
        (a_view_from_beyond, observations_fit),
    ):
        world = fresh()
        check(world)
        spoil(world)
        with pytest.raises(AssertionError):
            check(world)


@pytest.mark.parametrize("name", WORLDS)
def test_what_holds_at_every_step(name):
    cls = find_class(name, "worlds", Gridworld)

    def check(world):
        agents_stand_where_they_should(world)
        ids_are_legal_and_in_their_layer(world)
        nothing_outside_the_map_is_touched(world)
        observations_fit(world)
        for copy in range(world.n_worlds):
            COUNTS.get(name, lambda world, copy: None)(world, copy)

    @QUIETLY
    @given(scenes(cls))
    def play(scene):
        world, action_seed = scene
        rng = np.random.default_rng(action_seed)
        check(world)
        standing, returns = walls(world), np.zeros(world.reward.shape)
        for _ in range(STEPS):
            _, reward, terminated, truncated, info = world.step(
                rng.integers(world.n_actions, size=(world.n_worlds, world.n_agents))
            )
            check(world)
            assert np.isfinite(reward).all()
            assert np.isfinite(world.event_counts).all()
            assert not (terminated & truncated).any()
            going_on = ~info["ended"]
            returns += reward
            assert np.array_equal(walls(world)[going_on], standing[going_on])
            np.testing.assert_allclose(world.episode_return[going_on], returns[going_on], atol=1e-9)
            if info["ended"].any():
                np.testing.assert_allclose(info["episode_return"][~going_on], returns[~going_on], atol=1e-9)
                returns[~going_on] = 0
                standing = walls(world)

    play()


@pytest.mark.parametrize("name", WORLDS)
def test_one_agent_is_enough_and_alone_it_is_not_hurt(name):
    cls = find_class(name, "worlds", Gridworld)
    world = cls(1, 5, n_agents=1, compiled=False)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        world.step(rng.integers(world.n_actions, size=(1, 1)))
        agents_stand_where_they_should(world)
        assert world.out[0, 0] == 0
