"""A real window under a virtual screen, driven by real key events: play, look, resize, quit; and then replay."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from sorrelsim.recordings import load_recording

MISSING = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not installed"),
]

PLAY = (
    "import sys, typer; from sorrelsim.cli.play import play; "
    "app = typer.Typer(); app.command()(play); "
    "assert not {'pygame', 'numba', 'torch'} & set(sys.modules); app()"
)


def virtual_screen():
    """Start a virtual screen of 1280 x 800; its process, and the environment of programs that are shown on it."""
    read, write = os.pipe()
    # Without -noreset the server starts afresh whenever its last client leaves, and xdotool comes and leaves.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset", "-nolisten", "tcp"],
        pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as numbers:
        number = numbers.readline().strip()
    return server, {**os.environ, "DISPLAY": f":{number}", "SDL_VIDEODRIVER": "x11"}


@pytest.fixture(scope="module")
def screen():
    server, environment = virtual_screen()
    yield environment
    server.terminate()
    server.wait(10)


class Player:
    """A game in a process of its own, and the keyboard."""

    def __init__(self, screen, path, *options):
        self.path, self.env = path, screen
        command = [
            sys.executable,
            "-c",
            PLAY,
            "cleanup",
            "--seed",
            "5",
            "--out",
            str(path),
            "--size",
            "900x600",
            "--no-card",
        ]
        self.process = subprocess.Popen(
            [*command, *options], env=screen, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            self.window = self.wait_for(
                lambda: self.xdotool("search", "--onlyvisible", "--class", "sorrelsim", check=False).split()[:1]
            )[0]  # once it is mapped: nothing else takes the focus
            self.xdotool("windowfocus", self.window)
            self.wait_for(path.exists)
        except BaseException:
            self.stop()
            raise

    def xdotool(self, *words, check=True):
        done = subprocess.run(["xdotool", *words], env=self.env, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def wait_for(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the game ended: {self.process.stdout.read()}")
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError("it did not happen in time")

    def lines(self):
        return [json.loads(line) for line in self.path.read_bytes().split(b"\n")[1:-1]]

    def turns(self):
        return sum("t" in line for line in self.lines())

    def press(self, key):
        """Press a key and wait until the game has recorded it."""
        before = sum("key" in line for line in self.lines())
        self.xdotool("key", key)
        self.wait_for(lambda: sum("key" in line for line in self.lines()) > before)

    def end(self):
        out, _ = self.process.communicate(timeout=20)
        return out

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def player(screen, tmp_path):
    started = []

    def start(*options):
        started.append(Player(screen, tmp_path / "session.jsonl", *options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_play_look_resize_restart_quit_and_replay(player):
    game = player("--mode", "turns")
    for key, action in (("w", "forward"), ("e", "turn_right"), ("Up", "forward"), ("space", "zap")):
        turns = game.turns()
        game.press(key)
        game.wait_for(lambda turns=turns: game.turns() == turns + 1)
        assert next(line for line in reversed(game.lines()) if line.get("down"))["action"] == action
    game.press("p")
    game.press("F3")
    game.wait_for(lambda: game.turns() == 5)
    for view in ("window", "eyes", "map"):
        game.press("Tab")
        game.wait_for(lambda view=view: any(line.get("note") == f"view {view}" for line in game.lines()))
    game.xdotool("windowsize", game.window, "640", "420")
    game.press("F2")
    game.wait_for(lambda: any("reset" in line for line in game.lines()))
    game.press("d")
    game.wait_for(lambda: game.turns() == 6)
    game.press("Escape")
    game.xdotool("key", "Escape")
    assert game.end().startswith("kept 6 turns")  # and nothing before it, such as a greeting of pygame
    assert game.process.returncode == 0
    notes = [line["note"] for line in game.lines() if "note" in line]
    assert {"paused", "view window", "view eyes", "view map"} <= set(notes)
    recording = load_recording(game.path)
    names = recording.header["actions"]
    assert [names[a] for a in recording.actions[:4, 0]] == ["forward", "turn_right", "forward", "zap"]
    assert recording.resets == [6]
    recording.replay().go(6)


def test_in_real_time_it_goes_on_by_itself_and_sleeps_when_paused(player):
    game = player("--speed", "20")
    game.wait_for(lambda: game.turns() >= 20)
    game.press("p")
    time.sleep(1.2)  # pop-ups fade
    turns = game.turns()
    used = processor_seconds(game.process.pid)
    time.sleep(1.0)
    assert (processor_seconds(game.process.pid) - used) / 1.0 < 0.05
    assert game.turns() == turns
    game.press("p")
    game.wait_for(lambda: game.turns() > turns)


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("number", [
    signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL,
])  # fmt: skip
def test_however_it_is_ended_every_turn_is_kept(player, number):
    game = player("--speed", "20")
    game.wait_for(lambda: game.turns() >= 10)
    game.process.send_signal(number)
    out = game.end()
    recording = load_recording(game.path)
    assert len(recording) >= 10
    if number != signal.SIGKILL:
        assert f"kept {len(recording)} turns" in out
    recording.replay().go(len(recording))


def test_a_lost_display_loses_no_turn(tmp_path):
    server, environment = virtual_screen()
    game = Player(environment, tmp_path / "session.jsonl", "--speed", "20")
    try:
        game.wait_for(lambda: game.turns() >= 10)
    finally:
        server.kill()
        server.wait()
    game.end()
    recording = load_recording(game.path)
    assert len(recording) >= 10
    recording.replay().go(len(recording))


def test_practice_comes_before_the_game_and_is_no_turn_of_it(player):
    game = player("--card", "--practice", "--mode", "turns", "--locked")
    for key in ("space", *"dasw", "q", "space", "f", "BackSpace"):  # the card, walk, turn, zap, clean; no reward
        game.xdotool("key", key)
        time.sleep(0.15)
    for _ in range(20):  # under load keys may come while a step begins, and are not for the next one
        if any("note" in line for line in game.lines()):
            break
        game.xdotool("key", "BackSpace")
        game.xdotool("key", "space")
        time.sleep(0.3)
    game.wait_for(lambda: any(line.get("note") == "begins" for line in game.lines()))
    told = next(line["note"] for line in game.lines() if "note" in line)
    assert told.startswith("practised: ")
    assert int(told.split()[1]) >= 3  # of five steps
    turns = game.turns()
    game.press("w")
    game.wait_for(lambda: game.turns() == turns + 1)


LOCKED = (
    "--locked",
    "--card",
    "--episodes",
    "3",
    "--mode",
    "turns",
    "--participant",
    "P07",
    "min_steps=5",
    "max_steps=5",
)


def test_a_locked_session_of_three_rounds_gives_tables_that_replay(player):
    game = player(*LOCKED)
    game.press("w")  # no turn yet: the card waits for the space bar
    game.press("space")
    for turn in range(1, 16):
        for nothing in ("F2", "F6", "p", "Tab") if turn % 4 == 0 else ():
            game.press(nothing)
        game.press("w" if turn % 2 else "e")
        game.wait_for(lambda done=turn: game.turns() == done)
        if turn % 5 == 0 and turn < 15:
            game.press("w")  # between two rounds no other key goes on
            game.press("space")
    game.xdotool("key", "space")  # the closing page
    assert "kept 15 turns" in game.end()
    recording = load_recording(game.path)
    assert (recording.closed, recording.resets, recording.seating(15).people) == (True, [], (0,))
    assert recording.ends.tolist() == [turn % 5 == 0 for turn in range(1, 16)]
    rows = [row for row in recording.rows() if row["human"]]  # which replays every state
    assert [row["action_name"] for row in rows[:3]] == ["forward", "turn_right", "forward"]
    assert {row["participant"] for row in rows} == {"P07"}
    for row in rows:
        assert 0 < row["shown_ms"] < row["key_ms"] <= row["ms"]
        assert row["reaction_ms"] == pytest.approx(row["key_ms"] - row["shown_ms"])
    assert [row["turns"] for row in recording.episodes() if row["slot"] == 0] == [5, 5, 5]


@pytest.mark.parametrize(
    "moment", [pytest.param(0.05, marks=pytest.mark.slow), pytest.param(0.2, marks=pytest.mark.slow), 0.6]
)
def test_a_locked_session_killed_at_any_moment_has_every_key_up_to_it(player, moment):
    game = player(*LOCKED)
    game.press("space")
    game.press("w")
    game.wait_for(lambda: game.turns() == 1)
    pressing = subprocess.Popen(["xdotool", "key", "--delay", "20", *"wedas" * 8], env=game.env)
    time.sleep(moment)
    game.process.kill()
    game.process.communicate()
    pressing.wait(20)
    recording = load_recording(game.path)
    downs = [key["key"] for key in recording.keys if key["down"]]
    assert downs[:2] == ["space", "w"]
    assert downs[2:] == list("wedas" * 8)[: len(downs) - 2]
    assert len(recording) >= 1
    recording.replay().go(len(recording))
    list(recording.rows())
