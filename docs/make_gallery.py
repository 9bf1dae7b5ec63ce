"""Draws docs/gallery.png: every world in play, side by side. Run it again when a world's look changes.

python docs/make_gallery.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import sorrelsim
from sorrelsim.library.find import names
from sorrelsim.pictures.files import enlarge

COLUMNS = 7
TILE, GAP, CAPTION = 260, 18, 44
BACKGROUND, INK, FAINT = (18, 20, 24), (236, 238, 240), (150, 156, 166)


def picture(name: str) -> tuple[Image.Image, str]:
    """Returns one world after some turns of random play, scaled to a tile, pixels crisp, and what to write below it."""
    world = sorrelsim.make(name, seed=4, compiled=False)
    rng = np.random.default_rng(4)
    for _ in range(60):
        world.step(rng.integers(0, world.n_actions, (1, world.n_agents)))
    pixels = world.render()
    factor = TILE / max(pixels.shape)
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    crisp = Image.fromarray(enlarge(pixels, 8 * max(pixels.shape)))
    return crisp.resize(size, Image.Resampling.LANCZOS), f"{world.n_agents} agents, {world.width} x {world.height}"


def main() -> None:
    """Composes the gallery and save it beside this script."""
    worlds = names("worlds")
    rows = -(-len(worlds) // COLUMNS)
    width = COLUMNS * (TILE + GAP) + GAP
    height = rows * (TILE + GAP + CAPTION) + GAP
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    title, small = ImageFont.load_default(size=17), ImageFont.load_default(size=13)
    for k, name in enumerate(worlds):
        row, col = divmod(k, COLUMNS)
        left, top = GAP + col * (TILE + GAP), GAP + row * (TILE + GAP + CAPTION)
        image, caption = picture(name)
        sheet.paste(image, (left + (TILE - image.width) // 2, top + (TILE - image.height) // 2))
        draw.text((left, top + TILE + 6), name, INK, title)
        draw.text((left, top + TILE + 27), caption, FAINT, small)
    path = Path(__file__).with_name("gallery.png")
    sheet.save(path, optimize=True)  # not quantised: every colour as the worlds have it
    print(f"{path} {sheet.size} {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
