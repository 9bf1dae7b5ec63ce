"""Pictures of every world's window, to be looked at: start card, play, out, summary; and of the practice.

    python tests/play/screens.py FOLDER [1280x720,1920x1080,3840x2160] [WORLD,WORLD]

Needs no screen. The test of it, ``pytest -m slow tests/play/test_screens.py``, makes them all.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from sorrelsim.library.find import shipped
from sorrelsim.play.inputs import Choice
from sorrelsim.play.keys import default_keys
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.options import PlayOptions
from sorrelsim.play.practice import Practice
from sorrelsim.play.session import EpisodeSummary, Session
from sorrelsim.recordings import WorldSpec

KINDS = ("card", "practice", "play", "out", "summary")
SIZES = ((1280, 720), (1920, 1080), (3840, 2160))


def shoot(name, size, folder, people=(0,), turns=30):
    """Write the pictures of one world's window at one size; returns their paths by kind."""
    import pygame

    from sorrelsim.play.play_window import PlayWindow

    spec = WorldSpec(name, 5, {})
    world = spec.make()
    agents, labels = seat_opponents(world, "random", 1, list(people))
    options = PlayOptions(default_keys(world.action_names, len(people)), size=size, mode="turns", card=True)
    session = Session(world, agents, labels, list(people))
    window = PlayWindow(session, options, Practice.of(spec, people, options))
    paths = {}

    def keep(kind):
        window.game.changed()
        window.show(10.0)
        paths[kind] = folder / f"{name}-{kind}-{size[0]}x{size[1]}.png"
        pygame.image.save(window.screen, str(paths[kind]))

    keep("card")
    window.key("space", True, 0.0)
    window.advance(0.1)
    keep("practice")
    while not window.practice.over:
        window.key(window.practice.skip_key, True, 0.0)
    window.key("space", True, 0.0)
    rng = np.random.default_rng(3)
    for _ in range(turns):
        window.game.take([Choice(int(rng.integers(world.n_actions)), None) for _ in people], 0.0)
        if session.summary is not None:
            window.game.go_on()
    keep("play")
    world.out[0, people[0]] = 12
    keep("out")
    world.out[0, people[0]] = 0
    session.summary = EpisodeSummary(session.score.copy(), session.turn)
    keep("summary")
    window.close()
    pygame.display.quit()
    return paths


def play_at_random(name, turns, size=(1280, 720)):
    """Press keys of the person and of the window at random; returns the seconds that each frame took to draw."""
    import pygame

    from sorrelsim.play.play_window import PlayWindow

    world = WorldSpec(name, 5, {}).make()
    agents, labels = seat_opponents(world, "random", 1, [0])
    options = PlayOptions(default_keys(world.action_names), size=size, speed=6)
    session = Session(world, agents, labels, [0])
    window = PlayWindow(session, options)
    rng, now, frames = np.random.default_rng(7), 0.0, []
    keys = sorted(window.game.inputs.keys[0])
    others = ("tab", "f6", "f7", "f10", "=", "-", "p", "f1")
    while session.turns < turns:
        if window.game.over or window.game.paused:
            window.key("space" if window.game.over else "p", True, now)
        key = str(rng.choice(keys) if rng.random() < 0.95 else rng.choice(others))
        window._key(key, True, 0, now)
        for _ in range(5):  # as many frames as there are in a turn, at 30 a second
            now += 1 / 30
            window.advance(now)
            pygame.event.pump()
            began = time.perf_counter()
            window.show(now)
            frames.append(time.perf_counter() - began)
        window._key(key, False, 0, now)
    window.close()
    pygame.display.quit()
    return np.array(frames)


if __name__ == "__main__":
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    into, sizes, names = [*sys.argv[1:], *[""] * 3][:3]
    Path(into).mkdir(parents=True, exist_ok=True)
    for text in (sizes or "1280x720,1920x1080,3840x2160").split(","):
        for world_name in names.split(",") if names else sorted(shipped("worlds")):
            shoot(world_name, tuple(int(part) for part in text.split("x")), Path(into))
