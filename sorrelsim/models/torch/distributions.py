"""What a policy says of a batch of states: probabilities of actions, in one of three forms, and values beside them.

``Logits`` for actions with names, ``Gaussian`` for continuous ones, ``Terms`` for whatever a network of one's own says
of the actions taken. A loss asks ``as_terms``, whichever it is; only one that wants to be quicker looks which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation
from sorrelsim.models.seat import Deal, Seat
from sorrelsim.models.torch.losses import mask_logits
from sorrelsim.models.torch.on_cpu import array_of, compiles, loss_kernels

if TYPE_CHECKING:
    from sorrelsim.observations.actions import ActionSpec


Generators = torch.Generator | Sequence[torch.Generator]


class Dealt(NamedTuple):
    """Generators whose numbers are dealt out to shares of the streams."""

    generators: Generators
    deal: Deal


Chance = Generators | Dealt
"""Where chance comes from: one generator, or one for each of equal parts of a batch's rows; perhaps dealt out."""


def chance_in(seat: Seat, generators: Generators) -> Chance:
    """Returns where chance comes from in a seat, or in a share of it."""
    return generators if seat.deal is None else Dealt(generators, seat.deal)


def uniform(n_rows: int, n: int, chance: Chance, device: torch.device) -> Tensor:
    """Returns numbers between 0 and 1, [n_rows, n]."""
    return _drawn(lambda rows, each: torch.rand(rows, n, generator=each, device=device), n_rows, chance)


def normal(n_rows: int, n: int, chance: Chance, device: torch.device) -> Tensor:
    """Returns numbers of mean 0 and deviation 1, [n_rows, n]."""
    return _drawn(lambda rows, each: torch.randn(rows, n, generator=each, device=device), n_rows, chance)


def _drawn(draw: Callable[[int, torch.Generator], Tensor], n_rows: int, chance: Chance) -> Tensor:
    """Returns what ``draw`` gives for some rows and a generator; of a share, its part of what all rows get."""
    if isinstance(chance, torch.Generator):
        return draw(n_rows, chance)
    if not isinstance(chance, Dealt):
        return torch.cat([draw(n_rows // len(chance), each) for each in chance])
    generators, deal = chance
    each = [generators] if isinstance(generators, torch.Generator) else generators
    parts = [deal.part(lambda rows, one=one: draw(rows, one)) for one in each]  # type: ignore[misc]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class Logits(NamedTuple):
    """Of actions with names: [..., actions] and [...]."""

    logits: Tensor
    values: Tensor


class Gaussian(NamedTuple):
    """Of continuous actions of ``size`` independent numbers: means [..., size], log-deviations [size], values [...]."""

    means: Tensor
    log_stds: Tensor
    values: Tensor


class Terms(NamedTuple):
    """Of the actions taken, each [...]."""

    log_probs: Tensor
    entropy: Tensor
    values: Tensor


class Spread(nn.Module):
    """Makes a Gaussian of a head's results: the deviations are learned apart from what is seen.

    Numbers that have a least and a most are thought of in halves of their range about its middle, so that a head that
    says 0 means the middle, and the deviation begins at half of the range; others as they are, with deviation 1. What
    is drawn beyond the range is cut off by the Agent, and learned from as it was drawn.

    Args:
        actions: What can be done.
    """

    def __init__(self, actions: ActionSpec) -> None:
        super().__init__()
        low, high = torch.tensor(actions.low), torch.tensor(actions.high)
        bounded = torch.isfinite(low) & torch.isfinite(high)
        self.log_stds = nn.Parameter(torch.zeros(actions.size))
        self.register_buffer("middles", torch.where(bounded, (low + high) / 2, 0.0), persistent=False)
        self.register_buffer("halves", torch.where(bounded, (high - low) / 2, 1.0), persistent=False)
        self.middles: Tensor
        self.halves: Tensor

    def forward(self, results: Tensor, values: Tensor) -> Gaussian:
        """Turns a head's results, [..., size], to a Gaussian."""
        return Gaussian(self.middles + self.halves * results, self.log_stds + self.halves.log(), values)


def choose(said: Logits | Gaussian, mask: Tensor | None, draw: Chance | None) -> tuple[Tensor, Tensor]:
    """Chooses actions for a batch.

    Args:
        said: Of the states, [batch, ...].
        mask: Allowed actions, bool [batch, actions], or None; for actions with names.
        draw: Where chance comes from; None takes the likeliest.

    Returns:
        The actions, int64 [batch] or float32 [batch, size], and their log-probabilities, [batch].
    """
    if isinstance(said, Gaussian):
        actions = said.means
        if draw is not None:
            actions = actions + said.log_stds.exp() * normal(len(actions), actions.shape[1], draw, actions.device)
        return actions, _log_density(said, actions)
    log_p = F.log_softmax(mask_logits(said.logits, mask), 1)
    chosen = log_p.argmax(1) if draw is None else draw_actions(log_p, draw)
    return chosen, log_p.gather(1, chosen.unsqueeze(1)).squeeze(1)


def explained(said: Logits | Gaussian, mask: Tensor | None) -> Explanation:
    """Returns what is said of one state, a batch of one: the chances of its actions, if they have names, and its value.

    Args:
        said: Of the state, [1, ...].
        mask: Allowed actions, bool [1, actions], or None.
    """
    value = said.values.item()
    if isinstance(said, Gaussian):
        return Explanation(value=value)
    return Explanation(F.softmax(mask_logits(said.logits, mask)[0].double(), 0).cpu().numpy(), value=value)


def draw_actions(log_p: Tensor, generator: Chance) -> Tensor:
    """Draws actions by their log-probabilities, by inversion: one uniform number per row, int64 [batch].

    The number stays below the sum of the probabilities whatever the rounding, so that no action of probability 0 is
    ever drawn.
    """
    edges = log_p.exp().cumsum(1)
    place = uniform(len(edges), 1, generator, edges.device) * (1 - 1e-6)
    return (edges <= place * edges[:, -1:]).sum(1)


def as_terms(said: Logits | Gaussian | Terms, batch: dict[str, Tensor]) -> Terms:
    """Returns what is said of the ``actions`` of a minibatch, whose ``masks`` say what was allowed."""
    if isinstance(said, Logits):
        log_p = F.log_softmax(mask_logits(said.logits, batch.get("masks")), -1)
        taken = log_p.gather(-1, batch["actions"].unsqueeze(-1)).squeeze(-1)
        return Terms(taken, -(log_p.exp() * log_p).sum(-1), said.values)
    if isinstance(said, Gaussian):
        # The entropy of a number is log sigma + log(2 pi e) / 2, whatever its mean.
        entropy = said.log_stds.sum() + 0.5 * len(said.log_stds) * (math.log(2 * math.pi) + 1)
        return Terms(_log_density(said, batch["actions"]), entropy.expand(said.values.shape), said.values)
    return said


def log_probs_of(said: Logits | Gaussian | Terms, batch: dict[str, Tensor]) -> Tensor:
    """Returns the log-probabilities of ``actions`` of a minibatch, as ``as_terms`` does, and nothing else, [...].

    They have no gradients.
    """
    if isinstance(said, Logits):
        logits, actions = mask_logits(said.logits, batch.get("masks")), batch["actions"]
        if compiles(logits):  # in a fifth of the time of a softmax of so few
            into = torch.empty(actions.shape)
            flat = array_of(logits.flatten(0, -2)), array_of(actions.flatten()), into.flatten().numpy()
            if not loss_kernels().log_probs(*flat):
                raise IndexError(f"actions {actions.unique().tolist()}: allowed are 0 to {logits.shape[-1] - 1}")
            return into
        return F.log_softmax(logits, -1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    return _log_density(said, batch["actions"]) if isinstance(said, Gaussian) else said.log_probs


def divergence(old: Logits | Gaussian | Terms, new: Logits | Gaussian | Terms, batch: dict[str, Tensor]) -> Tensor:
    """Returns the Kullback-Leibler divergence of a new policy from an old one in each state, KL(old || new), [...].

    Of ``Terms``, which only know the actions taken, an estimate: r - 1 - log r with r = new(a) / old(a), which is never
    negative, right on average, and whose curvature where both agree is that of the actions' log-probabilities
    (Schulman 2020, "Approximating KL divergence").
    """
    if isinstance(old, Logits) and isinstance(new, Logits):
        log_p, log_q = (F.log_softmax(mask_logits(each.logits, batch.get("masks")), -1) for each in (old, new))
        return (log_p.exp() * (log_p - log_q)).sum(-1)
    if isinstance(old, Gaussian) and isinstance(new, Gaussian):
        ratio = (2 * (old.log_stds - new.log_stds)).exp()
        moved = ((old.means - new.means) * (-new.log_stds).exp()) ** 2
        return (new.log_stds - old.log_stds + 0.5 * (ratio + moved - 1)).sum(-1)
    log_ratio = as_terms(new, batch).log_probs - as_terms(old, batch).log_probs
    return log_ratio.exp() - 1 - log_ratio


def _log_density(said: Gaussian, actions: Tensor) -> Tensor:
    """Returns the sum over an action's numbers of log N(number; mean, sigma^2), [...]."""
    distance = (actions.reshape(said.means.shape) - said.means) * (-said.log_stds).exp()
    return -(0.5 * distance**2 + said.log_stds).sum(-1) - 0.5 * len(said.log_stds) * math.log(2 * math.pi)
