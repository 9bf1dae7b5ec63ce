"""What learners of deterministic policies share: acting with noise, for continuous actions and for named ones.

Where actions have names, the action that is remembered and valued is the vector of their probabilities; the world's
action is drawn from it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation
from sorrelsim.models.memory.rollout import Column
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.models.torch.actor_critic_model import ActorCriticConfig, ActorCriticModel
from sorrelsim.models.torch.continuous import ActionCritic, DeterministicActor, allowed
from sorrelsim.models.torch.noise import NoiseConfig, action_noise, adapted, perturb
from sorrelsim.models.torch.policies import draw_actions
from sorrelsim.models.torch.replay_model import Tensors
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.parts import Observation

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec

NOISE, PROBABILITIES = "noise", "probabilities"
"""What a carry holds: the noise of the step before; what the last action was drawn from."""


@dataclass(frozen=True)
class DeterministicConfig(ActorCriticConfig):
    """Settings that all learners of deterministic policies share."""

    noise: NoiseConfig = field(default_factory=NoiseConfig)
    """How it explores."""


class DeterministicModel(ActorCriticModel):
    """A learner of a deterministic policy; the arguments not listed are those of every model.

    Args:
        actor: A network of one's own, ``forward(<part>=[batch, ...], ...) -> action[batch, *shape]``, or where actions
            have names ``-> probabilities[batch, actions]``, which add up to 1.
        critics: Networks of one's own, ``forward(<part>=[batch, ...], ..., action) -> q[batch, 1]``, as many as
            ``n_critics``.

    Attributes:
        n_critics: (class) How many critics there are.
        noise_deviation: Of the noise on the actor's weights.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape, or there are other than ``n_critics`` critics.
    """

    Config = DeterministicConfig
    acts = ("discrete", "continuous")
    n_critics: ClassVar[int] = 1

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str] | ActionSpec,
        n_streams: int = 1,
        config: Any = None,
        seed: int = 0,
        actor: nn.Module | None = None,
        critics: Sequence[nn.Module] | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, shape = self.config, self.range.shape
        self.check_number(critics, self.n_critics)
        on_weights = c.noise.kind == "parameters"
        with self.seeded_init():
            actor = actor or DeterministicActor(observations, c.n_frames, c.network, self.range, on_weights)
            critics = critics or [
                ActionCritic(observations, c.n_frames, c.network, self.range) for _ in range(self.n_critics)
            ]
        what = "probabilities" if self.action_names else "action"
        self.take_actor(actor, f"{what}[{', '.join(map(str, ('B', *shape)))}]", [(2, *shape)])
        self.follow("actor")
        self.take_critics(critics)
        self.noise_deviation = float(c.noise.size)
        if on_weights:
            self.add_copy("actor", "perturbed")
            perturb(self.networks["actor"], self.networks["perturbed"], self.noise_deviation, self.generator)

    @property
    def action_column(self) -> Column:
        """Shape and dtype of what its memory holds of an action: numbers, or the probabilities of names."""
        spec = self.action_spec
        return ((spec.size,), np.float32) if spec.names else spec.column

    # Acting

    def policy(self, network: str, parts: Tensors, masks: Tensor | None) -> Tensor:
        """Returns what an actor does in a batch of states, [batch, *shape]; of names, none that is forbidden."""
        action = self.ask(network, parts)[0].reshape(-1, *self.range.shape)
        return action if masks is None else allowed(action, masks)

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns what is kept per stream: noise that the next follows from, and what an action was drawn from."""
        kept = [NOISE] * (self.config.noise.kind == "ornstein_uhlenbeck") + [PROBABILITIES] * bool(self.action_names)
        return {name: torch.zeros(n_streams, *self.range.shape, device=self.device) for name in kept}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns actions in range, or indices drawn from their probabilities; the likeliest when not exploring."""
        exploring, parts = self.explores(seat), self.tensors(states)
        mask = None if seat is None or seat.mask is None else torch.from_numpy(seat.mask).to(self.device)
        with self.acting(), torch.inference_mode():
            chosen = self.range.within(self._chosen(parts, seat, exploring), mask)
            if not self.action_names:
                return chosen.cpu().numpy()
            if seat is not None:
                seat.carry[PROBABILITIES].copy_(chosen)
            drawn = draw_actions(chosen.log(), self.generator) if exploring else chosen.argmax(1)
            return drawn.cpu().numpy()

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns the chances that the actor gives to actions with names, and what the critic says of what it does."""
        parts, _, mask = self.alone(state, seat)
        with self.acting(), torch.inference_mode():
            action = self.policy("actor", parts, mask)
            value = self.value("critic", parts, action).item()
        return Explanation(action[0].double().cpu().numpy() if self.action_names else None, value=value)

    def _chosen(self, parts: Tensors, seat: Seat | None, exploring: bool) -> Tensor:
        """Returns what the actor does, with noise when exploring; or any actions until the warm-up is over."""
        if exploring and self.agent_steps < self.config.warmup:
            return self.range.anything(len(next(iter(parts.values()))), self.generator)
        answer, self.extras = self.ask("perturbed" if exploring and "perturbed" in self.networks else "actor", parts)
        action = answer.reshape(-1, *self.range.shape)
        if not exploring:
            return action
        before = None if seat is None else seat.carry.get(NOISE)
        noise = action_noise(self.config.noise, self.noise_size(len(action)), action, before, self.generator)
        return action if noise is None else action + self.range.half * noise

    def noise_size(self, n_streams: int) -> float | Tensor:
        """Returns the size of the noise on actions: one for all streams, or one for each, [n_streams, 1, ...]."""
        return float(self.config.noise.size)

    def remember(self, transition: Transition) -> None:
        """Takes in one step; of actions with names, the probabilities that they were drawn from."""
        if self.action_names and transition.seat.learn:
            drawn_from = transition.seat.carry[PROBABILITIES].cpu().numpy()
            transition = dataclasses.replace(transition, action=drawn_from)
        super().remember(transition)

    # Learning

    def after_gradient_step(self) -> None:
        """Counts the gradient step, moves the target networks and at times draws new noise on the actor's weights."""
        super().after_gradient_step()
        if "perturbed" in self.networks and self.gradient_steps % self.config.noise.every == 0:
            states = self.tensors(self.memory.sample(min(64, len(self.memory))).states)
            with torch.no_grad():
                change = self.policy("perturbed", states, None) - self.policy("actor", states, None)
                distance = (change / self.range.half).pow(2).mean().sqrt().item()
            self.noise_deviation = adapted(self.noise_deviation, distance, self.config.noise.size)
            perturb(self.networks["actor"], self.networks["perturbed"], self.noise_deviation, self.generator)

    # Saving

    def state_dict(self, memory: bool = True) -> dict[str, Any]:
        """Returns everything, the size of the noise on weights included."""
        return super().state_dict(memory) | {"noise_deviation": self.noise_deviation}

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Checks a state as every learner does, and the size of the noise on weights."""
        super().check_state(state)
        deviation = state.get("noise_deviation")
        if isinstance(deviation, bool) or not isinstance(deviation, int | float) or not 0 <= deviation < math.inf:
            raise ValueError(f"noise_deviation must be a finite number of 0 or more, not {deviation!r}")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        super().load_state_dict(state)
        self.noise_deviation = float(state["noise_deviation"])
