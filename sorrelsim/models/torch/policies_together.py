"""Learners on policy of one class and one config as one: one forward pass and one backward pass for all of them.

Each keeps its own loss, the clipping of its own gradients, its own optimiser and its own order of minibatches, so that
its numbers are those that it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.memory.abreast import Abreast
from sorrelsim.models.noted import Means
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.models.together import Together
from sorrelsim.models.torch.distributions import Logits, chance_in, choose
from sorrelsim.models.torch.policies import DefaultPolicy
from sorrelsim.models.torch.stacked import OwnNetwork, differentiate, stack
from sorrelsim.observations.parts import Observation

Batch = dict[str, Tensor]


class PoliciesTogether(Together):
    """Several ``OnPolicyModel`` with default networks, whose actions have names.

    Raises:
        CannotStack: If the networks cannot be asked as one, as those for continuous actions.
    """

    def __init__(self, models: Sequence[Any]) -> None:
        super().__init__(models)
        if not all(type(model.policy) is DefaultPolicy for model in models):
            raise OwnNetwork("actors of one's own draw their actions themselves")
        net, self._fold = stack([model.policy.net for model in models])
        self._net: Any = net
        self._memories = Abreast([model.memory for model in models])
        self._axis = int(models[0].recurrent)  # of a minibatch, along which learners lie

    def take_actions(self, states: Observation, seat: Seat) -> np.ndarray:
        """Draws actions for all in one forward pass, each from its own generator."""
        models, first = self.models, self.models[0]
        exploring = {model.explores(seat) for model in models}
        if len(exploring) > 1:
            return self.one_by_one(states, seat)
        mask = None if seat.mask is None else torch.from_numpy(seat.mask).to(first.device)
        begun = (model.carries(seat) for model in models) if seat.learn else ()
        kept: dict[str, np.ndarray] = next(filter(None, begun), {})  # acting moves them on in place
        with torch.inference_mode():
            said = self._net.split(self._net.step(first.tensors(states), seat.carry))
            draw = chance_in(seat, [model.generator for model in models]) if True in exploring else None
            chosen, log_probs = choose(said, mask, draw)
            actions, values, known = (each.cpu().numpy() for each in (chosen, said.values, log_probs))
        if seat.learn:
            kept["log_probs"] = known
            self._memories.add_choice(states, actions, values, seat.mask, kept, seat.rows)
        return actions

    def remember(self, transition: Transition) -> None:
        """Completes the row of every rollout, as each does alone."""
        t = transition
        self._memories.add_outcome(t.reward, t.terminated, t.terminated | t.truncated)
        if t.truncated.any() or any(model.memory.full for model in self.models):
            for model, part in zip(self.models, self.shares(t), strict=True):
                model.look_ahead(part)

    def train_step(self) -> None:
        """Goes over all rollouts in minibatches, and clears them."""
        models = self.models
        self._fold.hold()
        sources, means = [model.minibatches() for model in models], [Means() for _ in models]
        batches: list[Batch] = [{} for _ in models]
        going = list(range(len(models)))
        while going:
            for k in going:
                batches[k] = next(sources[k], {})
            if not batches[going[0]]:
                break
            shown = self._descend(batches, going)
            going = [k for k, losses in shown if means[k].add(losses) and not models[k].enough(losses)]
        for model in models:
            model.memory.clear()
        for k, model in enumerate(models):
            with self.of(k):
                model.note_losses(means[k].taken())

    def _descend(self, batches: list[Batch], going: list[int]) -> list[tuple[int, dict[str, float]]]:
        """Takes a gradient step of those that are going on; returns which they are, and what is shown of it.

        Those that have had enough are asked with them, about what they were asked last, and it is left at that.
        """
        models, losses, shown = self.models, [], []
        for k, said in enumerate(self._terms(batches)):
            if k in going:
                models[k].policy.said = said
                try:
                    loss, parts = models[k].loss(batches[k])
                finally:
                    models[k].policy.said = None
                losses.append(loss)
                shown.append(parts)
        differentiate(losses, self._fold)
        found = []
        for k, loss, parts in zip(going, losses, shown, strict=True):
            with self.of(k):
                found.append((k, models[k].shown_of(models[k].move(loss, "adam"), parts)))
        return found

    def _terms(self, batches: list[Batch]) -> list[Logits]:
        """Returns what every policy says of its minibatch."""
        first, axis = self.models[0], self._axis
        if first.in_sequences and not first.recurrent:  # each step by itself, as networks take them
            batches = [{name: tensor.flatten(0, 1) for name, tensor in batch.items()} for batch in batches]
        asked = [name for name in batches[0] if name.startswith(("part ", "carry ")) or name == "ended"]
        whole = {name: torch.cat([batch[name] for batch in batches], axis) for name in asked}
        self._fold.per_step = batches[0]["ended"].shape[1] if first.recurrent else None
        try:
            said = self._net.split(self._net.features(whole))
        finally:
            self._fold.per_step = None
        return [Logits(*each) for each in zip(*(part.chunk(len(batches), axis) for part in said), strict=True)]
