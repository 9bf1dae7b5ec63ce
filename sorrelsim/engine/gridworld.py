"""A batch of copies of one world: reset, step, observe, render, state in and out.

A world file subclasses :class:`Gridworld` and declares; it writes no method. What was declared is checked in
:mod:`~sorrelsim.engine.declared`; the memory lies in :mod:`~sorrelsim.engine.copies`; a runner, compiled or
interpreted, steps it and writes into an :class:`~sorrelsim.engine.answers.Answer`. Here is what a user calls: actions
are checked before the runner has them, and what it answers is handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.authoring.window import Window
from sorrelsim.engine.answers import Answer
from sorrelsim.engine.compiled import Compiled
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.interpreted import Interpreted
from sorrelsim.engine.kernel_text import RESET, STEP, VIEW
from sorrelsim.engine.program import Program
from sorrelsim.engine.turns import in_turn, refuse, taken_over
from sorrelsim.observations.parts import Parts, as_public
from sorrelsim.pictures import painting
from sorrelsim.pictures.files import to_png
from sorrelsim.rules import draw

State = dict[str, np.ndarray]
_USUAL = np.dtype(np.int64)  # of actions


class Gridworld(Declared):
    """Copies of one world, stepped together. Made by :func:`sorrelsim.make`.

    What a subclass declares: :class:`~sorrelsim.engine.declared.Declared`.

    Attributes:
        copies: The memory of all copies, of which ``grid``, ``occupant``, ``pos``, ``facing``, ``out``, ``frozen``,
            ``rng``, ``turn``, ``episode_return`` and ``event_counts`` are arrays; params and declared state are
            ``copies.params`` and ``copies.state``.
        submitted: The actions of the latest step or, laid down since, of the next: ``int64[copy, agent]``.
        obs: The latest observations, ``[copy, agent, ...]``: an array, or a dict of arrays where there are several.
        reward, terminated, truncated: What else the latest step answered, ``[copy, agent]``.
        info: As :meth:`step` returns it.
    """

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
        """Makes the copies and resets them.

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
        self.compiled = compiled
        numbers = self._settle(n_worlds, map, n_agents, preset, window, observation, looks, show_facing, params)
        self.copies = Copies(self, numbers)
        of = self.copies.of
        self.grid, self.occupant, self.pos, self.facing = of["grid"], of["occupant"], of["pos"], of["facing"]
        self.out, self.frozen, self.rng, self.turn = of["out"], of["frozen"], of["rng"], of["turn"]
        self.episode_return, self.event_counts = of["episode_return"], of["events"]
        self.submitted = of["action"]
        self._acting = self.submitted.shape
        self._slots_chosen: set[int] = set()
        self.action_mask: np.ndarray | None = None
        self._final = Answer(self, self.copies.cell)
        self._answers = [Answer(self, self.copies.cell), Answer(self, self.copies.cell)]
        self._answer = self._answers[0]
        program = Program.of(self, self.copies, self._answer, self._final)
        self._runner: Compiled | Interpreted = Compiled(program) if compiled else Interpreted(program)
        self._looks: np.ndarray | None = None
        self._parts: Parts = {}
        self._final_parts: Parts = {}
        self._converts = self.observations.form != "symbolic"
        self._plain = not self._converts and not self.scalars
        self._none_ended = np.zeros(self.n_worlds, np.bool_)
        self._none_ended.flags.writeable = False
        self.info: dict[str, Any] = {}
        self._alone: list[None] = [None]
        self.reset(seed)

    # ------------------------------------------------------------------------------------------------ stepping

    def reset(self, seed: int | None = None) -> Any:
        """Starts a new episode in every copy.

        Args:
            seed: Restarts the random streams of all copies; without it they go on.

        Returns:
            The observations, ``[copy, agent, ...]``: an array, or a dict of arrays where there are several parts.

        Raises:
            RuntimeError: If another thread is in the middle of a step of this world.
        """
        return in_turn(self, self._reset, seed)

    def _reset(self, seed: int | None) -> Any:
        if seed is not None:
            self.seed = int(seed)
            self.rng[...] = draw.streams(self.seed, self.n_worlds)
        self._slots_chosen.clear()
        self._run(RESET)
        self._take(0)
        return self.obs

    def submit(self, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Lays down the actions of some slots, for the next :meth:`step` without arguments.

        Args:
            slots: The slots.
            actions: ``int[copy, len(slots)]``.
        """
        if not self._alone:
            refuse(self)
        actions = np.asarray(actions)
        if actions.shape != (self.n_worlds, len(slots)) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"{self.name}: submitted actions are {actions.dtype}{list(actions.shape)}; "
                f"allowed: integers [{self.n_worlds}, {len(slots)}], one for each copy and slot"
            )
        self.submitted[:, slots] = actions
        self._slots_chosen.update(slots)

    def step(self, actions: Any = None) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Lets every agent of every copy act at once. A copy that ends starts anew in the same call.

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
            RuntimeError: If another thread is in the middle of a step of this world. Nothing has moved then.
        """
        alone = self._alone  # this is in_turn, written out: a step of a single copy feels every call
        try:
            alone.pop()
        except IndexError:
            alone = self._alone = taken_over(self, alone)
        try:
            return self._step(actions)
        except BaseException as error:
            if not isinstance(error, ValueError):
                self._catch_up()
            raise
        finally:
            alone.append(None)

    def _step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if actions is None:
            if len(self._slots_chosen) < self.n_agents:
                missing = sorted(set(range(self.n_agents)) - self._slots_chosen)
                raise ValueError(f"{self.name}: no action was submitted for slots {missing}")
        else:
            given = actions if type(actions) is np.ndarray else np.asarray(actions)
            if given.shape != self._acting or (given.dtype is not _USUAL and given.dtype.kind not in "iu"):
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
        if self._slots_chosen:
            self._slots_chosen.clear()
        self._take(ended)
        return self.obs, self.reward, self.terminated, self.truncated, self.info

    def _run(self, mode: int) -> int:
        # The arrays of the answer are reused, but never while somebody holds one of them.
        for answer in self._answers:
            if answer is not self._answer and answer.is_free():
                break
        else:
            answer = Answer(self, self.copies.cell)
            self._answers = [*self._answers[-3:], answer]
        ended = self._runner.run(mode, answer)
        if ended >= 0:
            self._answer = answer
        return ended

    def _catch_up(self) -> None:
        """Hands out what the runner answered last, where an interrupt fell between its answer and the handing out."""
        latest = self._runner.latest([self._answer, *self._answers])
        if latest:
            self._answer, ended = latest
            self._take(ended)

    def _take(self, ended: int) -> None:
        """Hands out what the runner answered. A step of a single copy feels every line here."""
        answer = self._answer
        self.reward, self.terminated, self.truncated = answer.reward, answer.terminated, answer.truncated
        if self._plain:
            self.obs: Any = answer.grid
        else:
            self._parts = self._converted(answer.parts)
            self.obs = as_public(self._parts.copy())
        if not ended:
            self.info = {"ended": self._none_ended}
            return
        last = self.copies.of
        tallies = last["last_tallies"]
        self._final_parts = self._converted({name: part.copy() for name, part in self._final.parts.items()})
        self.info = {
            "ended": (self.terminated | self.truncated)[:, 0],
            "final_obs": as_public(self._final_parts.copy()),
            "episode_return": last["last_return"].copy(),
            "episode_length": last["last_length"][:, 0].copy(),
            "episode_events": last["last_events"].copy(),
            "episode_steps_out": tallies[..., 0].copy(),
            "episode_paid_steps": tallies[..., 1].copy(),
            "episode_paid_turns": tallies[..., 2].copy(),
        }

    @property
    def parts(self) -> Parts:
        """The latest observations by part, ``[copy, agent, ...]``; not to be written to."""
        return self._answer.parts if self._plain else self._parts

    @property
    def final_parts(self) -> Parts | None:
        """The last observations of the episodes that ended in the latest step, by part; None where none did."""
        return self._final_parts if "final_obs" in self.info else None

    @property
    def extra(self) -> dict[str, np.ndarray]:
        """The former name of ``copies.state``: what the world declares as state, by name, ``[copy, ...]``."""
        return self.copies.state

    @property
    def symbolic(self) -> np.ndarray:
        """The latest symbolic windows, ``uint8[copy, agent, row, col, layer]``, whatever form observations have."""
        return self._answer.grid

    def _converted(self, parts: Parts) -> Parts:
        if not self._converts:
            return parts
        return parts | {"grid": self.observations.convert(parts["grid"], self.looks_table())}

    # --------------------------------------------------------------------------------------------------- state

    def get_state(self) -> State:
        """A copy of everything that the future depends on, random streams and params included."""
        if not self._alone:
            refuse(self)
        return {name: array.copy() for name, array in self.copies.saved().items()}

    def set_state(self, state: State) -> None:
        """Goes back to a state of :meth:`get_state`, of this world or of one made alike.

        Raises:
            ValueError: If the state is of another world, map, or number of copies or agents; nothing is changed then.
        """
        arrays = self.copies.saved()
        for name, array in arrays.items():
            if name not in state:
                raise ValueError(f"{self.name}: the state lacks {name!r}; it is of another world")
            if state[name].shape != array.shape:
                raise ValueError(
                    f"{self.name}: {name} has shape {state[name].shape} in the state, here {array.shape}; "
                    "it is of another map or number of copies or agents"
                )
        in_turn(self, self._go_to, state)

    def _go_to(self, state: State) -> None:
        for name, array in self.copies.saved().items():
            array[...] = state[name]
        self._slots_chosen.clear()
        self._run(VIEW)
        self._take(0)

    def hashed_arrays(self) -> dict[str, np.ndarray]:
        """What the state hash of a recording covers, by name: all that rules read or draw from."""
        return self.copies.hashed()

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
        return to_png(self.render())

    def __repr__(self) -> str:
        kind = "compiled" if self.compiled else "interpreted"
        return (
            f"<{self.name} {self.map_name!r} {self.height}x{self.width}, {self.n_agents} agents, "
            f"{self.n_worlds} copies, {kind}>"
        )
