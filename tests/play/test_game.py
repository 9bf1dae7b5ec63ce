"""A game without a window: whole sessions where pygame cannot be imported, by a clock that the test turns."""

import json
import subprocess
import sys

import pytest

from sorrelsim.play import game_info
from sorrelsim.play.game import Game
from sorrelsim.play.keys import default_keys
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.options import PlayOptions
from sorrelsim.play.session import Session
from sorrelsim.recordings import Recorder, WorldSpec, load_recording

FIELD = "WWWWWWW\nW P   W\nW  g  W\nWP f  W\nWWWWWWW"


class Clock:
    """Says what time the test wants it to be."""

    now = 100.0

    def __call__(self):
        return self.now


def game_of(path=None, world="treasure_hunt", settings=None, clock=None, **options):
    settings = {"map": FIELD, "n_agents": 2, "max_steps": 5} if settings is None else settings
    spec = WorldSpec(world, 5, settings)
    made = spec.make(compiled=False)
    agents, labels = seat_opponents(made, "random", 1, [0])
    recorder = Recorder(path, spec, made, labels, [0]) if path else None
    keys = default_keys(made.action_names)
    session = Session(made, agents, labels, [0], recorder, clock or Clock())
    return Game(session, PlayOptions(keys, **options))


def play(path):
    """Three locked rounds of five turns at 4 turns/s, on a clock that moves by sixteenths of a second."""
    clock = Clock()
    game = game_of(path, clock=clock, locked=True, card=True, episodes=3, speed=4)
    told = []

    def pass_time(seconds):
        for _ in range(round(16 * seconds)):
            game.advance(clock.now)
            game.seen()
            clock.now += 1 / 16

    pass_time(1)
    for name in ("f2", "p", "tab", "w"):  # nothing runs before it begins, and what is locked stays so
        game.key(name, True, clock.now)
        game.key(name, False, clock.now)
    told.append((game.session.turns, game.view, game_info.card_of_game(game).title))
    game.key("space", True, clock.now)
    game.key("space", False, clock.now)
    for _ in range(3):
        pass_time(0.125)
        game.key("d", True, clock.now)
        pass_time(3)
        game.key("d", False, clock.now)
        summary = game_info.summary_of_game(game)
        told.append((game.session.turns, game_info.panel_of(game).status, summary.heading, summary.foot))
        told.append((game.done, game.due(clock.now)))
        game.key("space", True, clock.now)
        game.key("space", False, clock.now)
    told.append(game.done)
    game.close()
    return told


def test_three_locked_rounds_are_played_where_there_is_no_pygame(tmp_path):
    script = f"import sys; sys.modules['pygame'] = None; sys.path.insert(0, {__file__.rpartition('/')[0]!r})\n"
    script += f"import json, test_game; print(json.dumps(test_game.play({str(tmp_path / 'a.jsonl')!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rest = "Have a break. Space begins the next round."
    assert json.loads(done.stdout) == [
        [0, "map", "Treasure hunt"],
        [5, "over", "Round 1 of 3 is over", rest],
        [False, None],
        [10, "over", "Round 2 of 3 is over", rest],
        [False, None],
        [15, "over", "The end", "Thank you for playing. Space closes this window."],
        [False, None],
        True,
    ]
    # Here, with pygame at hand, the same keys at the same times give the same file, but for when it was written.
    play(tmp_path / "b.jsonl")
    written = []
    for name in ("a.jsonl", "b.jsonl"):
        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        written.append([{key: line[key] for key in line if key not in ("started", "c", "hash")} for line in lines])
    assert written[0] == written[1]
    recording = load_recording(tmp_path / "a.jsonl")
    recording.replay().go(15)
    # The game begins at 1 s, and the clock starts at the first look after it: turns fall due 0.25 s apart. The key went
    # down 0.125 s later, before the first of them, and was held.
    assert recording.ms[:5].tolist() == [1250.0, 1500.0, 1750.0, 2000.0, 2250.0]
    assert recording.pressed[:2, 0].tolist() == [1125.0, 1125.0]
    assert recording.held[:3, 0].tolist() == [False, True, True]
    assert recording.ends.nonzero()[0].tolist() == [4, 9, 14]


def test_a_game_tells_what_is_up_to_whoever_shows_it():
    game = game_of(mode="turns")
    assert [game.key(name, True, 0.0) for name in ("f9", "=", "f1", "w", "tab", "q")] == [
        "screenshot", "zoom in", "help", None, None, None
    ]  # fmt: skip
    assert game.notices == [("The agent's own window", 1.5)]
    changes = game.changes
    game.advance(0.0)
    assert (game.session.turns, game.changes) == (1, changes + 1)
    game.close()


def test_the_panel_is_told_in_data_that_a_browser_could_have():
    game = game_of(mode="turns")
    panel = game_info.panel_of(game, {"w": "z"})
    assert (panel.title, panel.turn, panel.status, panel.tone) == ("Treasure hunt", 0, "your turn", "wait")
    assert [(row.slot, row.label, row.mine) for row in panel.players] == [(0, "random", True), (1, "random", False)]
    assert panel.keys[0].action == "up"
    assert "Z" in panel.keys[0].keys  # as printed on this keyboard
    game.session.world.out[0, 0] = 3
    assert game_info.banner_of(game) == "Out of the game: back in 3 turns"
    assert game_info.summary_of_game(game) is None
    game.close()


@pytest.mark.parametrize("mode", ["turns", "realtime"])
def test_a_paused_game_waits_for_nothing(mode):
    game = game_of(mode=mode)
    game.advance(0.0)
    game.pause(True)
    game.advance(9.0)
    assert (game.due(9.0), game.session.turns) == (None, 0)
    game.close()
