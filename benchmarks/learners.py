"""What a learner costs beside its bare network: everything counted, over the same forward and backward passes alone.

    python benchmarks/learners.py [--threads 2] [--rounds 5] [--cases ppo iqn ddqn ...]

Each round times the whole learner (acting, stepping, storing, sampling, updating) and then its bare network: the same
modules on real states, called as often and at the same batch sizes, a sum of the outputs for a loss, without optimiser,
clipping or world. Rounds alternate, so that a busy machine slows both; the median of the rounds' ratios is what counts.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

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
ON_POLICY = {"ppo": 1.3, "ppo-socialjax": 1.25, "a2c": 1.3, "a3c": 1.3, "impala": 1.3, "trpo": 1.3, "pqn": 1.3}
ACTOR_CRITICS: dict[str, type[ActorCriticModel]] = {
    "ddpg": DDPG,
    "ddpg_prioritised": DDPGPrioritised,
    "ddpg_apex": DDPGApex,
    "hddpg": HDDPG,
    "td3": TD3,
    "sac": SAC,
    "sac_discrete": SACDiscrete,
}
BAR = ON_POLICY | {"r2d2": 1.5} | dict.fromkeys([*REPLAY, *ACTOR_CRITICS], 1.5)


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
    learner: type[OnPolicyModel], kind: str, copies: int, n_steps: int, passes: tuple[int, int] = (2, 4)
) -> tuple[Callable[[], None], Callable[[], None], int]:
    """A learner on Clean Up, 7 slots sharing it: one rollout, and the passes of one rollout (how many, minibatches)."""
    world = sorrelsim.make("cleanup", n_worlds=copies, seed=0)
    streams = copies * world.n_agents
    n_epochs, n_minibatches = passes
    config = {"n_steps": n_steps, "n_epochs": n_epochs, "n_minibatches": n_minibatches, "network": {"kind": kind}}
    model = learner.from_config(world.observations, world.action_names, streams, config)
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, n_steps)
    net, acting = model.networks["net"], states_of(world)
    # A minibatch as training draws it: states of the whole rollout in random order.
    order = np.random.default_rng(0).permutation(n_steps * streams)[: n_steps * streams // n_minibatches]
    lived = {name: part.reshape(-1, *part.shape[2:])[order] for name, part in model.memory.states.items()}
    batch = {name: torch.from_numpy(part) for name, part in lived.items()}
    ask = (lambda parts: [net(**parts)]) if learner is PQN else net

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(n_steps + 1):  # one for the state after the last
                ask(acting)
        for _ in range(n_epochs * n_minibatches):
            results = ask(batch)
            net.zero_grad(set_to_none=True)
            sum(result.sum() for result in results).backward()

    return lambda: run(agent, world, n_steps), bare, n_steps * streams


def trpo(copies: int, n_steps: int) -> tuple[Callable[[], None], Callable[[], None], int]:
    """TRPO on Clean Up, 7 slots sharing it: one rollout, its step of the actor and five passes of the critic."""
    world = sorrelsim.make("cleanup", n_worlds=copies, seed=0)
    streams = copies * world.n_agents
    model = TRPO.from_config(world.observations, world.action_names, streams, {"n_steps": n_steps})
    agent, c = Agent(world, range(world.n_agents), model), model.config
    run(agent, world, n_steps)
    actor, critic, acting = model.policy.actor, model.policy.critic, states_of(world)
    whole = {name: torch.from_numpy(part.reshape(-1, *part.shape[2:])) for name, part in model.memory.states.items()}
    order = torch.randperm(n_steps * streams)[: n_steps * streams // c.n_minibatches]
    batch = {name: part[order] for name, part in whole.items()}
    parameters = list(actor.parameters())

    def bare() -> None:
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

    return lambda: run(agent, world, n_steps), bare, n_steps * streams


def replay(kind: type[ValueModel]) -> tuple[Callable[[], None], Callable[[], None], int]:
    """A learner of values on treasure hunt, 32 copies, a gradient step in 4 agent-steps, batch 64: ten world-steps."""
    world = sorrelsim.make("treasure_hunt", n_worlds=32, seed=0)
    streams = 32 * world.n_agents
    config = {"warmup": streams * 10, "steps_between_updates": 4, "batch_size": 64}
    model = kind.from_config(world.observations, world.action_names, streams, config)
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, 20)
    acting = states_of(world)
    online, target = model.networks["online"], model.networks["target"]
    batch = {k: v.contiguous() for k, v in model.batch_tensors(model.memory.sample(64))[0].items()}
    few: dict[str, torch.Tensor] = {"taus": torch.rand(64, 8)} if kind is IQN else {}
    many = {"taus": torch.rand(1, 32).expand(streams, -1)} if kind is IQN else {}

    def bare() -> None:
        for _ in range(10):
            with torch.inference_mode():
                online(**acting, **many)
            for _ in range(streams // 4):
                with torch.no_grad():
                    target(**batch, **few)
                    if model.config.double:
                        online(**batch, **few)
                online.zero_grad(set_to_none=True)
                online(**batch, **few).sum().backward()

    return lambda: run(agent, world, 10), bare, 10 * streams


def r2d2() -> tuple[Callable[[], None], Callable[[], None], int]:
    """R2D2 on treasure hunt, 32 copies, a gradient step on 32 sequences in 32 agent-steps: ten world-steps."""
    world = sorrelsim.make("treasure_hunt", n_worlds=32, seed=0)
    streams = 32 * world.n_agents
    model = R2D2.from_config(world.observations, world.action_names, streams, {"warmup": streams * 10})
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, 50)
    acting, carry = states_of(world), model.new_carry(streams)
    online, target = model.networks["online"], model.networks["target"]
    batch, c = model.next_batch().states, model.config
    before = {name: part[: c.burn_in].contiguous() for name, part in batch.items()}
    after = {name: part[c.burn_in :].contiguous() for name, part in batch.items()}
    start = model.new_carry(c.batch_size)

    def bare() -> None:
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

    return lambda: run(agent, world, 10), bare, 10 * streams


def actor_critic(kind: type[ActorCriticModel]) -> tuple[Callable[[], None], Callable[[], None], int]:
    """A learner with an actor and critics on the plane (one of named actions on treasure hunt), else as ``replay``."""
    named = kind is SACDiscrete
    world = sorrelsim.make("treasure_hunt", n_worlds=32, seed=0) if named else Plane(32)
    streams = 32 * world.n_agents
    config = {"warmup": streams * 10, "steps_between_updates": 4}
    model = kind.from_config(world.observations, world.action_names or world.action_spec, streams, config)
    agent = Agent(world, range(world.n_agents), model)
    run(agent, world, 20)
    acting, size, nets = states_of(world), model.config.batch_size, model.networks
    drawn = model.batch_tensors(model.memory.sample(size))
    batch = {name: part.contiguous() for name, part in drawn.states.items()}
    done = {} if named else {"action": drawn.data["actions"].contiguous()}
    delay = 2 if kind is TD3 else 1
    improving = list(nets["actor"].parameters())
    valued_by = model.critics[:1] if kind is TD3 else model.critics

    def does() -> torch.Tensor:
        answer = nets["actor"](**batch)
        return answer[0] if isinstance(answer, tuple) else answer

    def descends(step: int) -> None:
        with torch.no_grad():
            nets["actor"](**batch)
            for name in model.critics:
                nets[f"{name}_target"](**batch, **done)
                if named:  # what the actor learns from
                    nets[name](**batch)
        for name in model.critics:
            nets[name].zero_grad(set_to_none=True)
        sum(nets[name](**batch, **done).sum() for name in model.critics).backward()
        if step % delay == 0:
            action = does()
            values = [action] if named else [nets[name](**batch, action=action) for name in valued_by]
            torch.autograd.grad(sum(value.sum() for value in values), improving, allow_unused=True)

    def bare() -> None:
        for _ in range(10):
            with torch.inference_mode():
                chosen = nets["actor"](**acting)
                if kind is DDPGApex:  # what was done, and what the actor itself would do
                    nets["actor"](**acting)
                    nets["critic"](**acting, action=chosen), nets["critic"](**acting, action=chosen)
            for step in range(streams // 4):
                descends(step)

    return lambda: run(agent, world, 10), bare, 10 * streams


def clock(work: Callable[[], None]) -> float:
    """Seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Runs the cases and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=64, help="copies of Clean Up")
    parser.add_argument("--cases", nargs="+", default=list(BAR), choices=list(BAR))
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    sorrelsim.set_threads(asked.threads)
    build = {
        "ppo": lambda: on_policy(PPO, "mlp", asked.copies, 64),
        "ppo-socialjax": lambda: on_policy(PPO, "socialjax", max(1, asked.copies // 8), 32),
        "a2c": lambda: on_policy(A2C, "mlp", asked.copies, 5, (1, 1)),
        "a3c": lambda: on_policy(A3C, "mlp", asked.copies, 5, (1, 4)),
        "impala": lambda: on_policy(IMPALA, "mlp", asked.copies, 20, (1, 4)),
        "trpo": lambda: trpo(asked.copies, 64),
        "pqn": lambda: on_policy(PQN, "mlp", asked.copies, 64),
        "r2d2": r2d2,
    } | {name: functools.partial(replay, kind) for name, kind in REPLAY.items()}
    build |= {name: functools.partial(actor_critic, kind) for name, kind in ACTOR_CRITICS.items()}
    for case in asked.cases:
        whole, bare, n_agent_steps = build[case]()
        whole(), bare()  # what is compiled or allocated on first use
        ratios, rates = [], []
        for _ in range(asked.rounds):
            seconds, alone = clock(whole), clock(bare)
            ratios.append(seconds / alone)
            rates.append(n_agent_steps / seconds)
        print(
            f"{case:16} {np.median(ratios):5.2f} x bare network (bar {BAR[case]}; rounds "
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)})  {np.median(rates):8,.0f} agent-steps/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
