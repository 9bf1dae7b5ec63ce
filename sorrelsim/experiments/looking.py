"""Looking at the agents of an experiment while they learn: evaluations and films, in copies that are new to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ExperimentConfig
from sorrelsim.experiments.evaluation import explores, film, people_among, play_episodes, undisturbed, ways_of
from sorrelsim.experiments.measures import Row, return_means
from sorrelsim.experiments.seating import Place, make_world, seat_agents
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel

_EVALUATION_SEED = 0x5EED
"""Added to a run's seed for the copies in which the trained agents are looked at, so that they are new to them."""


class Looking:
    """What looks at models while they learn elsewhere; nothing that it does changes them.

    Args:
        config: The experiment's.
        places: Who sits where.
        models: A model per place.
        classes: Where the classes of world and reward transforms come from.
    """

    def __init__(
        self, config: ExperimentConfig, places: Sequence[Place], models: Sequence[BaseModel], classes: Classes
    ) -> None:
        self.config, self.places, self.models, self.classes = config, places, models, classes
        self._seed = config.seed + _EVALUATION_SEED
        self._world: Gridworld | None = None

    def seat(self, n_worlds: int | None = None, way: str = "own") -> tuple[Gridworld, list[Agent]]:
        """Makes copies, freshly reset, and seats the agents in them; see ``Experiment.looking``."""
        n = self.config.evaluation.n_worlds if n_worlds is None else n_worlds
        if self._world is None or self._world.n_worlds != n:
            self._world = make_world(self.config, n, self._seed, self.classes)
        else:
            self._world.reset(self._seed)
        models = [model.beside(n * len(p.slots)) for p, model in zip(self.places, self.models, strict=True)]
        return self._world, seat_agents(self.places, models, self._world, False, explores(way), self.classes)

    def evaluate(self, halt: Callable[[], bool]) -> Row:
        """Plays one episode per copy in every way that is asked for, unless it is to halt; see ``Experiment``."""
        row: Row = {}
        for way in () if people_among(self.models) else ("own", *dict.fromkeys(self.config.evaluation.ways)):
            with undisturbed(self.models, self._seed):
                world, agents = self.seat(way=way)
                episodes = play_episodes(world, agents, self.config.evaluation.max_turns, halt)
            if halt():
                return row
            before = "eval_" if way == "own" else f"eval_{way}_"
            row |= {f"{before}{name}": value for name, value in return_means(episodes, world.n_agents).items()}
            if way == "own":
                row["eval_way"] = ways_of(self.models)
        return row

    def record(self, turns: int | None = None) -> list[np.ndarray]:
        """Films one copy; see ``Experiment.record``."""
        with undisturbed(self.models, self._seed):
            world, agents = self.seat(1)
            return film(world, agents, self.config.evaluation.gif_turns if turns is None else turns)
