"""Pictures of the site, drawn from what they show: worlds, maps, sprites, networks, learning curves, the logo."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sorrelsim
from sorrelsim.authoring import sprites
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.pictures.files import to_png

CURVES = Path(__file__).parents[1] / "curves"


def picture_in_play(name: str, turns: int = 60, seed: int = 4) -> bytes:
    """Returns a world after some turns of random play, as PNG."""
    world = sorrelsim.make(name, seed=seed, compiled=False)
    rng = np.random.default_rng(seed)
    for _ in range(turns):
        world.step(rng.integers(0, world.n_actions, (1, world.n_agents)))
    return to_png(world.render(), 900)


def picture_of_map(world: Gridworld) -> bytes:
    """Returns the first moment of an episode, as PNG."""
    return to_png(world.render(), 640)


def sprite(picture: sprites.Sprite | None, size: int = 24) -> str:
    """Returns a sprite as an image inside the page; nothing for a kind without one."""
    if picture is None:
        return ""
    file = io.BytesIO()
    Image.fromarray(picture.rgba).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img class="sprite" alt="" width="{size}" height="{size}" src="data:image/png;base64,{data}">'


def logo() -> str:
    """Returns an agent as the worlds draw it, in the colour of links, as SVG."""
    rgba = sprites.agent_sprite(sprites.AGENT_COLOURS[1]).rgba
    cells = [
        f'<rect x="{col}" y="{row}" width="1" height="1" fill="rgb({r},{g},{b})"/>'
        for (row, col), (r, g, b, a) in (((row, col), rgba[row, col]) for row, col in np.ndindex(rgba.shape[:2]))
        if a
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" shape-rendering="crispEdges">'
        + "".join(cells)
        + "</svg>"
    )


def networks(model: BaseModel, world: Gridworld) -> str:
    """Returns a learner's networks as rows of boxes: every layer that a turn of play calls, its result and its weights.

    Args:
        model: A learner on PyTorch, made for all slots of the world.
        world: The world that it plays a turn of.
    """
    from torch import nn

    calls: dict[str, list[tuple[nn.Module, Any]]] = {}

    def note(network: str) -> Any:
        def hook(module: nn.Module, _given: Any, result: Any) -> None:
            layers = calls.setdefault(network, [])
            if all(module is not seen for seen, _ in layers):
                layers.append((module, result))

        return hook

    nets: dict[str, nn.Module] = getattr(model, "networks", {})
    hooks = [
        module.register_forward_hook(note(name))
        for name, net in nets.items()
        for module in net.modules()
        if not list(module.children())
    ]
    for learn in (True, False):  # some ask no network before their warm-up is over
        agent = Agent(world, range(world.n_agents), model, learn=learn, explore=learn)
        for _ in range(0 if calls else 2):
            agent.transition(world)
            world.step()
            agent.remember(world)
    for hook in hooks:
        hook.remove()
    seen = ", ".join(f"{name} {list(part.shape)}" for name, part in world.observations.parts.items())
    return "\n".join(_row(name, seen, layers) for name, layers in calls.items())


def _row(name: str, seen: str, layers: Iterable[tuple[Any, Any]]) -> str:
    boxes = [f"<li><b>{html.escape(seen)}</b><span>what an agent sees</span></li>"]
    for module, result in layers:
        weights = sum(parameter.numel() for parameter in module.parameters())
        shape = list(result.shape[1:]) if hasattr(result, "shape") else ""
        told = " ".join(filter(None, [str(shape or ""), f"{weights:,} weights" if weights else ""]))
        boxes.append(f"<li><b>{type(module).__name__}</b><span>{told}</span></li>")
    return f'<p class="net-name">{html.escape(name)}</p>\n<ol class="net">{"".join(boxes)}</ol>\n'


def learning_curve(name: str) -> str:
    """Returns the curves in ``docs/curves/NAME.csv`` as SVG, one a seed; nothing where there is none.

    Args:
        name: The file's name: columns agent_steps, return_mean, and seed where there is more than one. Seeds that are
            called ``random`` and a number are random play, drawn as a band from the least of them to the greatest.
    """
    path = CURVES / f"{name}.csv"
    if not path.is_file():
        return ""
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row.get("seed", ""), []).append((float(row["agent_steps"]), float(row["return_mean"])))
    chance = [mean for seed in found if seed.startswith("random") for _, mean in found[seed]]
    seeds = [np.array(points).T for seed, points in found.items() if not seed.startswith("random")]
    ticks = _ticks(np.concatenate([chance, *(returns for _, returns in seeds)]))
    width, height, left, base = 640, 240, 46, 206
    longest = max(steps[-1] for steps, _ in seeds)

    def up(values: Any) -> Any:
        return base - (np.asarray(values) - ticks[0]) / (ticks[-1] - ticks[0]) * (base - 12)

    marks = "".join(
        f'<line x1="{left}" x2="{width - 12}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        for value, y in zip(ticks, up(ticks), strict=True)
    )
    if chance:
        low, high = up(min(chance)) + 1, up(max(chance)) - 1
        marks += (
            f'<rect class="chance" x="{left}" width="{width - left - 12}" y="{high:.1f}" height="{low - high:.1f}"/>'
        )
    lines = "".join(
        '<polyline points="'
        + " ".join(f"{left + x / longest * (width - left - 12):.1f},{up(y):.1f}" for x, y in points.T)
        + '"/>'
        for points in seeds
    )
    return (
        f'<svg class="curve" viewBox="0 0 {width} {height}" role="img" aria-label="Return by steps">{marks}'
        f'{lines}<text x="{left}" y="{height - 10}">return per agent</text>'
        f'<text x="{width - 12}" y="{height - 10}" text-anchor="end">{longest / 1e6:.2g} million agent-steps</text>'
        "</svg>\n"
    )


def _ticks(values: np.ndarray) -> np.ndarray:
    """Returns some round numbers around values, 0 among them."""
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    rough = (high - low) / 4 or 1.0
    size = 10.0 ** np.floor(np.log10(rough))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= rough * 0.999)
    return np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
