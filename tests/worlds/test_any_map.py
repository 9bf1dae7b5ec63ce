"""A world on any small map of its glyphs: it says what the map lacks, or plays on it, compiled as interpreted."""

import numpy as np
import pytest

from sorrelsim.authoring.maps import MapError
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class, names

STEPS = 200
AGENTS = {
    "territory": 9,
    "hidden_agenda": 5,
}  # agents that can be told apart: a kernel for each number


def glyphs_of(cls):
    kinds = {member.spec.glyph for member in cls.kinds}
    return sorted({" ", *kinds, *cls.legend, *"".join(cls.sites.values())})


def any_map(cls, rng, n_agents):
    """A map of one to six rows and columns: bare, walled, crowded, or of a single glyph and spawns."""
    glyphs = glyphs_of(cls)
    height, width = (int(n) for n in rng.integers(1, 7, 2))
    if rng.random() < 0.5:
        glyphs = [*rng.choice(glyphs, 2), " "]
    cells = rng.choice(glyphs, (height, width))
    if rng.random() < 0.3:
        cells[[0, -1]] = cells[:, [0, -1]] = "W"
    spots = rng.permutation(height * width)[:n_agents]
    spawn = rng.choice(list("".join(cls.sites["spawns"])))
    if rng.random() < 0.8:
        cells[np.unravel_index(spots, cells.shape)] = spawn
    return "\n".join("".join(row) for row in cells) + "\n"


def plays_alike(cls, text, n_agents, seed, steps):
    """Whether the map is taken; asserts that both runners then go the same way."""
    settings = {"map": text, "n_agents": n_agents}
    try:
        slow = cls(1, seed, compiled=False, **settings)
    except MapError:
        with pytest.raises(MapError):
            cls(1, seed, compiled=True, **settings)
        return False
    fast = cls(1, seed, **settings)
    rng = np.random.default_rng(seed)
    for turn in range(steps):
        actions = rng.integers(slow.n_actions, size=(1, n_agents))
        _, reward, *_ = slow.step(actions)
        _, quick, *_ = fast.step(actions)
        np.testing.assert_array_equal(reward, quick, err_msg=f"{text}, step {turn}")
    for name, array in slow.get_state().items():
        np.testing.assert_array_equal(array, fast.get_state()[name], err_msg=f"{name}\n{text}")
    fast.set_state(slow.get_state())
    return True


def try_maps(name, seed, n_maps):
    cls, rng, taken = find_class(name, "worlds", Gridworld), np.random.default_rng(seed), 0
    n_agents = AGENTS.get(name, cls.n_agents)
    for k in range(40 * n_maps):
        text = any_map(cls, rng, n_agents)
        taken += plays_alike(cls, text, n_agents, k, STEPS if taken < n_maps else 1)
        if taken == n_maps:
            return
    raise AssertionError(f"of {40 * n_maps} maps {name} took {taken}")


LONG = ("allelopathic_harvest", "daycare")
"""Worlds whose two maps alone take their time."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in names("worlds")]
)
def test_a_random_map_plays_or_is_refused(name):
    try_maps(name, 0, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", names("worlds"))
def test_hundreds_of_random_maps_play_or_are_refused(name, seed):
    try_maps(name, seed, 60)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "coins",
            "C\nC\nC\n",
            r"needs at least 1 starts \(_\), not 0 starts; or at least 4 rows and 4 columns, not 3 rows",
        ),
        ("coins", "CCC\nCCC\nCCC\nCCC\nCCC\n", "at least 4 columns, not 5 rows, 3 columns"),
        ("matrix_game", "WWWW\nWPcW\nWPPW\nWWWW\n", r"row 2, column 3: glyph 'c' \(column, which rules alone lay\)"),
        ("matrix_game", "WWWW\nWPrW\nWPPW\nWWWW\n", "glyph 'r'"),
        ("territory", "WWWW\nWP%W\nWPPW\nWWWW\n", "glyph '%'"),
        ("harvest", "AA\n", "0 spawn cells"),
    ],
)
def test_what_a_map_lacks_is_said(name, text, message):
    cls = find_class(name, "worlds", Gridworld)
    for compiled in (False, True):
        with pytest.raises(MapError, match=message):
            cls(1, 0, map=text, n_agents=1, compiled=compiled)


def test_needs_name_sites():
    cls = find_class("harvest", "worlds", Gridworld)
    odd = type("Odd", (cls,), {"needs": {"orchards": 2}, "__module__": __name__})
    with pytest.raises(ValueError, match="no site that a map could need 'orchards'; did you mean 'orchard'"):
        odd(1, compiled=False)


@pytest.mark.parametrize(
    ("name", "text", "n_agents", "solid"),
    [
        # What stands in the way: channel and water, lights, the southern barrier, seats without a lane, the wall.
        ("boat_race", "__/\\LJ\n{AgSRO\n%-;:~p\nqW____\n", 6, 2 + 4 + 5 + 2),
        ("chemistry", "~abc12\n3456hx\n", 8, 0),
        ("collaborative_cooking", "#ODCT#\n#P  P#\n", 2, 8),
        ("coop_mining", "WOOP\nWigP\n", 2, 2),
        ("daycare", "/_+!|(\n)-~~PP\n", 2, 8),
        ("factory_commons", ";_,!|T\ni~    \nC  zxj\nlsOt #\n", 3, 7 + 1 + 3),
        ("fruit_market", "x/_+'#\n`!|(-)\n><~PLP\n", 2, 13),
        ("hidden_agenda", "F7JL[]\n^v-TZi\nt|f/@%\n&#,_;!\n1+'`=n\nUumexw\n~VD***\n", 3, 16),
        ("paintball", "IW,PQF\nG,,urd\nl,PPQQ\n", 2, 1),
        ("predator_prey", ";_,~!=+]\n[|JL/a'A\n<^>vljzr\n#MgGX@*&\nQXXPPPPP\n", 7, 8 + 5),
        ("territory", "F=T|LJ\nPQRAB,\n", 1, 6 + 1),
    ],
)
def test_glyphs_of_maps_from_elsewhere_are_taken(name, text, n_agents, solid):
    """As Melting Pot's maps have them; what a map draws by chance is off."""
    never = {"line_probability": 0, "mesh_probability": 0} if name == "territory" else {}
    world = find_class(name, "worlds", Gridworld)(1, 0, map=text, n_agents=n_agents, compiled=False, **never)
    blocks = [kind for kind in world.kinds if kind.spec.solid]
    assert np.isin(world.grid, blocks).any(-1).sum() == solid
    assert (world.out == 0).all()
