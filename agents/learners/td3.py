"""TD3: twin delayed DDPG (Fujimoto et al. 2018), which keeps values from being overestimated.

Three things are other than in DDPG:

- of two critics that learn the same target the lesser counts: r + gamma^n min_i Q_i'(s', a') (section 4.2);
- a' = mu'(s') + clip(noise, -c, c), so that values are alike where actions are (section 5.3, eq. 14);
- actor and (soft) target networks move at every ``policy_delay``-th step only (section 5.2), the actor by the first
  critic.

Departures: the action joins the state at the critics' second layer, as in DDPG.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sorrelsim.models.ranges import Every, Positive, Weight
from sorrelsim.models.torch.deterministic_model import DeterministicConfig, DeterministicModel, Tensors
from sorrelsim.models.torch.losses import td_targets
from sorrelsim.models.torch.noise import normal


@dataclass(frozen=True)
class TD3Config(DeterministicConfig):
    """Settings of TD3."""

    policy_delay: Every = 2
    """Gradient steps of the critics for each of the actor and the target networks."""
    target_noise: Weight = 0.2
    """Deviation of the noise on the target's actions, in half ranges."""
    target_noise_clip: Positive = 0.5
    """The most that this noise is."""


class TD3(DeterministicModel):
    """A TD3 learner; see ``DeterministicModel`` for its arguments, an actor and two critics of one's own among them."""

    Config = TD3Config
    n_critics = 2

    def gradient_step(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[dict[str, float], Tensor]:
        """Moves both critics a step towards what followed, and every other time the actor by the first."""
        with torch.no_grad():
            action = self.target_actions(following, data.get("next_masks"))
            later = torch.minimum(*(self.value(f"{name}_target", following, action) for name in self.critics))
            targets = td_targets(data["rewards"], data["discounts"], later)
        errors = torch.stack([targets - self.value(name, states, data["actions"]) for name in self.critics])
        shown = {"loss": self.descend_critics((errors**2).sum(0), data)}
        if (self.gradient_steps + 1) % self.config.policy_delay == 0:
            with self.critics_held():
                action = self.policy("actor", states, data.get("masks"))
                shown["actor_loss"] = self.descend_actor(-self.value("critic", states, action), data)
        return shown, errors.detach().abs().mean(0)

    def target_actions(self, parts: Tensors, masks: Tensor | None) -> Tensor:
        """Returns actions near to those of the actor's target, within range."""
        c, action = self.config, self.policy("actor_target", parts, masks)
        noise = normal(action, c.target_noise, self.generator, c.target_noise_clip)
        return self.range.within(action + self.range.half * noise, masks)

    def move_targets(self) -> None:
        """Moves the target networks where the actor has moved; hard ones whenever ``target_every`` says."""
        c = self.config
        if c.target_every is not None or self.gradient_steps % c.policy_delay == 0:
            super().move_targets()
