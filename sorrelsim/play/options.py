"""How a session is played: what ``sorrelsim play`` asks of the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sorrelsim.play.keys import WINDOW_KEYS


@dataclass(frozen=True)
class PlayOptions:
    """How a session is played.

    Attributes:
        keys: For each person, key name to action.
        window_keys: What the window does, to keys.
        mode: ``realtime``, or ``turns``: the world waits for every person.
        speed: Turns per second in real time.
        view: One of :data:`sorrelsim.play.scene.VIEWS`.
        episodes: Episodes to play before the window closes, rounds where it is locked; 0 for no end.
        size: Of the window, or None for most of the screen.
        full_screen: Whether to fill the screen.
        card: Whether the game waits, behind a card that says what it is about, until the person begins.
        locked: Whether the person can do nothing but play: no restart, speed, pause, slot or view.
        sound: Whether what happens to people is heard.
        own: Whether only what the first person's agent observes is shown: no other view, no other scores or events.
    """

    keys: Sequence[dict[str, int]] = ()
    window_keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(WINDOW_KEYS))
    mode: str = "realtime"
    speed: float = 6
    view: str = "map"
    episodes: int = 0
    size: tuple[int, int] | None = None
    full_screen: bool = False
    card: bool = False
    locked: bool = False
    own: bool = False
    sound: bool = False
