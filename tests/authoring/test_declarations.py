"""What a world file declares: kinds and their pictures, events, state, and modules by their former names."""

import importlib
import re
import sys
from enum import auto

import numpy as np
import pytest

import sorrelsim
from sorrelsim import Events, Kinds, kind, per_agent, per_cell, per_site, per_world, sprites
from sorrelsim.authoring.events import event_names
from sorrelsim.authoring.kinds import payments


class Event(Events):
    APPLES_EATEN = auto()
    ZAPS_FIRED = auto()


def kinds():
    class Kind(Kinds):
        WALL = kind("W", solid=True, sprite=sprites.WALL)
        APPLE = kind("A")

    return Kind


def test_kinds_count_from_one_and_events_from_zero():
    assert [int(member) for member in kinds()] == [1, 2]
    assert [int(event) for event in Event] == [0, 1]
    assert event_names(Event) == event_names(("apples_eaten", "zaps_fired")) == ("apples_eaten", "zaps_fired")


def test_a_kind_is_painted_below_the_rules():
    one, other = kinds(), kinds()
    one.paint(APPLE=sprites.APPLE)
    assert one.APPLE.spec.sprite is sprites.APPLE
    assert one.APPLE.spec.glyph == "A"
    assert one.WALL.spec.sprite is sprites.WALL
    assert other.APPLE.spec.sprite is None


def test_a_picture_of_no_kind_is_an_error():
    with pytest.raises(ValueError, match="no kind in Kind 'APLE'; did you mean 'APPLE'"):
        kinds().paint(APLE=sprites.APPLE)


def test_what_a_kind_pays_is_what_its_params_are():
    class Kind(Kinds):
        WALL = kind("W")
        GEM = kind("g", pays="gem_value")
        DECK = kind("d", pays=("gains[1]", "losses[1]"))
        COIN = kind("c", pays=("gem_value", "gains[0]"))

    params = {"gem_value": np.float64(3.0), "gains": (3.0, 0.5), "losses": np.array([-1.0, -2.5])}
    assert [payments(each, params) for each in Kind] == [(), (3.0,), (0.5, -2.5), (3.0,)]  # what is equal is told once


@pytest.mark.parametrize(
    ("pays", "said"),
    [
        ("gem_valu", "no param that Kind.GEM pays 'gem_valu'; did you mean 'gem_value'"),
        ("gains", "'gains' is no param that Kind.GEM pays: gains is (3.0, 0.5); allowed: gains[0] to gains[1]"),
        ("gains[2]", "'gains[2]' is no param that Kind.GEM pays: gains is (3.0, 0.5); allowed: gains[0] to gains[1]"),
        ("gem_value[0]", "'gem_value[0]' is no param that Kind.GEM pays: gem_value is 3.0; allowed: gem_value"),
    ],
)
def test_a_kind_that_pays_what_is_no_number_is_an_error(pays, said):
    class Kind(Kinds):
        GEM = kind("g", pays=pays)

    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        payments(Kind.GEM, {"gem_value": 3.0, "gains": (3.0, 0.5)})


@pytest.mark.parametrize(
    ("spec", "extent"),
    [
        (per_world(), (1,)),
        (per_world(shape=(2, 3)), (2, 3)),
        (per_agent(), (4,)),
        (per_agent(float, (2,)), (4, 2)),
        (per_cell(), (5, 7)),
        (per_site("orchard"), (3,)),
    ],
)
def test_state_has_the_extent_of_its_owner(spec, extent):
    assert spec.extent(4, 5, 7, {"orchard": np.zeros((3, 2))}) == extent


def test_pictures_by_the_module_s_former_name(monkeypatch):
    monkeypatch.setattr(sorrelsim, "sprites", sprites)  # an import sets it anew
    monkeypatch.delitem(sys.modules, "sorrelsim.sprites", raising=False)
    with pytest.warns(DeprecationWarning, match=r"now sorrelsim\.authoring\.sprites"):
        former = importlib.import_module("sorrelsim.sprites")
    assert former.WALL is sprites.WALL
    monkeypatch.delitem(sys.modules, "sorrelsim.sprites")
