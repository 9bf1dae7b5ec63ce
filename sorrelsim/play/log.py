"""Which events the log shows: those of one agent, of one kind, or all. Knows nothing of windows."""

from __future__ import annotations

from collections.abc import Sequence

from sorrelsim.play.session import LogEntry


class LogFilter:
    """What of the log is shown.

    Attributes:
        slot: The agent whose events alone are shown, done by it or to it; None for all.
        kind: The kind of event that alone is shown; empty for all.
    """

    def __init__(self) -> None:
        self.slot: int | None = None
        self.kind = ""

    def passes(self, entry: LogEntry) -> bool:
        """Returns whether an entry is shown; what concerns everybody is, whomever the log is limited to."""
        of = self.slot is None or self.slot in (entry.slot, entry.whom) or entry.slot < 0
        return of and self.kind in ("", entry.kind)

    def choose(self, slot: int) -> None:
        """Shows one agent's events, or everybody's again if they are shown."""
        self.slot = None if self.slot == slot else slot

    def next_slot(self, n_agents: int) -> None:
        """Goes on to the next agent, and from the last one to all."""
        following = 0 if self.slot is None else self.slot + 1
        self.slot = following if following < n_agents else None

    def next_kind(self, kinds: Sequence[str]) -> None:
        """Goes on to the next kind, and from the last one to all."""
        order = ["", *kinds]
        self.kind = order[(order.index(self.kind) + 1) % len(order)]

    @property
    def told(self) -> str:
        """What it is limited to, in words; empty if to nothing."""
        words = [f"agent {self.slot}"] if self.slot is not None else []
        return "  \u00b7  ".join([*words, self.kind] if self.kind else words)
