"""What a learner costs beside its bare network: everything counted, over passes, gradients and steps alone.

    python benchmarks/learners.py [--threads 2] [--rounds 9] [--cases ppo iqn ddqn ...]

Each round times, by the processor's time, the whole learner (acting, stepping, storing, sampling, updating) and its
bare network: the same modules on states that the learner had last, which lie ready (what there is to see changes as an
episode goes on, and with it the work of a first layer that skips what is not there); several batches in turn, for a
learner never sees one twice in a row (of R2D2 and TRPO one, which makes their bars the harder), called as often and at
the same batch sizes, with a sum of the outputs for a loss and torch's fused step of Adam on all parameters; no world,
memory, target networks' moves, clipping, or anything noted.
A second ratio leaves the step of Adam out too: forward and backward passes alone. What comes first changes from round
to round, so that a busy machine slows all; the median of the rounds' ratios is what counts, and the quartiles say how
far they scatter.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch

import sorrelsim
from sorrelsim.agents.learners.a2c import A2C
from sorrelsim.agents.learners.a3c import A3C
from sorrelsim.agents.learners.ddpg import DDPG
from sorrelsim.agents.learners.ddpg_apex import DDPGApex
from sorrelsim.agents.learners.ddpg_prioritised import DDPGPrioritised
from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.dqn import DQN
from sorrelsim.agents.learners.dqn_apex import DQNApex
from sorrelsim.agents.learners.dqn_prioritised import DQNPrioritised
from sorrelsim.agents.learners.dueling import Dueling
from sorrelsim.agents.learners.hddpg import HDDPG
from sorrelsim.agents.learners.impala import IMPALA
from sorrelsim.agents.learners.iqn import IQN
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.agents.learners.pqn import PQN
from sorrelsim.agents.learners.qr_dqn import QRDQN
from sorrelsim.agents.learners.r2d2 import R2D2
from sorrelsim.agents.learners.rainbow import Rainbow
from sorrelsim.agents.learners.sac import SAC
from sorrelsim.agents.learners.sac_discrete import SACDiscrete
from sorrelsim.agents.learners.td3 import TD3
from sorrelsim.agents.learners.trpo import TRPO
from sorrelsim.models.agent import Agent
from sorrelsim.models.torch.actor_critic_model import ActorCriticModel
from sorrelsim.models.torch.on_policy_model import OnPolicyModel
from sorrelsim.models.torch.replay_model import Drawn
from sorrelsim.models.torch.value_model import ValueModel
from sorrelsim.testing.plane import Plane

REPLAY: dict[str, type[ValueModel]] = {
    "iqn": IQN,
    "dqn": DQN,
    "ddqn": DDQN,
    "dueling": Dueling,
    "dqn_prioritised": DQNPrioritised,
    "dqn_apex": DQNApex,
    "qr_dqn": QRDQN,
    "rainbow": Rainbow,
}
ON_POLICY = {
    "ppo": 1.25,
    "ppo-socialjax": 1.25,
    "ppo-rgb": 1.3,
    "ppo-one_hot": 1.5,
    "a2c": 1.3,
    "a3c": 1.3,
    "impala": 1.3,
    "trpo": 1.3,
    "pqn": 1.3,
}
ACTOR_CRITICS: dict[str, type[ActorCriticModel]] = {
    "ddpg": DDPG,
    "ddpg_prioritised": DDPGPrioritised,
    "ddpg_apex": DDPGApex,
    "hddpg": HDDPG,
    "td3": TD3,
    "sac": SAC,
    "sac_discrete": SACDiscrete,
}
BAR = ON_POLICY | dict.fromkeys([*REPLAY, "r2d2", *ACTOR_CRITICS], 1.5) | {"iqn": 1.3, "ddqn": 1.4}


class Work(NamedTuple):
    """What is timed of a learner.

    Attributes:
        whole: The whole learner.
        ready: Lays ready what its bare network sees: the states that the learner had last.
        bare: The bare network, with or without steps of Adam.
        agent_steps: For how many either stands.
    """

    whole: Callable[[], None]
    ready: Callable[[], None]
    bare: Callable[[bool], None]
    agent_steps: int


def mover(parameters: Iterable[torch.Tensor]) -> Callable[[], None]:
    """Returns a step of Adam at its leanest, of length 0: the bare network must not move the learner's weights."""
    moved = [p for p in parameters if p.requires_grad]
    first, second = ([torch.zeros_like(p) for p in moved] for _ in range(2))
    counts = [torch.ones(())] * len(moved)
    rest = {"weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False, "grad_scale": None}

    def move() -> None:
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in moved]
        with torch.no_grad():
            torch._fused_adam_(
                moved, slopes, first, second, [], counts, lr=0.0, beta1=0.9, beta2=0.999, found_inf=None, **rest
            )

    return move


def run(agent: Agent, world: object, n_steps: int) -> None:
    """The loop of an experiment."""
    for _ in range(n_steps):
        agent.transition(world)
        world.step()
        agent.remember(world)


def states_of(world: object) -> dict[str, torch.Tensor]:
    """The world's observations now, all copies and slots, by part name."""
    return {
        name: torch.from_numpy(np.ascontiguousarray(part).reshape(-1, *part.shape[2:]))
        for name, part in world.parts.items()
    }


def on_policy(
    learner: type[OnPolicyModel],
    kind: str,
    copies: int,
    n_steps: int,
    passes: tuple[int, int] = (2, 4),
    form: str = "symbolic",
) -> Work:
    """A learner on Clean Up, 7 slots sharing it: one rollout, and the passes of one rollout (how many, minibatches)."""
    world = sorrelsim.make("cleanup", n_worlds=copies, seed=0, observation=form)
    streams = copies * world.n_agents
    n_epochs, n_minibatches = passes
    config = {"n_steps": n_steps, "n_epochs": n_epochs, "n_minibatches": n_minibatches, "network": {"kind": kind}}
    model = learner.from_config(world.observations, world.action_names, streams, config)
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, n_steps)
    net, seen, chance = model.networks["net"], {}, np.random.default_rng(0)
    ask = (lambda parts: [net(**parts)]) if learner is PQN else net
    move = mover(net.parameters())

    def ready() -> None:  # minibatches as training draws them: states of the whole rollout in random order
        seen["acting"] = states_of(world)
        lived = {name: part.reshape(-1, *part.shape[2:]) for name, part in model.memory.states.items()}
        seen["learning"] = [
            model.tensors({name: part[order] for name, part in lived.items()})
            for order in np.array_split(chance.permutation(n_steps * streams), n_minibatches)
        ]

    def bare(stepping: bool) -> None:
        with torch.inference_mode():
            for _ in range(n_steps + 1):  # one for the state after the last
                ask(seen["acting"])
        for batch in seen["learning"] * n_epochs:
            results = ask(batch)
            net.zero_grad(set_to_none=True)
            sum(result.sum() for result in results).backward()
            if stepping:
                move()

    return Work(lambda: run(agent, world, n_steps), ready, bare, n_steps * streams)


def trpo(copies: int, n_steps: int) -> Work:
    """TRPO on Clean Up, 7 slots sharing it: one rollout, its step of the actor and five passes of the critic."""
    world = sorrelsim.make("cleanup", n_worlds=copies, seed=0)
    streams = copies * world.n_agents
    model = TRPO.from_config(world.observations, world.action_names, streams, {"n_steps": n_steps})
    agent, c = Agent(world, range(world.n_agents), model), model.config
    run(agent, world, n_steps)
    actor, critic, seen = model.policy.actor, model.policy.critic, {}
    parameters = list(actor.parameters())
    move = mover(critic.parameters())

    def ready() -> None:
        lived = model.memory.states.items()
        seen["acting"] = states_of(world)
        seen["whole"] = {name: torch.from_numpy(part.reshape(-1, *part.shape[2:]).copy()) for name, part in lived}
        order = torch.randperm(n_steps * streams)[: n_steps * streams // c.n_minibatches]
        seen["batch"] = {name: part[order] for name, part in seen["whole"].items()}

    def bare(stepping: bool) -> None:
        acting, whole, batch = seen["acting"], seen["whole"], seen["batch"]
        with torch.inference_mode():
            for _ in range(n_steps + 1):
                actor.head(actor.encoder(acting)), critic.head(critic.encoder(acting))
            actor.head(actor.encoder(whole))  # the line search, at its least
        total = actor.head(actor.encoder(whole)).sum()
        slopes = [torch.autograd.grad(total, parameters, create_graph=True) for _ in range(2)]  # objective and KL
        slope = sum(each.sum() for each in slopes[1])
        for _ in range(c.cg_iterations + 1):
            torch.autograd.grad(slope, parameters, retain_graph=True, allow_unused=True)
        for _ in range(c.n_epochs * c.n_minibatches):
            critic.zero_grad(set_to_none=True)
            critic.head(critic.encoder(batch)).sum().backward()
            if stepping:
                move()

    return Work(lambda: run(agent, world, n_steps), ready, bare, n_steps * streams)


def replay(kind: type[ValueModel]) -> Work:
    """A learner of values on treasure hunt, 32 copies, a gradient step in 4 agent-steps, batch 64: ten world-steps."""
    world = sorrelsim.make("treasure_hunt", n_worlds=32, seed=0)
    streams = 32 * world.n_agents
    config = {"warmup": streams * 10, "steps_between_updates": 4, "batch_size": 64}
    model = kind.from_config(world.observations, world.action_names, streams, config)
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, 20)
    online, target, seen = model.networks["online"], model.networks["target"], {}
    few: dict[str, torch.Tensor] = {"taus": torch.rand(64, 8)} if kind is IQN else {}
    many = {"taus": torch.rand(1, 32).expand(streams, -1)} if kind is IQN else {}

    move = mover(online.parameters())

    def ready() -> None:
        seen["acting"] = states_of(world)
        seen["learning"] = [model.batch_tensors(model.memory.sample(64)) for _ in range(streams // 4)]

    def bare(stepping: bool) -> None:
        for _ in range(10):
            with torch.inference_mode():
                online(**seen["acting"], **many)
            for batch in seen["learning"]:
                with torch.no_grad():
                    target(**batch.following, **few)
                    if model.config.double:
                        online(**batch.following, **few)
                online.zero_grad(set_to_none=True)
                online(**batch.states, **few).sum().backward()
                if stepping:
                    move()

    return Work(lambda: run(agent, world, 10), ready, bare, 10 * streams)


def r2d2() -> Work:
    """R2D2 on treasure hunt, 32 copies, a gradient step on 32 sequences in 32 agent-steps: ten world-steps."""
    world = sorrelsim.make("treasure_hunt", n_worlds=32, seed=0)
    streams = 32 * world.n_agents
    model = R2D2.from_config(world.observations, world.action_names, streams, {"warmup": streams * 10})
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, 50)
    online, target = model.networks["online"], model.networks["target"]
    c, seen = model.config, {}
    carry, start = model.new_carry(streams), model.new_carry(c.batch_size)
    move = mover(online.parameters())

    def ready() -> None:
        seen["acting"], batch = states_of(world), model.next_batch().states
        seen["before"] = {name: part[: c.burn_in].contiguous() for name, part in batch.items()}
        seen["after"] = {name: part[c.burn_in :].contiguous() for name, part in batch.items()}

    def bare(stepping: bool) -> None:
        acting, before, after = seen["acting"], seen["before"], seen["after"]
        for _ in range(10):
            with torch.inference_mode():
                online(**acting, **carry)
            for _ in range(streams // 32):
                with torch.no_grad():
                    for net in (online, target):
                        net.run(before, start)
                    target.values(target.run(after, start)[0])
                online.zero_grad(set_to_none=True)
                online.values(online.run(after, start)[0]).sum().backward()
                if stepping:
                    move()

    return Work(lambda: run(agent, world, 10), ready, bare, 10 * streams)


def actor_critic(kind: type[ActorCriticModel]) -> Work:
    """A learner with an actor and critics on the plane (one of named actions on treasure hunt), else as ``replay``."""
    named = kind is SACDiscrete
    world = sorrelsim.make("treasure_hunt", n_worlds=32, seed=0) if named else Plane(32)
    streams = 32 * world.n_agents
    config = {"warmup": streams * 10, "steps_between_updates": 4}
    model = kind.from_config(world.observations, world.action_names or world.action_spec, streams, config)
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, 20)
    size, nets, seen = model.config.batch_size, model.networks, {}
    delay = 2 if kind is TD3 else 1
    valued_by = model.critics[:1] if kind is TD3 else model.critics
    move = [mover(nets["actor"].parameters()), mover(p for name in model.critics for p in nets[name].parameters())]

    def descends(batch: Drawn, improving: bool, stepping: bool) -> None:
        done = {} if named else {"action": batch.data["actions"]}
        with torch.no_grad():
            nets["actor"](**batch.following)
            for name in model.critics:
                nets[f"{name}_target"](**batch.following, **done)
                if named:  # what the actor learns from
                    nets[name](**batch.states)
        for name in model.critics:
            nets[name].zero_grad(set_to_none=True)
        sum(nets[name](**batch.states, **done).sum() for name in model.critics).backward()
        if improving:
            answer = nets["actor"](**batch.states)
            action = answer[0] if isinstance(answer, tuple) else answer
            values = [action] if named else [nets[name](**batch.states, action=action) for name in valued_by]
            parameters = list(nets["actor"].parameters())
            slopes = torch.autograd.grad(sum(value.sum() for value in values), parameters, allow_unused=True)
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.grad = slope
        for steps in move if stepping and improving else move[1:] * stepping:
            steps()

    def ready() -> None:
        seen["acting"] = states_of(world)
        seen["learning"] = [model.batch_tensors(model.memory.sample(size)) for _ in range(streams // 4)]

    def bare(stepping: bool) -> None:
        acting = seen["acting"]
        for _ in range(10):
            with torch.inference_mode():
                chosen = nets["actor"](**acting)
                if kind is DDPGApex:  # what was done, and what the actor itself would do
                    nets["actor"](**acting)
                    nets["critic"](**acting, action=chosen), nets["critic"](**acting, action=chosen)
            for k, batch in enumerate(seen["learning"]):
                descends(batch, k % delay == 0, stepping)

    return Work(lambda: run(agent, world, 10), ready, bare, 10 * streams)


def clock(work: Callable[[], None]) -> float:
    """Seconds of the processor, in all threads, that some work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(work: Work, rounds: int) -> Iterator[tuple[float, float, float]]:
    """Yields, round by round, seconds of the whole learner, its bare network, and forward and backward passes alone."""
    parts = [work.whole, functools.partial(work.bare, True), functools.partial(work.bare, False)]
    orders = itertools.cycle(itertools.permutations(range(3)))
    work.ready()
    for _ in range(3):  # what is compiled or allocated on first use
        for part in parts:
            part()
    for order in itertools.islice(orders, rounds):
        work.ready()
        seconds = {k: clock(parts[k]) for k in order}
        yield seconds[0], seconds[1], seconds[2]


def main() -> None:
    """Runs the cases and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--copies", type=int, default=64, help="copies of Clean Up")
    parser.add_argument("--cases", nargs="+", default=list(BAR), choices=list(BAR))
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    sorrelsim.set_threads(asked.threads)
    build = {
        "ppo": lambda: on_policy(PPO, "mlp", asked.copies, 64),
        "ppo-socialjax": lambda: on_policy(PPO, "socialjax", max(1, asked.copies // 8), 32),
        "ppo-rgb": lambda: on_policy(PPO, "mlp", max(1, asked.copies // 8), 32, form="rgb"),
        "ppo-one_hot": lambda: on_policy(PPO, "mlp", max(1, asked.copies // 8), 32, form="one_hot"),
        "a2c": lambda: on_policy(A2C, "mlp", asked.copies, 5, (1, 1)),
        "a3c": lambda: on_policy(A3C, "mlp", asked.copies, 5, (1, 4)),
        "impala": lambda: on_policy(IMPALA, "mlp", asked.copies, 20, (1, 4)),
        "trpo": lambda: trpo(asked.copies, 64),
        "pqn": lambda: on_policy(PQN, "mlp", asked.copies, 64),
        "r2d2": r2d2,
    } | {name: functools.partial(replay, kind) for name, kind in REPLAY.items()}
    build |= {name: functools.partial(actor_critic, kind) for name, kind in ACTOR_CRITICS.items()}
    for case in asked.cases:
        work = build[case]()
        whole, bare, passes = np.array(list(measured(work, asked.rounds))).T
        low, middle, high = np.percentile(whole / bare, [25, 50, 75])
        speed = work.agent_steps / np.median(whole)
        print(
            f"{case:16} {middle:5.2f} x bare network (bar {BAR[case]}; quartiles {low:.2f} and {high:.2f}); "
            f"{np.median(whole / passes):.2f} x its passes alone; {speed:8,.0f} agent-steps/CPU-s",
            flush=True,
        )


if __name__ == "__main__":
    main()
