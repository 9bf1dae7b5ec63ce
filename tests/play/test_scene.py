"""What is drawn is what is there: pixel for pixel the world's own picture, and the agent's own observation."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.authoring import sprites
from sorrelsim.pictures.painting import paint
from sorrelsim.play import scene as scenes
from sorrelsim.play.session import Positions

MAP = "WWWWWWWWW\nWPHFAP BW\nW PH  P W\nWP B P  W\nWWWWWWWWW"


@pytest.fixture
def world():
    made = sorrelsim.make("cleanup", 1, 4, compiled=False, map=MAP, n_agents=5)
    rng = np.random.default_rng(1)
    for _ in range(6):
        made.step(rng.integers(0, 9, (1, 5)))
    return made


def pixels(scene, progress=1.0):
    import pygame

    from sorrelsim.play.stage import Stage

    rows, cols = scene.cells.shape[:2]
    surface = pygame.Surface((cols * sprites.SIZE, rows * sprites.SIZE))
    Stage().draw(surface, surface.get_rect(), scene, progress, 0.0)
    return np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(rows * 8, cols * 8, 3)


def test_the_map_is_what_render_gives(world):
    scene = scenes.map_scene(world, 0, ())
    np.testing.assert_allclose(pixels(scene).astype(int), world.render().astype(int), atol=1)


def test_the_own_window_shows_things_as_what_they_are_taken_for(world):
    dirt = type(world).kinds.DIRT
    clean = type("Clean", (type(world),), {"seen_as": {1: {dirt: 0}}, "__module__": __name__})
    made = clean(1, 4, compiled=False, map=MAP, n_agents=2, window="full")
    shown = [(scenes.window_scene(made, slot, ()).cells == dirt).any() for slot in (0, 1)]
    assert shown == [True, False]
    assert (scenes.map_scene(made, 1, ()).cells == dirt).any()


def test_own_eyes_are_the_observation(world):
    for slot in range(5):
        scene = scenes.scene_of(world, "eyes", slot, ())
        if world.out[0, slot] == 0:
            expected = paint(world.obs["grid"][0, slot], world.looks_table())
            np.testing.assert_array_equal(pixels(scene), expected)
        else:
            assert scene.fog.all()


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("torus", [True, False])
def test_the_own_window_shows_exactly_the_cells_of_the_observation(world, rotate, torus, monkeypatch):
    window = sorrelsim.Window(3, 1, 2, 0, rotate=rotate)
    if torus:
        monkeypatch.setattr(type(world), "torus", ("river",))
        monkeypatch.setattr(type(world), "maps", {"river": MAP})
    made = sorrelsim.make("cleanup", 1, 4, compiled=False, map=None if torus else MAP, n_agents=5, window=window)
    for slot in range(5):
        if made.out[0, slot] != 0:
            continue
        seen = scenes.window_cells(made, slot)
        facing = int(made.facing[0, slot]) if rotate else 0
        row, col = made.pos[0, slot]
        # Walk over the observation, which is rotated, and mark on the map where each of its cells lies.
        expected = np.zeros_like(seen)
        for ahead in range(-1, 4):
            for right in range(-2, 1):
                at = {
                    0: (row - ahead, col + right), 1: (row + right, col + ahead),
                    2: (row + ahead, col - right), 3: (row - right, col - ahead),
                }[facing]  # fmt: skip
                if torus:
                    at = (at[0] % made.height, at[1] % made.width)
                if 0 <= at[0] < made.height and 0 <= at[1] < made.width:
                    expected[at] = True
                    observed = made.obs["grid"][0, slot][3 - ahead, right + 2]
                    here = made.grid[0, at[0], at[1]]
                    objects = [k for k in range(len(here)) if k != made.codes.agent_layer]
                    np.testing.assert_array_equal(observed[objects], here[objects])
        np.testing.assert_array_equal(seen, expected)
        scene = scenes.window_scene(made, slot, (slot,))
        assert not scene.cells[scene.fog].any()
        assert all(seen[actor.cell] for actor in scene.actors)
        others = {actor.colour for actor in scene.actors if actor.slot != slot}
        assert others <= {sprites.PALETTE["o"]}  # all alike, as the observation has them


def test_an_agent_that_is_out_sees_nothing(world):
    world.out[0, 2] = 5
    assert scenes.window_scene(world, 2, ()).fog.all()
    assert not scenes.window_cells(world, 2).any()


def test_walking_is_drawn_between_cells_and_jumping_is_not(world):
    world.reset(7)
    pos, out = world.pos[0].copy(), world.out[0].copy()
    pos[0] += (0, 1)
    pos[1] += (2, 0)
    before = Positions(pos, out)
    actors = {actor.slot: actor for actor in scenes.map_scene(world, 0, (), before).actors}
    assert actors[0].was == (actors[0].cell[0], actors[0].cell[1] + 1)
    assert actors[1].was == actors[1].cell


def test_walking_over_the_edge_of_a_torus_takes_the_short_way(world):
    world.reset(7)
    world.wraps = True
    world.pos[0, 0] = (2, 0)
    before = Positions(world.pos[0].copy(), world.out[0].copy())
    before.pos[0] = (2, world.width - 1)
    actor = scenes.map_scene(world, 0, (), before).actors[0]
    assert (actor.cell, actor.was) == ((2, 0), (2, -1))


def test_only_changed_cells_are_drawn_again(world):
    import pygame

    from sorrelsim.play.stage import Stage

    surface = pygame.Surface((world.width * 8, world.height * 8))
    stage = Stage()
    stage.draw(surface, surface.get_rect(), scenes.map_scene(world, 0, ()), 1.0, 0.0)
    drawn = []
    tile = stage._tile
    stage._tile = lambda ids: drawn.append(ids) or tile(ids)
    world.grid[0, 2, 1, 1] = world.kinds.APPLE
    stage.draw(surface, surface.get_rect(), scenes.map_scene(world, 0, ()), 1.0, 0.0)
    assert len(drawn) == 1


def test_whole_multiples_only(world):
    import pygame

    from sorrelsim.play.stage import Stage

    stage, shape = Stage(), (21, 30)
    assert stage.scale(shape, pygame.Rect(0, 0, 1440, 1080)) == 6
    assert stage.scale(shape, pygame.Rect(0, 0, 3000, 2160)) == 12
    assert stage.scale(shape, pygame.Rect(0, 0, 100, 100)) == 1
    stage.zoom_by(2, shape, pygame.Rect(0, 0, 1440, 1080))
    assert stage.scale(shape, pygame.Rect(0, 0, 1440, 1080)) == 8
    stage.zoom_by(-2, shape, pygame.Rect(0, 0, 1440, 1080))
    assert stage.zoom is None
