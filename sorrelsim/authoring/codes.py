"""The codebook of a world: what every byte of its grid means, and the tables that rules read.

Made from a world's kinds when the world is; observations, bots, checkpoints and pictures read it as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.authoring.kinds import Kinds


@dataclass(frozen=True)
class Codebook:
    """The meaning of every byte in ``w.grid`` and in a symbolic observation, and the tables that rules read.

    Ids run: 0 nothing, then the world's kinds, then ``outside`` (beyond the map), ``self_code`` and the codes
    of the agents. With ``facing`` shown there are four codes in a row per agent, one per direction.

    Attributes:
        names: What an id is called.
        glyphs: Its character in text.
        layers: Names of the layers, bottom first; ``grid[row, col, layer]`` follows this order.
        agent_layer: Index of the layer in which agents lie.
        outside: The id of a cell beyond the map.
        self_code: The first id by which an agent sees itself.
        agent_code: The first id of the other agents.
        slot_stride: Ids from one slot to the next; 0 where other agents look alike.
        facing: Whether an agent's direction shows.
        n_codes: Number of ids in all, 0 included.
        layer: ``uint8[n_codes]``, the layer of an id.
        solid: ``uint8[n_codes]``, 1 where agents cannot enter.
        blocks: ``uint8[n_codes, n_codes]``, ``[beam kind, kind]``: 0 the beam passes, 1 it hits and stops, 2 it
            stops without a hit.
        covers: ``uint8[n_codes]``, 1 for what hides in text what lies under it.
    """

    names: tuple[str, ...]
    glyphs: tuple[str, ...]
    layers: tuple[str, ...]
    agent_layer: int
    outside: int
    self_code: int
    agent_code: int
    slot_stride: int
    facing: bool
    n_codes: int
    layer: np.ndarray
    solid: np.ndarray
    blocks: np.ndarray
    covers: np.ndarray


def codebook(kinds: type[Kinds], layers: tuple[str, ...], n_agents: int, looks: str, facing: bool) -> Codebook:
    """Numbers the ids of a world.

    Args:
        kinds: The world's enumeration.
        layers: All layer names, bottom first; those that no kind uses are dropped.
        n_agents: Number of slots.
        looks: ``"other"`` if all other agents look alike, ``"individual"`` if each slot has codes of its own.
        facing: Whether an agent's direction is visible.

    Raises:
        ValueError: If a kind names an unknown layer or beam, a glyph is used twice, or ids exceed 255.
    """
    members = list(kinds)
    for member in members:
        if member.spec.layer not in layers:
            raise ValueError(f"{kinds.__name__}.{member.name} lies in layer {member.spec.layer!r}; layers are {layers}")
    glyphs = [member.spec.glyph for member in members]
    twice = sorted({g for g in glyphs if glyphs.count(g) > 1})
    if twice:
        raise ValueError(f"{kinds.__name__} uses the glyphs {twice} for more than one kind")
    used = {member.spec.layer for member in members} | {"agent"}
    layers = tuple(name for name in layers if name in used)
    if len(layers) > 8:
        raise ValueError(f"at most 8 layers fit in a cell, not {len(layers)}")
    directions = 4 if facing else 1
    outside = len(members) + 1
    self_code = outside + 1
    agent_code = self_code + directions
    slots = n_agents if looks == "individual" else 1
    n_codes = agent_code + slots * directions
    if n_codes > 256:
        raise ValueError(
            f"{n_codes - 1} ids do not fit in a byte ({len(members)} kinds, {slots} x {directions} agent codes); "
            "show agents as 'other' or without facing"
        )
    agents = ["self", *(f"agent {slot}" if looks == "individual" else "agent" for slot in range(slots))]
    names, shown = _agent_codes(agents, facing)
    layer = np.full(n_codes, layers.index("agent"), np.uint8)
    layer[0] = layer[outside] = 0
    solid, covers = np.zeros(n_codes, np.uint8), np.ones(n_codes, np.uint8)
    for member in members:
        layer[member] = layers.index(member.spec.layer)
        solid[member] = member.spec.solid
        covers[member] = member.spec.covers
    return Codebook(
        ("nothing", *(member.name.lower() for member in members), "outside", *names), (" ", *glyphs, "#", *shown),
        layers, layers.index("agent"), outside, self_code, agent_code, directions if looks == "individual" else 0,
        facing, n_codes, layer, solid, _blocks(kinds, n_codes, agent_code), covers,
    )  # fmt: skip


def _agent_codes(agents: list[str], facing: bool) -> tuple[list[str], list[str]]:
    """Names and glyphs of the codes of agents, four in a row for each where facings show."""
    if not facing:
        return agents, ["@" if who == "self" else "&" for who in agents]
    compass = ("north", "east", "south", "west")
    return [f"{who} facing {direction}" for who in agents for direction in compass], list("^>v<") * len(agents)


def _blocks(kinds: type[Kinds], n_codes: int, agent_code: int) -> np.ndarray:
    """The table ``Codebook.blocks``: what stops which beam."""
    blocks = np.zeros((n_codes, n_codes), np.uint8)
    for member in kinds:
        if member.spec.opaque:
            blocks[:, member] = 2
        for beam in member.spec.stops:
            if beam not in kinds.__members__:
                raise ValueError(
                    f"{kinds.__name__}.{member.name} stops {beam!r}, which is no kind; kinds are "
                    f"{list(kinds.__members__)}"
                )
            blocks[kinds[beam], member] = 1
        if member.spec.stopped_by_agents:
            blocks[member, agent_code:] = 1
    return blocks
