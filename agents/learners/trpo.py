"""TRPO: trust region policy optimisation (Schulman et al. 2015), discrete or continuous, feed-forward or recurrent.

After every ``n_steps`` steps the actor takes one step that raises the surrogate objective

    L(theta) = mean of p_theta(a | s) / p_old(a | s) A(s, a)   with   mean KL(p_old || p_theta) <= max_kl    (eq. 14).

With g the gradient of L and F the Hessian of the mean KL where both policies agree, the Fisher matrix, the direction
x = (F + damping)^-1 g comes from ``cg_iterations`` conjugate gradients, for which F is only ever multiplied by a
vector: the gradient of (gradient of KL) v (appendix C.1). The longest step within the region by that quadratic is
sqrt(2 max_kl / x (F + damping) x) x. It is shortened, ``line_search_shrink`` at a time, until L has risen and the KL
itself is within its limit; if neither ever is, the actor stays where it was. The critic is fitted to the returns by
Adam, a network of its own so that it cannot move the actor.

Departures from the paper: advantages are those of generalised advantage estimation, of mean 0 and deviation 1; KL and
Fisher matrix are over all steps of the rollout. Of an actor of one's own only the log-probabilities of the actions
taken are known, so its KL is an estimate from these (``divergence``), whose curvature is the empirical Fisher matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from sorrelsim.models.ranges import BatchSize, Draws, Passes, Positive, Rate, Share, Weight
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.distributions import as_terms, divergence
from sorrelsim.models.torch.on_policy_model import OnPolicyConfig, OnPolicyModel
from sorrelsim.models.torch.own_policy import OwnPolicy
from sorrelsim.models.torch.policies import Headed, Policy, SeparatePolicy
from sorrelsim.models.torch.policy_losses import normalised
from sorrelsim.models.torch.symbolic import SymbolicLinear


@dataclass(frozen=True)
class TRPOConfig(OnPolicyConfig):
    """Settings of TRPO."""

    learning_rate: Rate = 1e-3
    """Step size of Adam, which moves the critic."""
    max_grad_norm: Weight = 0.5
    """The critic's gradients are scaled down to this norm; 0 leaves them alone."""
    n_epochs: Passes = 5
    """Passes of the critic over a rollout."""
    n_minibatches: BatchSize = 4
    """The critic's gradient steps per pass."""
    max_kl: Positive = 0.01
    """How far the policy may move in one update, in mean Kullback-Leibler divergence."""
    cg_iterations: Draws = 10
    """Iterations of conjugate gradients."""
    damping: Weight = 0.1
    """What is added to the Fisher matrix's diagonal."""
    line_search_steps: Draws = 10
    """Lengths that are tried before the actor stays where it is."""
    line_search_shrink: Share = 0.8
    """What a step is shortened by from one try to the next."""


def conjugate_gradient(product: Callable[[Tensor], Tensor], b: Tensor, iterations: int) -> Tensor:
    """Solves A x = b for a symmetric positive definite A of which only products are known (Hestenes and Stiefel 1952).

    Args:
        product: Multiplies a vector by A.
        b: [n].
        iterations: At most so many; n reach the solution but for rounding.

    Returns:
        [n].
    """
    x = torch.zeros_like(b)
    residual, direction = b.clone(), b.clone()
    size = residual.dot(residual)
    for _ in range(iterations):
        if size <= 1e-10:
            break
        image = product(direction)
        length = size / direction.dot(image)
        x = x + length * direction
        residual = residual - length * image
        before, size = size, residual.dot(residual)
        direction = residual + size / before * direction
    return x


def fisher_product(kl: Tensor, parameters: Sequence[Tensor], damping: float) -> Callable[[Tensor], Tensor]:
    """Returns what multiplies a vector by the Fisher matrix plus ``damping``: by the Hessian of the KL where it is 0.

    Args:
        kl: The mean divergence from the policy itself, held fixed, with its graph; a scalar.
        parameters: The actor's.
        damping: What is added to the diagonal.
    """
    slope = _flat(kl, parameters, create_graph=True)

    def product(vector: Tensor) -> Tensor:
        return _flat(slope @ vector, parameters) + damping * vector

    return product


def line_search(
    parameters: Sequence[Tensor], step: Tensor, tries: int, shrink: float, accept: Callable[[], bool]
) -> float:
    """Moves parameters along a step, shortened until it is accepted; if it never is, back to where they were.

    Args:
        parameters: What is moved, in place.
        step: The whole step, [n].
        tries: Lengths to be tried.
        shrink: What the step is multiplied by from one try to the next.
        accept: Whether the parameters may stay where they now are.

    Returns:
        The share of the step that was taken, 0 if none was.
    """
    start = parameters_to_vector(parameters)
    for k in range(tries):
        vector_to_parameters(start + shrink**k * step, parameters)
        if accept():
            return float(shrink**k)
    vector_to_parameters(start, parameters)
    return 0.0


def _flat(value: Tensor, parameters: Sequence[Tensor], create_graph: bool = False) -> Tensor:
    """Returns the gradient of a scalar as one vector, keeping the graph for more."""
    found = torch.autograd.grad(value, parameters, retain_graph=True, create_graph=create_graph, materialize_grads=True)
    return torch.cat([each.reshape(-1) for each in found])


class TRPO(OnPolicyModel):
    """A TRPO learner; see ``OnPolicyModel`` for its arguments, an actor and a critic of one's own among them.

    Raises:
        ValueError: If an actor and a critic of one's own share parameters.
    """

    Config = TRPOConfig
    acts = ("discrete", "continuous")
    config: TRPOConfig
    policy: SeparatePolicy | OwnPolicy

    def default_policy(self) -> Policy:
        """Returns the policy of the default networks, one for the actor and one for the critic."""
        c = self.config
        shape = c.network, c.recurrent, c.recurrent_size
        actor = Headed(self.observations, c.n_frames, self.action_spec, *shape, gain=0.01)
        critic = Headed(self.observations, c.n_frames, None, *shape, gain=1.0)
        for layer in actor.modules():
            if isinstance(layer, SymbolicLinear):
                layer.twice = True
        return SeparatePolicy(actor.to(self.device), critic.to(self.device))

    def optimizer(self) -> Adam:
        """Returns Adam for the critic; the actor is moved by steps of its own."""
        moved = {id(p) for p in self.parameters("actor")}
        if any(id(p) in moved for p in self.parameters("critic")):
            raise ValueError(
                "TRPO's actor and critic must share no parameters: fitting the critic would move the actor"
            )
        return Adam(self.parameters("critic"), eps=1e-5)

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the critic's loss, half the mean squared error of its estimates; nothing else is shown."""
        error = self.policy.estimates(batch) - batch["returns"]
        return 0.5 * (error**2).mean(), error.new_zeros(0)

    def train_step(self) -> dict[str, float]:
        """Moves the actor within its region, then fits the critic, and clears the rollout."""
        with self.learning():
            told = self.policy_step(self.whole())
        if not all(map(math.isfinite, told.values())):
            self.memory.clear()
            return told
        return super().train_step() | told

    def policy_step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """Takes one step of the actor, if one is found that raises the objective within the region."""
        c, parameters = self.config, [p for p in self.parameters("actor") if p.requires_grad]
        advantages = normalised(batch["advantages"])
        said = self.policy.choices(batch)
        terms = as_terms(said, batch)
        old = type(said)(*[each.detach() for each in said])
        old_log_probs = terms.log_probs.detach()
        gradient = _flat((terms.log_probs * advantages).mean(), parameters)
        product = fisher_product(divergence(old, said, batch).mean(), parameters, c.damping)
        direction = conjugate_gradient(product, gradient, c.cg_iterations)
        curvature = direction.dot(product(direction)).item()
        told: dict[str, float] = {"policy_loss": 0.0, "kl": 0.0, "entropy": terms.entropy.mean().item(), "step": 0.0}
        if not math.isfinite(curvature):
            return told | {"policy_loss": math.nan}
        if curvature <= 0:  # no slope at all: every advantage is the same
            return told

        def accept() -> bool:
            now = self.policy.choices(batch)
            ratio = (as_terms(now, batch).log_probs - old_log_probs).exp()
            gain = (ratio * advantages).mean() - advantages.mean()
            told["policy_loss"], told["kl"] = -gain.item(), divergence(old, now, batch).mean().item()
            return told["policy_loss"] < 0 and told["kl"] <= c.max_kl

        step = math.sqrt(2 * c.max_kl / curvature) * direction
        with torch.no_grad():
            told["step"] = line_search(parameters, step, c.line_search_steps, c.line_search_shrink, accept)
        if not told["step"]:
            told |= {"policy_loss": 0.0, "kl": 0.0}
        return told
