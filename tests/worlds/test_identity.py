"""Every world compiled equals itself interpreted, bit for bit; its page and its pictures are complete."""

import inspect
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

import sorrelsim.worlds
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class, names
from sorrelsim.testing.world_checks import HEADINGS

WORLDS = names("worlds")


def load(name):
    return find_class(name, "worlds", Gridworld)


def outputs(world):
    parts = world.obs if isinstance(world.obs, dict) else {"grid": world.obs}
    named = {f"obs {name}": part for name, part in parts.items()}
    named |= {"reward": world.reward, "terminated": world.terminated, "truncated": world.truncated}
    named |= {f"info {key}": value for key, value in world.info.items() if isinstance(value, np.ndarray)}
    if isinstance(world.info.get("final_obs"), dict):
        named |= {f"final {name}": part for name, part in world.info["final_obs"].items()}
    return named


def same(one, two, when):
    assert set(one) == set(two)
    for name, array in one.items():
        assert array.dtype == two[name].dtype
        assert np.array_equal(array, two[name]), f"{name} differs {when}"


def play_both(cls, steps, **setup):
    known = cls.params.__dataclass_fields__
    if "max_steps" in known:
        setup["max_steps"] = 190  # so that episodes end within the test
    slow, fast = cls(3, 7, compiled=False, **setup), cls(3, 7, compiled=True, **setup)
    same(slow.get_state(), fast.get_state(), "at the start")
    rng = np.random.default_rng(1)
    ended = 0
    for step in range(1, steps + 1):
        actions = rng.integers(slow.n_actions, size=(3, slow.n_agents))
        slow.step(actions)
        fast.step(actions)
        same(outputs(slow), outputs(fast), f"in step {step}")
        ended += int(slow.info["ended"].sum())
        if step % 20 == 0:
            same(slow.get_state(), fast.get_state(), f"after step {step}")
    return ended


@pytest.mark.parametrize("name", WORLDS)
def test_compiled_equals_interpreted_for_500_steps(name):
    assert play_both(load(name), 500) > 0


def presets():
    return [(name, preset) for name in WORLDS for preset in load(name).presets]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preset"), presets())
def test_every_preset_compiled_equals_interpreted(name, preset):
    play_both(load(name), 120, preset=preset)


@pytest.mark.parametrize("name", WORLDS)
def test_the_page_has_all_headings_in_order_and_something_under_each(name):
    lines = inspect.cleandoc(sys.modules[load(name).__module__].__doc__).splitlines()
    at = [lines.index(heading) for heading in HEADINGS]
    assert at == sorted(at)
    assert lines[0].endswith(".")
    assert len(lines[0]) < 120
    for heading in at:
        assert lines[heading + 1].startswith("    ")


@pytest.mark.parametrize("name", WORLDS)
def test_every_kind_has_a_picture_of_its_own(name):
    kinds = list(load(name).kinds)
    for kind in kinds:
        assert kind.spec.sprite is not None, f"{kind.name} has no sprite"
        assert kind.spec.sprite.rgba[..., 3].any(), f"{kind.name} cannot be seen"
    for one, two in itertools.combinations(kinds, 2):
        assert not np.array_equal(one.spec.sprite.rgba, two.spec.sprite.rgba), f"{one.name} looks like {two.name}"


@pytest.mark.parametrize(
    "folder", sorted((Path(sorrelsim.worlds.__path__[0]) / "maps").iterdir()), ids=lambda p: p.name
)
def test_every_map_file_is_a_map_of_its_world(folder):
    assert {file.stem for file in folder.iterdir()} <= set(load(folder.name).maps)


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_one_short_file(name):
    source = inspect.getsource(sys.modules[load(name).__module__])
    assert len(source.splitlines()) <= 350
