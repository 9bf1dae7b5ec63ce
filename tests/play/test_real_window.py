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
                lambda: self.xdotool("search", "--class", "sorrelsim", check=False).split()[:1]
            )[0]
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
    time.sleep(1.5)  # pop-ups fade
    turns = game.turns()
    used = processor_seconds(game.process.pid)
    time.sleep(2.0)
    assert (processor_seconds(game.process.pid) - used) / 2.0 < 0.05
    assert game.turns() == turns
    game.press("p")
    game.wait_for(lambda: game.turns() > turns)


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
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
