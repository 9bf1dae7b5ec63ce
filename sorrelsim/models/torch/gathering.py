"""How many actors and one learner share the work of a learner: what each of them does, by kind of learner.

An actor's model acts and gathers, and learns nothing. What it has gathered since the last time, a parcel, goes to the
learner, whose model never acts; its weights go the other way.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

import numpy as np
import torch

from sorrelsim.models.memory.shards import Shards, StepsToSend
from sorrelsim.models.torch.on_policy_model import OnPolicyModel
from sorrelsim.models.torch.replay_model import ReplayModel
from sorrelsim.models.torch.torch_model import TorchModel

Weights = dict[str, Any]
"""What an actor has to know of its learner: ``networks`` as arrays by name, counters and epsilon."""
_NEXT = "value of the states that come next"


def acting_class(cls: type[TorchModel]) -> type[TorchModel]:
    """Returns a learner's class as an actor has it: the same, but that it leaves learning to another."""
    return type(cls.__name__, (cls,), {"learn": _leave_learning, "__module__": cls.__module__})


def _leave_learning(self: TorchModel, n_steps: int) -> None:
    """Does nothing: the learner learns, and counts the steps."""


def weights_of(model: TorchModel) -> Weights:
    """Returns what actors are to act by; target networks stay at home."""
    targets = getattr(model, "targets", {})
    return {
        "networks": {
            name: {key: value.detach().cpu().numpy().copy() for key, value in net.state_dict().items()}
            for name, net in model.networks.items()
            if name not in targets
        },
        "agent_steps": model.agent_steps,
        "gradient_steps": model.gradient_steps,
        "fixed_epsilon": model._fixed_epsilon,
    }


def take_weights(model: TorchModel, weights: Weights) -> None:
    """Lets an actor's model act as its learner would have when it gave these."""
    for name, arrays in weights["networks"].items():
        model.networks[name].load_state_dict({key: torch.from_numpy(np.array(a)) for key, a in arrays.items()})
    model.agent_steps, model.gradient_steps = weights["agent_steps"], weights["gradient_steps"]
    model._fixed_epsilon = weights["fixed_epsilon"]


class Gathering(ABC):
    """One of these goes with the learner's model, and one with each actor's.

    Args:
        model: The model.
        n_actors: Actors in all.

    Attributes:
        by_memory: (class) Whether parcels go straight to the memory.
        under_way: (class) Turns of work that an actor is given ahead.
        turns: World-steps after which an actor sends a parcel.
    """

    by_memory: ClassVar[bool] = False
    under_way: ClassVar[int] = 2
    turns: int

    def __init__(self, model: Any, n_actors: int) -> None:
        self.model, self.n_actors = model, n_actors

    def lead(self) -> None:  # noqa: B027
        """Makes the model the learner's; by default nothing is changed."""

    def serve(self, number: int) -> None:  # noqa: B027
        """Makes the model that of one of the actors; by default nothing is changed."""

    @abstractmethod
    def gather(self) -> None:
        """Takes up what an actor's model has remembered; called after every world-step."""

    @abstractmethod
    def parcel(self) -> list[Any]:
        """Returns what was gathered since the last call."""

    @abstractmethod
    def learn(self, parcel: list[Any], turns: int) -> Iterator[None]:
        """Lets the learner's model learn from what an actor sent, a step of it at a time.

        Args:
            parcel: What was sent; empty where it went to the memory.
            turns: World-steps that it holds.
        """


class ByRollout(Gathering):
    """Actors send rollouts, with what they thought when acting; as many as there are actors make one of the learner's.

    Which actors they are of does not matter (Espeholt et al. 2018, section 3).
    """

    model: OnPolicyModel

    def __init__(self, model: OnPolicyModel, n_actors: int) -> None:
        super().__init__(model, n_actors)
        self.turns = model.config.n_steps
        self._rollouts: list[Any] = []

    def gather(self) -> None:
        """Takes up the rollout, if it is full, and clears it."""
        memory = self.model.memory
        if memory.full:
            arrays: Mapping[str, np.ndarray] = memory.state_dict()["arrays"]
            self._rollouts.append({**arrays, _NEXT: self.model._next_value.copy()})
            memory.clear()

    def parcel(self) -> list[Any]:
        """Returns the rollouts gathered since the last call."""
        gathered, self._rollouts = self._rollouts, []
        return gathered

    def learn(self, parcel: list[Any], turns: int) -> Iterator[None]:
        """Lets the learner learn whenever enough rollouts have come together."""
        model = self.model
        for rollout in parcel:
            self._rollouts.append(rollout)
            if len(self._rollouts) == self.n_actors:
                model.memory.join(self._rollouts)
                model._next_value = np.concatenate([each[_NEXT] for each in self._rollouts])
                self._rollouts = []
            model.learn(model.memory.n_steps * model.n_streams // self.n_actors)
            yield


class ByGradient(Gathering):
    """Actors work out gradients at the weights that they acted by, and the learner moves its weights by them.

    They are those that it has moved since (Mnih et al. 2016, algorithm S3).
    """

    under_way: ClassVar[int] = 1
    model: OnPolicyModel

    def __init__(self, model: OnPolicyModel, n_actors: int) -> None:
        super().__init__(model, n_actors)
        self.turns = model.config.n_steps
        self._found: list[dict[str, Any]] = []

    def serve(self, number: int) -> None:
        """Gives the actor its part of the groups of streams that have a gradient each."""
        model = self.model
        groups = max(1, model.config.n_minibatches // self.n_actors)
        model.config = dataclasses.replace(model.config, n_minibatches=groups)

    def gather(self) -> None:
        """Works out the gradients of the rollout, if it is full, and clears it."""
        model = self.model
        if not model.memory.full:
            return
        moved = model.optimizers["adam"].parameters
        with model.learning():
            for batch in model.minibatches():
                loss, shown = model.loss(batch)
                gradients = torch.autograd.grad(loss, moved, allow_unused=True)
                arrays = [None if each is None else each.cpu().numpy() for each in gradients]
                self._found.append({"loss": loss.item(), "shown": shown.tolist(), "gradients": arrays})
        model.memory.clear()

    def parcel(self) -> list[Any]:
        """Returns the gradients found since the last call."""
        found, self._found = self._found, []
        return found

    def learn(self, parcel: list[Any], turns: int) -> Iterator[None]:
        """Moves the learner's weights by each gradient, one after the other."""
        model = self.model
        model.learn(turns * model.n_streams // self.n_actors)  # counts: the learner's own rollout is never full
        for found in parcel:
            moved = model.optimizers["adam"].parameters
            pairs = zip(moved, found["gradients"], strict=True)
            # A sum that has these gradients; its own value gives way to that of the loss which they are of.
            terms = [(p * torch.from_numpy(np.array(g)).to(p.device)).sum() for p, g in pairs if g is not None]
            total = torch.stack(terms).sum()
            with model.learning():
                loss = model.descend(total - total.detach() + found["loss"], "adam")
            model.note_losses(dict(zip(("loss", *model.shown), [loss, *found["shown"]], strict=True)))
            model.gradient_steps += 1
            yield


class BySteps(Gathering):
    """Actors send steps, with what they thought of them, to a memory that the learner draws from.

    Horgan et al. 2018, algorithms 1 and 2. The learner takes its gradient steps as agent-steps come in.
    """

    by_memory: ClassVar[bool] = True
    turns = 50  # as many as their actors send at once
    model: ReplayModel

    def lead(self) -> None:
        """Gives the learner a memory of as many shards as there are actors."""
        self.model.memory = cast(Any, Shards(self.model.memory_plan(), self.n_actors))

    def serve(self, number: int) -> None:
        """Gives the actor its part of the ladder of exploring, and a memory that only passes on."""
        model: Any = self.model
        model.part, model.memory = (number, self.n_actors), StepsToSend(model.n_streams)
        model.memory.add_empty()  # what comes does not follow what another actor of this number sent

    def gather(self) -> None:
        """Does nothing: steps are kept as they are remembered."""

    def parcel(self) -> list[Any]:
        """Returns the steps remembered since the last call."""
        return cast(Any, self.model.memory).take()

    def learn(self, parcel: list[Any], turns: int) -> Iterator[None]:
        """Takes the gradient steps that have fallen due."""
        for _ in range(turns):
            self.model.learn(self.model.n_streams // self.n_actors)
            yield
