"""What goes on in an agent, as a strip below the pictures of a film: bars of its actions, and how its value went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_GROUND, _TRACK, _INK, _PALE, _LIT = (27, 30, 37), (51, 56, 67), (233, 235, 239), (154, 161, 173), (86, 180, 233)
_ROW, _HEAD, _TRACE = 16, 22, 40


def head_strip(
    width: int,
    title: str,
    rows: Sequence[tuple[str, str, float, bool]],
    trace: Sequence[float],
    n_rows: int,
    colour: tuple[int, int, int] = _LIT,
) -> np.ndarray:
    """Draws a strip that is as high for any turn of a film.

    Args:
        width: In pixels.
        title: Whose head it is, and what it is about.
        rows: An action, its number as text, how long its bar is from 0 to 1, and whether it is the best; at most
            ``n_rows``.
        trace: Values of the turns up to now, oldest first.
        n_rows: Rows that there is room for.
        colour: The agent's.

    Returns:
        ``uint8[row, col, 3]``, of an even height.
    """
    from PIL import Image, ImageDraw, ImageFont

    height = _HEAD + _ROW * n_rows + _TRACE
    picture = Image.new("RGB", (width, height), _GROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
    draw.fontmode = "1"  # few colours, for a GIF has 256
    draw.rectangle((8, 6, 16, 14), fill=colour)
    draw.text((22, 4), title, fill=_INK, font=font)
    left, right = width * 30 // 100, width * 76 // 100
    for k, (action, number, share, best) in enumerate(rows):
        y = _HEAD + k * _ROW
        ink = _INK if best else _PALE
        draw.text((8, y), action, fill=ink, font=font)
        draw.rectangle((left, y + 4, right, y + 10), fill=_TRACK)
        if (length := round((right - left) * min(1.0, max(0.0, share)))) > 0:
            draw.rectangle((left, y + 4, left + length, y + 10), fill=_LIT if best else _PALE)
        draw.text((right + 8, y), number, fill=ink, font=font)
    top, bottom = height - _TRACE + 6, height - 6
    draw.rectangle((8, top - 3, width - 8, bottom + 3), fill=_TRACK)
    if len(trace) > 1:
        low, span = min(trace), (max(trace) - min(trace)) or 1.0
        step = (width - 20) / (len(trace) - 1)
        points = [(10 + k * step, bottom - (bottom - top) * (value - low) / span) for k, value in enumerate(trace)]
        draw.line(points, fill=colour, width=2)
    return np.asarray(picture)
