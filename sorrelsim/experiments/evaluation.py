"""Looking at what was learned, without changing it: whole episodes to measure, and films.

``loop`` does it as it trains; ``sorrelsim eval`` does it to a run that was written earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.measures import EpisodeCollector, Episodes
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import play_step


@contextmanager
def undisturbed(models: Sequence[BaseModel]) -> Iterator[None]:
    """Within, what models draw at random does not change what they draw afterwards."""
    drawn = [model.random_state() for model in models]
    try:
        yield
    finally:
        for model, state in zip(models, drawn, strict=True):
            model.set_random_state(state)


def play_episodes(world: Gridworld, agents: Sequence[Agent], max_turns: int) -> Episodes:
    """Plays until every copy has finished one episode, and returns those: the first of each copy.

    Args:
        world: The world, freshly reset.
        agents: Its players.
        max_turns: Episodes that have not ended by then are left out.
    """
    collector = EpisodeCollector(world)
    done = np.zeros(world.n_worlds, bool)
    found = [collector.take()]
    for _ in range(max_turns):
        play_step(world, agents)
        collector.observe(world)
        ended = np.flatnonzero(world.info["ended"])
        if ended.size:
            found.append(collector.take().where(~done[ended]))
            done[ended] = True
            if done.all():
                break
    return Episodes.join(found)


def film(world: Gridworld, agents: Sequence[Agent], turns: int) -> list[np.ndarray]:
    """Films copy 0, RGB uint8 [height, width, 3] each, from now to the end of the episode or the last of ``turns``."""
    pictures = [world.render(0)]
    for _ in range(turns):
        play_step(world, agents)
        if world.info["ended"][0]:
            break
        pictures.append(world.render(0))
    return pictures
