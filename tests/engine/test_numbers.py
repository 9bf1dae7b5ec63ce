"""Numbers that come from outside are taken for what they are or refused, with what was given and what is allowed."""

import dataclasses

import numpy as np
import pytest

import sorrelsim
from sorrelsim.authoring.params import limits
from sorrelsim.library.find import names

NO_WHOLE_NUMBERS = [1.5, "1", True, False, np.True_, float("nan"), float("inf"), [1], {}, b"1", 1j, np.array([1, 2])]


def make(name="treasure_hunt", **settings):
    return sorrelsim.make(name, **({"compiled": False} | settings))


@pytest.mark.parametrize("value", [None, *NO_WHOLE_NUMBERS, -1, 2**128])
def test_seeds(value):
    with pytest.raises(ValueError, match=r"^seed is .*; allowed: a whole number from 0 to 2\*\*128 - 1"):
        make(seed=value)
    world = make(seed=4)
    before = world.get_state()
    if value is not None:  # without one the streams go on
        with pytest.raises(ValueError, match=r"^seed is "):
            world.reset(seed=value)
    for name, array in world.get_state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert world.seed == 4


@pytest.mark.parametrize("value", [0, 2**128 - 1, np.int64(7), np.uint64(2**63), 3.0, np.float32(3)])
def test_seeds_that_are_some(value):
    world = make(seed=value, n_worlds=3)
    assert (world.seed, type(world.seed)) == (int(value), int)
    assert len(set(world.rng[:, 0].tolist())) == 3
    assert (world.rng[:, 1] % 2 == 1).all()


@pytest.mark.parametrize("value", [None, *NO_WHOLE_NUMBERS, 0, -3, 2**31, 2**63, 1e19])
def test_numbers_of_copies_and_threads(value):
    with pytest.raises(ValueError, match=r"^n_worlds is .*; allowed: a whole number from 1 to 2147483647"):
        make(n_worlds=value)
    before = sorrelsim.get_threads()
    with pytest.raises(ValueError, match=r"^the number of threads is .*; allowed: a whole number from 1 to"):
        sorrelsim.set_threads(value)
    assert sorrelsim.get_threads() == before


@pytest.mark.parametrize("value", [*NO_WHOLE_NUMBERS, 0, -3, 2**15, 10**9])
def test_numbers_of_agents(value):
    with pytest.raises(ValueError, match=r"^n_agents is .*; allowed: a whole number from 1 to 32767"):
        make(n_agents=value)


def test_as_many_agents_as_a_cell_can_name():
    cls = type("Crowd", (type(make()),), {"start": (), "__module__": __name__})
    n = 2**15 - 1
    world = cls(map="\n".join(["P" * 256] * 128), n_agents=n, compiled=False)
    state = world.get_state()
    state["out"][...] = 0
    state["occupant"][0] = np.where(np.arange(n + 1) < n, np.arange(n + 1), -1).reshape(128, 256)
    state["pos"][0] = np.stack(np.divmod(np.arange(n), 256), 1)
    world.set_state(state)
    assert world.occupant.max() == n - 1


def test_more_copies_than_there_is_memory_for():
    with pytest.raises(ValueError, match=r"so many copies of .* do not fit into memory"):
        make("harvest", n_worlds=2**31 - 1)


@pytest.mark.parametrize("name", ["compiled", "show_facing"])
@pytest.mark.parametrize("value", [0, 1, "no", 2.0])
def test_flags(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; allowed: True or False"):
        make(**{name: value})


@pytest.mark.parametrize("value", [3, b"field", 1.5, ["field"]])
def test_maps(value):
    with pytest.raises(ValueError, match=r"map of treasure_hunt is .*; allowed: a name, a file or the text"):
        make(map=value)


def test_map_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "map.txt"
    path.write_bytes(b"WW\xff\xfeWW\n")
    with pytest.raises(ValueError, match="is not UTF-8 text: byte 2 is 0xff"):
        make(map=path)
    for name in ("x" * 5000, "a\0b", str(tmp_path)):
        with pytest.raises(ValueError, match="treasure_hunt"):
            make(map=name)


@pytest.mark.parametrize("name", names("worlds"))
def test_every_param_of_every_world(name):
    """A value beyond its limits, of another type or shape is refused; one at its limits is kept as it is."""
    cls = type(make(name))
    for field in dataclasses.fields(cls.params):
        default = np.asarray(field.default)
        wrong = ["1", None, [[[1]]], float("nan"), float("inf"), -float("inf"), object(), {}]
        if default.dtype.kind == "b":
            wrong += [2, -1, 0.5, "true"]
            right = [True, False]
        else:
            low, high = limits(field)
            beside = [low - 1, high + 1] if np.isfinite([float(low), float(high)]).all() else []
            right = [bound for bound in (low, high) if np.isfinite(float(bound))]
            wrong += [True, False, np.full(default.shape, True), *beside]
            if default.dtype.kind == "i":
                wrong += [1.5, 2**31, -(2**31), 2**63, -(2**63) - 1, 2**64, 1e19, -1e19, 1e300, np.uint64(2**63)]
        for value in wrong:
            spread = np.full(default.shape, value) if default.ndim and np.ndim(value) == 0 else value
            with pytest.raises(ValueError, match=f"{name}: {field.name} = "):
                make(name, n_agents=1, **{field.name: spread})
        for value in right:
            world = make(name, n_worlds=2, n_agents=1, **{field.name: np.full(default.shape, value)})
            assert (world.copies.params[field.name] == value).all()


def test_a_limit_of_whole_numbers_is_told():
    with pytest.raises(ValueError, match="max_steps = 9223372036854775808 is out of range; allowed: 1 to 1000000000"):
        make(max_steps=2**63)
    with pytest.raises(ValueError, match=r"max_steps = 1e\+19 is out of range; allowed: 1 to 1000000000"):
        make(max_steps=1e19)
    assert make(max_steps=1e6).copies.params["max_steps"].tolist() == [1_000_000]


def test_who_learns_cannot_read():
    from sorrelsim.library.find import find_class
    from sorrelsim.models.base import BaseModel

    world = make(observation="ascii")
    for name in ("ppo", "ddqn", "iqn"):
        with pytest.raises(ValueError, match=r"cannot see text: the part 'grid' .*allowed: observation=symbolic"):
            find_class(name, "agents", BaseModel)(world.observations, world.action_names)
