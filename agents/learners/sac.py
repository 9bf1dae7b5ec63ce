"""SAC: soft actor-critic with a learned temperature (Haarnoja et al. 2018, "applications"), for continuous actions.

It is paid for reward and for entropy H alike, weighed by a temperature alpha. With a' ~ pi(s') drawn anew, and Q_i' two
critics that follow softly:

- critics: (r + gamma^n (min_i Q_i'(s', a') - alpha log pi(a'|s')) - Q_i(s, a))^2 (eq. 5 and 6);
- actor: alpha log pi(a|s) - min_i Q_i(s, a) with a = f(noise, s), through which gradients flow (eq. 9);
- temperature: alpha moves until the entropy -log pi is what ``target_entropy`` says (eq. 18, of log alpha).

Actions are u = m(s) + e^l(s) noise, squashed: a = middle + half tanh(u), with the density corrected for it (appendix C)
and neither clamped. The logarithm l of the deviation is bent into its range by tanh, so that it always has a gradient.

Departures: that bending, which elsewhere is a cut, and any actions until the warm-up is over.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.ranges import Payoff
from sorrelsim.models.torch.continuous import ActionCritic, ActionRange
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.losses import td_targets
from sorrelsim.models.torch.replay_model import Tensors
from sorrelsim.models.torch.signatures import column
from sorrelsim.models.torch.soft_model import SoftConfig, SoftModel

if TYPE_CHECKING:
    from sorrelsim import ActionSpec, ObservationSpec

LOG_DEVIATION = (-5.0, 2.0)
"""The least and the most that the logarithm of the deviation is before squashing."""


@dataclass(frozen=True)
class SACConfig(SoftConfig):
    """Settings of SAC."""

    target_entropy: Payoff | None = None
    """Entropy that the temperature aims at; null takes -1 for each number of an action, in units of half its range."""


def squashed(mean: Tensor, log_deviation: Tensor, noise: Tensor, actions: ActionRange) -> tuple[Tensor, Tensor]:
    """Returns actions middle + half tanh(u), u = mean + deviation * noise, and the logarithms of their densities.

    log pi(a) = sum_k log N(u_k) - log half_k - log(1 - tanh(u_k)^2), of which the last is
    2 (log 2 - u - softplus(-2 u)), which does not overflow.

    Args:
        mean: [batch, n].
        log_deviation: [batch, n].
        noise: Drawn from N(0, 1), [batch, n].
        actions: The range.

    Returns:
        [batch, *shape] and [batch].
    """
    u = mean + log_deviation.exp() * noise
    of_normal = -0.5 * noise**2 - log_deviation - 0.5 * math.log(2 * math.pi)
    of_tanh = 2 * (math.log(2) - u - F.softplus(-2 * u)) + actions.half.flatten().log()
    return actions.reached(u), (of_normal - of_tanh).sum(1)


class SquashedActor(nn.Module):
    """The default actor: an encoder, and a linear layer for means and deviations."""

    def __init__(
        self, observations: ObservationSpec, n_frames: int, network: NetworkConfig, actions: ActionRange
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network)
        self.head = nn.Linear(self.encoder.n_features, 2 * actions.size)
        self.actions = actions

    def forward(self, noise: Tensor | None = None, **parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns actions [batch, *shape], log-probabilities [batch] and, as their estimate, entropies [batch].

        Args:
            noise: Drawn from N(0, 1), [batch, n]; None takes the mean of what is squashed.
            **parts: The states.
        """
        mean, bent = self.head(self.encoder(parts)).chunk(2, 1)
        low, high = LOG_DEVIATION
        log_deviation = low + (high - low) / 2 * (bent.tanh() + 1)
        noise = torch.zeros_like(mean) if noise is None else noise
        action, log_prob = squashed(mean, log_deviation, noise, self.actions)
        return action, log_prob, -log_prob


class SAC(SoftModel):
    """A SAC learner; the arguments not listed are those of every model.

    Args:
        actor: A network of one's own, ``forward(<part>=[batch, ...], ...) -> action[batch, *shape], log_prob[batch],
            entropy[batch]``, drawn by ``rsample``, so that gradients flow. It may also take ``greedy`` (bool), or
            ``noise`` (from N(0, 1), [batch, n], or None for the best action), or ``action``, which is left None.
        critics: Two networks of one's own, ``forward(<part>=[batch, ...], ..., action) -> q[batch, 1]``.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape, the actor's action has no gradient, or critics are not two.
    """

    Config = SACConfig
    config: SACConfig
    acts = ("continuous",)

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str] | ActionSpec,
        n_streams: int = 1,
        config: SACConfig | None = None,
        seed: int = 0,
        actor: nn.Module | None = None,
        critics: Sequence[nn.Module] | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c = self.config
        self.check_number(critics, 2)
        with self.seeded_init():
            actor = actor or SquashedActor(observations, c.n_frames, c.network, self.range)
            critics = critics or [ActionCritic(observations, c.n_frames, c.network, self.range) for _ in range(2)]
        self._takes = {"greedy", "noise"} & set(inspect.signature(actor.forward).parameters)
        shape = self.range.shape
        told = f"action[{', '.join(map(str, ('B', *shape)))}], log_prob[B], entropy[B]"
        self.take_actor(actor, told, [(2, *shape), (2,), (2,)])
        with self.acting():
            if not self.policy(self.zero_states(), True)[0].requires_grad:
                raise ValueError(f"{self.name}: no gradient flows through the actor's action; draw it by rsample()")
        self.take_critics(critics)
        self.take_temperature()
        usual = (self.range.half.log() - 1).sum().item()
        self.target_entropy = usual if c.target_entropy is None else c.target_entropy

    # Acting

    def policy(self, parts: Tensors, drawn: bool) -> tuple[Tensor, Tensor, Any]:
        """Returns actions, drawn or the best, the logarithms of their densities, [batch], and the actor's extras."""
        given: dict[str, Any] = {"greedy": not drawn} if "greedy" in self._takes else {}
        if "noise" in self._takes:
            shape = len(next(iter(parts.values()))), self.range.size
            given["noise"] = torch.randn(shape, generator=self.generator, device=self.device) if drawn else None
        (action, log_prob, _), extras = self.ask("actor", parts, 3, **given)
        return action.reshape(-1, *self.range.shape), column(log_prob), extras

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns actions drawn from the policy, its best when not exploring, or any until the warm-up is over."""
        exploring, parts = self.explores(seat), self.tensors(states)
        with self.acting(), torch.inference_mode():
            if exploring and self.agent_steps < self.config.warmup:
                return self.range.anything(len(next(iter(parts.values()))), self.generator).cpu().numpy()
            action, _, self.extras = self.policy(parts, exploring)
            return action.cpu().numpy()

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns what its critics, the lesser of the two, say of its best action."""
        parts, _, _ = self.alone(state, seat)
        with self.acting(), torch.inference_mode():
            action, _, _ = self.policy(parts, False)
            return Explanation(value=min(self.value(name, parts, action).item() for name in self.critics))

    # Learning

    def gradient_step(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[dict[str, float], Tensor]:
        """Moves the critics a step, then the actor, then the temperature."""
        alpha = self.temperature
        with torch.no_grad():
            action, log_prob, _ = self.policy(following, True)
            later = torch.minimum(*(self.value(f"{name}_target", following, action) for name in self.critics))
            targets = td_targets(data["rewards"], data["discounts"], later - alpha * log_prob)
        errors = torch.stack([targets - self.value(name, states, data["actions"]) for name in self.critics])
        critic_loss = self.descend_critics((errors**2).sum(0), data)
        with self.critics_held():
            action, log_prob, _ = self.policy(states, True)
            value = torch.minimum(*(self.value(name, states, action) for name in self.critics))
            actor_loss = self.descend_actor(alpha * log_prob - value, data)
        surplus = -log_prob.detach() - self.target_entropy
        shown = {"temperature": alpha.item(), "temperature_loss": self.descend_temperature(surplus, data)}
        return {"loss": critic_loss, "actor_loss": actor_loss} | shown, errors.detach().abs().mean(0)
