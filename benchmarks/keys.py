"""How exactly keys and turns are timed, beside the X server's own times: a game in a virtual screen, keys by XTest.

    python benchmarks/keys.py [--keys 200] [--others random] [--size 1280x760] [--world cleanup]

Plays twice, beside random players and beside a PPO run, which is trained for a moment before; ``--others RUN`` plays
beside that alone. A key's error is the time in the recording less that of the X server's own event (XInput 2, raw):
both count ``CLOCK_MONOTONIC``, the server in whole milliseconds, so an error has up to 1 ms too much. Bars: 95% of keys
within 5 ms, 95% of turns within 5 ms of the nominal interval at 6 turns a second, and no first turn that takes longer.
How late the system woke the one who presses the keys is told beside it: nobody is more exact than that on a machine
that others use too. Needs Xvfb and xdotool; says so and ends where they are missing.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SPEED = 6
"""Turns a second."""
BAR = 5.0
"""Milliseconds that 95% of the errors must not exceed."""
KEYS = {"w": 25, "a": 38, "s": 39, "d": 40, "e": 26, "q": 24}
"""Keycodes of an X server, by the name that a recording has."""
SPACE = 65
RAW_KEY_PRESS, GENERIC_EVENT, ALL_MASTERS = 13, 35, 1  # of XInput2.h and X.h


class _Mask(ctypes.Structure):
    _fields_ = (("device", ctypes.c_int), ("length", ctypes.c_int), ("mask", ctypes.c_char_p))


class _Cookie(ctypes.Structure):  # XGenericEventCookie
    _fields_ = (
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int), ("display", ctypes.c_void_p),
        ("extension", ctypes.c_int), ("evtype", ctypes.c_int), ("cookie", ctypes.c_uint), ("data", ctypes.c_void_p),
    )  # fmt: skip


class _Event(ctypes.Union):  # XEvent
    _fields_ = (("type", ctypes.c_int), ("cookie", _Cookie), ("room", ctypes.c_long * 24))


class _Raw(ctypes.Structure):  # the head of XIRawEvent
    _fields_ = (
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int), ("display", ctypes.c_void_p),
        ("extension", ctypes.c_int), ("evtype", ctypes.c_int), ("time", ctypes.c_ulong), ("device", ctypes.c_int),
        ("source", ctypes.c_int), ("detail", ctypes.c_int),
    )  # fmt: skip


class Keyboard:
    """Presses keys in an X server by XTest, and hears from the server when each went down by its clock."""

    def __init__(self, display: str) -> None:
        self._x, self._test, self._input = (ctypes.CDLL(f"lib{name}") for name in ("X11.so.6", "Xtst.so.6", "Xi.so.6"))
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(display.encode()))
        major, minor = ctypes.c_int(2), ctypes.c_int(2)
        assert self._input.XIQueryVersion(self._display, ctypes.byref(major), ctypes.byref(minor)) == 0
        wanted = _Mask(ALL_MASTERS, 2, bytes([0, 1 << (RAW_KEY_PRESS - 8)]))
        root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display))
        self._input.XISelectEvents(self._display, root, ctypes.byref(wanted), 1)
        self._x.XSync(self._display, 0)

    def tap(self, code: int) -> None:
        """Presses a key for 30 ms."""
        for down in (1, 0):
            self._test.XTestFakeKeyEvent(self._display, code, down, 0)
            self._x.XFlush(self._display)
            time.sleep(0.03)

    def pressed(self) -> list[tuple[int, int]]:
        """Returns the keycode and the server's time in milliseconds of each key that went down since it was asked."""
        self._x.XSync(self._display, 0)
        event, found = _Event(), list[tuple[int, int]]()
        while self._x.XPending(self._display):
            self._x.XNextEvent(self._display, ctypes.byref(event))
            cookie = ctypes.byref(event.cookie)
            if event.type == GENERIC_EVENT and self._x.XGetEventData(self._display, cookie):
                raw = _Raw.from_address(event.cookie.data)
                found.append((raw.detail, raw.time))
                self._x.XFreeEventData(self._display, cookie)
        return found


@dataclass(frozen=True)
class Timing:
    """What a game showed, in milliseconds.

    Attributes:
        keys: Errors of the times of keys, ``float64[key]``.
        turns: How far the intervals between turns were off the nominal one, ``float64[turn]``.
        first: From the beginning to the first turn, and on to the next ones.
        lost: Keys of which the recording knows nothing.
        late: How late who pressed the keys was woken, ``float64[key]``.
    """

    keys: np.ndarray
    turns: np.ndarray
    first: list[float]
    lost: int
    late: np.ndarray

    @property
    def within(self) -> bool:
        """Whether it is within the bars."""
        parts = (np.percentile(self.keys, 95), np.percentile(self.turns, 95), max(self.first) - 1000 / SPEED - BAR)
        return not self.lost and max(parts) < BAR

    def __str__(self) -> str:
        return (
            f"{len(self.keys)} keys ({self.lost} lost): {_spread(self.keys)}\n"
            f"  {len(self.turns)} intervals of {1000 / SPEED:.1f} ms: {_spread(self.turns)}\n"
            f"  the first turns took {', '.join(f'{ms:.0f}' for ms in self.first)} ms\n"
            f"  the presser of keys woke late: {_spread(self.late)}"
        )


def _spread(off: np.ndarray) -> str:
    half, most, all_ = np.percentile(off, (50, 95, 100))
    return f"off by {half:.2f} ms, 95% within {most:.2f}, all within {all_:.2f}"


def missing() -> str:
    """Returns what this needs and is not here, in words; "" where nothing is missing."""
    absent = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed" if absent else ""


@contextmanager
def virtual_screen() -> Iterator[str]:
    """Runs a virtual screen; gives its name."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset", "-nolisten", "tcp"],
        pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    try:
        with os.fdopen(read) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def play(began: str, arguments: list[str]) -> None:
    """Plays as ``sorrelsim play`` does, and writes down by which clock the session began."""
    from sorrelsim.cli.app import app
    from sorrelsim.play.session import Session

    make = Session.__init__

    def noted(self: Session, *given: object, **named: object) -> None:
        make(self, *given, **named)  # type: ignore[arg-type]
        Path(began).write_text(repr(self.started))

    Session.__init__ = noted  # type: ignore[method-assign, assignment]
    app(["play", *arguments])


def measure(world: str, others: str, n: int, size: str, folder: Path) -> Timing:
    """Plays a game with so many keys at random moments."""
    recording, began = folder / "session.jsonl", folder / "began"
    with virtual_screen() as display:
        environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11"}
        game = subprocess.Popen(
            [sys.executable, __file__, "--game", str(began), world, "--seed", "1", "--out", str(recording), "--size",
             size, "--others", others, "--speed", str(SPEED)],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            window = _window(game, environment)
            subprocess.run(["xdotool", "windowfocus", window], env=environment, check=True)
            time.sleep(1)
            keyboard, chance, late = Keyboard(display), random.Random(1), []
            keyboard.tap(SPACE)  # the card
            for _ in range(n):
                wake = time.perf_counter() + (wait := chance.uniform(0.12, 0.42))
                time.sleep(wait)
                late.append(1000 * (time.perf_counter() - wake))
                keyboard.tap(chance.choice(sorted(KEYS.values())))
            time.sleep(0.5)
            return timing(keyboard.pressed(), recording, 1000 * float(began.read_text()), late)
        finally:
            game.terminate()
            game.wait()


def _window(game: subprocess.Popen, environment: dict[str, str]) -> str:
    """Returns the number of the game's window, once it is there."""
    search = ["xdotool", "search", "--onlyvisible", "--class", "sorrelsim"]
    for _ in range(1200):
        assert game.poll() is None, "the game ended before it had a window"
        found = subprocess.run(search, env=environment, capture_output=True, text=True).stdout.split()
        if found:
            return found[0]
        time.sleep(0.1)
    raise TimeoutError("the game opened no window")


def timing(pressed: list[tuple[int, int]], recording: Path, began: float, late: list[float]) -> Timing:
    """Lays the server's times of keys beside those of a recording.

    Args:
        pressed: Keycodes and the server's times, in milliseconds of 32 bits.
        recording: The file.
        began: When it began, in milliseconds of the same clock.
        late: As in :class:`Timing`.
    """
    lines = [json.loads(line) for line in recording.read_bytes().split(b"\n")[:-1]]
    codes = {**KEYS, "space": SPACE}
    kept = [(codes[line["key"]], began + line["ms"]) for line in lines if line.get("down")]
    errors, behind = [], 0
    for code, at in kept:
        while pressed[behind][0] != code:  # one of which the recording knows nothing
            behind += 1
        errors.append((at - pressed[behind][1] + 2**31) % 2**32 - 2**31)  # it counts in 32 bits
        behind += 1
    start = next(line["ms"] for line in lines if line.get("note") == "begins")
    intervals = np.diff([start, *(line["ms"] for line in lines if "t" in line)])
    off = np.abs(intervals[1:] - 1000 / SPEED)
    return Timing(np.abs(errors), off, intervals[:5].tolist(), len(pressed) - len(kept), np.array(late))


def main() -> None:
    """Measures and prints."""
    if sys.argv[1:2] == ["--game"]:
        play(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--others")
    parser.add_argument("--world", default="cleanup")
    parser.add_argument("--size", default="1280x760")
    given = parser.parse_args()
    if why := missing():
        print(f"not measured: {why}")
        return
    with tempfile.TemporaryDirectory() as folder:
        others = [given.others] if given.others else ["random", trained(given.world, Path(folder))]
        for k, other in enumerate(others):
            place = Path(folder) / str(k)
            place.mkdir()
            timing = measure(given.world, other, given.keys, given.size, place)
            print(f"{given.world} beside {given.others or ('random players', 'a PPO run')[k]}: {timing}")
            print(f"  {'within' if timing.within else 'NOT within'} the bars", flush=True)


def trained(world: str, folder: Path) -> str:
    """Returns the folder of a PPO run of an epoch."""
    config = folder / "ppo.yaml"
    config.write_text(
        f"world: {world}\nn_worlds: 2\nepochs: 1\nturns: 64\n"
        "seats:\n  - {slots: all, model: ppo, config: {n_steps: 32}}\n"
    )
    command = [sys.executable, "-m", "sorrelsim", "train", str(config)]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return str(next((folder / "runs").iterdir()))


if __name__ == "__main__":
    main()
