"""An Agent seats a model in slots of a world: it observes, stacks frames, submits actions and passes on rewards.

It is where arrays ``[copy, agent, ...]`` of a world become ``[stream, ...]`` of a model. Inside, observations are parts
by name; the model gets them as users do, a bare array where the grid is all.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.base import BaseModel
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.fitting import IDENTITY, check_fits
from sorrelsim.models.rewards import Individual, RewardTransform
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.observations.parts import Observation, Parts, as_public

if TYPE_CHECKING:
    from sorrelsim.observations.playable import Playable, Symbolic

_ALL = slice(None)


class Agent:
    """A model in one or several slots of every copy of a world. Several slots share the model's parameters.

    Args:
        world: The world; only its shape is kept.
        slots: The slots that the model plays.
        model: The model; its ``n_streams`` must be copies x slots if it learns here, and what it was built to observe
            and do what the world shows and lets it do, to the meaning of every id.
        transform: Makes the rewards that the model is told out of the world's; None leaves them alone.
        learn: False for a player that is told what happens, and does not learn from it.
        explore: Whether it explores. None leaves it to what the model is: one that learns explores, any other is played
            as it is meant to be (``model.plays``).
        n_members: Learners that the model is made of (``Together``), each in as many of the slots, in their order; its
            streams are those of one member after the other.

    Attributes:
        slots: The slots, int64.
        n_worlds: Copies of the world.
        model: The model.
        transform: Its own copy of the reward transform.
        seat: What the model knows of this place.
        explainable: Whether ``explain`` may be asked after it chose too: then the carry is kept as it was before.

    Raises:
        ValueError: If the world has no such slots or other actions, or the model another number of streams, or it
            learns in another Agent already.
    """

    def __init__(
        self,
        world: Playable,
        slots: Sequence[int],
        model: BaseModel,
        transform: RewardTransform | None = None,
        learn: bool = True,
        explore: bool | None = None,
        n_members: int = 1,
    ) -> None:
        self.slots = np.asarray(slots, np.int64).reshape(-1)
        if not self.slots.size or self.slots.min() < 0 or self.slots.max() >= world.n_agents:
            raise ValueError(f"slots {list(slots)}: this world has slots 0 to {world.n_agents - 1}")
        if len(set(self.slots.tolist())) != self.slots.size:
            raise ValueError(f"slots {list(slots)}: a slot is named twice")
        self.n_worlds, self._n_slots = world.n_worlds, self.slots.size // n_members  # of each member
        n_streams = world.n_worlds * self.slots.size
        if learn and not model.n_streams:
            raise ValueError(f"{model.name} was built to play only, with no stream to learn from")
        if learn and model.is_filled and model.n_streams != n_streams:
            raise ValueError(
                f"{model.name} was built for {model.n_streams} streams; {world.n_worlds} copies x "
                f"{self.slots.size} slots make {n_streams}"
            )
        check_fits(world, model, self._n_slots)
        self.model, self._spec = model, model.action_spec
        # Its own copy: a transform that two agents shared would take every step's rewards twice.
        self.transform = copy.deepcopy(transform) if transform is not None else Individual()
        if explore is None:
            explore = learn or model.plays == "sampled"
        self.seat = Seat(n_streams, model.new_carry(n_streams), explore=explore, learn=learn)
        if learn:
            model.take_seat(self.seat)
        first, last = int(self.slots[0]), int(self.slots[-1])
        consecutive = np.array_equal(self.slots, np.arange(first, last + 1))
        self._columns: slice | np.ndarray = slice(first, last + 1) if consecutive else self.slots
        self._only = first if self.slots.size == 1 else None
        self._identity: np.ndarray | None = None
        if IDENTITY in model.observations.parts and IDENTITY not in world.observations.parts:
            self._identity = np.tile(np.eye(self._n_slots, dtype=np.float32), (n_streams // self._n_slots, 1))
        self._stack: dict[str, np.ndarray] = {}
        if model.n_frames > 1:
            self._stack = {
                name: np.zeros((n_streams, model.n_frames, *part.shape), part.dtype)
                for name, part in model.remembered.parts.items()
            }
        self._frames: Parts | None = None
        self._actions: np.ndarray | None = None
        self.explainable = False
        self._before: dict[str, np.ndarray] = {}

    @property
    def learn(self) -> bool:
        """Whether the model learns from what happens here."""
        return self.seat.learn

    def transition(self, world: Playable) -> None:
        """Observes, chooses and submits an action for every stream; the world moves when it is stepped."""
        self.act(world, self.model.take_actions(self.observe(world), self.seat))

    def act(self, world: Playable, actions: np.ndarray) -> None:
        """Submits what the model chose in the states that :meth:`observe` gave, [n_streams, ...]."""
        self._actions = actions
        world.submit(self.slots, self._by_copy(actions, self.n_worlds))

    def _by_copy(self, actions: np.ndarray, n_copies: int) -> np.ndarray:
        """Turns actions of the streams of some copies to [n_copies, slots, ...], as worlds take them."""
        chosen = self._spec.clip(actions).reshape(-1, n_copies, self._n_slots, *self._spec.shape)
        return chosen.swapaxes(0, 1).reshape(n_copies, self.slots.size, *self._spec.shape)

    def overrule(self, slot: int, action: int) -> None:
        """Takes in that somebody else acts in one of its slots: the model is told of that action as what was done.

        Call it between ``transition`` and ``remember``; not where it learns, for its own choice is what it learns from.
        """
        assert self._actions is not None
        done = self._actions.reshape(self.n_worlds, self.slots.size, *self._spec.shape).copy()
        done[:, self.slots == slot] = action
        self._actions = done.reshape(-1, *self._spec.shape)

    def observe(self, world: Playable) -> Observation:
        """Takes in the world's latest frames and what is allowed; returns the states of all streams, as the model's."""
        if self.explainable:
            self._before = self.model.save_carry(self.seat.carry)
        mask = world.action_mask
        self.seat.mask = None if mask is None else self._streams(mask)
        self._frames = self._frames_of(self._seen(world))
        for name, stack in self._stack.items():  # frames before an episode's first stay zero
            stack[:, :-1], stack[:, -1] = stack[:, 1:], self._frames[name]
        return as_public(self._states())

    def _states(self) -> Parts:
        """Returns the states that it chooses in, as taken in last."""
        return self._stack or cast(Parts, self._frames)

    def explain(self, world: Playable, slot: int, copy: int = 0) -> Explanation | None:
        """Returns what the model makes of what it sees in a slot now, whether it has chosen already or not.

        It changes nothing: neither carry nor frames, nor what the model draws next.

        Args:
            world: The world, as it is now.
            slot: One of its slots.
            copy: Which copy of the world.

        Raises:
            ValueError: If it has no such slot, or what the model says does not fit its actions or its window.
        """
        if slot not in self.slots:
            raise ValueError(f"slot {slot} is another agent's; this one plays {self.slots.tolist()}")
        model, row = self.model, copy * self.slots.size + int(np.flatnonzero(self.slots == slot)[0])
        states = self._states() if self._frames else self._stacked(self._frames_of(self._seen(world)), slice(None))
        carries = self._before or model.save_carry(self.seat.carry)
        mask = None if world.action_mask is None else self._streams(world.action_mask)[row : row + 1]
        seat = Seat(1, model.new_carry(1), mask, self.seat.explore)
        model.load_carry(seat.carry, {name: rows[row : row + 1] for name, rows in carries.items()})
        drawn = model.random_state()
        try:
            told = model.explain(as_public({name: part[row].copy() for name, part in states.items()}), seat)
        finally:
            model.set_random_state(drawn)
        if told is not None:
            told.check(model.action_space, model.observations.cells)
        return told

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought: tells the model, which learns if it is to and if it is due.

        Raises:
            RuntimeError: If it is called before ``transition``.
        """
        self.take_in(world)
        if self.learn:
            self.model.learn(self.seat.n_streams)

    def take_in(self, world: Playable) -> None:
        """Tells the model what the step brought, and leaves learning to whoever calls this.

        Raises:
            RuntimeError: If it is called before ``transition``.
        """
        if self._frames is None or self._actions is None:
            raise RuntimeError("remember() before transition(): there is no step to remember")
        terminated, truncated = self._streams(world.terminated), self._streams(world.truncated)
        over = world.terminated | world.truncated
        ended = np.flatnonzero(self._streams(over))
        reward = self._streams(self.transform(world.reward, over))
        final_obs = final_states = final_mask = None
        if ended.size and world.final_parts is not None:
            final = self._frames_of(self._seen_last(world), ended)
            final_obs, final_states = as_public(final), as_public(self._stacked(final, ended))
            allowed = world.info.get("final_action_mask")
            final_mask = None if allowed is None else self._streams(allowed)[ended]
        self.model.remember(
            Transition(
                as_public(self._frames),
                self._actions,
                reward,
                terminated,
                truncated & ~terminated,
                ended,
                final_obs,
                final_states,
                lambda: as_public(self._next_states(world, ended)),
                self.seat,
                final_mask,
                None if world.action_mask is None else self._streams(world.action_mask),
            )
        )
        if ended.size:
            for stack in self._stack.values():
                stack[ended] = 0
            if self.seat.carry:
                self.model.reset_carry(self.seat.carry, ended)
        self._frames, self._actions, self._before = None, None, {}

    def reset(self) -> None:
        """Begins anew in all streams: forgets frames and carry, and ends what is remembered of running episodes.

        Call it when the world is reset by hand.
        """
        for stack in self._stack.values():
            stack[:] = 0
        self.model.reset_carry(self.seat.carry, np.arange(self.seat.n_streams))
        self.transform.reset()
        self._frames, self._actions, self._before = None, None, {}
        if self.learn:
            self.model.interrupt()

    def lie_in(self, whole: Agent, k: int) -> None:
        """Makes its frames and its carry parts of a whole's, as its member k; the whole goes on with them."""
        rows = slice(k * self.seat.n_streams, (k + 1) * self.seat.n_streams)
        for own, wholes in ((self._stack, whole._stack), (self.seat.carry, whole.seat.carry)):
            for name, array in wholes.items():
                array[rows] = own[name]
                own[name] = array[rows]

    def state_dict(self) -> dict[str, Any]:
        """Returns stacked frames, carry and the transform's state, between two steps. The model saves itself."""
        return {
            "stack": {name: stack.copy() for name, stack in self._stack.items()},
            "carry": self.model.save_carry(self.seat.carry),
            "transform": self.transform.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If an array is missing, or of another shape or type; then nothing has changed.
        """
        checked.names("the agent's state", state, ("stack", "carry", "transform"))
        kept, stack = self.model.kept, state["stack"]
        if kept is not None and isinstance(stack, Mapping) and kept.is_observed(stack.get("grid"), 2):
            state = {**state, "stack": {**stack, "grid": kept.read(stack["grid"])}}  # as it was kept before
        for what, ours in (("stack", self._stack), ("carry", self.model.save_carry(self.seat.carry))):
            saved = checked.names(what, state[what], ours)
            for name, array in ours.items():
                checked.array(f"{what} {name}", np.asarray(saved[name]), array.shape, array.dtype)
        for name, stack in self._stack.items():
            stack[:] = state["stack"][name]
        self.model.load_carry(self.seat.carry, state["carry"])
        self.transform.load_state_dict(state["transform"])

    def _streams(self, array: np.ndarray) -> np.ndarray:
        """Turns [n_worlds, n_agents, ...] to [n_streams, ...] of its slots; a view where it plays one or all."""
        if self._only is not None:
            return array[:, self._only]
        streams = array[:, self._columns].reshape(self.n_worlds, -1, self._n_slots, *array.shape[2:])
        return streams.swapaxes(0, 1).reshape(-1, *array.shape[2:])

    def _seen(self, world: Playable) -> Parts:
        """Returns what every slot sees now, as symbols where the model keeps those."""
        return world.parts if self.model.kept is None else cast("Symbolic", world).symbolic_parts

    def _seen_last(self, world: Playable) -> Parts:
        """Returns what slots saw last of the episodes that ended."""
        last = world.final_parts if self.model.kept is None else cast("Symbolic", world).final_symbolic_parts
        assert last is not None
        return last

    def _frames_of(self, parts: Parts, streams: slice | np.ndarray = _ALL) -> Parts:
        """Returns one frame of every stream, or of some, the part that tells slots apart included."""
        frames = {name: self._streams(part)[streams] for name, part in parts.items()}
        if self.model.kept is not None:
            frames["grid"] = self.model.kept.keep(frames["grid"])
        return frames if self._identity is None else frames | {IDENTITY: self._identity[streams]}

    def _stacked(self, frames: Parts, streams: slice | np.ndarray) -> Parts:
        """Returns the states of some streams that end with given frames, leaving the stacks as they are."""
        if not self._stack:
            return frames
        return {
            name: np.concatenate([self._stack[name][streams, 1:], frame[:, None]], axis=1)
            for name, frame in frames.items()
        }

    def _next_states(self, world: Playable, ended: np.ndarray) -> Parts:
        """Returns the states that ``transition`` will act on next, leaving the stacks as they are."""
        states = self._stacked(self._frames_of(self._seen(world)), slice(None))
        for name in self._stack:
            states[name][ended, :-1] = 0
        return states
