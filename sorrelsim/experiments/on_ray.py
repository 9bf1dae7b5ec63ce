"""Actors as processes of Ray, on this machine or on a cluster.

A learner's replay memory is an actor too, on the machine of the learner: it takes steps in and draws the next batches
while the learner learns from one. Steps go from an actor to the memory without passing through the learner's process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from sorrelsim.errors import ConfigError, tell
from sorrelsim.experiments.actor import Actor, Errand
from sorrelsim.experiments.config import RAY
from sorrelsim.experiments.staff import MemoryLost, Outcome
from sorrelsim.models.memory.batch import Batch
from sorrelsim.models.memory.shards import MemoryPlan, Shards, Steps, copied

BATCHES = 4
"""Batches drawn ahead of the learner (Horgan et al. 2018 draw 16)."""
PARCELS = 8
"""Parcels on their way to a replay memory at the most; then the learner waits for the first of them."""


def find_ray(what: str) -> Any:
    """Returns Ray.

    Args:
        what: Who asks, for errors.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import ray
    except ImportError:
        raise ConfigError(f"{what} needs Ray, which is not installed: {RAY}") from None
    return ray


def connect(ray: Any, address: str, what: str, cores: int | None = None) -> bool:
    """Connects to a cluster, unless this process is connected; returns whether it is to be shut down by whoever asked.

    Args:
        ray: Ray.
        address: The cluster's, such as ``192.0.2.7:6379`` or ``ray://...``; "local" for a new one on this machine, and
            nothing for the one that Ray finds, or a new one.
        what: Who asks, for errors.
        cores: That a new one on this machine has; by default those of the machine.

    Raises:
        ConfigError: If there is no cluster at the address.
    """
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    more: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False} if address == "local" else {}
    try:
        _knock(address)
        with _own_signals():
            ray.init(address or None, log_to_driver=False, logging_level=logging.ERROR, **more)
    except (ValueError, OSError, RuntimeError) as error:
        at = f"at {address}" if address and address != "local" else "on this machine"
        raise ConfigError(f"{what}: no Ray cluster answers {at}: {str(error).splitlines()[0]}") from error
    return True


def _knock(address: str) -> None:
    """Raises an OSError at once where nobody listens at an address with a port, which Ray tries for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Within, Ray may set what signals do as it likes; afterwards a run saves and ends by them as before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, known in before.items():
            if known is not None:
                signal.signal(number, known)


def here(ray: Any) -> Any:
    """Returns the scheduling of what is to run on the machine of this process."""
    node = ray.get_runtime_context().get_node_id()
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)


class Replay:
    """A replay memory in a process of its own."""

    def __init__(self, plan: MemoryPlan, n_shards: int, state: dict[str, Any] | None) -> None:
        self.memory = Shards(plan, n_shards)
        if state is not None:
            self.memory.load_state_dict(state)

    def add(self, number: int, steps: Steps) -> None:
        """As of ``Shards``."""
        self.memory.add(number, steps)

    def sample(self, batch_size: int, correction: float) -> Batch:
        """As of ``Shards``."""
        return self.memory.sample(batch_size, correction)

    def update_priorities(self, index: np.ndarray, errors: np.ndarray) -> None:
        """As of ``Shards``."""
        self.memory.update_priorities(np.array(index), np.array(errors))

    def state_dict(self) -> dict[str, Any]:
        """As of ``Shards``."""
        return self.memory.state_dict()


class RemoteMemory:
    """What a learner has for a memory that is kept in another process; it draws from it as from its own.

    Args:
        ray: Ray.
        memory: What it holds at first.

    Attributes:
        capacity: Frames that it can hold.
    """

    def __init__(self, ray: Any, memory: Shards) -> None:
        self._ray, self.capacity, self._made_of = ray, memory.capacity, (memory.plan, len(memory.shards))
        self._frames, self._turn = len(memory), memory.plan.n_streams // len(memory.shards)
        state = memory.state_dict() if len(memory) else None
        remote = ray.remote(Replay).options(num_cpus=0, scheduling_strategy=here(ray))
        self._replay = remote.remote(*self._made_of, state)
        self._drawn: deque[Any] = deque()
        self._sent: deque[Any] = deque()

    def __len__(self) -> int:
        return min(self._frames, self.capacity)

    def add(self, number: int, parcel: tuple[Any, int]) -> None:
        """Passes an actor's parcel on, as Ray's reference to it, with the world-steps that it holds.

        Raises:
            MemoryLost: If the process is gone.
        """
        steps, turns = parcel
        self._sent.append(self._replay.add.remote(number, steps))
        self._frames += turns * self._turn
        if len(self._sent) > PARCELS:
            with contextlib.suppress(self._ray.exceptions.ObjectLostError):  # steps went with the node that had them
                self._got(self._sent.popleft())

    def sample(self, batch_size: int, priority_correction: float = 1.0) -> Batch:
        """Returns a batch that was drawn while the learner was busy; see ``Shards``.

        Raises:
            MemoryLost: If the process is gone.
        """
        while len(self._drawn) <= BATCHES:
            self._drawn.append(self._replay.sample.remote(batch_size, priority_correction))
        batch = self._got(self._drawn.popleft())  # lent by Ray's store, and not to be written to
        return Batch(**{each.name: copied(getattr(batch, each.name)) for each in dataclasses.fields(batch)})

    def update_priorities(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Sends new priorities on their way; see ``Shards``."""
        self._replay.update_priorities.remote(index, errors)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything, as arrays and plain data; of a process that is gone, an empty memory, to go on from."""
        try:
            return self._got(self._replay.state_dict.remote())
        except MemoryLost as lost:
            tell(f"the replay memory is lost ({lost}), and is saved empty; the networks are not")
            return Shards(*self._made_of).state_dict()

    def _got(self, reference: Any) -> Any:
        ray = self._ray
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise (error.cause or error) from None
        except ray.exceptions.ObjectLostError:
            raise
        except ray.exceptions.RayError as error:
            raise MemoryLost(_said(error)) from error


class RayStaff:
    """Actors of Ray, a core each.

    A cluster is found by the environment variable RAY_ADDRESS, as by all that runs on Ray; without it one is made on
    this machine, with room for all actors, and ended again.

    Args:
        n_actors: Actors that there are to be.
        by_memory: Of each learner, whether what its actors send goes straight to a memory.
    """

    def __init__(self, n_actors: int, by_memory: list[bool]) -> None:
        cores = max(n_actors, os.cpu_count() or 1)
        address = os.environ.get("RAY_ADDRESS") or "local"
        self._ray = find_ray(f"actors={n_actors}")
        self._ours = connect(self._ray, address, f"actors={n_actors}", cores)
        self._by_memory = by_memory
        self._actors: dict[int, Any] = {}
        self._work: dict[int, deque[Any]] = {}

    def hire(self, errand: Errand) -> None:
        """Begins an actor, on whatever node has a core for it."""
        self._dismiss(errand.number)
        actor = self._ray.remote(Actor).options(num_cpus=1, max_restarts=0, max_task_retries=0).remote()
        self._actors[errand.number] = actor
        self._work[errand.number] = deque([[actor.begin.remote(errand)]])

    def ask(self, number: int, weights: Any, turns: int) -> None:
        """Gives an actor turns to play, behind those that it was given before."""
        play = self._actors[number].play.options(num_returns=1 + len(self._by_memory))
        self._work[number].append(play.remote(weights, turns))

    def share(self, weights: list[dict[str, Any]]) -> Any:
        """Puts weights into Ray's store, from where each node fetches them once."""
        return self._ray.put(weights)

    def entrust(self, memory: Shards) -> RemoteMemory:
        """Moves a memory into a process of its own on this machine."""
        return RemoteMemory(self._ray, memory)

    def next(self, seconds: float) -> Outcome | None:
        """Returns the next thing that came of what was asked for; waits so long for it.

        Of several actors that are done it is the one that was heard least recently: where the learner is the slower,
        all are, and Ray would always name the same.

        Raises:
            Exception: What the world or a model raised in an actor.
        """
        ray = self._ray
        first = {work[0][0]: number for number, work in self._work.items() if work}
        done, _ = ray.wait(list(first), num_returns=len(first), timeout=0)
        if not done:
            done, _ = ray.wait(list(first), timeout=seconds)
        if not done:
            return None
        number = next(first[each] for each in first if each in done)
        self._work[number] = self._work.pop(number)  # now behind the others
        said, *parcels = self._work[number].popleft()
        try:
            said = ray.get(said)
            if isinstance(said, str):
                return Outcome(number, began=said)
            pairs = zip(parcels, self._by_memory, strict=True)
            opened = [(each, said.turns) if by_memory else ray.get(each) for each, by_memory in pairs]
        except ray.exceptions.RayTaskError as error:
            raise (error.cause or error) from None
        except ray.exceptions.RayError as error:
            return Outcome(number, lost=_said(error))
        return Outcome(number, news=said, parcels=opened)

    def _dismiss(self, number: int) -> None:
        self._work.pop(number, None)
        if (actor := self._actors.pop(number, None)) is not None:
            with contextlib.suppress(Exception):  # it may be gone already
                self._ray.kill(actor)

    def close(self) -> None:
        """Ends all actors, and Ray if it was begun for them."""
        for number in list(self._actors):
            self._dismiss(number)
        if self._ours:
            self._ray.shutdown()


def _said(error: Exception) -> str:
    """Returns what kind of loss an error of Ray tells of."""
    return type(error).__name__
