"""Looking into agents' heads and finding things in the log: by keys and by clicks, in a window without a screen."""

import time

import numpy as np
import pytest

import sorrelsim
from sorrelsim import Agent, Explanation
from sorrelsim.models.base import BaseModel
from sorrelsim.play import scene as scenes
from sorrelsim.play.head import head_of
from sorrelsim.play.keys import default_keys
from sorrelsim.play.log import LogFilter
from sorrelsim.play.session import LogEntry, Session

pytestmark = pytest.mark.usefixtures("dummy")

MAP = "WWWWWWWWW\nWPHFAP BW\nW PH  P W\nWP B P  W\nWWWWWWWWW"


class Thinks(BaseModel):
    """Zaps always, and says what it is about; its state is worth its turn."""

    def new_carry(self, n_streams):
        return {"turn": np.zeros(n_streams, np.int64)}

    def take_action(self, state):
        raise NotImplementedError

    def take_actions(self, states, seat=None):
        seat.carry["turn"] += 1
        return np.full(len(seat.carry["turn"]), self.action_names.index("zap"))

    def explain(self, state, seat=None):
        chances = np.zeros(self.action_space)
        chances[self.action_names.index("zap")] = 1
        return Explanation(chances, value=float(seat.carry["turn"][0]), goal=(0, 0), phrase="is angry")


def open_window(humans=(), **options):
    from sorrelsim.play.play_window import PlayOptions, PlayWindow

    world = sorrelsim.make("cleanup", 1, 5, compiled=False, map=MAP, n_agents=3)
    model = Thinks(world.observations, world.action_names)
    session = Session(world, [Agent(world, range(3), model, learn=False)], ["thinks"] * 3, humans)
    keys = default_keys(world.action_names, 1) if humans else []
    return PlayWindow(session, PlayOptions(keys, size=(1280, 900), **options))


def press(window, *names):
    import pygame

    for name in names:
        code = pygame.key.key_code(name)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=0, unicode="", scancode=0))
        pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=0, unicode="", scancode=0))
    settle(window)


def click(window, what, at=None):
    """Clicks where the panel has drawn something."""
    import pygame

    window.show(time.perf_counter())
    found = [rect for rect, kind, value in window.panel._spots if kind == what and at in (None, value)]
    place = found[0].move(window.areas()[1].topleft).center
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=place, button=1))
    settle(window)


def settle(window):
    """Lets the window go round until all that was asked is answered."""
    for _ in range(2000):
        window.dirty = True
        window.spin()
        game = window.game
        if not game.head.shown or game.head.fresh:
            return
        time.sleep(0.001)
    raise AssertionError("the agent never told")


def test_f12_shows_what_an_agent_thinks_and_a_click_on_a_name_whose():
    window = open_window()
    window.game.pause(True)
    assert window.info().head is None
    press(window, "f12")
    head = window.info().head
    assert (head.slot, head.phrase, head.value, head.trace) == (0, "is angry", 0.0, (0.0,))
    bars = [(row.action, row.text, row.share, row.best) for row in head.rows if row.share]
    assert bars == [("zap", "100%", 1.0, True)]
    press(window, "f3")
    press(window, "f3")
    assert window.info().head.trace == (0.0, 1.0, 2.0)  # by the carry as it was before the agent chose
    assert window.scene().goal == scenes.cell_on_map(window.session.world, 0, (0, 0))
    click(window, "player", 2)
    assert (window.info().head.slot, window.info().head.trace) == (2, (2.0,))
    assert window.info().log == "agent 2"
    press(window, "f12")
    assert window.info().head is None
    assert window.scene().goal is None
    window.close()


def test_a_head_tells_where_every_look_takes_a_turn_too():
    """As in a fast game, or one of a room whose clock is looked at once a turn."""
    window = open_window()
    game = window.game
    game.head.shown = True
    for second in range(4):  # the first look starts the clock; a turn waits for what was asked in the one before
        game.advance(float(second))
    assert game.session.turns == 3
    assert game.head.info().phrase == "is angry"
    assert game.head.info().trace[:3] == (0.0, 1.0, 2.0)
    window.close()


def test_a_person_has_no_head_and_locked_windows_show_none():
    window = open_window(humans=(0,), mode="turns")
    press(window, "f12")
    assert window.info().head.slot == 1  # the first whom nobody plays
    click(window, "player", 0)
    assert window.info().head.phrase == "a person"
    window.close()
    window = open_window(humans=(0,), mode="turns", locked=True)
    press(window, "f12", "page up", "page down")
    click(window, "player", 1)
    assert (window.info().head, window.info().log) == (None, "")
    window.close()
    window = open_window(humans=(0,), mode="turns", own=True)
    press(window, "f12")
    assert window.info().head is None
    assert "not to be seen" in window.message
    window.close()


def test_a_model_that_fails_to_tell_does_not_stop_the_game(monkeypatch):
    monkeypatch.setattr(Thinks, "explain", lambda model, state, seat: 1 / 0)
    window = open_window()
    window.game.pause(True)
    press(window, "f12")
    assert window.info().head.phrase == "cannot tell: division by zero"
    press(window, "f3")
    assert window.session.turns == 1
    window.close()


def test_the_log_is_limited_to_an_agent_or_a_kind_by_keys_and_clicks():
    window = open_window()
    window.game.pause(True)
    for _ in range(3):
        press(window, "f3")
    session = window.session
    session.log.append(LogEntry(3, 1, "zapped", 2, "zapped"))
    window.game.changed()
    everything = window.info().events
    assert {entry.slot for entry in everything} >= {0, 1, 2}
    press(window, "page up", "page up", "page up")  # of agent 0, 1, 2
    assert window.info().log == "agent 2"
    shown = window.info().events
    assert all(2 in (entry.slot, entry.whom) for entry in shown)
    assert {entry.whom == 2 for entry in shown} == {True, False}  # done to it, and done by it
    press(window, "page up")
    assert window.info().events == everything
    click(window, "event", everything[-1])
    assert window.info().log == "zapped"
    assert {entry.kind for entry in window.info().events} == {"zapped"}
    click(window, "event", everything[-1])
    assert window.info().events == everything
    seen = []
    for _ in range(len(session.kinds) + 1):
        click(window, "log")
        seen.append(window.info().log)
    assert seen == [*session.kinds, ""]
    window.close()


def test_an_entry_that_concerns_everybody_is_shown_for_every_agent():
    log = LogFilter()
    log.choose(1)
    passed = [log.passes(LogEntry(1, slot, "x", whom)) for slot, whom in ((1, -1), (0, 1), (0, 2), (-1, -1))]
    assert passed == [True, True, False, True]
    log.choose(1)
    assert log.slot is None


def test_bars_of_values_run_from_the_lowest_to_the_highest():
    told = Explanation(values=[0.0, 2.0, np.nan, 1.0], spreads=[1.0, 1.0, 1.0, 0.0], value=2.0)
    # The scale goes from 0 - 1 to 2 + 1: four units. 0 lies at 1/4, its spread from 0 to 2/4; 2 at 3/4, from 2/4 to 1.
    rows = head_of(told, ["a", "b_c", "d", "e"], 1).rows
    assert [(row.action, row.text, row.share, row.low, row.high, row.best) for row in rows] == [
        ("a", "0", 0.25, 0.0, 0.5, False),
        ("b c", "2", 0.75, 0.5, 1.0, True),
        ("d", "not allowed", 0.0, None, None, False),
        ("e", "1", 0.5, 0.5, 0.5, False),
    ]


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("torus", [True, False])
def test_cells_of_a_window_are_found_on_the_map(rotate, torus):
    window = sorrelsim.Window(3, 1, 2, 0, rotate=rotate)
    world = sorrelsim.make("cleanup", 1, 4, compiled=False, map=MAP, n_agents=3, window=window, show_facing=not rotate)
    world.wraps = torus
    for slot in range(3):
        if world.out[0, slot] != 0:
            continue
        found = [scenes.cell_on_map(world, slot, cell) for cell in np.ndindex(5, 3)]
        marked = np.zeros((world.height, world.width), bool)
        for cell in found:
            if cell is not None:
                marked[cell] = True
        np.testing.assert_array_equal(marked, scenes.window_cells(world, slot))
        assert scenes.cell_on_map(world, slot, (3, 2)) == tuple(world.pos[0, slot])  # its own cell


def test_where_there_is_little_room_the_best_actions_are_left(dummy):
    from sorrelsim.play.head_panel import head_height, head_that_fits
    from sorrelsim.play.theme import Letters

    told = Explanation(probabilities=[0.1, 0.5, 0.0, 0.4], value=1.0)
    info, letters = head_of(told, list("abcd"), 0, [1.0, 2.0]), Letters(1.0)
    whole = head_height(letters, info)
    assert whole == 30 + 4 * 21 + 46 + 8
    assert head_that_fits(letters, info, whole) == info
    assert head_that_fits(letters, info, whole - 1).rows == info.rows  # without the trace
    assert [row.action for row in head_that_fits(letters, info, 30 + 2 * 21 + 8).rows] == ["b", "d"]
    assert head_that_fits(letters, info, 38).rows == ()
    assert head_that_fits(letters, info, 37) is None


def test_attention_lies_on_the_cells_that_are_looked_at():
    world = sorrelsim.make("cleanup", 1, 4, compiled=False, map=MAP, n_agents=1)
    rows, cols = world.symbolic.shape[2:4]
    attention = np.zeros((rows, cols))
    window = world.slot_windows[0]
    attention[window.forward, window.left] = 4.0  # its own cell
    scene = scenes.map_scene(world, 0, ())
    lit = scenes.with_head(scene, world, "map", 0, 0, Explanation(attention=attention)).attention
    assert lit[tuple(world.pos[0, 0])] == 1.0
    assert lit.sum() == 1.0
    assert scenes.with_head(scene, world, "eyes", 1, 0, Explanation(goal=(0, 0))).goal is None  # another's eyes
