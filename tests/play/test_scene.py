"""What is drawn is what is there: pixel for pixel the world's own picture, and the agent's own observation."""

from functools import cache

import numpy as np
import pytest
from forms_by_hand import paint

import sorrelsim
from sorrelsim.authoring import sprites
from sorrelsim.library.find import shipped
from sorrelsim.pictures.painting import stack
from sorrelsim.play import outlines, theme
from sorrelsim.play import scene as scenes
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.session import Positions, Session

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
    drawn, rendered = pixels(scene).astype(int), world.render().astype(int)
    for row, col in (actor.cell for actor in scene.actors):  # beams lie under agents here, see below
        for picture in (drawn, rendered):
            picture[row * 8 : row * 8 + 8, col * 8 : col * 8 + 8] = 0
    np.testing.assert_allclose(drawn, rendered, atol=1)


def test_the_own_window_shows_things_as_what_they_are_taken_for(world):
    dirt = type(world).kinds.DIRT
    clean = type("Clean", (type(world),), {"seen_as": {1: {dirt: 0}}, "__module__": __name__})
    made = clean(1, 4, compiled=False, map=MAP, n_agents=2, window="full")
    shown = [(scenes.window_scene(made, slot, ()).cells == dirt).any() for slot in (0, 1)]
    assert shown == [True, False]
    assert (scenes.map_scene(made, 1, ()).cells == dirt).any()
    # Nor does the map tell a person more than that, such as who is the impostor.
    assert not (scenes.map_scene(made, 1, (1,)).cells == dirt).any()
    assert (scenes.map_scene(made, 0, (0, 1)).cells == dirt).any()


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
        assert all(actor.colour == sprites.agent_colour(actor.slot) for actor in scene.actors)  # as in the panel
        scene = scenes.window_scene(made, slot, (slot,), alike=True)
        others = {actor.colour for actor in scene.actors if actor.slot != slot}
        assert others <= {scenes.ALIKE}  # all alike, as the observation has them
        mine = [actor.colour for actor in scene.actors if actor.slot == slot]
        assert mine == [sprites.agent_colour(slot)] * len(mine)


def test_an_agent_that_is_out_sees_nothing(world):
    world.out[0, 2] = 5
    assert scenes.window_scene(world, 2, ()).fog.all()
    assert not scenes.window_cells(world, 2).any()


def test_walking_is_drawn_between_cells_and_jumping_is_not(world):
    world.reset(7)
    pos, out = world.pos[0].copy(), world.out[0].copy()
    pos[0] += (0, 1)
    pos[1] += (2, 0)
    before = Positions(pos, out, world.facing[0])
    actors = {actor.slot: actor for actor in scenes.map_scene(world, 0, (), before).actors}
    assert actors[0].was == (actors[0].cell[0], actors[0].cell[1] + 1)
    assert actors[1].was == actors[1].cell


def test_walking_over_the_edge_of_a_torus_takes_the_short_way(world):
    world.reset(7)
    world.wraps = True
    world.pos[0, 0] = (2, 0)
    before = Positions.of(world)
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


def test_where_nobody_turns_eyes_follow_the_walk(monkeypatch):
    field = "WWWWW\nW   W\nW P W\nW   W\nWWWWW"
    made = sorrelsim.make("treasure_hunt", 1, 0, compiled=False, map=field, n_agents=1, spawn_probability=0.0)
    session = Session(made, seat_opponents(made, "random")[0], ["person"], [0])

    def eyes():
        (actor,) = scenes.map_scene(made, 0, (0,), session.before).actors
        return actor.facing

    assert eyes() == 2  # nobody walked yet
    # up, down, left, right are actions 0 to 3; north, east, south, west are facings 0 to 3.
    for action, facing in ((0, 0), (0, 0), (2, 3), (2, 3), (1, 2), (3, 1)):  # the second and the fourth meet walls
        session.step({0: action})
        assert eyes() == facing
    session.close()


# ---------------------------------------------------------------------------------------------------- contrast

# What people see who lack a kind of cones, on linear light: Machado, Oliveira and Fernandes 2009, severity 1.
SIGHT = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def luminance(colour, sight):
    """Relative luminance of sRGB colours ``[..., 3]`` (WCAG 2.1), as seen by ``sight``."""
    c = np.asarray(colour, float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.clip(linear @ np.array(SIGHT[sight]).T, 0, 1) @ (0.2126, 0.7152, 0.0722)


@cache
def contrast(one, other, sight):
    """Contrast of two colours, 1 to 21 (WCAG 2.1)."""
    low, high = sorted((float(luminance(one, sight)), float(luminance(other, sight))))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_what_wcag_says():
    assert contrast((255, 255, 255), (0, 0, 0), "full") == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255), "full") == pytest.approx(4.48, abs=0.01)  # their own example


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_agents_stand_out_on_everything_that_they_can_stand_on(name, sight):
    world = sorrelsim.make(name, 1, 0, compiled=False)
    looks = world.looks_table()
    layer = world.codes.agent_layer
    grounds = [sprites.GROUND.rgba]
    for code, kind in enumerate(world.kinds, 1):
        if not kind.spec.solid and world.codes.layer[code] < layer:
            grounds.append(looks[code])
    for ground in grounds:
        below = stack([sprites.GROUND.rgba, ground]).reshape(-1, 3)
        for colour in {tuple(pixel) for pixel in below.tolist()}:  # every pixel of it, not their mean
            best = max(contrast(line, colour, sight) for line in (theme.OUTLINE, theme.HALO))
            assert best >= 3, (name, colour)
    # And within the lines around it: the dark one against the colour of every agent, or the light one beyond.
    assert contrast(theme.OUTLINE, theme.HALO, sight) >= 7


def lab(colour, sight):
    """CIELAB of sRGB colours under D65, as seen by ``sight``."""
    c = np.asarray(colour, float) / 255
    linear = np.clip(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ np.array(SIGHT[sight]).T, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = (linear @ np.array(to_xyz).T / (0.9505, 1.0, 1.089)).T
    f = [np.where(v > 216 / 24389, np.cbrt(v), (24389 / 27 * v + 16) / 116) for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@cache
def noticed(one, other, sight):
    """How often over a CIE difference is what 95 of 100 people notice in something a third of a degree wide.

    Stone, Szafir and Setlur 2014, "An engineering model for color difference as a function of size": along L*, a* and
    b* a share p of people notices p (A + B / s), s the size in degrees; a third of one is the smallest that they tried.
    """
    a, b = np.array([10.16, 10.68, 10.70]), np.array([1.50, 3.08, 5.74])
    return float(np.linalg.norm((lab(one, sight) - lab(other, sight)) / (0.95 * (a + b / (1 / 3)))))


def test_cie_differences():
    np.testing.assert_allclose(lab((255, 255, 255), "full"), (100, 0, 0), atol=0.02)
    np.testing.assert_allclose(lab((255, 0, 0), "full"), (53.24, 80.09, 67.20), atol=0.03)  # pure red of sRGB
    # Greys differ in L* alone: 0.95 (10.16 + 3 1.50) = 13.927 are noticed, and black and white differ by 100.
    assert noticed((0, 0, 0), (255, 255, 255), "full") == pytest.approx(100 / 13.927, rel=1e-3)


@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_things_stand_out_on_everything_that_they_can_lie_on(name):
    """What lies about and what blocks the way: contrast of 3 to 1 (WCAG 2.1, 1.4.11), and a difference in colour."""
    world = sorrelsim.make(name, 1, 0, compiled=False)
    looks, layers = world.looks_table(), world.codes.layer
    seen = 0
    for code, kind in enumerate(world.kinds, 1):
        share = float((looks[code, ..., 3] > 0).mean())
        floor = not kind.spec.solid and share >= outlines.FLOOR
        if not share or floor or layers[code] >= world.codes.agent_layer:
            continue
        below = [k for k, other in enumerate(world.kinds, 1) if layers[k] < layers[code]]
        # A block has lines where somebody may come from, whatever floor that is; all else lies on what is below.
        walked = [k for k, other in enumerate(world.kinds, 1) if not other.spec.solid and layers[k] == 0]
        for under in [0, *(walked if share == 1 else below)]:
            lying, solid = [looks[under], looks[code]], [False, bool(kind.spec.solid)]
            if share == 1:
                lying, solid = lying[1:], solid[1:]
            lined = outlines.cell_picture(lying, solid, 4, 1, 15)
            changed = (lined != outlines.cell_picture(lying, solid, 4, 0, 15)).any(axis=-1)
            assert changed.sum() >= 16  # half of a side of the cell at least
            lines = {tuple(pixel) for pixel in lined[changed].tolist()}
            assert lines <= {theme.OUTLINE, theme.HALO}
            floors = {tuple(p) for p in stack([sprites.GROUND.rgba, looks[under]]).reshape(-1, 3).tolist()}
            for colour in floors:
                for sight in SIGHT:
                    best = max(contrast(line, colour, sight) for line in lines)
                    assert best >= outlines.LEAST_CONTRAST, (kind, under, sight)
                    assert max(noticed(line, colour, sight) for line in lines) >= 1, (kind, under, sight)
            seen += 1
    assert seen


def test_lines_of_blocks_are_where_somebody_may_come_from():
    blocked = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1]], bool)
    east, west, north, south = outlines.EAST, outlines.WEST, outlines.NORTH, outlines.SOUTH
    expected = [[0, south, 0, south], [east, 0, east | west, 0], [0, north, 0, north]]
    np.testing.assert_array_equal(outlines.open_sides(blocked, False), expected)
    expected[1][0] |= west  # on a torus the open cell on the right lies beside it as well
    np.testing.assert_array_equal(outlines.open_sides(blocked, True), expected)


def test_an_agent_in_a_beam_keeps_its_colour_and_a_mark_lies_over_it(world):
    import pygame

    from sorrelsim.play.stage import Stage

    row, col = (int(x) for x in world.pos[0, 1])
    world.out[0] = 0
    world.grid[0, row, col, -1] = world.kinds.CLEAN_BEAM
    surface = pygame.Surface((world.width * 24, world.height * 24))
    Stage().draw(surface, surface.get_rect(), scenes.map_scene(world, 0, ()), 1.0, 0.0)
    at = (col * 24 + 12, row * 24 + 4)  # the middle of the second row of its sprite, which is its colour
    assert max(abs(a - b) for a, b in zip(surface.get_at(at)[:3], sprites.agent_colour(1), strict=True)) <= 1


@pytest.mark.parametrize("slot", range(20))
def test_names_in_the_colours_of_people_can_be_read(slot):
    for ground in (theme.PANEL, theme.BACKGROUND, theme.RAISED):
        assert contrast(theme.ink(slot), ground, "full") >= 4.5
    bright = contrast(sprites.agent_colour(slot), theme.RAISED, "full") >= 4.5
    assert (theme.ink(slot) == sprites.agent_colour(slot)) == bright  # no lighter than need be


@pytest.mark.parametrize("colour", ["TEXT", "MUTED", "FAINT", "GAIN", "LOSS", "WARN", "ACCENT"])
def test_letters_of_the_panel_can_be_read(colour):
    for ground in (theme.PANEL, theme.BACKGROUND, theme.RAISED):
        assert contrast(getattr(theme, colour), ground, "full") >= 4.5


def test_the_gallery_has_the_colours_that_agents_have():
    """A picture of a palette had none of the first nine right."""
    from pathlib import Path

    from PIL import Image

    with Image.open(Path(__file__).parents[2] / "docs" / "gallery.png") as picture:
        assert picture.mode == "RGB"
        colours = {colour for _, colour in picture.getcolors(picture.width * picture.height)}
    assert {sprites.agent_colour(slot) for slot in range(9)} <= colours
