"""Looking at what was learned, without changing it: whole episodes to measure, and films.

``loop`` does it as it trains; ``sorrelsim eval`` does it to a run that was written earlier.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.measures import EpisodeCollector, Episodes
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import Player, play_step
from sorrelsim.tables.events import EventLog

WAYS = ("greedy", "sampled")
"""Ways of playing: the best action always, or as in training."""


def explores(way: str) -> bool | None:
    """Returns whether agents explore in a way of playing; None, each as it is meant to, for their own."""
    return None if way == "own" else way == "sampled"


def ways_of(models: Sequence[BaseModel]) -> str:
    """Returns how models are meant to be played: ``greedy``, ``sampled``, or both with a plus where they differ.

    Models that never learn, such as bots, play in one way only and do not count beside those that do.
    """
    learners = [model for model in models if can_learn(type(model))]
    return "+".join(sorted({model.plays for model in learners or models}))


def can_learn(kind: type[BaseModel]) -> bool:
    """Returns whether models of a class ever learn; bots do not."""
    return kind.learn is not BaseModel.learn or kind.train_step is not BaseModel.train_step


def people_among(models: Sequence[BaseModel]) -> bool:
    """Returns whether people play, who are asked for their training alone: not to be evaluated, nor for a film."""
    return any(model.asks_people for model in models)


@contextmanager
def undisturbed(models: Sequence[BaseModel], seed: int | None = None) -> Iterator[None]:
    """Within, what is drawn at random does not change what models draw afterwards.

    Args:
        models: The models.
        seed: Within, their chance starts from this, so that the same models play the same again; None lets it go on.
    """
    shared, drawn = shared_chance(), [model.random_state() for model in models]
    try:
        if seed is not None:
            _seed_all(models, sys.modules.get("torch"), seed)
        yield
    finally:
        for model, state in zip(models, drawn, strict=True):
            model.set_random_state(state)
        set_shared_chance(shared)


def shared_chance() -> dict[str, Any]:
    """Returns, as arrays and plain data, the states of the generators that all of a process share.

    Nothing of ours draws from them; the models of others may.
    """
    torch: Any = sys.modules.get("torch")
    version, numbers, left = random.getstate()
    return {
        "torch": None if torch is None else torch.get_rng_state().numpy(),
        "numpy": list(np.random.get_state()),  # noqa: NPY002
        "python": [version, np.array(numbers, np.uint64), left],
    }


def set_shared_chance(state: Mapping[str, Any]) -> None:
    """Restores what ``shared_chance`` gave."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and state["torch"] is not None:
        torch.set_rng_state(torch.from_numpy(state["torch"]))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    version, numbers, left = state["python"]
    random.setstate((version, tuple(numbers.tolist()), left))


def _seed_all(models: Sequence[BaseModel], torch: Any, seed: int) -> None:
    """Seeds every model's chance, each with its own number, and what models of others draw from."""
    *seeds, rest = np.random.SeedSequence(seed).generate_state(len(models) + 1).tolist()
    for model, own in zip(models, seeds, strict=True):
        model.reseed(own)
    if torch is not None:
        torch.default_generator.manual_seed(rest)
    np.random.seed(rest)  # noqa: NPY002
    random.seed(rest)


def play_episodes(
    world: Gridworld,
    agents: Sequence[Player],
    max_turns: int,
    halt: Callable[[], bool] = lambda: False,
    log: EventLog | None = None,
) -> Episodes:
    """Plays until every copy has finished one episode, and returns those: the first of each copy.

    Args:
        world: The world, freshly reset.
        agents: Its players.
        max_turns: Episodes that have not ended by then are left out.
        halt: Asked every turn; once it says so, episodes that have not ended are left out.
        log: What each step is handed to; see :class:`~sorrelsim.tables.events.EventLog`.
    """
    collector = EpisodeCollector(world)
    done = np.zeros(world.n_worlds, bool)
    found = [collector.take()]
    for _ in range(max_turns):
        if halt():
            break
        play_step(world, agents)
        collector.observe(world)
        if log is not None:
            log.step(world)
        ended = np.flatnonzero(world.info["ended"])
        if ended.size:
            found.append(collector.take().where(~done[ended]))
            done[ended] = True
            if done.all():
                break
    return Episodes.join(found)


def film(world: Gridworld, agents: Sequence[Player], turns: int) -> list[np.ndarray]:
    """Films copy 0, RGB uint8 [height, width, 3] each, from now to the end of the episode or the last of ``turns``."""
    pictures = [world.render(0)]
    for _ in range(turns):
        play_step(world, agents)
        if world.info["ended"][0]:
            break
        pictures.append(world.render(0))
    return pictures
