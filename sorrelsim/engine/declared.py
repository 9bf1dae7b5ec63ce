"""What a world's class declares, and what one world makes of it: checked, named and numbered, without memory yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sorrelsim.authoring.codes import codebook
from sorrelsim.authoring.events import event_names, pairs_of
from sorrelsim.authoring.kinds import Kinds
from sorrelsim.authoring.maps import MapError, Needs, check_needs, find_map, read_map
from sorrelsim.authoring.params import read_params
from sorrelsim.authoring.slots import taken_for
from sorrelsim.authoring.state import StateSpec
from sorrelsim.authoring.window import Slots, Window, by_slot, hull, read_window
from sorrelsim.errors import unknown
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.spec import ObservationSpec
from sorrelsim.settings import flag, whole

AGENTS = 2**15 - 1
"""The most agents in a copy: a cell says in an int16 who stands on it."""
COPIES = 2**31 - 1
SEEDS = 2**128 - 1


class Declared:
    """What the classes of worlds declare; they subclass :class:`~sorrelsim.engine.gridworld.Gridworld`.

    A subclass declares, all as class attributes:

    Attributes:
        kinds: The enumeration of what can lie in a cell.
        params: A frozen dataclass of numbers; every copy has its own.
        maps: Map name to ASCII text, the default first.
        map_params: Map name to the params that it plays by, where they differ; presets and ``make`` override them.
        sites: Site name to the glyphs whose cells it lists; ``spawns`` holds the spawn cells. In a rule, ``w.orchard``
            is ``int32[n, 2]``.
        legend: Glyphs that stand for several kinds in one cell.
        needs: What a map must have: the least number of cells of a site, or of ``rows`` and ``columns``; of several
            such mappings any one will do. What rules index without asking belongs here.
        layers: The layers of a cell, bottom first. Unused ones are dropped; agents lie in ``agent``, and a layer
            named ``beam`` is cleared before each step.
        state: Extra state by name; zero at the start of an episode.
        events: What is counted: an enumeration of :class:`~sorrelsim.authoring.events.Events`, or names; a rule adds
            to ``w.events[i, Event.APPLES_EATEN]``. A world once made has the names, in a tuple, and in ``pairs`` those
            of events between two agents.
        n_agents: Number of slots, unless ``make`` says otherwise.
        actions: Action names; ``w.action[i]`` is an index into them.
        window: What an agent sees.
        windows: Where agents see differently far, windows by slot or range of slots, or one for each; ``window`` is
            that of the others. Observations have the size of all reaches together; cells beyond a slot's own are 0.
        seen_as: What slots take things for: by slot or range of slots, kinds to kinds of the same layer, or to 0 for
            nothing, ``{0: {Kind.TREE: Kind.SHRUB}}``. Observations show it so; rules see what is there.
        looks: ``"other"`` or ``"individual"``: whether other agents can be told apart.
        show_facing: Whether an agent's direction is visible to others.
        scalars: Name to length of what is observed beside the grid, filled by ``observe``.
        observe: ``observe(w, i, into)`` writes the scalars of agent i into ``into`` (float32, zeros before), in order.
        allowed: ``allowed(w, i, into)`` writes into ``into`` (all 1 before) which actions agent i may choose now, 1 or
            0 for each, at least one; see ``action_mask``. It is not asked for agents that are out.
        start: Rules that begin an episode, on the bare map.
        rules: Rules of a step, in order.
        torus: Names of the maps whose edges join.
        presets: Preset name to what it sets: params, or any of the attributes above, or ``map``.
        keep_rewards_while_out: Whether an agent that is out is still paid.
        observe_while_out: Whether ``observe`` writes the scalars of an agent that is out too, which else are 0.
        told_instead: Where to find out what things are worth is the game, what people are told before they play in
            place of what they bring: cards, legends and the practice then say nothing else of it.
        secret_events: Events that would give a role away, such as ``(Event.TAG_HIT,)``: windows tell people of them
            only where they play who did it.
        version: Changes when behaviour changes.
    """

    kinds: ClassVar[type[Kinds]]
    params: ClassVar[type]
    maps: ClassVar[Mapping[str, str]]
    map_params: Mapping[str, Mapping[str, Any]] = {}
    sites: Mapping[str, str] = {"spawns": "P"}
    needs: Needs = ()
    legend: Mapping[str, tuple] = {}
    layers: Sequence[str] = ("ground", "object", "agent", "beam")
    state: Mapping[str, StateSpec] = {}
    events: Any = ()  # of a class as declared, ``type[Events] | Sequence[str]``; of a world ``tuple[str, ...]``
    n_agents: int = 1
    actions: Sequence[str] = ()
    window: Window = Window()
    windows: Slots = ()
    seen_as: Mapping[Any, Mapping[Any, Any]] = {}
    looks: str = "other"
    show_facing: bool = False
    scalars: Mapping[str, int] = {}
    observe: ClassVar[Callable | None] = None
    allowed: ClassVar[Callable | None] = None
    start: Sequence[Callable] = ()
    rules: Sequence[Callable] = ()
    torus: Sequence[str] = ()
    presets: Mapping[str, Mapping[str, Any]] = {}
    keep_rewards_while_out: bool = False
    observe_while_out: bool = False
    told_instead: str = ""
    secret_events: Sequence[Any] = ()
    version: int = 1

    def _settle(
        self,
        n_worlds: int,
        map: str | Path | None,
        n_agents: int | None,
        preset: str | None,
        window: Any,
        observation: tuple[str, int | None],
        looks: str | None,
        show_facing: bool | None,
        params: dict[str, Any],
    ) -> dict[str, np.ndarray]:
        """Settles what was declared and what this world was given; returns the params of all copies by name."""
        self.n_worlds = whole(n_worlds, "n_worlds", 1, COPIES)
        self.name = type(self).__module__.rpartition(".")[2]
        self.preset = preset
        params = self._apply_preset(preset) | params
        preset_map = params.pop("map", None)
        self.looks = self.looks if looks is None else looks
        self.show_facing = self.show_facing if show_facing is None else flag(show_facing, "show_facing")
        self.n_agents = whole(self.n_agents if n_agents is None else n_agents, "n_agents", 1, AGENTS)
        if self.looks not in ("other", "individual"):
            raise ValueError(unknown("look of agents", self.looks, ("other", "individual")))
        self._set_windows(window)
        self.action_names = tuple(self.actions)
        self.action_spec = ActionSpec(self.action_names)
        self.events, self.pairs = event_names(self.events), pairs_of(self.events)
        self.n_actions = len(self.action_names)
        self.codes = codebook(self.kinds, tuple(self.layers), self.n_agents, self.looks, self.show_facing)
        self.taken_for = taken_for(self.seen_as, self.kinds, self.codes, self.n_agents, self.name)
        self.map_name, text = find_map(preset_map if map is None else map, self.maps, self.name)
        self.map = read_map(self.map_name, text, self.kinds, self.codes, self.sites, self.legend)
        self.map_text = text
        self.height, self.width = self.map.cells.shape[:2]
        self.wraps = self.map_name in self.torus
        check_needs(self.map, self.needs, self.sites)
        self._check_spawns()
        self.observations = ObservationSpec.of_grid(
            self.codes, self.window, self.height, self.width, *observation, dict(self.scalars)
        )
        return read_params(self.params, {**self.map_params.get(self.map_name, {}), **params}, self.n_worlds, self.name)

    def _set_windows(self, given: Any) -> None:
        """Settles what slots see: what was given, else what is declared; ``window`` becomes that of all together."""
        windows, other = self.windows, read_window(self.window, "window") if given is None else read_window(given)
        if isinstance(other, tuple):
            windows, other = other, other[0]
        elif given is not None:
            windows = ()
        self.slot_windows = by_slot(windows, other, self.n_agents, self.name) if windows else (other,) * self.n_agents
        self.window = hull(self.slot_windows)

    def _apply_preset(self, preset: str | None) -> dict[str, Any]:
        if preset is None:
            return {}
        if preset not in self.presets:
            raise ValueError(unknown(f"preset of {self.name}", preset, self.presets))
        settings = dict(self.presets[preset])
        fields = {field.name for field in dataclasses.fields(settings.get("params", self.params))} | {"map"}
        for key in [key for key in settings if key not in fields]:
            if key not in Declared.__annotations__:
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
