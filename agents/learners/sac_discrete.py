"""SAC for named actions (Christodoulou 2019): means over all actions take the place of draws.

With pi(s) the probabilities of all actions and Q(s) their values by two critics, vectors both:

- critics: the mean of (r + gamma^n V(s') - Q_i(s)[a])^2, V(s) = pi(s) . (min_i Q_i'(s) - alpha log pi(s)) (eq. 10);
- actor: pi(s) . (alpha log pi(s) - min_i Q_i(s)) (eq. 12);
- temperature: alpha moves until the entropy -pi(s) . log pi(s) is what is aimed at (eq. 11, of log alpha).

What is aimed at is a share of the entropy of random play, by default less than the paper's 0.98, which leaves hardly
any policy. Forbidden actions have no probability, and do not count among those that could be played.

Departures: that share, and forbidden actions, of which the paper has none. What the default actor's softmax gets is
bent into -5 to 5, or a policy that went for one action early would have no gradient that leads back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.agents.learners.dqn import QNet
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.ranges import Probability
from sorrelsim.models.torch.continuous import DeterministicActor, allowed
from sorrelsim.models.torch.losses import td_targets
from sorrelsim.models.torch.policies import draw_actions
from sorrelsim.models.torch.replay_model import Tensors
from sorrelsim.models.torch.soft_model import SoftConfig, SoftModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class SACDiscreteConfig(SoftConfig):
    """Settings of SAC for named actions."""

    target_entropy: Probability = 0.5
    """Entropy that the temperature aims at, as a share of that of random play among the allowed actions."""


def soft_value(probabilities: Tensor, values: Tensor, alpha: Tensor) -> Tensor:
    """Returns what states are worth, pi . (Q - alpha log pi), [batch].

    Args:
        probabilities: pi, [batch, actions].
        values: Q, [batch, actions].
        alpha: The temperature, a scalar.
    """
    return (probabilities * (values - alpha * logarithms(probabilities))).sum(1)


def logarithms(probabilities: Tensor) -> Tensor:
    """Returns log pi, finite where pi is 0 and without gradient there."""
    return probabilities.clamp(min=1e-9).log()


class SACDiscrete(SoftModel):
    """A SAC learner for named actions; the arguments not listed are those of every model.

    Args:
        actor: A network of one's own, ``forward(<part>=[batch, ...], ...) -> probabilities[batch, actions]``, which add
            up to 1.
        critics: Two networks of one's own, ``forward(<part>=[batch, ...], ...) -> q[batch, actions]``.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape, or critics are not two.
    """

    Config = SACDiscreteConfig
    config: SACDiscreteConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: SACDiscreteConfig | None = None,
        seed: int = 0,
        actor: nn.Module | None = None,
        critics: Sequence[nn.Module] | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, n_actions = self.config, self.action_space
        self.check_number(critics, 2)
        with self.seeded_init():
            actor = actor or DeterministicActor(observations, c.n_frames, c.network, self.range)
            critics = critics or [QNet(observations, c.n_frames, n_actions, c.network) for _ in range(2)]
        self.take_actor(actor, f"probabilities[B, {n_actions}]", [(2, n_actions)])
        self.take_critics(critics, n_actions)
        self.take_temperature()

    # Acting

    def policy(self, parts: Tensors, masks: Tensor | None) -> Tensor:
        """Returns the probabilities of all actions, [batch, actions], 0 where forbidden."""
        return allowed(self.ask("actor", parts)[0], masks)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns actions drawn from the policy, the likeliest when not exploring, or any until the warm-up is over."""
        exploring, parts = self.explores(seat), self.tensors(states)
        mask = None if seat is None or seat.mask is None else torch.from_numpy(seat.mask).to(self.device)
        with self.acting(), torch.inference_mode():
            answer, self.extras = self.ask("actor", parts)
            probabilities = allowed(answer, mask)
            if not exploring:
                return probabilities.argmax(1).cpu().numpy()
            if self.agent_steps < self.config.warmup:
                probabilities = allowed(torch.ones_like(probabilities), mask)
            return draw_actions(probabilities.log(), self.generator).cpu().numpy()

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns the chances of its actions, and the lesser of what its critics say of each."""
        parts, _, mask = self.alone(state, seat)
        with self.acting(), torch.inference_mode():
            chances, values = self.policy(parts, mask)[0].double(), self.least_values(parts)[0].double()
        return Explanation(chances.cpu().numpy(), values.cpu().numpy(), value=chances.dot(values).item())

    # Learning

    def least_values(self, parts: Tensors, suffix: str = "") -> Tensor:
        """Returns the lesser of what both critics, or their targets, say of each action, [batch, actions]."""
        return torch.minimum(*(self.ask(name + suffix, parts)[0] for name in self.critics))

    def gradient_step(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[dict[str, float], Tensor]:
        """Moves the critics a step, then the actor, then the temperature."""
        alpha, masks, taken = self.temperature, data.get("masks"), data["actions"].unsqueeze(1)
        with torch.no_grad():
            probabilities = self.policy(following, data.get("next_masks"))
            later = soft_value(probabilities, self.least_values(following, "_target"), alpha)
            targets = td_targets(data["rewards"], data["discounts"], later)
        values = [self.ask(name, states)[0] for name in self.critics]
        errors = torch.stack([targets - each.gather(1, taken).squeeze(1) for each in values])
        critic_loss = self.descend_critics((errors**2).sum(0), data)
        with torch.no_grad():
            least = self.least_values(states)
        probabilities = self.policy(states, masks)
        actor_loss = self.descend_actor(-soft_value(probabilities, least, alpha), data)
        entropy = -(probabilities * logarithms(probabilities)).sum(1).detach()
        most = torch.full_like(entropy, self.action_space) if masks is None else masks.sum(1).float()
        surplus = entropy - self.config.target_entropy * most.log()
        shown = {"temperature": alpha.item(), "entropy": entropy.mean().item()}
        shown["temperature_loss"] = self.descend_temperature(surplus, data)
        return {"loss": critic_loss, "actor_loss": actor_loss} | shown, errors.detach().abs().mean(0)
