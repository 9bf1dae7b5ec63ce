"""A3C: an actor-critic of several actors, each of which moves the weights that all share (Mnih et al. 2016).

In one process, the streams fall into ``n_minibatches`` groups, the actors. All act for ``n_steps`` steps; then each
group in turn takes a gradient step down A2C's loss on what its own streams lived,

    -A(s, a) log p(a | s) + value_coefficient (V(s) - R)^2 / 2 - entropy H(p(. | s)),

by one RMSprop, whose second moments all share as well (section 4). With one group it is A2C.

With ``actors: N`` in a run's config the actors are N processes, each with its part of the groups. An actor works out
the gradient of what it lived at the weights that it acted by, and sends it; the learner moves the weights by it, which
others have moved since, and sends these back (algorithm S3).

Departures from the paper: the learner takes gradients one after the other, where the paper's threads write into the
weights without a lock. In one process nothing is asynchronous: groups wait for each other, and a later group's gradient
is taken at weights that the groups before it have moved. RMSprop and the limit of its gradients' norm are A2C's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sorrelsim.agents.learners.a2c import A2C, A2CConfig
from sorrelsim.models.ranges import BatchSize
from sorrelsim.models.torch.gathering import ByGradient


@dataclass(frozen=True)
class A3CConfig(A2CConfig):
    """Settings of A3C."""

    n_minibatches: BatchSize = 4
    """Groups of streams, each with a gradient step of its own; as many as there are streams at the most."""


class A3C(A2C):
    """An A3C learner; see ``OnPolicyModel`` for its arguments, an actor and a critic of one's own among them."""

    Config = A3CConfig
    gathering = ByGradient
    config: A3CConfig

    def minibatches(self) -> Iterator[dict[str, Tensor]]:
        """Yields what each group of streams lived, one group after the other; see ``loss``."""
        c, data, axis = self.config, self.stored(), int(self.recurrent)
        n_streams = self.n_streams
        rows = torch.arange(0, data["actions"].shape[axis], n_streams, device=self.device).unsqueeze(1)
        streams = torch.arange(n_streams, device=self.device)
        groups = [(rows + group).flatten() for group in streams.tensor_split(min(c.n_minibatches, n_streams))]
        for _ in range(c.n_epochs):
            for index in groups:
                yield self.minibatch(data, axis, index)
