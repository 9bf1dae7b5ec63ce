"""Sounds of a game, made when its window opens: short tones for what happens to people. Nothing waits for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pygame

from sorrelsim.play.keys import specials_of
from sorrelsim.play.session import Session

RATE = 22050
"""Samples a second."""
LOUDNESS = 0.25
TONES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "reward": ((660, 0.07), (990, 0.11)),
    "loss": ((330, 0.09), (220, 0.14)),
    "hit": ((140, 0.05), (110, 0.12)),
    "special": ((520, 0.04),),
    "end": ((523, 0.12), (659, 0.12), (784, 0.24)),
}
"""What each sound is made of: frequencies in Hz, and for how many seconds."""


def wave(kind: str) -> np.ndarray:
    """Returns a sound: ``int16[sample, 2]``. Each tone has some overtones, swells for 4 ms and dies away.

    A hit is rough: a tone with noise, the same each time.
    """
    parts = []
    for pitch, seconds in TONES[kind]:
        t = np.arange(round(RATE * seconds)) / RATE
        tone = sum(np.sin(2 * np.pi * k * pitch * t) / k**2 for k in (1, 2, 3))
        if kind == "hit":
            tone = tone + np.random.default_rng(0).uniform(-1, 1, len(t))
        parts.append(tone * np.minimum(t / 0.004, 1) * np.exp(-4 * t / seconds))
    whole = np.concatenate(parts)
    samples = np.round(whole / np.abs(whole).max() * LOUDNESS * 32767).astype(np.int16)
    return np.stack([samples, samples], axis=1)


def heard(session: Session) -> list[str]:
    """Returns the kinds of sounds that the last turn makes for the people who play, each once."""
    people = session.humans
    specials = specials_of(session.world.action_names)
    wanted = {
        "special": any(int(session.actions[slot]) in specials for slot in people),
        "hit": any(entry.whom in people and entry.slot not in (-1, entry.whom) for entry in session.latest),
        "reward": any(session.reward[slot] > 0 for slot in people),
        "loss": any(session.reward[slot] < 0 for slot in people),
        "end": session.summary is not None,
    }
    return [kind for kind, is_heard in wanted.items() if is_heard]


class Sounds:
    """The sounds, ready to be played.

    Attributes:
        problem: Why there is none; empty where there is a device to play on.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._sounds: dict[str, pygame.mixer.Sound] = {}
        try:
            pygame.mixer.init(RATE, -16, 2, 512, allowedchanges=0)
            self._sounds = {kind: pygame.mixer.Sound(buffer=wave(kind).tobytes()) for kind in TONES}
        except pygame.error as error:
            self.problem = f"No sound: {error}"

    def play(self, session: Session) -> None:
        """Plays what the last turn of a session sounds like; returns at once."""
        if self._sounds:
            for kind in heard(session):
                self._sounds[kind].play()

    def close(self) -> None:
        """Gives the device back."""
        if self._sounds:
            pygame.mixer.quit()
            self._sounds = {}
