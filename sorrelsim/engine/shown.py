"""How a world shows itself: as symbols, and to people by pictures, text and a line. Part of every ``Gridworld``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sorrelsim.engine.answers import Answer
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.threads import get_threads
from sorrelsim.observations.parts import Parts
from sorrelsim.pictures import painting
from sorrelsim.pictures.files import to_png


class Shown(Declared):
    """Symbols, pictures and text of a world's copies; ``Gridworld`` says what the attributes are."""

    copies: Copies
    compiled: bool
    grid: np.ndarray
    pos: np.ndarray
    facing: np.ndarray
    out: np.ndarray
    info: dict[str, Any]
    _looks: np.ndarray | None = None
    _answer: Answer
    _final: Answer
    _final_parts: Parts

    @property
    def symbolic(self) -> np.ndarray:
        """The latest symbolic windows, ``uint8[copy, agent, row, col, layer]``, whatever form observations have."""
        return self._answer.grid

    @property
    def symbolic_parts(self) -> Parts:
        """What ``parts`` is made of: the same, but its grid symbolic, whatever form observations have."""
        return self._answer.symbolic_parts

    @property
    def final_symbolic_parts(self) -> Parts | None:
        """The same of ``final_parts``; its grid holds good until the next step."""
        return {**self._final_parts, "grid": self._final.grid} if "final_obs" in self.info else None

    @property
    def extra(self) -> dict[str, np.ndarray]:
        """The former name of ``copies.state``: what the world declares as state, by name, ``[copy, ...]``."""
        return self.copies.state

    def looks_table(self) -> np.ndarray:
        """A sprite for each id: ``uint8[n_codes, SIZE, SIZE, 4]``; ids without a sprite are see-through."""
        if self._looks is None:
            self._looks = painting.looks_table(self.codes, self.kinds, self.looks)
        return self._looks

    def render(self, copy: int | Sequence[int] | np.ndarray = 0) -> np.ndarray:
        """A picture of one copy: RGB ``uint8[height * 8, width * 8, 3]``, each agent in its own colour.

        Args:
            copy: Its number, or those of several, of which there is a picture each, ``[copy, ...]``; as many threads
                as step the world draw these.
        """
        of = np.atleast_1d(copy)
        seen = self.grid[of], self.codes, self.looks_table(), *self._bodies(of)
        drawn = painting.pictures(*seen, threads=get_threads())
        return drawn if np.ndim(copy) else drawn[0]

    def text(self, copy: int = 0) -> str:
        """One copy as ASCII: the topmost glyph of each cell, agents as ``^ > v <`` by where they look."""
        return painting.text(self.grid[copy], self.codes, *self._bodies(copy))

    def _bodies(self, copy: int | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.pos[copy], self.facing[copy], self.out[copy]

    def _repr_png_(self) -> bytes:
        return to_png(self.render())

    def __repr__(self) -> str:
        kind = "compiled" if self.compiled else "interpreted"
        return (
            f"<{self.name} {self.map_name!r} {self.height}x{self.width}, {self.n_agents} agents, "
            f"{self.n_worlds} copies, {kind}>"
        )
