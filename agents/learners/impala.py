"""IMPALA: an actor-critic corrected for a policy that has moved on since it acted (Espeholt et al. 2018).

Between acting and learning from a rollout the policy moves, here from minibatch to minibatch. With the ratios of the
probabilities of the actions taken, now over then, rho_t = min(rho_max, ratio_t) and c_t = gae_lambda min(c_max,
ratio_t), values are drawn to V-trace targets (eq. 1, remark 1)

    v_t = V(s_t) + rho_t (r_t + gamma V(s_{t+1}) - V(s_t)) + gamma c_t (v_{t+1} - V(s_{t+1}))

and the policy follows -rho_t (r_t + gamma v_{t+1} - V(s_t)) log p(a_t | s_t), with an entropy bonus (section 4.2).
Nothing follows a terminated step; a truncated one is followed by its true last state.

With ``actors: N`` in a run's config N processes act, each by the weights of when it was given its work, and send
rollouts with the log-probabilities of then; as many as there are actors make one of the learner's. ``policy_lag`` in
the metrics says how many gradient steps lay between.

Departures from the paper: losses are means, not sums, and Adam moves the networks. What lies behind a sequence and
behind a truncated episode is valued as it was when acting. In one process, rollouts are corrected for the minibatches
before alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.ranges import BatchSize, Discount, Length, Positive, Rate, Weight
from sorrelsim.models.torch.distributions import log_probs_of
from sorrelsim.models.torch.gathering import ByRollout
from sorrelsim.models.torch.on_policy_model import OnPolicyConfig, OnPolicyModel
from sorrelsim.models.torch.policy_losses import actor_critic_loss, v_trace


@dataclass(frozen=True)
class IMPALAConfig(OnPolicyConfig):
    """Settings of IMPALA."""

    learning_rate: Rate = 6e-4
    """Step size of Adam."""
    max_grad_norm: Weight = 0.5
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    n_steps: Length = 20
    """Steps of each stream between two updates, whatever an epoch's length."""
    sequence_length: Length = 20
    """Steps of a sequence, behind which targets bootstrap; must divide n_steps."""
    n_minibatches: BatchSize = 4
    """Gradient steps per pass, each on a part of the sequences."""
    gae_lambda: Discount = 1.0
    """Weight of longer returns in the V-trace targets (remark 2); 1 is the paper's."""
    rho_max: Positive = 1.0
    """Limit of the ratios that weigh a step's own error."""
    c_max: Positive = 1.0
    """Limit of the ratios that weigh the errors of later steps."""
    value_coefficient: Weight = 0.5
    """Weight of the value loss."""
    entropy: Weight = 0.01
    """Weight of the entropy bonus."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_steps % self.sequence_length:
            raise ValueError(f"sequence_length {self.sequence_length} does not divide n_steps {self.n_steps}")


class IMPALA(OnPolicyModel):
    """An IMPALA learner; see ``OnPolicyModel`` for its arguments, an actor and a critic of one's own among them."""

    Config = IMPALAConfig
    acts = ("discrete", "continuous")
    gathering = ByRollout
    config: IMPALAConfig
    in_sequences = True
    shown = ("policy_loss", "value_loss", "entropy")

    def lived(self) -> dict[str, np.ndarray]:
        """Returns what a minibatch holds: what was lived, and what followed where the next row does not."""
        m, length = self.memory, self.config.sequence_length
        following = np.concatenate([m.values[1:], self._next_value[None]])
        beyond = np.where(m.ended, np.where(m.terminated, 0, m.final_values), following)
        cut = m.ended.copy()
        cut[length - 1 :: length] = True
        return self.states_and_choices() | {"rewards": m.rewards, "beyond": beyond, "cut": cut}

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the policy gradient's loss, the weighted value loss and the entropy bonus as one, and each alone."""
        c, length = self.config, len(batch["rewards"])
        if not self.recurrent:  # each step by itself, as networks take them
            batch = {name: tensor.flatten(0, 1) for name, tensor in batch.items()}
        said = self.policy.terms(batch)
        with torch.no_grad():
            log_ratios = log_probs_of(said, batch) - batch["log_probs"]
            lived = log_ratios, batch["rewards"], said.values, batch["beyond"], batch["cut"]
            discounts, limits = (c.gamma, c.gae_lambda), (c.rho_max, c.c_max)
            targets, weights = v_trace(*(each.view(length, -1) for each in lived), discounts, limits)
        shape = batch["rewards"].shape
        weights, targets = weights.view(shape), targets.view(shape)
        return actor_critic_loss(said, batch, weights, targets, c.value_coefficient, c.entropy)
