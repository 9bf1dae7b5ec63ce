"""What a command shows while it works: a panel that is drawn anew on a terminal, lines elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live


class LiveView(ABC):
    """Use it as a context. A thread of its own draws the panel, so whatever is followed does nothing for it.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None

    @abstractmethod
    def panel(self) -> RenderableType:
        """Returns how things stand."""

    @abstractmethod
    def greet(self) -> None:
        """Says what begins, where the output is no terminal."""

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(get_renderable=self.panel, console=self.console, refresh_per_second=5, transient=True)
            self._live.start()
        else:
            self.greet()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
