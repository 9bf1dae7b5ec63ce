"""A batch of copies of one world: reset, step, observe, render, state in and out.

A world file subclasses :class:`Gridworld` and declares; it writes no method. What was declared is checked in
:mod:`~sorrelsim.engine.declared`; the memory lies in :mod:`~sorrelsim.engine.copies`; a runner, compiled or
interpreted, steps it and writes into an :class:`~sorrelsim.engine.answers.Answer`. Here is what a user calls: actions
are checked before the runner has them, and what it answers is handed out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.engine import remade, states
from sorrelsim.engine.answers import Answer
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.declarations import check_declarations
from sorrelsim.engine.declared import SEEDS, Declared
from sorrelsim.engine.kernel_text import RESET, STEP, VIEW
from sorrelsim.engine.noting import Noting
from sorrelsim.engine.reading import read_rules
from sorrelsim.engine.turns import in_turn, refuse, taken_over
from sorrelsim.observations.parts import Parts, as_public
from sorrelsim.rules import draw
from sorrelsim.settings import flag, whole

State = dict[str, np.ndarray]
_USUAL = np.dtype(np.int64)  # of actions


class Gridworld(Noting):
    """Copies of one world, stepped together. Made by :func:`sorrelsim.make`.

    What a subclass declares: :class:`~sorrelsim.engine.declared.Declared`.

    Attributes:
        copies: The memory of all copies, of which ``grid``, ``occupant``, ``pos``, ``facing``, ``out``, ``frozen``,
            ``rng``, ``turn``, ``episode_return`` and ``event_counts`` are arrays; params and declared state are
            ``copies.params`` and ``copies.state``.
        submitted: The actions of the latest step or, laid down since, of the next: ``int64[copy, agent]``.
        obs: The latest observations, ``[copy, agent, ...]``: an array, or a dict of arrays where there are several.
        reward, terminated, truncated: What else the latest step answered, ``[copy, agent]``.
        action_mask: Which actions each agent may choose now, ``bool[copy, agent, action]``; None where the world
            declares no ``allowed``. It is advice to whoever chooses: ``step`` takes any action.
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
        window: Any = None,
        observation: str = "symbolic",
        sprite_size: int | None = None,
        looks: str | None = None,
        show_facing: bool | None = None,
        compiled: bool = True,
        bounds: bool = False,
        **params: Any,
    ) -> None:
        """Makes the copies and resets them.

        Args:
            n_worlds: Number of copies.
            seed: Seed of all copies, from 0 to 2**128 - 1; copy b's random stream depends on (seed, b) alone.
            map: Name of one of the world's maps, path of a text file, or the map itself.
            n_agents: Number of slots.
            preset: Name of one of the world's presets.
            window: What agents see, instead of the world's own: a :class:`Window` or a mapping of its fields,
                ``"full"`` for the whole map, or a list of these, one for each slot.
            observation: ``symbolic``, ``one_hot``, ``rgb`` or ``ascii``.
            sprite_size: Of ``rgb``: pixels along the side of a cell, 1, 2, 4 or 8, which is the default.
            looks: ``other`` or ``individual``.
            show_facing: Whether others' directions are visible.
            compiled: False runs the rules as plain Python: slow, but breakpoints and prints work.
            bounds: Checks every index that rules use, which is slower. One that is out of bounds is an ``IndexError``
                with file, line and expression, and the step has not happened.
            **params: Values for the world's params: a number, or one per copy.

        Raises:
            ValueError: On a value that is out of range or of the wrong shape, an unknown name, or a bad map.
        """
        check_declarations(type(self), Gridworld, Declared.__annotations__)
        self.compiled, self.bounds = flag(compiled, "compiled"), flag(bounds, "bounds")
        self.seed = whole(seed, "seed", 0, SEEDS)
        self._given = {
            "n_agents": n_agents, "preset": preset, "window": window, "observation": observation,
            "sprite_size": sprite_size, "looks": looks, "show_facing": show_facing,
            "compiled": self.compiled, "bounds": self.bounds,
        }  # fmt: skip
        try:
            form = (observation, sprite_size)
            numbers = self._settle(n_worlds, map, n_agents, preset, window, form, looks, show_facing, params)
            self.copies = Copies(self, numbers, bounds)
        except MemoryError:
            raise ValueError(f"n_worlds is {n_worlds}: so many copies of {self.name} do not fit into memory") from None
        of = self.copies.of
        self.grid, self.occupant, self.pos, self.facing = of["grid"], of["occupant"], of["pos"], of["facing"]
        self.out, self.frozen, self.rng, self.turn = of["out"], of["frozen"], of["rng"], of["turn"]
        self.episode_return, self.event_counts = of["episode_return"], of["events"]
        self.submitted = of["action"]
        self._acting = self.submitted.shape
        self._slots_chosen: set[int] = set()
        self.action_mask: np.ndarray | None = None
        self.observations = dataclasses.replace(self.observations, looks=self.looks_table())
        self._form = self.observations.form_of(self.looks_table())
        self._scratch = self._form.scratch(*self.window.size(self.height, self.width)) if self._form else None
        self._final, *self._answers = (self._new_answer() for _ in range(3))
        self._answer = self._answers[0]
        read_rules(self, self.copies, compiled)
        self._set_out()
        self._final_parts: Parts = {}
        self._plain = not self.scalars
        self._none_ended = np.zeros(self.n_worlds, np.bool_)
        self._none_ended.flags.writeable = False
        self.info: dict[str, Any] = {}
        self._alone: list[None] = [None]
        self.reset(self.seed)

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
            self.seed = whole(seed, "seed", 0, SEEDS)
            self.rng[...] = draw.streams(self.seed, self.n_worlds)
        self._slots_chosen.clear()
        started = self.turn[:, 0] > 0
        self._run(RESET)
        self._take(0)
        self.copies.notes.restarted(self, started)
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
        answer = self._free_answer()
        if mode != STEP:
            answer.clear()
        ended = self._runner.run(mode, answer)
        if ended >= 0:
            self._answer = answer
        return ended

    def _free_answer(self) -> Answer:
        """An answer that nobody holds an array of, so that its arrays can be written again, or a new one."""
        for answer in self._answers:
            if answer is not self._answer and answer.is_free():
                return answer
        self._answers = [*self._answers[-3:], self._new_answer()]
        return self._answers[-1]

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
        if answer.mask is not None:
            self._take_mask(answer.mask)
        if self._plain:
            self.obs: Any = answer.parts["grid"]
        else:
            self.obs = as_public(answer.parts.copy())
        if not ended:
            self.info = {"ended": self._none_ended}
            return
        last = self.copies.of
        tallies = last["last_tallies"]
        over = (self.terminated | self.truncated)[:, 0]
        self._final_parts = self._final.last(over)
        self.info = {
            "ended": over,
            "final_obs": as_public(self._final_parts.copy()),
            "episode_return": last["last_return"].copy(),
            "episode_length": last["last_length"][:, 0].copy(),
            "episode_events": last["last_events"].copy(),
            "episode_steps_out": tallies[..., 0].copy(),
            "episode_paid_steps": tallies[..., 1].copy(),
            "episode_paid_turns": tallies[..., 2].copy(),
        }
        if self._final.mask is not None:
            self.info["final_action_mask"] = self._final.mask.copy()

    def _take_mask(self, mask: np.ndarray) -> None:
        self.action_mask = mask
        if not mask.any(axis=2).all():
            copy, slot = np.argwhere(~mask.any(axis=2))[0]
            raise ValueError(
                f"{self.name}: allowed() forbids agent {slot} in copy {copy} every action; allowed: at least one of "
                f"{', '.join(self.action_names)}"
            )

    @property
    def parts(self) -> Parts:
        """The latest observations by part, ``[copy, agent, ...]``; not to be written to."""
        return self._answer.parts

    @property
    def final_parts(self) -> Parts | None:
        """The last observations of the episodes that ended in the latest step, by part; None where none did."""
        return self._final_parts if "final_obs" in self.info else None

    @property
    def final_action_mask(self) -> np.ndarray | None:
        """What was allowed in those last observations, ``bool[copy, agent, action]``; None where there is no mask."""
        return self.info.get("final_action_mask")

    def _new_answer(self) -> Answer:
        return Answer(self, self.copies.cell, self._form, self._scratch)

    # --------------------------------------------------------------------------------------------------- state

    def get_state(self) -> State:
        """A copy of everything that the future depends on, random streams and params included."""
        if not self._alone:
            refuse(self)
        return {name: array.copy() for name, array in self.copies.saved().items()}

    def set_state(self, state: State) -> None:
        """Goes back to a state of :meth:`get_state`, of this world or of one made alike.

        Raises:
            ValueError: If the state is of another world, map, or number of copies or agents, or holds what no step
                could go on from: an array of another type, a position beyond the map, an unknown id, a number out of
                its range or not finite. The array, index and value are named; nothing is changed then.
        """
        in_turn(self, self._put, states.checked(self, self.copies, state))

    def _put(self, arrays: State) -> None:
        for name, array in self.copies.saved().items():
            array[...] = arrays[name]
        self._slots_chosen.clear()
        self._run(VIEW)
        self._take(0)
        self.copies.notes.restarted(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """What copying and pickling keep: how the world was made, where it is, and what it last answered."""
        return remade.taken_apart(self, self._given, self._slots_chosen, self._final_parts)

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self._put(states.fitting(self, self.copies, kept["state"]))
        self._slots_chosen |= kept["chosen"]
        self._final_parts = kept["final"]
        remade.put_back(self, kept)

    def hashed_arrays(self) -> dict[str, np.ndarray]:
        """What the state hash of a recording covers, by name: all that rules read or draw from."""
        return self.copies.hashed()
