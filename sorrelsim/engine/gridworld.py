"""A batch of copies of one world: reset, step, observe, render, state in and out.

A world file subclasses :class:`Gridworld` and declares; it writes no method. This module checks what was declared
and given, allocates every array, hands them to the kernel and checks actions before it runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sorrelsim.authoring.codes import codebook
from sorrelsim.authoring.events import Events, event_names
from sorrelsim.authoring.kinds import Kinds
from sorrelsim.authoring.maps import MapError, find_map, read_map
from sorrelsim.authoring.params import read_params
from sorrelsim.authoring.state import DTYPES, Extra
from sorrelsim.authoring.window import Window
from sorrelsim.engine.answers import Outputs
from sorrelsim.engine.block import Block
from sorrelsim.engine.compiled import Compiled
from sorrelsim.engine.interpreted import Interpreted
from sorrelsim.engine.program import RESET, STEP, VIEW, Field, Program
from sorrelsim.errors import unknown
from sorrelsim.observations.parts import Parts, as_parts
from sorrelsim.observations.spec import ObservationSpec
from sorrelsim.pictures import painting
from sorrelsim.rules import draw

State = dict[str, np.ndarray]


class Gridworld:
    """Copies of one world, stepped together. Made by :func:`sorrelsim.make`.

    A subclass declares, all as class attributes:

    Attributes:
        kinds: The enumeration of what can lie in a cell.
        params: A frozen dataclass of numbers; every copy has its own.
        maps: Map name to ASCII text, the default first.
        map_params: Map name to the params that it plays by, where they differ; presets and ``make`` override them.
        sites: Site name to the glyphs whose cells it lists; ``spawns`` holds the spawn cells. In a rule, ``w.orchard``
            is ``int32[n, 2]``.
        legend: Glyphs that stand for several kinds in one cell.
        layers: The layers of a cell, bottom first. Unused ones are dropped; agents lie in ``agent``, and a layer
            named ``beam`` is cleared before each step.
        state: Extra state by name; zero at the start of an episode.
        events: What is counted: an enumeration of :class:`~sorrelsim.authoring.events.Events`, or names; a rule adds
            to ``w.events[i, Event.APPLES_EATEN]``.
        n_agents: Number of slots, unless ``make`` says otherwise.
        actions: Action names; ``w.action[i]`` is an index into them.
        window: What an agent sees.
        looks: ``"other"`` or ``"individual"``: whether other agents can be told apart.
        show_facing: Whether an agent's direction is visible to others.
        scalars: Name to length of what is observed beside the grid, filled by ``observe``.
        observe: ``observe(w, i, out)`` writes the scalars of agent i into ``out`` (float32, zeros before), in order.
        start: Rules that begin an episode, on the bare map.
        rules: Rules of a step, in order.
        torus: Names of the maps whose edges join.
        presets: Preset name to what it sets: params, or any of the attributes above, or ``map``.
        keep_rewards_while_out: Whether an agent that is out is still paid.
        version: Changes when behaviour changes.
    """

    kinds: ClassVar[type[Kinds]]
    params: ClassVar[type]
    maps: ClassVar[Mapping[str, str]]
    map_params: Mapping[str, Mapping[str, Any]] = {}
    sites: Mapping[str, str] = {"spawns": "P"}
    legend: Mapping[str, tuple] = {}
    layers: Sequence[str] = ("ground", "object", "agent", "beam")
    state: Mapping[str, Extra] = {}
    events: type[Events] | Sequence[str] = ()
    n_agents: int = 1
    actions: Sequence[str] = ()
    window: Window = Window()
    looks: str = "other"
    show_facing: bool = False
    scalars: Mapping[str, int] = {}
    observe: ClassVar[Callable | None] = None
    start: Sequence[Callable] = ()
    rules: Sequence[Callable] = ()
    torus: Sequence[str] = ()
    presets: Mapping[str, Mapping[str, Any]] = {}
    keep_rewards_while_out: bool = False
    version: int = 1

    def __init__(
        self,
        n_worlds: int = 1,
        seed: int = 0,
        *,
        map: str | Path | None = None,
        n_agents: int | None = None,
        preset: str | None = None,
        window: Window | None = None,
        observation: str = "symbolic",
        looks: str | None = None,
        show_facing: bool | None = None,
        compiled: bool = True,
        **params: Any,
    ) -> None:
        """Make the copies and reset them.

        Args:
            n_worlds: Number of copies.
            seed: Seed of all copies; copy b's random stream depends on (seed, b) alone.
            map: Name of one of the world's maps, path of a text file, or the map itself.
            n_agents: Number of slots.
            preset: Name of one of the world's presets.
            window: What agents see, instead of the world's own.
            observation: ``symbolic``, ``one_hot``, ``rgb`` or ``ascii``.
            looks: ``other`` or ``individual``.
            show_facing: Whether others' directions are visible.
            compiled: False runs the rules as plain Python: slow, but breakpoints and prints work.
            **params: Values for the world's params: a number, or one per copy.

        Raises:
            ValueError: On a value that is out of range or of the wrong shape, an unknown name, or a bad map.
        """
        self.name = type(self).__module__.rpartition(".")[2]
        if n_worlds < 1:
            raise ValueError(f"n_worlds is at least 1, not {n_worlds}")
        self.n_worlds = int(n_worlds)
        self.compiled = compiled
        self.preset = preset
        params = self._apply_preset(preset) | params
        preset_map = params.pop("map", None)
        map = preset_map if map is None else map
        self.window = window or self.window
        self.looks = looks or self.looks
        self.show_facing = self.show_facing if show_facing is None else show_facing
        self.n_agents = self.n_agents if n_agents is None else int(n_agents)
        if self.n_agents < 1:
            raise ValueError(f"n_agents is at least 1, not {self.n_agents}")
        if self.looks not in ("other", "individual"):
            raise ValueError(unknown("look of agents", self.looks, ("other", "individual")))
        self.action_names = tuple(self.actions)
        self.events = event_names(self.events)
        self.n_actions = len(self.action_names)
        self.codes = codebook(self.kinds, tuple(self.layers), self.n_agents, self.looks, self.show_facing)
        self.map_name, text = find_map(map, self.maps, self.name)
        params = {**self.map_params.get(self.map_name, {}), **params}
        self.map = read_map(self.map_name, text, self.kinds, self.codes, self.sites, self.legend)
        self.height, self.width = self.map.cells.shape[:2]
        self.wraps = self.map_name in self.torus
        self._check_spawns()
        numbers = read_params(self.params, params, self.n_worlds, self.name)
        self.observations = ObservationSpec.of_grid(
            self.codes, self.window, self.height, self.width, observation, dict(self.scalars)
        )
        self.action_mask: np.ndarray | None = None
        self._submitted: set[int] = set()
        self._allocate(numbers)
        program = self._program()
        self.info: dict[str, Any] = {}
        self._converts = self.observations.form != "symbolic"
        self._plain = not self._converts and not self.scalars
        self._none_ended = np.zeros(self.n_worlds, np.bool_)
        self._none_ended.flags.writeable = False
        self._runner: Compiled | Interpreted = Compiled(program) if compiled else Interpreted(program)
        self._looks: np.ndarray | None = None
        self.reset(seed)

    # ------------------------------------------------------------------------------------------------ declared

    def _apply_preset(self, preset: str | None) -> dict[str, Any]:
        if preset is None:
            return {}
        if preset not in self.presets:
            raise ValueError(unknown(f"preset of {self.name}", preset, self.presets))
        settings = dict(self.presets[preset])
        fields = {field.name for field in dataclasses.fields(settings.get("params", self.params))} | {"map"}
        for key in [key for key in settings if key not in fields]:
            if key not in Gridworld.__annotations__:
                raise ValueError(unknown(f"setting in preset {preset!r} of {self.name}", key, fields))
            setattr(self, key, settings.pop(key))
        return settings

    def _check_spawns(self) -> None:
        spawns = self.map.sites.get("spawns")
        if spawns is not None and len(spawns) < self.n_agents:
            glyphs = self.sites["spawns"]
            raise MapError(
                f"{self.map_name} has {len(spawns)} spawn cells ({' or '.join(glyphs)}), "
                f"too few for {self.n_agents} agents"
            )

    # ------------------------------------------------------------------------------------------------- memory

    def _allocate(self, params: dict[str, np.ndarray]) -> None:
        n, agents, codes = self.n_worlds, self.n_agents, self.codes
        layers = len(codes.layers)
        cell: np.dtype = np.dtype(np.uint32 if layers <= 4 else np.uint64)
        pad = self._pad = self.window.padding
        rows, cols = self.height + 2 * pad, self.width + 2 * pad
        inner = np.s_[pad : pad + self.height, pad : pad + self.width]
        template = np.zeros((rows, cols, cell.itemsize), np.uint8)
        if not self.wraps:
            template[..., 0] = codes.outside
        template[inner] = 0
        template[inner[0], inner[1], :layers] = self.map.cells
        self._template = template.view(cell)[..., 0].copy()
        self._full_mask = 2 ** (8 * cell.itemsize) - 1
        self._beam_mask = self._full_mask
        if "beam" in codes.layers:
            self._beam_mask ^= 0xFF << (8 * codes.layers.index("beam"))
        self._cell_dtype = cell

        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "rng": ((2,), np.uint64),
            "turn": ((1,), np.int64),
            "ended": ((1,), np.uint8),
            "command": ((1,), np.uint8),
            "pos": ((agents, 2), np.int32),
            "facing": ((agents,), np.int32),
            "out": ((agents,), np.int32),
            "frozen": ((agents,), np.int32),
            "was_out": ((agents,), np.uint8),
            "reward": ((agents,), np.float64),
            **{f"state.{name}": (self._extent(extra), DTYPES[extra.dtype]) for name, extra in self.state.items()},
            **{f"params.{name}": (array.shape[1:], array.dtype) for name, array in params.items()},
            "episode_return": ((agents,), np.float64),
            "tallies": ((agents, 3), np.float64),
            "events": ((agents, len(self.events)), np.float64),
            "occupant": ((self.height, self.width), np.int16),
            "cells": ((rows, cols), cell),
            "last_return": ((agents,), np.float64),
            "last_tallies": ((agents, 3), np.float64),
            "last_length": ((1,), np.int64),
            "last_events": ((agents, len(self.events)), np.float64),
        }
        self._block = Block(n, shapes)
        scratch = {"order": ((agents,), np.int32), "beam_blocked": ((1,), np.uint8), "hits": ((512, 2), np.int32)}
        self._scratch = Block(n, scratch)
        of = self._block.arrays
        self._padded = of["cells"]
        whole = self._padded.view(np.uint8).reshape(n, rows, cols, cell.itemsize)
        self.grid = whole[:, inner[0], inner[1], :layers]
        self.occupant, self.pos, self.facing = of["occupant"], of["pos"], of["facing"]
        self.out, self.frozen, self.rng, self.turn = of["out"], of["frozen"], of["rng"], of["turn"]
        self.episode_return, self.event_counts = of["episode_return"], of["events"]
        self._reward, self._ended = of["reward"], of["ended"]
        self.submitted = np.zeros((n, agents), np.int64)
        self._params = {name: of[f"params.{name}"] for name in params}
        for name, array in params.items():
            self._params[name][...] = array
        self.extra = {name: of[f"state.{name}"] for name in self.state}
        self.occupant[...] = -1
        self._final = self._new_outputs()
        self._outputs = [self._new_outputs(), self._new_outputs()]
        self._out = self._outputs[0]

    def _extent(self, extra: Extra) -> tuple[int, ...]:
        return extra.extent(self.n_agents, self.height, self.width, self.map.sites)

    def _new_outputs(self) -> Outputs:
        return Outputs(
            self.n_worlds, self.n_agents, self.window.size(self.height, self.width), len(self.codes.layers),
            self._cell_dtype, dict(self.scalars),
        )  # fmt: skip

    def _program(self) -> Program:
        codes, window, out = self.codes, self.window, self._outputs[0]
        of, lane = self._block.arrays, self._scratch.arrays

        def size(name: str, value: int) -> Field:
            return Field(name, np.array([value], np.int64), per_copy=False, scalar=True)

        def constant(name: str, value: int) -> Field:
            return Field(name, np.array([value], np.int64), per_copy=False, scalar=True, constant=True)

        def table(name: str, array: np.ndarray) -> Field:
            return Field(name, array, per_copy=False, constant=True)

        def shared(name: str, array: np.ndarray) -> Field:
            return Field(name, array, per_copy=False)

        fields = [
            Field(
                "grid", self.grid, fixed_strides=(0, self._cell_dtype.itemsize, 1)
            ),  # uint8[row, col, layer]: what lies where
            Field("occupant", self.occupant),  # int16[row, col]: the agent on a cell, or -1
            Field("pos", self.pos),  # int32[agent, 2]: (row, col)
            Field("facing", self.facing),  # int32[agent]: 0 north, 1 east, 2 south, 3 west
            Field("action", self.submitted, apart=True),  # int64[agent]: index into the world's actions
            Field("reward", self._reward),  # float64[agent]: this step's
            Field("out", self.out),  # int32[agent]: 0 on the grid, else steps until back, -1 for good
            Field("frozen", self.frozen),  # int32[agent]: steps without moving
            Field("order", lane["order"], scratch=True),  # int32[agent]: of draw.agent_order
            Field("hits", lane["hits"], scratch=True),  # int32[512, 2]: of beams.cast
            Field("beam_blocked", lane["beam_blocked"], scratch=True),  # uint8[1]: of beams.cast
            Field("rng", self.rng),  # uint64[2]: the copy's random stream
            Field("events", self.event_counts),  # float64[agent, event]: sums over the episode
            Field("episode_return", self.episode_return),  # float64[agent]
            Field("ended", self._ended),  # uint8[1]: see rules.episode
            Field("turn", self.turn, scalar=True),  # steps into the episode, 1 in the first
            size("n_agents", self.n_agents),
            size("height", self.height),
            size("width", self.width),
            constant("n_layers", len(codes.layers)),
            constant("wrap", self.wraps),
            constant("agent_layer", codes.agent_layer),
            constant("agent_code", codes.agent_code),
            constant("slot_stride", codes.slot_stride),
            constant("show_facing", codes.facing),
            table("layer", codes.layer),  # uint8[id]: the layer of an id
            table("solid", codes.solid),  # uint8[id]
            table("blocks", codes.blocks),  # uint8[id, id]: see Codebook
            *(shared(name, cells) for name, cells in self.map.sites.items()),
            *(Field(name, array) for name, array in self.extra.items()),
        ]
        names = [field.name for field in fields]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{self.name} declares a site or state named {sorted(twice)}, which a copy has already")
        rows, cols = window.size(self.height, self.width)
        view_size = size if window.whole_map else constant
        flat = self._padded.reshape(self.n_worlds, -1)
        engine_fields = [
            Field("padded", self._padded),
            Field("flat", flat),
            shared("template", self._template),
            constant("beam_mask", self._beam_mask if self._cell_dtype == np.uint32 else _signed(self._beam_mask)),
            constant("full_mask", self._full_mask if self._cell_dtype == np.uint32 else _signed(self._full_mask)),
            constant("pad", self._pad),
            size("stride", self._padded.shape[2]),
            constant("forward", window.forward),
            constant("left", window.left),
            constant("rotate", window.rotate),
            constant("whole_map", window.whole_map),
            view_size("view_rows", rows),
            view_size("view_cols", cols),
            constant("self_code", codes.self_code),
            constant("n_actions", self.n_actions),
            constant("drop_rewards_while_out", not self.keep_rewards_while_out),
            Field("was_out", of["was_out"]),  # uint8[agent]: whether it was out before the step
            Field("command", of["command"]),
            Field("turn", self.turn),
            Field("last_return", of["last_return"]),
            Field("last_length", of["last_length"]),
            Field("last_events", of["last_events"]),
            Field("tallies", of["tallies"]),
            Field("last_tallies", of["last_tallies"]),
            *(
                Field(name, field.array, apart=True)
                for name, field in zip(
                    ("final_cells", "final_bytes", "final_scalars"), self._final.fields, strict=False
                )
            ),
            *out.fields,
        ]
        params = [Field(name, array, scalar=array.ndim == 1) for name, array in self._params.items()]
        return Program(
            self.name, tuple(self.rules), tuple(self.start), type(self).observe, fields, engine_fields, params,
            tuple(self.extra), self._block, self._scratch,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ stepping

    def reset(self, seed: int | None = None) -> Any:
        """Start a new episode in every copy.

        Args:
            seed: Restarts the random streams of all copies; without it they go on.

        Returns:
            The observations, ``[copy, agent, ...]``: an array, or a dict of arrays where there are several parts.
        """
        if seed is not None:
            self.seed = int(seed)
            self.rng[...] = draw.streams(self.seed, self.n_worlds)
        self._block.arrays["command"][...] = 1
        self._submitted.clear()
        self._run(RESET)
        self._take(0)
        return self.obs

    def submit(self, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Lay down the actions of some slots, for the next :meth:`step` without arguments.

        Args:
            slots: The slots.
            actions: ``int[copy, len(slots)]``.
        """
        actions = np.asarray(actions)
        if actions.shape != (self.n_worlds, len(slots)) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"{self.name}: submitted actions are {actions.dtype}{list(actions.shape)}; "
                f"allowed: integers [{self.n_worlds}, {len(slots)}], one for each copy and slot"
            )
        self.submitted[:, slots] = actions
        self._submitted.update(slots)

    @property
    def action(self) -> np.ndarray:
        """The actions of the latest step, and of slots that have submitted since: ``int64[copy, agent]``."""
        return self._action

    def step(self, actions: Any = None) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Let every agent of every copy act at once. A copy that ends starts anew in the same call.

        Args:
            actions: ``int[copy, agent]``, indices into ``action_names``; without it, those submitted.

        Returns:
            ``obs, reward, terminated, truncated, info``, each ``[copy, agent, ...]``. In copies that ended, ``obs`` is
            the first observation of the new episode and ``info["final_obs"]`` the last of the old one. ``info`` also
            has ``ended`` (bool[copy]), and where any ended ``episode_return`` [copy, agent], ``episode_length``
            [copy] and ``episode_events`` [copy, agent, event] of the episodes that did, and what the social measures
            need, each [copy, agent]: ``episode_steps_out`` steps spent off the grid, ``episode_paid_steps`` steps with
            a positive reward, ``episode_paid_turns`` the sum of their turns.

        Raises:
            ValueError: If an action is missing, out of range, of another type or shape. Nothing has moved then.
        """
        if actions is None:
            if len(self._submitted) < self.n_agents:
                missing = sorted(set(range(self.n_agents)) - self._submitted)
                raise ValueError(f"{self.name}: no action was submitted for slots {missing}")
        else:
            given = actions if type(actions) is np.ndarray else np.asarray(actions)
            if given.shape != self.submitted.shape or given.dtype.kind not in "iu":
                raise ValueError(
                    f"{self.name}: actions are {given.dtype}{list(given.shape)}; allowed: integers "
                    f"{list(self.submitted.shape)}, one for each copy and agent"
                )
            self.submitted[...] = given
        ended = self._run(STEP)
        if ended < 0:
            copy, slot = divmod(-1 - ended, self.n_agents)
            raise ValueError(
                f"{self.name}: action {self.submitted[copy, slot]} of agent {slot} in copy {copy} is out of range; "
                f"allowed: 0 to {self.n_actions - 1} ({', '.join(self.action_names)})"
            )
        if self._submitted:
            self._submitted.clear()
        self._take(ended)
        return self.obs, self.reward, self.terminated, self.truncated, self.info

    def _run(self, mode: int) -> int:
        # The arrays of the answer are reused, but never while somebody holds one of them.
        for out in self._outputs:
            if out is not self._out and out.is_free():
                break
        else:
            out = self._new_outputs()
            self._outputs = [*self._outputs[-3:], out]
        self._out = out
        return self._runner.run(mode, out)

    def _take(self, ended: int) -> None:
        out = self._out
        self.obs = out.grid if self._plain else self._observation(out)
        self.reward, self.terminated, self.truncated = out.reward, out.terminated, out.truncated
        if not ended:
            self.info = {"ended": self._none_ended}
            return
        over = self._ended_copies()
        final, last = self._final, self._block.arrays
        self.info = {
            "ended": over,
            "final_obs": self._observation(final, copy=True),
            "episode_return": last["last_return"].copy(),
            "episode_length": last["last_length"][:, 0].copy(),
            "episode_events": last["last_events"].copy(),
            "episode_steps_out": last["last_tallies"][..., 0].copy(),
            "episode_paid_steps": last["last_tallies"][..., 1].copy(),
            "episode_paid_turns": last["last_tallies"][..., 2].copy(),
        }

    @property
    def parts(self) -> Parts:
        """The latest observations by part, ``[copy, agent, ...]``."""
        return as_parts(self.obs)

    @property
    def final_parts(self) -> Parts | None:
        """The last observations of the episodes that ended in the latest step, by part; None where none did."""
        return as_parts(self.info["final_obs"]) if "final_obs" in self.info else None

    @property
    def symbolic(self) -> np.ndarray:
        """The latest symbolic windows, ``uint8[copy, agent, row, col, layer]``, whatever form observations have."""
        return self._out.grid

    def _ended_copies(self) -> np.ndarray:
        return (self.terminated | self.truncated)[:, 0]

    def _observation(self, out: Outputs, copy: bool = False) -> Any:
        parts = {name: part.copy() for name, part in out.parts.items()} if copy else out.parts.copy()
        if self._converts:
            parts["grid"] = self.observations.convert(parts["grid"], self.looks_table())
        return parts if len(parts) > 1 else parts["grid"]

    # --------------------------------------------------------------------------------------------------- state

    def _mutable(self) -> dict[str, np.ndarray]:
        return {
            "cells": self._padded, "occupant": self.occupant, "pos": self.pos, "facing": self.facing, "out": self.out,
            "frozen": self.frozen, "rng": self.rng, "turn": self.turn, "reward": self._reward,
            "episode_return": self.episode_return, "event_counts": self.event_counts,
            "tallies": self._block.arrays["tallies"], "ended": self._ended,
            **{f"params.{name}": array for name, array in self._params.items()},
            **{f"state.{name}": array for name, array in self.extra.items()},
        }  # fmt: skip

    def get_state(self) -> State:
        """A copy of everything that the future depends on, random streams and params included."""
        return {name: array.copy() for name, array in self._mutable().items()}

    def set_state(self, state: State) -> None:
        """Go back to a state of :meth:`get_state`, of this world or of one made alike.

        Raises:
            ValueError: If the state is of another world, map, or number of copies or agents; nothing is changed then.
        """
        mutable = self._mutable()
        for name in mutable:
            if name not in state:
                raise ValueError(f"{self.name}: the state lacks {name!r}; it is of another world")
            if state[name].shape != mutable[name].shape:
                raise ValueError(
                    f"{self.name}: {name} has shape {state[name].shape} in the state, here {mutable[name].shape}; "
                    "it is of another map or number of copies or agents"
                )
        for name, array in mutable.items():
            array[...] = state[name]
        self._submitted.clear()
        self._run(VIEW)
        self._take(0)

    # ----------------------------------------------------------------------------------------------- looking on

    def looks_table(self) -> np.ndarray:
        """A sprite for each id: ``uint8[n_codes, SIZE, SIZE, 4]``; ids without a sprite are see-through."""
        if self._looks is None:
            self._looks = painting.looks_table(self.codes, self.kinds, self.looks)
        return self._looks

    def render(self, copy: int = 0) -> np.ndarray:
        """A picture of one copy: RGB ``uint8[height * 8, width * 8, 3]``, each agent in its own colour."""
        return painting.picture(self.grid[copy], self.codes, self.looks_table(), *self._bodies(copy))

    def text(self, copy: int = 0) -> str:
        """One copy as ASCII: the topmost glyph of each cell, agents as ``^ > v <`` by where they look."""
        return painting.text(self.grid[copy], self.codes, *self._bodies(copy))

    def _bodies(self, copy: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.pos[copy], self.facing[copy], self.out[copy]

    def _repr_png_(self) -> bytes:
        from sorrelsim.pictures.files import to_png

        return to_png(self.render())

    def __repr__(self) -> str:
        kind = "compiled" if self.compiled else "interpreted"
        return (
            f"<{self.name} {self.map_name!r} {self.height}x{self.width}, {self.n_agents} agents, "
            f"{self.n_worlds} copies, {kind}>"
        )


def _signed(mask: int) -> int:
    return mask - (1 << 64) if mask >= 1 << 63 else mask
