"""What goes on in an agent's head, as it is shown: a bar for each action, and how its value went. Knows no windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from sorrelsim.models.explanation import Explanation
from sorrelsim.play.session import Session

LONGEST_TRACE = 120
"""Turns whose values are shown."""


@dataclass(frozen=True)
class HeadRow:
    """An action, and what its agent thinks of it.

    Attributes:
        action: The action in words.
        text: Its chance, its value, or both.
        share: How long its bar is, 0 to 1.
        low: Where its spread begins on the same scale; None where it is not known.
        high: Where it ends.
        best: Whether it is the likeliest, or the most valued.
    """

    action: str
    text: str
    share: float
    low: float | None = None
    high: float | None = None
    best: bool = False


@dataclass(frozen=True)
class HeadInfo:
    """What goes on in an agent.

    Attributes:
        slot: Its slot.
        phrase: What it is about, in words.
        rows: Its actions; none where nothing is said of them.
        value: What the state is worth to it.
        trace: The same of the turns up to this one, oldest first.
    """

    slot: int
    phrase: str
    rows: tuple[HeadRow, ...] = ()
    value: float | None = None
    trace: tuple[float, ...] = ()


def head_of(told: Explanation, names: Sequence[str], slot: int, trace: Sequence[float] = ()) -> HeadInfo:
    """Returns what is shown of an explanation.

    Args:
        told: The explanation.
        names: The actions.
        slot: Whose it is.
        trace: Its values up to now.
    """
    value = None if told.value is None else round(told.value, 4)
    return HeadInfo(slot, told.phrase, _rows(told, names), value, tuple(round(each, 4) for each in trace))


def _rows(told: Explanation, names: Sequence[str]) -> tuple[HeadRow, ...]:
    """Returns bars of chances, from 0 to 1; or of values, from the lowest to the highest with their spreads."""
    words = [name.replace("_", " ") for name in names]
    if told.probabilities is not None:
        chances = np.asarray(told.probabilities)
        texts = [f"{100 * chance:.0f}%" for chance in chances]
        if told.values is not None:
            texts = [f"{text}  {_number(worth)}" for text, worth in zip(texts, told.values, strict=True)]
        best = int(chances.argmax())
        shares = chances.round(4).tolist()
        return tuple(HeadRow(words[k], texts[k], shares[k], best=k == best) for k in range(len(words)))
    if told.values is None:
        return ()
    values = np.asarray(told.values)
    spreads = np.zeros(len(values)) if told.spreads is None else np.asarray(told.spreads)
    low, high = float(np.nanmin(values - spreads)), float(np.nanmax(values + spreads))
    best, width = int(np.nanargmax(values)), (high - low) or 1.0
    rows = []
    for k, word in enumerate(words):
        if np.isnan(values[k]):
            rows.append(HeadRow(word, "not allowed", 0.0))
            continue
        low_end, share, high_end = (
            round(float((values[k] + sign * spreads[k] - low) / width), 4) for sign in (-1, 0, 1)
        )
        known = told.spreads is not None
        ends = {"low": low_end, "high": high_end} if known else {"low": None, "high": None}
        rows.append(HeadRow(word, _number(values[k]), share, ends["low"], ends["high"], k == best))
    return tuple(rows)


def _number(value: float) -> str:
    return "not allowed" if np.isnan(value) else f"{value:.3g}"


class Head:
    """The head of one agent of a session that is played; it is asked once a turn, beside the drawing.

    Args:
        session: The session.

    Attributes:
        shown: Whether anybody looks.
        slot: Whose it is.
        told: What was told last; None if nothing was.
        problem: Why nothing could be told; empty if it could.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.shown = False
        free = [slot for slot in range(session.world.n_agents) if slot not in session.humans]
        self.slot = free[0] if session.humans and free else 0
        self.told: Explanation | None = None
        self.problem = ""
        self._asked: tuple[int, int, int] | None = None  # episode, slot and turn that were asked for last
        self._answer: Future[Explanation | None] | None = None
        self._trace: deque[float] = deque(maxlen=LONGEST_TRACE)

    @property
    def waiting(self) -> bool:
        """Whether it was asked, and has not told yet."""
        return self._answer is not None

    @property
    def fresh(self) -> bool:
        """Whether what it told is of this turn."""
        return self.shown and not self.waiting and self._asked == self._now

    @property
    def _now(self) -> tuple[int, int, int]:
        return self.session.episode, self.slot, self.session.turns

    def look(self) -> bool:
        """Asks it what it makes of this turn, if anybody looks; returns whether there is something else to show."""
        if not self.shown:
            return False
        told, now = self._take(), self._now  # what was asked a turn ago, where every look takes a turn
        if now != self._asked:
            if self._asked is None or now[:2] != self._asked[:2]:
                self._trace.clear()
                self.told = None
            self._asked, self._answer = now, self.session.explain(self.slot)
            if self._answer is None:  # a person, of whom nothing is known
                self.told, self.problem = None, ""
                return True
        return self._take() or told

    def _take(self) -> bool:
        """Takes in what it was asked, if it has told by now; returns whether it has."""
        if self._answer is None or not self._answer.done():
            return False
        answer, self._answer = self._answer, None
        self.told, self.problem = None, ""
        try:
            self.told = answer.result()
        except Exception as error:  # whatever a model of somebody's own does; the game goes on
            self.problem = f"cannot tell: {error}"
        if self.told is not None and self.told.value is not None:
            self._trace.append(self.told.value)
        return True

    def info(self) -> HeadInfo | None:
        """Returns what is shown of it; None if nobody looks."""
        if not self.shown:
            return None
        if self.told is None:
            if self.slot in self.session.humans:
                return HeadInfo(self.slot, "a person")
            return HeadInfo(self.slot, self.problem or ("tells nothing of itself" if self.fresh else "\u2026"))
        return head_of(self.told, self.session.world.action_names, self.slot, tuple(self._trace))
