"""Learners of actions' values of one class and one config as one: one pass of the networks for all of them.

What a learner says of its losses, sample by sample, is asked once about the samples of all. Each keeps its own mean of
them, the clipping of its own gradients, its optimiser, its priorities and its target.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from sorrelsim.models.seat import Seat
from sorrelsim.models.together import Together
from sorrelsim.models.torch.adam import beginnings
from sorrelsim.models.torch.exploration import draws_in, epsilon_greedy
from sorrelsim.models.torch.stacked import Fold, OwnNetwork, Vmapped, differentiate, stack
from sorrelsim.observations.parts import Observation


class ValuesTogether(Together):
    """Several ``ValueModel``.

    Raises:
        CannotStack: If the networks cannot be asked as one.
    """

    def __init__(self, models: Sequence[Any]) -> None:
        super().__init__(models)
        # The first in all but this: its networks are those of all, and it draws from each one's own chance.
        self._all = copy.copy(models[0])
        self._all.networks, self._all.generator = {}, [model.generator for model in models]
        self._folds: dict[str, Fold] = {}
        self._own: list[nn.Module] = []
        for name in models[0].networks:
            self._all.networks[name], self._folds[name] = self._as_one([model.networks[name] for model in models])
        if self._own:
            self._try_out()

    def take_actions(self, states: Observation, seat: Seat) -> np.ndarray:
        """Chooses the allowed actions of the highest value, or random ones, all by one pass of the network.

        Where values are drawn, the same for all streams of a learner, each is asked alone.
        """
        models, first = self.models, self.models[0]
        if first.draws_to_act:
            return self.one_by_one(states, seat)
        self._prepare(learning=False)
        with torch.inference_mode():
            values, _ = self._all.action_values(first.tensors(states), {})
            chosen = []
            for model, own, each in zip(models, self.seats(seat), values.chunk(len(models)), strict=True):
                chances = model.chances(len(each)) if model.explores(seat) else 0.0
                chosen.append(epsilon_greedy(each, own.mask, chances, draws_in(own, model.rng)))
        return np.concatenate(chosen)

    def train_step(self) -> None:
        """Takes one gradient step of each on a batch of its own, and notes the loss."""
        models = self.models
        drawn = [model.next_batch() for model in models]
        self._prepare(learning=True)
        whole = [{name: torch.cat([each[k][name] for each in drawn]) for name in drawn[0][k]} for k in range(3)]
        losses, errors = self._all.losses(*whole)
        shares = whole[2]["shares"]
        samples, begin, slopes = beginnings(losses, shares)
        differentiate([begin], self._folds["online"], [slopes])
        each = zip(samples.chunk(len(models)), shares.chunk(len(models)), strict=True)
        totals = [part.dot(counts) for part, counts in each]
        for k, (model, error) in enumerate(zip(models, errors.detach().chunk(len(models)), strict=True)):
            with self.of(k):
                shown = {"loss": model.move(totals[k], "adam")}
                model.complete_step(shown, error, drawn[k].places)
                model.note_losses(shown)

    def _prepare(self, learning: bool) -> None:
        """Brings what asks for all up to date, before it acts or learns."""
        self._all.agent_steps = self.models[0].agent_steps
        for fold in self._folds.values():
            fold.hold()
        for net in self._own:
            net.train(learning)

    def _as_one(self, nets: Sequence[nn.Module]) -> tuple[nn.Module, Fold]:
        try:
            return stack(nets)
        except OwnNetwork:
            whole = Vmapped(nets)
        self._own.append(whole)
        return whole, whole.fold

    def _try_out(self) -> None:
        """Asks networks of one's own as one and each alone, about states of zeros.

        Raises:
            OwnNetwork: If they do not answer the same.
        """
        models, kind = self.models, type(self.models[0].networks["online"]).__name__
        if models[0].draws_to_act:
            raise OwnNetwork(f"{kind} is asked at fractions that each draws itself")
        zeros = models[0].zero_states()
        of_all = {name: torch.cat([part] * len(models)) for name, part in zeros.items()}
        for learning in (True, False):
            self._prepare(learning)
            try:
                with torch.no_grad():
                    whole, extras = self._all.action_values(of_all, {})
                    alone = [model.ask("online", zeros)[0] for model in models]
            except Exception as error:  # whatever a user's network does, and vmap does not know
                raise OwnNetwork(f"{kind} cannot be asked for several at once: {error}") from error
            if extras is not None or not torch.allclose(whole, torch.cat(alone), rtol=1e-4, atol=1e-5):
                raise OwnNetwork(f"{kind} answers otherwise when it is asked for several at once")
