"""What one copy of a world consists of: one table of its arrays, and the memory of all copies that follows from it.

From the table follow what is allocated and in what order, what rules see as ``w.name`` and the engine as ``e.name``,
what ``get_state`` saves, what the state hash of a recording covers, and the table in ``docs/copy.md``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from sorrelsim.authoring.params import limits
from sorrelsim.authoring.state import DTYPES, MANY, Bound, limit
from sorrelsim.engine.block import Block
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.notes import Notes


@dataclass(frozen=True)
class Entry:
    """One array of a copy.

    Attributes:
        name: Its attribute in ``w`` or ``e``; ``params.`` or ``state.`` stands before what a world declares.
        shape: Its shape in one copy, in numbers and names of sizes.
        dtype: Its type; ``cell`` is an unsigned integer with a byte per layer.
        doc: What it holds.
        seen: Who sees it: ``rules`` as ``w.name``, ``engine`` as ``e.name``, ``params`` as ``w.p.name``.
        saved: Its name in ``get_state``; empty where the future does not depend on it.
        hashed: Its name in the state hash of recordings; empty where it does not count.
        place: ``copy``: in the copy's piece of memory. ``thread``: one serves all copies that a thread steps, for it
            matters only within a step. ``given``: in an array for all copies. ``cells``: a view of that entry.
        number: Whether rules see its element as a number that they cannot write.
        low, high: The least and the greatest value of a state from outside; None where the type alone limits it.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    doc: str
    seen: tuple[str, ...] = ("rules",)
    saved: str = ""
    hashed: str = ""
    place: str = "copy"
    number: bool = False
    low: Bound | None = None
    high: Bound | None = None


TURNS = 2**31 - 2**20
"""The latest turn of a state from outside: rules lay turns down in an int32, and the episode is to go on."""
ENGINE = ("engine",)
OFTEN = (  # what nearly every rule touches comes first: a few neighbouring cache lines
    Entry("rng", (2,), "uint64", "The random stream: state and odd gamma.", saved="rng", hashed="rng"),
    Entry(
        "turn", (1,), "int64", "Steps into the episode, 1 in the first.", ("rules", "engine"),
        saved="turn", hashed="turn", number=True, low=0, high=TURNS,
    ),
    Entry("ended", (1,), "uint8", "0 the episode runs, 1 it terminated, 2 it was truncated.", saved="ended", high=2),
    Entry(
        "pos", ("agents", 2), "int32", "Where an agent stands: (row, col).",
        saved="pos", hashed="pos", low=0, high=("height - 1", "width - 1"),
    ),
    Entry(
        "facing", ("agents",), "int32", "0 north, 1 east, 2 south, 3 west.",
        saved="facing", hashed="facing", low=0, high=3,
    ),
    Entry(
        "out", ("agents",), "int32", "0 on the grid, else steps until it is back, -1 for good.",
        saved="out", hashed="out", low=-1, high=MANY,
    ),
    Entry(
        "frozen", ("agents",), "int32", "Steps that an agent has yet to stand still.",
        saved="frozen", hashed="frozen", low=0, high=MANY,
    ),
    Entry("was_out", ("agents",), "uint8", "Whether an agent was out before the step.", ENGINE),
    Entry("reward", ("agents",), "float64", "What this step pays.", saved="reward"),
)  # fmt: skip
SELDOM = (
    Entry(
        "episode_return", ("agents",), "float64", "Rewards so far in the episode.",
        saved="episode_return", hashed="return",
    ),
    Entry(
        "tallies", ("agents", 3), "float64", "So far in the episode: steps out, paid steps, the sum of their turns.",
        ENGINE, saved="tallies",
    ),
    Entry(
        "events", ("agents", "events"), "float64", "What was counted so far in the episode.",
        saved="event_counts", hashed="events",
    ),
    Entry(
        "occupant", ("height", "width"), "int16", "The agent on a cell, or -1.", saved="occupant",
        low=-1, high="n_agents - 1",
    ),
    Entry("cells", ("padded height", "padded width"), "cell", "The map and its padding.", ENGINE, saved="cells"),
    Entry("grid", ("height", "width", "layers"), "uint8", "What lies where.", hashed="grid", place="cells"),
    Entry("flat", ("padded cells",), "cell", "The map and its padding, cell by cell.", ENGINE, place="cells"),
    Entry("last_return", ("agents",), "float64", "The return of the last episode that ended.", ENGINE),
    Entry("last_tallies", ("agents", 3), "float64", "Its tallies.", ENGINE),
    Entry("last_length", (1,), "int64", "Its length.", ENGINE),
    Entry("last_events", ("agents", "events"), "float64", "Its events.", ENGINE),
    Entry("action", ("agents",), "int64", "What the agents do: indices of actions.", place="given"),
    Entry("order", ("agents",), "int32", "The order of agents, of ``draw.agent_order``.", place="thread"),
    Entry("beam_blocked", (1,), "uint8", "Whether something stopped a beam, of ``beams.cast``.", place="thread"),
    Entry("hits", (512, 2), "int32", "The cells that a beam hit, of ``beams.cast``.", place="thread"),
)  # fmt: skip
FAULT = Entry("fault", (1,), "uint8", "With bounds: 1 where a rule's index was out of them.", ENGINE)
"""What a world with bounds has as well."""


def names_in_limits(world: Declared) -> dict[str, int]:
    """What names stand for in the limits of a world's state, but for its params and the turn."""
    sizes = {"n_agents": world.n_agents, "height": world.height, "width": world.width}
    return {name: len(cells) for name, cells in world.map.sites.items()} | sizes


def declared_entries(world: Declared, params: Mapping[str, np.ndarray]) -> tuple[Entry, ...]:
    """The entries of a world's own state and params.

    Raises:
        ValueError: If a limit of state is a name that is not known.
    """
    entries = []
    known = names_in_limits(world) | {"turn": 0} | {name: 0 for name, array in params.items() if array.ndim == 1}
    for name, spec in world.state.items():
        shape = spec.extent(world.n_agents, world.height, world.width, world.map.sites)
        for bound in (spec.low, spec.high):
            if bound is not None:
                limit(bound, known, len(shape))
        full, dtype, doc = f"state.{name}", np.dtype(DTYPES[spec.dtype]).name, "zero at the start of an episode."
        entries.append(
            Entry(full, shape, dtype, f"State {name}, {doc}", saved=full, hashed=full, low=spec.low, high=spec.high)
        )
    bounds = {field.name: limits(field) for field in dataclasses.fields(world.params)}
    for name, array in params.items():
        full, shape = f"params.{name}", array.shape[1:]
        low, high = (None, None) if array.dtype == np.bool_ else bounds[name]
        entries.append(
            Entry(
                full, shape, array.dtype.name, f"The param {name}.", ("params",), full, full, number=not shape, low=low,
                high=high,
            )
        )  # fmt: skip
    return tuple(entries)


def rows(entries: Iterable[Entry] = (*OFTEN, *SELDOM)) -> list[tuple[str, ...]]:
    """The table as text: name, shape and type, who sees it, as what it is saved and hashed, and what it holds."""
    return [
        (
            f"`{entry.name}`", f"{entry.dtype}[{', '.join(map(str, entry.shape))}]", " and ".join(entry.seen),
            entry.saved or "-", entry.hashed or "-", entry.doc.replace("``", "`"),
        )
        for entry in entries
    ]  # fmt: skip


class Copies:
    """The memory of all copies of a world.

    Attributes:
        entries: The whole table: every world's, and what this one declares.
        of: The arrays by entry, ``[copy, ...]``.
        params: The params by name, ``[copy]`` or ``[copy, *shape]``; written to, they hold from the next step on.
        state: What the world declares as state, by name, ``[copy, ...]``.
        notes: The logs of what happens, for which there is room only while somebody asks.
        block: Where the copies lie.
        scratch: Where what belongs to threads lies, a lane for each.
        pad: Cells of padding on each side of the map, as far as an agent sees.
        cell: Type of a packed cell.
        template: The bare map with its padding, as packed cells.
        full_mask: A cell's bits, all set, as an int64.
        beam_mask: Those bits without the layer of beams.
    """

    def __init__(self, world: Declared, params: Mapping[str, np.ndarray], bounds: bool = False) -> None:
        """Lays out the memory of a world's copies, all zero but for the params and the cells' occupants.

        Args:
            world: What was declared.
            params: Params by name, ``[copy, ...]``.
            bounds: Whether indices are to be checked.
        """
        n, layers = world.n_worlds, len(world.codes.layers)
        self.cell: np.dtype = np.dtype(np.uint32 if layers <= 4 else np.uint64)
        self.pad = world.window.padding
        self.template, inner = self._bare(world)
        self.full_mask = 2**32 - 1 if self.cell == np.uint32 else -1
        self.beam_mask = self.full_mask
        if "beam" in world.codes.layers:
            self.beam_mask ^= int(np.int64(0xFF) << np.int64(8 * world.codes.layers.index("beam")))
        self.entries = (*OFTEN, *declared_entries(world, params), *SELDOM, *([FAULT] if bounds else []))
        height, width = self.template.shape
        sizes: dict[int | str, int] = {
            "agents": world.n_agents, "events": len(world.events), "height": world.height, "width": world.width,
            "padded height": height, "padded width": width,
        }  # fmt: skip

        def laid_out(place: str) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
            return {
                entry.name: (
                    tuple(size if isinstance(size, int) else sizes[size] for size in entry.shape),
                    self.cell if entry.dtype == "cell" else np.dtype(entry.dtype),
                )
                for entry in self.entries
                if entry.place == place
            }

        self.block, self.scratch = Block(n, laid_out("copy")), Block(n, laid_out("thread"))
        given = {name: np.zeros((n, *shape), dtype) for name, (shape, dtype) in laid_out("given").items()}
        cells = self.block.arrays["cells"]
        layered = cells.view(np.uint8).reshape(n, height, width, self.cell.itemsize)
        views = {"grid": layered[:, *inner, :layers], "flat": cells.reshape(n, -1)}
        self.of = self.block.arrays | self.scratch.arrays | given | views
        self.params = {name: self.of[f"params.{name}"] for name in params}
        self.state = {name: self.of[f"state.{name}"] for name in world.state}
        for name, array in params.items():
            self.params[name][...] = array
        self.of["occupant"][...] = -1
        self.notes = Notes(world)

    def _bare(self, world: Declared) -> tuple[np.ndarray, tuple[slice, slice]]:
        """The bare map with its padding, and where in it the map lies."""
        pad, height, width = self.pad, world.height, world.width
        inner = np.s_[pad : pad + height, pad : pad + width]
        template = np.zeros((height + 2 * pad, width + 2 * pad, self.cell.itemsize), np.uint8)
        if not world.wraps:
            template[..., 0] = world.codes.outside
        template[inner] = 0
        template[*inner, : len(world.codes.layers)] = world.map.cells
        return template.view(self.cell)[..., 0].copy(), inner

    def saved(self) -> dict[str, np.ndarray]:
        """What the future depends on, by name, random streams and params included."""
        return {entry.saved: self.of[entry.name] for entry in self.entries if entry.saved}

    def hashed(self) -> dict[str, np.ndarray]:
        """What the state hash of a recording covers, by name: all that rules read or draw from."""
        return {entry.hashed: self.of[entry.name] for entry in self.entries if entry.hashed}
