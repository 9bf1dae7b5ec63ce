"""The window without a screen: keys, clock, views, overlays, and what ends up in the recording."""

import time

import numpy as np
import pytest
from boards import seat

from sorrelsim.play.game_info import banner_of, card_of_game, panel_of, words_after
from sorrelsim.play.inputs import Choice
from sorrelsim.play.keys import default_keys, remap
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.session import Session
from sorrelsim.recordings import Recorder, WorldSpec, load_recording, state_hash

pytestmark = pytest.mark.usefixtures("dummy")

MAP = "WWWWWWWWW\nWPHFAP BW\nW PH  P W\nWP B P  W\nWWWWWWWWW"


def open_window(path=None, humans=(0,), world="cleanup", settings=None, **options):
    from sorrelsim.play.play_window import PlayOptions, PlayWindow

    spec = WorldSpec(world, 5, {"map": MAP, "n_agents": 3} if settings is None else settings)
    made = spec.make()
    agents, labels = seat_opponents(made, "random", 1, list(humans))
    recorder = Recorder(path, spec, made, labels, humans) if path else None
    keys = default_keys(made.action_names, max(1, len(humans)))
    if "remapped" in options:
        keys, _ = remap(keys, options.pop("remapped"), made.action_names)
    session = Session(made, agents, labels, humans, recorder)
    return PlayWindow(session, PlayOptions(keys if humans else [], **{"size": (960, 600), **options}))


def press(window, *names):
    """Key events as SDL sends them, handled by the window's own loop."""
    import pygame

    for name in names:
        code = pygame.key.key_code(name)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=0, unicode="", scancode=0))
        pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=0, unicode="", scancode=0))
    window.dirty = True
    window.spin()


def spin(window, seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not window.done:
        window.spin()


def screen(window):
    import pygame

    window.show(time.perf_counter() + 1)
    return np.frombuffer(pygame.image.tobytes(window.screen, "RGB"), np.uint8)


def test_in_turns_the_world_waits_for_the_person():
    window = open_window(mode="turns")
    spin(window, 0.3)
    assert window.session.turns == 0
    facing = window.session.world.facing[0, 0]
    press(window, "e")
    window.spin()
    assert window.session.turns == 1
    assert window.session.world.facing[0, 0] == (facing + 1) % 4
    assert window.info().status == "your turn"


def test_in_turns_two_people_must_both_choose():
    window = open_window(humans=(0, 2), mode="turns")
    press(window, "q")
    window.spin()
    assert (window.session.turns, window.info().status) == (0, "waiting for 2")
    press(window, "right")
    window.spin()
    assert window.session.turns == 1


def test_a_ring_in_the_colour_of_who_did_it_spreads_from_whom_it_was_done_to(monkeypatch):
    import pygame

    from sorrelsim.authoring import sprites
    from sorrelsim.play.session import LogEntry, Session

    window = open_window(mode="turns", settings={"map": "WWWWWW\nWP  PW\nWHFA W\nWWWWWW", "n_agents": 2})
    done = [LogEntry(1, 0, "zaps fired"), LogEntry(1, 0, "zapped", 1)]  # the first concerns nobody else
    monkeypatch.setattr(Session, "latest", done)
    press(window, "x")
    window.spin()
    assert [ring[:2] for ring in window.stage._rings] == [(1, sprites.agent_colour(0))]
    assert window.animating(time.perf_counter())
    colour = np.array(sprites.agent_colour(0))

    def share(after):
        window.show(time.perf_counter() + after)
        picture = np.frombuffer(pygame.image.tobytes(window.screen, "RGB"), np.uint8).reshape(-1, 3)
        return int((picture == colour).all(axis=-1).sum())

    ring = share(0.1)
    assert share(1.0) < ring  # it is gone
    assert window.stage._rings == []


def test_people_who_share_a_keyboard_are_told_apart_by_colours():
    window = open_window(humans=(0, 2), mode="turns")
    info = window.info()
    assert [(row.mine, row.shared) for row in info.players] == [(True, True), (False, True), (True, True)]
    assert {row.slot for row in info.keys} == {0, 2}
    alone = open_window(mode="turns").info()
    assert not alone.players[0].shared
    assert {row.slot for row in alone.keys} == {-1}
    world = window.session.world
    world.out[0, 2] = 3
    assert banner_of(window.game) == "2: Out of the game: back in 3 turns"
    world.frozen[0, 0] = 5
    assert banner_of(window.game) == "0: You cannot move: 5 turns left   2: Out of the game: back in 3 turns"
    screen(window)


def test_in_real_time_turns_come_by_the_clock_and_pause_stops_them():
    window = open_window(speed=20.0)
    spin(window, 0.6)
    assert 8 <= window.session.turns <= 13
    press(window, "p")
    turns = window.session.turns
    spin(window, 0.3)
    assert (window.session.turns, window.info().status) == (turns, "paused")
    assert ("P", "go on") in window.info().foot
    press(window, "f3", "f3")
    assert window.session.turns == turns + 2
    press(window, "p")
    spin(window, 0.3)
    assert window.session.turns > turns + 2


def test_a_late_clock_does_not_hurry_to_catch_up():
    window = open_window(speed=20.0)
    window.spin()
    spin(window, 0.1)
    turns = window.session.turns
    time.sleep(1.0)
    window.spin()
    window.spin()
    assert window.session.turns <= turns + 2


def test_an_idle_window_sleeps():
    window = open_window(mode="turns")
    window.spin()
    used, began = time.process_time(), time.perf_counter()
    spin(window, 1.0)
    assert (time.process_time() - used) / (time.perf_counter() - began) < 0.05
    assert window.frames < 5


def test_a_pressed_key_is_on_the_screen_in_the_same_turn_of_the_loop():
    import pygame

    window = open_window(speed=1.0)
    window.spin()
    before, frames = screen(window), window.frames
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_w, mod=0, unicode="", scancode=0))
    window.spin()
    assert window.frames == frames + 1
    assert [line.action for line in window.info().keys if line.lit] == ["forward"]
    assert (screen(window) != before).any()


def test_views_zoom_labels_help_and_slots():
    window = open_window(mode="turns")
    shots = {window.game.view: screen(window)}
    for name in ("window", "eyes", "map"):
        press(window, "tab")
        window.message = ""
        assert window.game.view == name
        if name != "map":
            shots[name] = screen(window)
    assert len({shot.tobytes() for shot in shots.values()}) == 3
    np.testing.assert_array_equal(screen(window), shots["map"])
    press(window, "=")
    assert (screen(window) != shots["map"]).any()
    press(window, "-")
    np.testing.assert_array_equal(screen(window), shots["map"])
    press(window, "f7")
    assert (screen(window) != shots["map"]).any()
    press(window, "f6")
    assert (window.session.humans, window.game.watched) == ([1], 1)


def test_help_opens_pauses_and_any_key_closes_it():
    import pygame

    window = open_window(speed=20.0)
    window.spin()
    plain = screen(window)
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_F1, mod=0, unicode="", scancode=0))
    window.spin()
    assert window.help
    assert window.game.paused
    assert (screen(window) != plain).mean() > 0.3
    press(window, "w")
    assert not window.help
    assert window.session.turns == 0


def test_own_shows_nothing_that_the_agent_does_not_observe():
    window = open_window(mode="turns", own=True)
    assert window.game.view == "window"
    seen = set()
    for _ in range(3):
        press(window, "tab")
        seen.add(window.game.view)
    assert seen == {"window", "eyes"}
    window.session.step({0: 0})
    assert [line.slot for line in window.info().players] == [0]
    assert all(event.slot in (-1, 0) for event in window.info().events)


def test_the_end_of_an_episode_is_shown_until_a_key(tmp_path):
    settings = {"max_steps": 2, "n_agents": 2}
    window = open_window(tmp_path / "a.jsonl", world="treasure_hunt", settings=settings, mode="turns", episodes=2)
    press(window, "w", "w")
    window.spin()
    assert window.game.over
    assert window.info().status == "over"
    press(window, "s", "w", "tab")
    assert window.game.over  # no stray key takes it away
    press(window, "space")
    assert not window.game.over
    assert window.session.turn == 0
    press(window, "w", "w")
    window.spin()
    assert window.done  # two episodes were asked for
    window.close()
    assert load_recording(tmp_path / "a.jsonl").ends.tolist() == [False, True, False, True]


def test_every_key_and_note_is_recorded_and_the_session_replays(tmp_path):
    window = open_window(tmp_path / "a.jsonl", mode="turns", remapped={"zap": "z"})
    press(window, "e", "z")
    window.spin()
    press(window, "f2")
    press(window, "f6")
    press(window, "w")
    window.spin()
    end = state_hash(window.session.world)
    window.close()
    recording = load_recording(tmp_path / "a.jsonl")
    downs = [(key["key"], key.get("slot"), key.get("action")) for key in recording.keys if key["down"]]
    assert downs[:2] == [("e", 0, "turn_right"), ("z", 0, "zap")]
    assert downs[-1] == ("w", 1, "forward")
    assert recording.resets == [3]
    assert recording.actions[:2, 0].tolist() == [6, 7]
    assert recording.actions[2, 1] == 1
    assert recording.pressed[0, 0] == recording.keys[0]["ms"]
    assert (recording.seating(2).people, recording.seating(3).people) == ((0,), (1,))
    assert recording.seating(3).players[1] == "person"
    replay = recording.replay()
    replay.go(3)
    assert state_hash(replay.world) == end


def test_rewards_pop_up():
    window = open_window(mode="turns")
    world = window.session.world
    row, col = world.pos[0, 0]
    world.grid[0, row, col, world.codes.layer[world.kinds.APPLE]] = world.kinds.APPLE
    press(window, "x")
    window.spin()
    assert window.session.reward[0] >= 1
    pops = [pop for pop in window.stage.pop_ups if pop.slot == 0]
    assert pops[0].text == "+1"
    window.stage.pop_ups[0].born -= 5
    screen(window)
    assert len([pop for pop in window.stage.pop_ups if pop.slot == 0]) == 0


def test_escape_twice_leaves_and_once_does_not():
    window = open_window(mode="turns")
    press(window, "escape")
    assert not window.done
    assert "again" in window.message
    press(window, "escape")
    assert window.done


def test_a_full_disk_pauses_and_says_so(tmp_path, monkeypatch):
    import os

    window = open_window(tmp_path / "a.jsonl", speed=20.0)
    write = os.write
    recorder = window.session.recorder

    def full(file, data):
        if file == recorder._file:
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    spin(window, 0.3)
    assert window.game.paused
    assert "No space left on device" in window.info().problem
    screen(window)
    monkeypatch.undo()
    turns = window.session.turns
    window.close()
    assert len(load_recording(tmp_path / "a.jsonl")) == turns


def test_sixty_frames_a_second_would_fit(tmp_path):
    """Drawing a moving frame of the largest default map at 1080p takes less processor time than a frame lasts."""
    window = open_window(settings={}, size=(1920, 1080), mode="turns")
    for _ in range(3):
        window.game.take([Choice(1, None)], time.perf_counter())
        window.show(window.game.pace.turned)
    used = []
    for _ in range(10):
        window.game.take([Choice(1, None)], time.perf_counter())
        began = time.process_time()
        for frame in range(3):  # at 20 turns a second there are three frames to a turn
            window.draw(window.game.pace.turned + frame / 60)
        used.append((time.process_time() - began) / 3)
    assert np.median(used) < 1 / 60


@pytest.mark.parametrize("size", [(3840, 2160), (1366, 768), (640, 400), (480, 320), (600, 1000)])
def test_every_size_has_room_for_everything(size):
    window = open_window(settings={}, size=size, mode="turns")
    screen(window)
    area, side = window.areas()
    if size[1] > size[0]:  # upright: the panel lies below
        assert (area.bottom, area.width, side.width) == (side.top, size[0], size[0])
    else:
        assert (area.right, area.height, side.height) == (side.left, size[1], size[1])
        assert area.width > side.width
    window.help = True
    screen(window)
    assert window.letters.font(14).get_height() >= 12


@pytest.mark.parametrize("width", [60, 90, 120, 160, 240])
@pytest.mark.parametrize("state", ["", "out 123"])
def test_a_name_never_runs_into_the_score(dummy, width, state):
    """The right half, where the score stands, is the same whatever the name."""
    import pygame

    from sorrelsim.play.panel import Panel
    from sorrelsim.play.panel_info import PlayerRow
    from sorrelsim.play.theme import Letters

    pygame.font.init()
    pygame.display.set_mode((400, 100))
    panel, score = Panel(Letters(0.85)), 12345.0
    size = panel.letters.draw(f"{score:g}", 18, style="bold").get_width() + panel.letters.px(14)
    drawn = []
    for label in ("", "somebody with a long name"):
        surface = pygame.Surface((width, 40))
        panel._player(surface, surface.get_rect(), PlayerRow(3, label, score, 0.0, state), 1.0, True)
        right = surface.subsurface((max(0, width - size), 2, min(width, size), 30))
        drawn.append(pygame.image.tobytes(right, "RGB"))
    assert drawn[0] == drawn[1]


def watch(path, **options):
    from sorrelsim.play.replay_window import ReplayWindow

    return ReplayWindow(load_recording(path), size=(960, 600), **options)


def test_the_viewer_plays_at_the_pace_of_the_game(tmp_path):
    from recording_files import lines_of, reseal

    window = open_window(tmp_path / "a.jsonl", mode="turns")
    for _ in range(4):
        press(window, "w")
    window.close()
    lines, at = lines_of(tmp_path / "a.jsonl"), [0.0, 100.0, 400.0, 60_000.0]
    for line in lines:
        if "t" in line:
            line["ms"] = at[line["t"] - 1]
    reseal(tmp_path / "a.jsonl", lines)
    viewer = watch(tmp_path / "a.jsonl")
    press(viewer, "right", "r")
    viewer.playing = True
    viewer.pace.turned = 10.0
    assert viewer.due(10.0) == pytest.approx(0.1)  # from turn 1 to turn 2, as it was played
    viewer.go(2, 10.1)
    assert viewer.due(10.1) == pytest.approx(0.3)
    viewer.go(3, 10.4)
    assert viewer.due(10.4) == pytest.approx(3.0)  # a pause of a minute is shortened
    press(viewer, "up")
    assert not viewer.as_recorded


def test_the_viewer_stops_before_a_turn_that_does_not_replay(tmp_path):
    from recording_files import lines_of, reseal

    window = open_window(tmp_path / "a.jsonl", mode="turns")
    for _ in range(10):
        press(window, "w")
    window.close()
    lines = lines_of(tmp_path / "a.jsonl")
    seventh = next(k for k, line in enumerate(lines) if line.get("t") == 7)
    lines[seventh]["r"][0] += 5.0  # a reward that the world never paid
    reseal(tmp_path / "a.jsonl", lines)
    viewer = watch(tmp_path / "a.jsonl")
    press(viewer, "end")
    assert (viewer.turn, viewer.done) == (6, False)
    assert "parts from the recording at turn 7" in viewer.info().problem
    screen(viewer)
    press(viewer, "right")
    assert viewer.turn == 6
    press(viewer, "home", "right")
    assert viewer.turn == 1


def test_the_viewer_steps_scrubs_and_plays_both_ways(tmp_path):
    import pygame

    window = open_window(tmp_path / "a.jsonl", mode="turns")
    hashes = [state_hash(window.session.world)]
    for _ in range(30):
        press(window, "w")
        hashes.append(state_hash(window.session.world))
    window.close()
    viewer = watch(tmp_path / "a.jsonl", speed=20.0)

    def at():
        return state_hash(viewer.replay.world)

    press(viewer, "right", "right", "left")
    assert (viewer.turn, at()) == (1, hashes[1])
    press(viewer, "end")
    assert (viewer.turn, at()) == (30, hashes[30])
    screen(viewer)
    middle = (viewer.bar.centerx, viewer.bar.centery)
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=middle, button=1))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=middle, rel=(0, 0), buttons=(1, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=middle, button=1))
    viewer.dirty = True
    viewer.spin()
    assert (viewer.turn, at()) == (15, hashes[15])
    press(viewer, "space")
    spin(viewer, 0.5)
    assert 20 <= viewer.turn <= 30
    press(viewer, "home", "tab", "tab", "f1")
    assert viewer.turn == 0
    screen(viewer)


def test_the_log_says_who_did_what_to_whom():
    window = open_window(
        mode="turns", humans=(0, 1), settings={"map": "WWWWW\nWP PW\nWHFAW\nWB BW\nWWWWW", "n_agents": 2}
    )
    world = window.session.world
    col, zap = int(world.pos[0, 0, 1]), world.action_names.index("zap")
    world.facing[0, 0] = 1 if int(world.pos[0, 1, 1]) > col else 3  # both in one row, two cells apart
    window.session.step({0: zap, 1: 0})
    entries = [(entry.slot, entry.text, entry.whom) for entry in window.session.log]
    assert (0, "zapped", 1) in entries
    assert (0, "zaps fired", -1) in entries
    screen(window)
    window.close()


def test_nothing_runs_before_the_person_begins(tmp_path):
    window = open_window(tmp_path / "a.jsonl", card=True, speed=20.0)
    spin(window, 0.3)
    press(window, "w", "f2", "tab")
    assert (window.session.turns, window.game.view) == (0, "map")
    card = screen(window)
    press(window, "space")
    spin(window, 0.3)
    assert window.session.turns > 0
    assert not np.array_equal(card, screen(window))
    window.close()
    recording = load_recording(tmp_path / "a.jsonl")
    assert [note["note"] for note in recording.notes if "focus" not in note["note"]] == ["begins"]
    assert recording.actions[0, 0] == 0  # the idle action: the space that began is none


def test_watching_needs_no_card():
    window = open_window(humans=(), card=True)
    assert not window.game.card


def test_the_card_says_what_the_world_says_of_itself():
    from sorrelsim.play.card_info import MOST_THINGS

    window = open_window(settings={}, mode="turns")
    info = card_of_game(window.game, "Space begins")
    assert info.title == "Cleanup"
    assert info.about == "Apples grow only while somebody cleans the river, and whoever cleans eats no apples."
    assert info.rewards == "+1 for an apple."
    assert [name for name, _ in info.things] == ["apple  +1", "wall", "water", "dirt", "zap beam", "clean beam"]
    assert [row.action for row in info.keys][-2:] == ["zap", "clean"]
    assert info.players[:2] == ((0, "you", True), (1, "random", False))
    window = open_window(world="territory", settings={}, mode="turns")
    names = [name for name, _ in card_of_game(window.game, "").things]
    assert names.count("claim") == 1  # of sixteen colours
    assert len(names) <= MOST_THINGS


def test_what_people_are_to_find_out_is_not_told_before():
    from sorrelsim.play.practice import Practice

    window = open_window(world="iowa", settings={}, mode="turns")
    info = card_of_game(window.game)
    assert [name for name, _ in info.things] == ["deck a", "deck b", "deck c", "deck d", "wall"]
    said = " ".join([info.about, info.rewards, Practice.of(WorldSpec("iowa", 5), [0], window.game.options).rewards])
    assert "Find out which decks are good" in said
    # Of gains of 1.1 and 0.6, losses of -1.4, -11.4, 0.1 and -1.9 and their chances of 0.5 and 0.1 there is no word.
    assert not any(letter.isdigit() for letter in said)
    assert not any(word in said for word in ("big", "little", "lose more", "average"))


@pytest.mark.parametrize("size", [(3840, 2160), (1280, 720), (600, 1000), (480, 320), (480, 240)])
def test_the_card_fits_into_every_window(size, monkeypatch):
    from sorrelsim.play import card

    window, boxes = open_window(settings={}, size=size, mode="turns", card=True), []
    drawn = card.theme.box
    monkeypatch.setattr(card.theme, "box", lambda *given: (boxes.append(given), drawn(*given)))
    screen(window)
    inside = [rect for surface, _, rect, *_ in boxes if surface is window.screen]
    assert inside
    assert all(window.screen.get_rect().contains(rect) for rect in inside)


def test_the_legend_pauses_and_closes_with_any_key():
    window = open_window(speed=20.0)
    spin(window, 0.2)
    press(window, "f10")
    assert (window.legend, window.game.paused) == (True, True)
    screen(window)
    turns = window.session.turns
    press(window, "w")
    spin(window, 0.2)
    assert (window.legend, window.session.turns) == (False, turns)


def test_who_is_out_is_told_for_how_long_in_every_view():
    from sorrelsim.play.panel_info import absence_of

    window = open_window(mode="turns")
    for view in ("map", "window", "eyes"):
        window.game.view = view
        window.game.changed()
        window.session.world.out[0, 0] = 0
        there = screen(window)
        window.session.world.out[0, 0] = 12
        window.game.changed()
        assert absence_of(window.session.world, 0) == "Out of the game: back in 12 turns"
        assert not np.array_equal(there, screen(window))


def test_a_locked_session_of_rounds_can_do_nothing_but_play(tmp_path):
    settings = {"max_steps": 3, "n_agents": 2}
    window = open_window(
        tmp_path / "a.jsonl", world="treasure_hunt", settings=settings, mode="turns", episodes=2, locked=True, card=True
    )
    press(window, "f2", "f6", "f8", "p", "tab", "f3")
    assert (window.session.turns, window.game.view, window.game.paused, window.game.mode) == (0, "map", False, "turns")
    press(window, "space", "w")
    press(window, "f2", "f6", "tab", "p", "w", "w")
    window.spin()
    assert (window.game.over, window.done, window.session.turns) == (True, False, 3)
    assert words_after(window.game) == ("Round 1 of 2 is over", "Have a break. Space begins the next round.")
    between = screen(window)
    press(window, "w", "tab")
    assert (window.game.over, window.session.turns) == (True, 3)
    press(window, "space")
    for _ in range(3):
        press(window, "w")
    assert (window.game.over, window.done) == (True, False)  # the closing page
    assert words_after(window.game)[0] == "The end"
    assert not np.array_equal(between, screen(window))
    press(window, "w")
    assert not window.done
    press(window, "return")
    assert window.done
    window.close()
    recording = load_recording(tmp_path / "a.jsonl")
    assert (len(recording), recording.resets, recording.seating(6).people) == (6, [], (0,))


def test_when_a_picture_was_seen_and_how_long_a_key_took_are_kept(tmp_path):
    window = open_window(tmp_path / "a.jsonl", mode="turns")
    screen(window)
    before = window.session.clock()
    press(window, "w")
    window.spin()
    press(window, "w")
    window.spin()
    window.close()
    rows = [row for row in load_recording(tmp_path / "a.jsonl").rows() if row["human"]]
    assert 0 < rows[0]["shown_ms"] <= before
    for row in rows:
        assert row["reaction_ms"] == pytest.approx(row["key_ms"] - row["shown_ms"])
        assert row["shown_ms"] <= row["key_ms"] <= row["ms"]
    assert rows[1]["shown_ms"] >= rows[0]["ms"]  # the picture after the first turn


def test_who_froze_whom_is_told_to_the_impostor_alone(monkeypatch):
    """The impostor, slot 4, shoots slot 2 ahead of it. A ring in its colour would say as much as the log."""
    wall, inside = "W" * 12, (" *** **   ", "   ==     ", "@" + " " * 9, " " * 10)
    room = "\n".join([wall, *(f"W{row}W" for row in inside), wall, "WVVVVVVWDDDW", wall])
    window = open_window(world="hidden_agenda", settings={"map": room}, humans=(2, 4))
    session, rings = window.session, []
    seat(session.world, (1, 2, "N"), (1, 9, "N"), (3, 5, "S"), (1, 10, "N"), (4, 5, "N"))
    session.world.copies.state["tag_wait"][0, 4] = 0
    session.step({2: 0, 4: session.world.action_names.index("tag")})
    monkeypatch.setattr(window.stage, "hit", lambda pairs, now: rings.append(list(pairs)))
    told, secrets = [], {(4, "tags", -1), (4, "froze", 2)}
    for window.game.watched in (2, 4):
        window._shown = (0, 0)
        window._follow(0.0)
        told.append({(entry.slot, entry.text, entry.whom) for entry in panel_of(window.game).events})
    assert rings == [[], [(4, 2)]]
    assert [told[0] & secrets, told[1] & secrets] == [set(), secrets]
    assert all((2, "tagged", -1) in each for each in told)
