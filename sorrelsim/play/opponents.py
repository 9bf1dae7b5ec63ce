"""Who plays the slots that no person plays: random actions, a bot or learner by name, or the agents of a run.

The agents seated here are those of a :class:`sorrelsim.play.session.Session`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import NotFound, bare
from sorrelsim.library.make import find_model
from sorrelsim.models.agent import Agent
from sorrelsim.models.threads import apply_threads


def seat_opponents(
    world: Gridworld, others: str, seed: int = 0, humans: list[int] | None = None, trust: bool = False
) -> tuple[list[Agent], list[str]]:
    """Seats players in every slot; people overrule them in theirs.

    Args:
        world: One copy of the world.
        others: ``random``; the name or file of a model in ``agents``; the folder of a run; or several of these names
            with commas between, for the slots that no person plays, in order, the last for all the rest.
        seed: Seed of their own chance.
        humans: The slots that people play.
        trust: Whether Python files may be run that a run folder brings or points to.

    Returns:
        The agents, and a label for each slot.

    Raises:
        ValueError: If there is no such player; the message has the nearest match.
    """
    apply_threads()
    if Path(others).is_dir():
        return _of_run(world, Path(others), trust)
    names = [name.strip() for name in others.split(",") if name.strip()] or ["random"]
    free = [slot for slot in range(world.n_agents) if slot not in (humans or [])]
    agents, labels = [], []
    for slot in range(world.n_agents):
        place = free.index(slot) if slot in free else 0
        name = names[min(place, len(names) - 1)]
        try:
            made = find_model(name)
        except NotFound as error:
            raise NotFound(f"{error}; nor is there a folder of a run at {name}") from None
        model = made.to_play(world.observations, world.action_names, 1, {}, seed + slot)
        agents.append(Agent(world, [slot], model, learn=False))
        labels.append(bare(name).replace("_", " "))
    return agents, labels


def seat_again(agents: Sequence[Agent], world: Gridworld) -> list[Agent]:
    """Seats the models of a game's agents in another world of the same shape too; they are shared, not copied.

    Args:
        agents: The agents, none of which learns.
        world: Where they are to play as well.
    """
    seated = [
        Agent(world, agent.slots.tolist(), agent.model, agent.transform, False, agent.seat.explore) for agent in agents
    ]
    for agent in seated:
        agent.transform.reset()  # it was copied with what it held of the other game
    return seated


def partners_of(agents: list[Agent], others: str, n_agents: int) -> list[str]:
    """Returns who exactly plays each slot: a bot or learner by name, or a run, its seat and the hash of its weights.

    Args:
        agents: As :func:`seat_opponents` gave them.
        others: What it was asked for.
        n_agents: Slots of the world.
    """
    told = [""] * n_agents
    run = Path(others) if Path(others).is_dir() else None
    for agent in agents:
        for slot in agent.slots.tolist():
            told[slot] = f"{type(agent.model).__module__}.{type(agent.model).__name__}"
            if run is not None:
                told[slot] = f"{run} {agent.model.name} {_hash_of_weights(agent)}"
    return told


def _hash_of_weights(agent: Agent) -> str:
    """Returns twelve hexadecimal digits of all numbers of a model's networks; "no weights" where there are none."""
    digest, found = hashlib.blake2b(digest_size=6), False
    for name, network in sorted(agent.model.state_dict(memory=False).get("networks", {}).items()):
        for key, value in sorted(network.items()):
            digest.update(f"{name}.{key}".encode() + value.detach().cpu().numpy().tobytes())
            found = True
    return f"weights {digest.hexdigest()}" if found else "no weights"


def _of_run(world: Gridworld, run: Path, trust: bool) -> tuple[list[Agent], list[str]]:
    from sorrelsim.experiments.run import load_run

    agents = load_run(run, trust).agents(world)
    labels = [""] * world.n_agents
    for agent in agents:
        for slot in agent.slots.tolist():
            labels[slot] = agent.model.name
    return agents, labels
