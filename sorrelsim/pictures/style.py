"""How figures look: sizes, fonts and colours with which they go into a paper as they are.

A panel is as wide as a column of a paper, 3.3 inches, with type of 7 and 8 points. Text stays text: fonts are embedded
whole in a PDF (type 42), and an SVG holds letters, not outlines. The same figure gives the same bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sorrelsim.errors import unknown
from sorrelsim.writing import write_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.3
"""Width of a panel in inches: a column of most journals and proceedings."""
INK, PAPER, GRID = "#25282e", "#ffffff", "#e4e6ea"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Colours that the colour-blind tell apart: Okabe and Ito 2008, "Color universal design", without its yellow, which is
lost on white, and with a grey in place of its black, which is for what is not one of several."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)))
"""Lines of the first seven curves, of the next, and of those after them."""
KINDS = ("png", "pdf", "svg")
_LOOKS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "sorrelsim",
}
_NO_DATES: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {"Software": None}}


@contextlib.contextmanager
def paper_style() -> Iterator[None]:
    """Draws in the house's style, whatever the user's own settings of Matplotlib are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_LOOKS)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure, sizes in inches, that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dash(k: int) -> Any:
    """Returns the k-th line's dashes: lines that share a colour differ in them."""
    return DASHES[k // len(COLOURS) % len(DASHES)]


def colour(k: int) -> str:
    """Returns the k-th colour."""
    return COLOURS[k % len(COLOURS)]


def kind_of(path: str | Path) -> str:
    """Returns the kind of picture that a path names: PNG if it has no ending.

    Raises:
        ValueError: If it is none of ``KINDS``.
    """
    kind = Path(path).suffix.removeprefix(".").lower() or "png"
    if kind not in KINDS:
        raise ValueError(unknown("kind of picture", kind, KINDS, str(path)))
    return kind


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Writes a figure as PNG, PDF or SVG, by its path's ending.

    Raises:
        ValueError: If it is none of those.
        OSError: If it cannot be written.
    """
    kind = kind_of(path)
    return write_beside(path, lambda file: figure.savefig(file, format=kind, metadata=_NO_DATES[kind]))


def short_number(value: float, _: object = None) -> str:
    """Returns a large number as an axis shows it: 250k, 1.5M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def light_grid(axes: Axes) -> None:
    """Lays thin lines behind the values."""
    axes.grid(axis="y")
