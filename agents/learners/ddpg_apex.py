"""Ape-X DPG: prioritised DDPG of streams that explore each to its own degree (Horgan et al. 2018).

Stream i of N adds noise of size sigma^(1 + alpha i / (N - 1)) to its actions, sigma being ``noise.size``. A step begins
in memory with the TD error that was found when acting, r + gamma^n Q(s', mu(s')) - Q(s, a), for a priority (algorithm
1). Learning is that of prioritised DDPG.

With ``actors: N`` in a run's config the streams are those of N processes; see ``dqn_apex``.

Departures from the paper: all its actors explore by the same noise, as ours do with an exponent of 0; degrees are those
of its DQN. Returns are of one step by default, not of five. A gradient step is taken every so many agent-steps, with
actors too. Targets move softly, and the memory forgets what is oldest, not what has the lowest priority.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sorrelsim.agents.learners.ddpg import DDPG, DDPGConfig
from sorrelsim.models.memory.appraised import AppraisedBuffer
from sorrelsim.models.ranges import Probability, Weight
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.models.torch.deterministic_model import PROBABILITIES
from sorrelsim.models.torch.exploration import ladder
from sorrelsim.models.torch.gathering import BySteps
from sorrelsim.models.torch.noise import NoiseConfig
from sorrelsim.models.torch.replay_model import Tensors


@dataclass(frozen=True)
class DDPGApexConfig(DDPGConfig):
    """Settings of Ape-X DPG."""

    noise: NoiseConfig = field(default_factory=lambda: NoiseConfig(size=0.3))
    """How its first stream explores: by noise on actions, of size 1 at the most; others do by a power of the size."""
    noise_exponent: Weight = 2.0
    """How far apart streams are in exploring (alpha); 0 gives all the same noise."""
    prioritised: bool = True
    """Sample steps by their TD error; Ape-X does so in any case."""
    priority_correction_end: Probability = 0.4
    """The same from ``priority_correction_steps`` on; the paper keeps it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.prioritised:
            raise ValueError("prioritised must be true: ddpg_apex is about priorities; without them it is ddpg")
        if self.noise.kind == "parameters":
            raise ValueError(
                "noise.kind 'parameters' serves all streams alike, and ddpg_apex gives each noise of its own; allowed: "
                "normal, uniform, clipped_normal, ornstein_uhlenbeck, none"
            )
        if self.noise.size > 1:
            raise ValueError(f"noise.size must be 0 to 1, for powers of it are to be smaller, got {self.noise.size:g}")


class DDPGApex(DDPG):
    """DDPG that explores by degrees and gives new steps their priorities when acting.

    Attributes:
        part: Which part of all streams it acts for, and of how many: an actor has its part of the ladder.
    """

    Config = DDPGApexConfig
    memory_class = AppraisedBuffer
    gathering = BySteps
    part = (0, 1)
    config: DDPGApexConfig
    memory: AppraisedBuffer

    def noise_size(self, n_streams: int) -> Tensor:
        """Returns the size of each stream's noise, [n_streams, 1, ...]."""
        sizes = ladder(self.config.noise.size, self.config.noise_exponent, n_streams, self.part)
        lead = (n_streams, *[1] * len(self.range.shape))
        return torch.from_numpy(sizes.astype(np.float32)).view(lead).to(self.device)

    def take_actions(self, states: Any, seat: Seat | None = None) -> np.ndarray:
        """Returns actions as DDPG does; what the critic thinks of them goes with the step."""
        actions = super().take_actions(states, seat)
        if seat is not None and seat.learn:
            parts = self.tensors(states)
            done = seat.carry[PROBABILITIES] if self.action_names else torch.from_numpy(actions).to(self.device)
            with self.acting(), torch.inference_mode():
                taken = self.value("critic", parts, done).cpu().numpy()
            self.memory.appraise(taken, self._worth(parts, seat.mask))
        return actions

    def remember(self, transition: Transition) -> None:
        """Takes in one step; at an episode cut short, values what would have followed."""
        if transition.seat.learn:
            self.memory.appraise_ends(transition, self.worth)
        super().remember(transition)

    def worth(self, states: dict[str, np.ndarray], mask: np.ndarray | None) -> np.ndarray:
        """Returns what the actor's own actions are worth in some states, float32 [n]."""
        return self._worth(self.tensors(states), mask)

    def _worth(self, parts: Tensors, mask: np.ndarray | None) -> np.ndarray:
        allowed = None if mask is None else torch.from_numpy(mask).to(self.device)
        with self.acting(), torch.inference_mode():
            return self.value("critic", parts, self.policy("actor", parts, allowed)).cpu().numpy()
