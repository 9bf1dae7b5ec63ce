"""Cells and neighbours: laying, taking, counting, and picking an empty one."""

import numpy as np
import pytest
from tiny_worlds import Kind, Tiny, act, scene, share_ok

from sorrelsim import per_world, rule
from sorrelsim.rules import grid


@rule
def lay_and_take(w):
    grid.put(w, 0, 1, Kind.APPLE)
    grid.put(w, 0, 2, Kind.DIRT)
    grid.take(w, 0, 0, Kind.APPLE)


def test_put_takes_the_place_of_what_lay_in_the_layer_and_take_empties_it():
    world = scene("AF...\n0....", "N", rules=(lay_and_take,))
    act(world, 0)
    assert world.text(0).splitlines()[0] == " AF  "


@rule
def look_about(w):
    """Counts around the middle of the map, and what is free or solid in the first row."""
    row, col = w.height // 2, w.width // 2
    w.found[0] = grid.count_disc(w, row, col, Kind.APPLE, 2)
    w.found[1] = grid.count_square(w, row, col, Kind.APPLE, 1)
    w.found[2] = grid.count_disc(w, 0, 0, Kind.APPLE, 2)
    w.found[3] = grid.count_square(w, 0, 0, Kind.APPLE, 1)
    for col in range(w.width):
        w.free[col] = grid.is_free(w, 0, col)
        w.solid_at[col] = grid.is_solid(w, 0, col)


def looked(text, facings, torus=False):
    state = Tiny.state | {
        "found": per_world(shape=(4,)),
        "free": per_world(shape=(9,)),
        "solid_at": per_world(shape=(9,)),
    }
    world = scene(text, facings, rules=(look_about,), torus=torus, attributes={"state": state})
    act(world, *[0] * len(facings))
    return {name: array[0].tolist() for name, array in world.copies.state.items()}


FULL = "AAAAAAA\nAAAAAAA\nAAA0AAA\nAAAAAAA\nAAAAAAA"


def test_a_disc_of_radius_2_is_twelve_neighbours_and_a_square_of_radius_1_is_eight():
    assert looked(FULL, "N")["found"] == [12, 8, 5, 3]


def test_on_a_torus_neighbourhoods_wrap():
    assert looked(FULL, "N", torus=True)["found"] == [12, 8, 12, 8]


def test_a_cell_does_not_count_itself_and_the_disc_is_euclidean():
    assert looked("A.A.A\n.AAA.\nAA0AA\n.AAA.\nA.A.A", "N")["found"][0] == 12  # the corners lie farther than 2
    assert looked("A...A\n.....\n..A..\n.....\nA..0A", "N")["found"][0] == 0


def test_free_is_neither_solid_nor_taken():
    seen = looked("WCFA0....\n.........", "N")
    assert seen["solid_at"] == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert seen["free"] == [0, 0, 1, 1, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(("i", "n", "expected"), [(-1, 7, 6), (7, 7, 0), (3, 7, 3), (-7, 7, 0), (13, 7, 6)])
def test_wrapped(i, n, expected):
    assert grid.wrapped(i, n) == expected


@rule
def pick(w):
    w.picked[0] = grid.pick_empty(w, w.spawns, Kind.APPLE)
    w.counted[0] = grid.count_at(w, w.spawns, Kind.APPLE)


def picking(text, n_worlds):
    extra = {"state": Tiny.state | {"picked": per_world(), "counted": per_world()}}
    world = scene(text, "N", rules=(pick,), n_worlds=n_worlds, attributes=extra)
    return world


def test_pick_empty_is_uniform_over_the_cells_with_an_empty_layer():
    n = 900
    world = picking("PPPP\n0...", n)
    world.grid[:, 0, 1, world.codes.layer[Kind.APPLE]] = Kind.APPLE
    act(world, 0)
    picked = world.copies.state["picked"][:, 0]
    assert set(picked) == {0, 2, 3}
    assert all(share_ok((picked == k).sum(), n, 1 / 3) for k in (0, 2, 3))
    assert (world.copies.state["counted"] == 1).all()
    world.grid[:, 0, :, world.codes.layer[Kind.APPLE]] = Kind.DIRT  # of the same layer
    act(world, 0)
    np.testing.assert_array_equal(world.copies.state["picked"], -1)
    np.testing.assert_array_equal(world.copies.state["counted"], 0)
