"""Keys go by their place: what is printed on them is only shown, and names that no key has are told."""

import pygame
import pytest

from sorrelsim.play import keyboard
from sorrelsim.play.keys import default_keys, remap, shown
from sorrelsim.play.panel_info import action_rows
from sorrelsim.rules.movement import EGOCENTRIC

ACTIONS = (*EGOCENTRIC, "zap")


def event(scancode, key):
    return pygame.event.Event(pygame.KEYDOWN, scancode=scancode, key=key, mod=0, unicode="")


def test_a_key_is_named_by_its_place():
    assert keyboard.name_of(event(pygame.KSCAN_W, pygame.K_w)) == "w"
    assert keyboard.name_of(event(pygame.KSCAN_W, pygame.K_z)) == "w"  # a French keyboard has Z there
    assert keyboard.name_of(event(pygame.KSCAN_2, 0xE9)) == "2"  # and an accented e where others have 2
    assert keyboard.name_of(event(pygame.KSCAN_RSHIFT, pygame.K_RSHIFT)) == "right shift"
    assert keyboard.name_of(event(0, pygame.K_F2)) == "f2"  # made by a program, without a place


def test_every_key_that_the_sets_use_exists():
    for people in (1, 2, 3, 4):
        for keys in default_keys((*ACTIONS, *(f"special_{k}" for k in range(9))), people):
            assert set(keys) <= keyboard.KNOWN


def test_what_is_printed_is_known_where_it_differs(monkeypatch):
    french = {pygame.K_z: pygame.KSCAN_W, pygame.K_w: pygame.KSCAN_Z, pygame.K_a: pygame.KSCAN_Q,
              pygame.K_q: pygame.KSCAN_A, 0xE9: pygame.KSCAN_2, pygame.K_d: pygame.KSCAN_D}  # fmt: skip
    monkeypatch.setattr(pygame.key, "ScancodeWrapper", lambda places: _Layout(french))
    assert keyboard.printed() == {"w": "z", "z": "w", "q": "a", "a": "q", "2": "\u00e9"}
    (keys,) = default_keys(ACTIONS)
    rows = {row.action: row.keys for row in action_rows(ACTIONS, keys, printed=keyboard.printed())}
    assert rows["forward"][0] == "Z"
    assert rows["step left"] == ("Q",)
    assert shown("d", keyboard.printed()) == "D"


class _Layout(dict):
    """Place by what is printed; 0 where nothing has that mark, as SDL says it."""

    def __missing__(self, code):
        return 0


@pytest.mark.parametrize("given", [{"zap": "spce"}, {"window": {"pause": "spce"}}])
def test_a_key_that_does_not_exist_is_told_with_the_nearest(given):
    with pytest.raises(ValueError, match=r"keys.*'spce'.*did you mean 'space'"):
        remap(default_keys(ACTIONS), given, ACTIONS, keyboard.KNOWN)
