"""What the side panel shows, as plain data, and how it is read off a world. Knows nothing of windows.

A window gathers a :class:`PanelInfo` for every frame; :class:`sorrelsim.play.panel.Panel` draws it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.observations.parts import Parts
from sorrelsim.play.head import HeadInfo
from sorrelsim.play.keys import IDLE_NAMES, keys_of, shown
from sorrelsim.play.session import LogEntry


@dataclass(frozen=True)
class PlayerRow:
    """A player's row in the table.

    Attributes:
        slot: Its slot.
        label: Who plays it.
        score: Sum of rewards this episode.
        reward: The last turn's.
        state: ``""``, or why it does not act: "out 12", "frozen 3".
        mine: Whether a person plays it.
        watched: Whether it is the slot looked at.
        shared: Whether several people share the keyboard, whom colours tell apart.
    """

    slot: int
    label: str
    score: float
    reward: float = 0.0
    state: str = ""
    mine: bool = False
    watched: bool = False
    shared: bool = False


@dataclass(frozen=True)
class Gauge:
    """Something observed beside the grid: a bar where it is one number in 0..1, else boxes with numbers."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class ActionRow:
    """An action in words and its keys, as they are drawn; ``lit`` while it is chosen.

    ``slot`` says whose it is where several people share a keyboard, else -1.
    """

    action: str
    keys: tuple[str, ...]
    lit: bool = False
    slot: int = -1


@dataclass(frozen=True)
class PanelInfo:
    """Everything that the panel shows.

    Attributes:
        title: What is played.
        subtitle: How: the map, the seed, the view.
        turn: Turn of the episode, or of the recording.
        status: What time does: "6 turns/s", "paused".
        tone: The colour of ``status``: ``run``, ``wait``, ``pause`` or ``over``.
        players: The table of scores.
        gauges: What is observed beside the grid.
        events: What happened lately, oldest first.
        keys: The actions and their keys.
        foot: Keys of the window, and what they do.
        recording: How much is recorded; empty where nothing is.
        problem: What is wrong, for a person to read.
        log: What ``events`` are limited to, in words; empty if to nothing.
        ahead: How many of ``events``, the last ones, are yet to come where a recording is looked at.
        head: What goes on in an agent, if anybody looks.
    """

    title: str
    subtitle: str
    turn: int
    status: str
    tone: str
    players: tuple[PlayerRow, ...]
    gauges: tuple[Gauge, ...]
    events: tuple[LogEntry, ...]
    keys: tuple[ActionRow, ...]
    foot: tuple[tuple[str, str], ...]
    recording: str = ""
    problem: str = ""
    log: str = ""
    ahead: int = 0
    head: HeadInfo | None = None


def signed(number: float) -> str:
    """Returns a gain or loss with its sign."""
    return f"{number:+g}".replace("-", "\u2212")


def in_words(action: str) -> str:
    """Returns what an action is called, for people."""
    return "do nothing" if action in IDLE_NAMES else action.replace("_", " ")


def title_of(name: str) -> str:
    """Returns a world's name as a title."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def player_rows(
    world: Gridworld, labels: Sequence[str], score: np.ndarray, reward: np.ndarray, watched: int,
    mine: Collection[int] = (), over: bool = False,
) -> tuple[PlayerRow, ...]:  # fmt: skip
    """Returns the table of players.

    Args:
        world: The world, whose first copy tells who is out or frozen.
        labels: Who plays each slot.
        score: Sums of rewards, ``float64[slot]``.
        reward: The last turn's rewards, ``float64[slot]``.
        watched: The slot looked at.
        mine: The slots that people play.
        over: Whether these are the scores of an episode that has ended, while the world is in the next one.
    """
    rows = []
    for slot in range(world.n_agents):
        out, frozen = int(world.out[0, slot]), int(world.frozen[0, slot])
        state = "out" if out < 0 else f"out {out}" if out else f"frozen {frozen}" if frozen else ""
        state = "" if over else state
        sums = round(float(score[slot]), 3), round(float(reward[slot]), 3)
        rows.append(PlayerRow(slot, labels[slot], *sums, state, slot in mine, slot == watched, len(mine) > 1))
    return tuple(rows)


def absence_of(world: Gridworld, slot: int) -> str:
    """Returns why a slot's agent is not there or cannot move, and for how long; empty while it can."""
    out, frozen = int(world.out[0, slot]), int(world.frozen[0, slot])
    if out < 0:
        return "Out of the game"
    if out:
        return f"Out of the game: back in {out} turn{'s' if out > 1 else ''}"
    return f"You cannot move: {frozen} turns left" if frozen > 1 else ""


def gauges_of(parts: Parts) -> tuple[Gauge, ...]:
    """Returns what one agent observes beside the grid, from its observation by part."""
    return tuple(
        Gauge(name, tuple(np.round(part.ravel().astype(float), 2).tolist()))
        for name, part in parts.items()
        if name != "grid"
    )


def action_rows(
    names: Sequence[str], bound: Mapping[str, int], chosen: int | None = None, allowed: np.ndarray | None = None,
    printed: Mapping[str, str] | None = None,
) -> tuple[ActionRow, ...]:  # fmt: skip
    """Returns the actions that a person has keys for.

    Args:
        names: The actions.
        bound: Key name to action.
        chosen: The action to light up.
        allowed: Which actions can be taken now, ``bool[action]``; all, if not given.
        printed: What is printed on keys, where it is not their name.
    """
    rows = []
    for action, name in enumerate(names):
        keys = keys_of(bound, action)
        if keys and (allowed is None or allowed[action]):
            rows.append(ActionRow(in_words(name), tuple(shown(k, printed) for k in keys), action == chosen))
    return tuple(rows)
