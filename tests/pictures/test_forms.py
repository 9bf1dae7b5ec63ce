"""Windows in every form, as compiled code writes them, are to the bit what they are by hand."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from forms_by_hand import form_of, one_hot, paint, picture, smaller, text

import sorrelsim
from sorrelsim import Gridworld, Kinds, Window, kind, rule, sprites
from sorrelsim.authoring.codes import codebook
from sorrelsim.library.find import find_class, shipped
from sorrelsim.pictures import painting
from sorrelsim.pictures.forms import Form
from sorrelsim.pictures.painting import looks_table
from sorrelsim.rules import episode, movement

FORMS = (("one_hot", None), ("ascii", None), ("rgb", None), ("rgb", 4), ("rgb", 2), ("rgb", 1))


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    POND = kind("O", layer="ground", sprite=sprites.plain((10, 20, 31)))
    GLASS = kind("g", layer="beam", sprite=sprites.plain((200, 100, 50), opacity=100))


def codes(kinds=Kind, layers=("ground", "object", "agent", "beam"), n_agents=2):
    return codebook(kinds, layers, n_agents, "other", False)


def test_a_pixel_by_hand():
    """A pond under glass: 10 * (255 - 100) + 200 * 100 + 127 = 21677, // 255 = 85; likewise 3100 + 10000 + 127 = 13227,
    // 255 = 51, and 31 * 155 + 50 * 100 + 127 = 9932, // 255 = 38."""
    table = looks_table(codes(), Kind, "other")
    symbolic = np.array([[[Kind.POND, 0, 0, Kind.GLASS]]], np.uint8)
    for size in (1, 2, 4, 8):
        made = Form("rgb", codes(), table, size).write(symbolic)
        assert made.shape == (size, size, 3)
        assert (made == (85, 51, 38)).all()


def test_the_mean_of_a_sprite_rounds_halves_up():
    """Bare ground is (52, 58, 50) but for a pixel of (44, 49, 43) in each quarter.

    Of all 64: red 64 * 52 - 4 * 8 = 3296, + 32 = 3328, // 64 = 52, the very half rounded up; green 64 * 58 - 4 * 9 =
    3676, + 32 = 3708, // 64 = 57; blue 64 * 50 - 4 * 7 = 3172, + 32 = 3204, // 64 = 50. Of a quarter: 16 * 52 - 8 =
    824, + 8 = 832, // 16 = 52, and so on. Of 2 x 2 with the dark one: 4 * 52 - 8 = 200, + 2 = 202, // 4 = 50; 4 * 58 -
    9 = 223, + 2 = 225, // 4 = 56; 4 * 50 - 7 = 193, + 2 = 195, // 4 = 48.
    """
    table, bare = looks_table(codes(), Kind, "other"), np.zeros((1, 1, 4), np.uint8)
    dark = np.argwhere((sprites.GROUND.rgba[..., :3] == (44, 49, 43)).all(-1))
    assert dark.tolist() == [[1, 5], [3, 1], [5, 7], [6, 2]]
    assert Form("rgb", codes(), table, 1).write(bare).tolist() == [[[52, 57, 50]]]
    assert Form("rgb", codes(), table, 2).write(bare).tolist() == [[[52, 57, 50]] * 2] * 2
    four = Form("rgb", codes(), table, 4).write(bare)
    assert four[0].tolist() == [[52, 58, 50], [52, 58, 50], [50, 56, 48], [52, 58, 50]]


@pytest.mark.parametrize("layers", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (2, 9), (11, 11)])
def test_ids_at_random_in_any_number_of_layers(layers, shape):
    """More different cells than sprites are kept, so that many take the place of others."""
    names = ("agent", *(f"layer {z}" for z in range(1, layers)))
    many = Kinds("Many", {f"K{k}": kind(chr(0x100 + k), layer=names[k % layers], covers=k % 5 > 0) for k in range(64)})
    book = codes(many, names)
    rng = np.random.default_rng(layers)
    looks = rng.integers(0, 256, (book.n_codes, 8, 8, 4)).astype(np.uint8)
    looks[0] = 0
    by_layer = [np.flatnonzero(book.layer == z) for z in range(layers)]
    symbolic = np.stack([rng.choice(ids, (300, *shape)) for ids in by_layer], -1).astype(np.uint8)
    np.testing.assert_array_equal(Form("one_hot", book, looks).write(symbolic), one_hot(symbolic, book.n_codes))
    made = Form("ascii", book, looks).write(symbolic)
    np.testing.assert_array_equal(made, text(symbolic, book.glyphs, book.covers))
    for size in (1, 2, 4, 8):
        made = Form("rgb", book, looks, size).write(symbolic)
        np.testing.assert_array_equal(made, smaller(paint(symbolic, looks), size))


def test_a_bar_does_not_hide_the_agent_under_it():
    """Ids 1 apple, 2 beam, 3 bar; 4 is outside, 5 the agent itself, 6 another. Layers object, agent, beam."""
    kinds = Kinds("Few", {
        "APPLE": kind("a"), "BEAM": kind("*", layer="beam"), "BAR": kind("7", layer="beam", covers=False),
    })  # fmt: skip
    book = codebook(kinds, ("object", "agent", "beam"), 2, "other", False)
    cells = np.array([[[1, 0, 3], [1, 5, 3], [0, 0, 3], [0, 6, 2], [1, 0, 2]]], np.uint8)
    assert Form("ascii", book, np.zeros((book.n_codes, 8, 8, 4), np.uint8)).write(cells).tolist() == ["a@7**"]
    pos, facing, out = np.array([[0, 1], [0, 3]]), np.array([1, 2]), np.zeros(2, int)
    assert painting.text(cells, book, pos, facing, out) == "a>7**"


def test_ids_that_no_world_has_are_refused():
    form = Form("one_hot", codes(), looks_table(codes(), Kind, "other"))
    with pytest.raises(ValueError, match=r"ids up to 200 in 4 layers; allowed: ids up to 6 in 4 layers"):
        form.write(np.full((1, 2, 4), 200, np.uint8))
    with pytest.raises(ValueError, match=r"in 3 layers; allowed"):
        form.write(np.zeros((1, 2, 3), np.uint8))


def check(name, steps, compiled=True, **settings):
    """Steps a world observed in every form, with random actions; what is seen and drawn is what it is by hand."""
    for form, size in FORMS:
        made = {"observation": form, "sprite_size": size, "compiled": compiled} | settings
        world = sorrelsim.make(f"pkg:{name}", 3, 5, **made)
        rng = np.random.default_rng(0)
        held = [(world.parts["grid"], form_of(world, world.symbolic))]
        for _ in range(steps):
            world.step(rng.integers(0, world.n_actions, (3, world.n_agents)))
            held.append((world.parts["grid"], form_of(world, world.symbolic)))
        for seen, expected in held:  # at the end: nothing is written over what somebody holds
            assert (seen.dtype, seen.shape[2:]) == (expected.dtype, world.observations.shape)
            np.testing.assert_array_equal(seen, expected, err_msg=f"{form} {size} {settings}")
    drawn = [picture(world, b) for b in range(3)]
    np.testing.assert_array_equal(world.render(range(3)), drawn)
    np.testing.assert_array_equal(world.render(2), drawn[2])


@pytest.mark.parametrize("name", shipped("worlds"))
def test_every_world_in_every_form(name):
    check(name, 5)


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("looks", ["other", "individual"])
@pytest.mark.parametrize("compiled", [True, False])
def test_every_facing_in_every_form(rotate, looks, compiled):
    window = {"forward": 4, "back": 1, "left": 2, "right": 2, "rotate": rotate}
    check("treasure_hunt", 5, compiled, looks=looks, show_facing=True, window=window)


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped("worlds"))
def test_every_preset_in_every_form_and_facing(name):
    for preset in find_class(f"pkg:{name}", "worlds", Gridworld).presets:
        for facing in (False, True):
            for rotate in (False, True):
                check(name, 30, preset=preset, show_facing=facing, window={"rotate": rotate})


@rule
def leave(w):
    """The last agent is off the grid from the third turn on."""
    if w.turn == 3:
        movement.remove(w, w.n_agents - 1, 50)


@dataclasses.dataclass(frozen=True)
class Params:
    max_steps: int = 4


class Garden(Gridworld):
    """Agents walk among ponds; slot 0 sees none, slot 1 not far, and the last one leaves."""

    kinds, params = Kind, Params
    maps = {"garden": "WWWWWW\nWPOO W\nWP PPW\nWWWWWW"}
    n_agents = 4
    actions = movement.EGOCENTRIC
    windows = {1: Window(1, 0, 1, 1)}
    window = Window(3, 1, 2, 1)
    seen_as = {0: {Kind.POND: 0}}
    scalars = {"turn": 1}
    start = (movement.scatter,)
    rules = (movement.move, leave, episode.time_limit)


@rule
def tell_turn(w, i, into):
    into[0] = w.turn


Garden.observe = tell_turn


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("form", "size"), FORMS)
def test_what_slots_do_not_see_and_the_last_of_episodes(form, size, compiled):
    """Nine copies, so that two threads share them; eight end at turn 4, one a step later. The last of an episode is
    what the same episode shows that goes on."""
    made = {"observation": form, "sprite_size": size, "compiled": compiled}
    cut = Garden(9, 3, max_steps=[4] * 8 + [5], **made)
    uncut = Garden(9, 3, max_steps=9, **made)
    bare = uncut.symbolic[:, 3] * 0
    for turn in range(1, 5):
        actions = np.full((9, 4), turn)
        *_, info = cut.step(actions)
        uncut.step(actions)
        for world in (cut, uncut):
            np.testing.assert_array_equal(world.parts["grid"], form_of(world, world.symbolic))
        if turn >= 3:
            np.testing.assert_array_equal(uncut.parts["grid"][:, 3], form_of(uncut, bare))
    assert info["ended"].tolist() == [True] * 8 + [False]
    last = info["final_obs"]
    np.testing.assert_array_equal(last["grid"][:8], uncut.parts["grid"][:8])
    assert (last["turn"][:8, :3] == 4).all()
    assert not last["grid"][8].astype(bool).any()
    *_, info = cut.step(actions)
    uncut.step(actions)
    np.testing.assert_array_equal(info["final_obs"]["grid"][8], uncut.parts["grid"][8])


def test_threads_write_what_one_writes():
    """More threads than before find scratch of their own."""
    worlds = [sorrelsim.make("treasure_hunt", 64, 1, observation="rgb") for _ in range(2)]
    rng, before = np.random.default_rng(0), sorrelsim.get_threads()
    try:
        for threads in (1, 2, 4, 3):
            sorrelsim.set_threads(threads)
            for _ in range(20):
                worlds[0].step(rng.integers(0, 4, (64, 2)))
                np.testing.assert_array_equal(worlds[0].obs, form_of(worlds[0], worlds[0].symbolic))
    finally:
        sorrelsim.set_threads(before)


def test_threads_draw_what_one_draws():
    """Seven whole maps of 168 x 240 x 3 bytes, shared unevenly, and by more threads than there are maps."""
    world, before = sorrelsim.make("cleanup", 7, 1, compiled=False), sorrelsim.get_threads()
    for _ in range(3):
        world.step(np.random.default_rng(0).integers(0, world.n_actions, (7, world.n_agents)))
    drawn = np.stack([picture(world, b) for b in range(7)])
    try:
        for threads in (1, 2, 3, 16):
            sorrelsim.set_threads(threads)
            np.testing.assert_array_equal(world.render(range(7)), drawn)
            np.testing.assert_array_equal(world.render([6, 0]), drawn[[6, 0]])
    finally:
        sorrelsim.set_threads(before)


def test_a_copy_of_a_world_sees_the_same():
    world = sorrelsim.make("treasure_hunt", 3, 1, observation="rgb", sprite_size=2, max_steps=4)
    world.step(np.zeros((3, 2), int))
    others = copy.deepcopy(world), pickle.loads(pickle.dumps(world))
    for _ in range(3):
        world.step(np.ones((3, 2), int))
        for other in others:
            assert other.observations.sprite_size == 2
            other.step(np.ones((3, 2), int))
            np.testing.assert_array_equal(other.obs, world.obs)
    for other in others:
        np.testing.assert_array_equal(other.info["final_obs"], world.info["final_obs"])
    for other in others:
        other.step(np.zeros((3, 2), int))
        world.set_state(other.get_state())
        np.testing.assert_array_equal(other.obs, world.obs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"observation": "rgb", "sprite_size": 3}, "sprite_size is 3; allowed: 1, 2, 4, 8, pixels to a cell"),
        ({"observation": "rgb", "sprite_size": True}, "sprite_size is True; allowed: 1, 2, 4, 8"),
        ({"observation": "rgb", "sprite_size": "8"}, "sprite_size is '8'; allowed: 1, 2, 4, 8"),
        ({"sprite_size": 4}, "sprite_size is 4, but observations are symbolic; it goes with observation: rgb alone"),
    ],
)
def test_sizes_of_sprites_are_explained(settings, message):
    with pytest.raises(ValueError, match=message):
        sorrelsim.make("treasure_hunt", compiled=False, **settings)


def test_a_checkpoint_of_another_size_is_told_apart():
    one, two = (
        sorrelsim.make("treasure_hunt", compiled=False, observation="rgb", sprite_size=size).observations
        for size in (1, 2)
    )
    assert two.differences(one) == [
        "sprite_size is 1 there, 2 here",
        "part 'grid' has shape [5, 5, 3] there, [10, 10, 3] here",
    ]
    assert two.differences({name: value for name, value in two.signature().items() if name != "sprite_size"}) == []
