"""PPO: proximal policy optimisation (Schulman et al. 2017), feed-forward or recurrent (GRU, LSTM), masks
honoured.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sorrelsim.models.base import Arrays, Seat, Transition
from sorrelsim.models.memory.rollout import Rollout, generalised_advantages
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.torch_model import Adam, TorchConfig, TorchModel, check_network, split_extras, to_device

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


@dataclass(frozen=True)
class PPOConfig(TorchConfig):
    """Settings of PPO. It learns whenever every stream has made `n_steps` steps, whatever an epoch's length."""

    learning_rate: float = 2.5e-4
    """Step size of Adam."""
    max_grad_norm: float = 0.5
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    n_steps: int = 128
    """Steps of each stream between two updates."""
    n_epochs: int = 2
    """Passes over a rollout."""
    n_minibatches: int = 4
    """Gradient steps a pass."""
    gae_lambda: float = 0.95
    """Weight of longer returns in the advantages."""
    clip: float = 0.2
    """How far the probability ratio may move before its gradient stops."""
    clip_value: float | None = None
    """How far a value may move in one update; None does not limit it."""
    normalise_advantages: bool = True
    """Scale advantages to mean 0 and deviation 1 in each minibatch."""
    value_coefficient: float = 0.5
    """Weight of the value loss."""
    entropy: float = 0.01
    """Weight of the entropy bonus at the start."""
    entropy_end: float | None = None
    """Weight from `entropy_steps` on; None keeps it."""
    entropy_steps: int = 1_000_000
    """Agent-steps over which the weight changes, linearly."""
    target_kl: float | None = None
    """An update stops once the policy has moved by more than 1.5 times this; None never stops it."""
    recurrent: Literal["none", "gru", "lstm"] = "none"
    """A recurrent layer between encoder and heads."""
    recurrent_size: int = 128
    """Its width."""
    sequence_length: int = 16
    """Steps that gradients flow back through; must divide n_steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recurrent != "none" and self.n_steps % self.sequence_length:
            raise ValueError(f"sequence_length {self.sequence_length} does not divide n_steps {self.n_steps}")


class ActorCritic(nn.Module):
    """The default network: one encoder, an optional recurrent layer, and heads for policy and value."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        n_actions: int,
        network: NetworkConfig,
        recurrent: str,
        size: int,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network)
        width = self.encoder.n_features
        self.cell: nn.GRUCell | nn.LSTMCell | None = None
        if recurrent != "none":
            self.cell = (nn.GRUCell if recurrent == "gru" else nn.LSTMCell)(width, size)
            width = size
        # Policy and value in one product; the two parts are initialised apart.
        self.heads = nn.Linear(width, n_actions + 1)
        self.encoder.orthogonal()
        with torch.no_grad():
            nn.init.orthogonal_(self.heads.weight[:-1], 0.01)
            nn.init.orthogonal_(self.heads.weight[-1:], 1.0)
            self.heads.bias.zero_()
            if self.cell is not None:
                for name, parameter in self.cell.named_parameters():
                    nn.init.zeros_(parameter) if "bias" in name else nn.init.orthogonal_(parameter)

    def forward(self, parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """States to logits [batch, actions] and values [batch]; without the recurrent layer."""
        return self.split(self.encoder(parts))

    def split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features to logits and values."""
        out = self.heads(features)
        return out[..., :-1], out[..., -1]

    def advance(self, features: Tensor, carry: dict[str, Tensor]) -> dict[str, Tensor]:
        """The recurrent layer's next state."""
        if isinstance(self.cell, nn.LSTMCell):
            h, c = self.cell(features, (carry["h"], carry["c"]))
            return {"h": h, "c": c}
        assert self.cell is not None
        return {"h": self.cell(features, carry["h"])}


def policy_terms(logits: Tensor, actions: Tensor, masks: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Log-probabilities of actions and the policy's entropy; forbidden actions have no share in either.

    Args:
        logits: [batch, actions].
        actions: int64 [batch].
        masks: allowed actions, bool [batch, actions], or None.

    Returns:
        float32 [batch] and [batch].
    """
    log_p = F.log_softmax(mask_logits(logits, masks), -1)
    entropy = -(log_p.exp() * log_p).sum(-1)
    return log_p.gather(-1, actions.unsqueeze(-1)).squeeze(-1), entropy


def mask_logits(logits: Tensor, masks: Tensor | None) -> Tensor:
    """Logits of forbidden actions become so low that their probability is 0; finite, to keep entropies free
    of NaN.
    """
    return logits if masks is None else logits.masked_fill(~masks, -1e9)


def ppo_loss(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """The clipped surrogate (Schulman et al. 2017, eq. 7), negated, of each sample.

    Args:
        log_prob: of the actions now, [batch].
        old_log_prob: of the actions when they were taken, [batch].
        advantage: [batch].
        clip: how far the ratio may move.

    Returns:
        [batch].
    """
    ratio = (log_prob - old_log_prob).exp()
    return torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clip, 1 + clip))


def value_loss(value: Tensor, old_value: Tensor, target: Tensor, clip: float | None) -> Tensor:
    """Half the squared error of each sample; with `clip`, the worse of it and that of the value moved at most
    so far.

    Args:
        value: estimates now, [batch].
        old_value: estimates when the state was met, [batch].
        target: returns, [batch].
        clip: how far a value may move, or None.

    Returns:
        [batch].
    """
    loss = (value - target) ** 2
    if clip is not None:
        moved = old_value + (value - old_value).clamp(-clip, clip)
        loss = torch.maximum(loss, (moved - target) ** 2)
    return 0.5 * loss


class _Loss(torch.autograd.Function):
    """PPO's whole loss of logits and values at once: what `policy_terms`, `ppo_loss` and `value_loss` say, with the
    gradient worked out here, so that no graph of a dozen small steps is recorded and run backwards.

    With p the policy, a the action taken and H the entropy, d log p(a) / d logit_k = [k = a] - p_k and
    dH / d logit_k = -p_k (log p_k + H).
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, values: Tensor, batch: dict[str, Tensor], advantage: Tensor,
        clip: float, clip_value: float | None, value_weight: float, entropy_weight: float,
    ) -> Any:  # fmt: skip
        n, index = advantage.numel(), batch["actions"].unsqueeze(-1)
        log_p = F.log_softmax(mask_logits(logits, batch.get("masks")), -1)
        p = log_p.exp()
        entropy = -(p * log_p).sum(-1)
        log_ratio = log_p.gather(-1, index).squeeze(-1) - batch["log_probs"]
        ratio = log_ratio.exp()
        moving = -advantage * ratio
        held = -advantage * ratio.clamp(1 - clip, 1 + clip)
        slope = torch.where(moving >= held, moving, 0.0).unsqueeze(-1)
        to_logits = p * (entropy_weight * (log_p + entropy.unsqueeze(-1)) - slope)
        to_logits.scatter_add_(-1, index, slope)
        error = values - batch["returns"]
        squared = error**2
        if clip_value is not None:
            change = values - batch["values"]
            near = batch["values"] + change.clamp(-clip_value, clip_value) - batch["returns"]
            error = torch.where(squared >= near**2, error, near * (change.abs() <= clip_value))
            squared = torch.maximum(squared, near**2)
        ctx.save_for_backward(to_logits.div_(n), error * (value_weight / n))
        policy, value = torch.maximum(moving, held).mean(), 0.5 * squared.mean()
        shown = torch.stack([policy, value, entropy.mean(), (ratio - 1 - log_ratio).mean()])
        ctx.mark_non_differentiable(shown)
        return policy + value_weight * value - entropy_weight * shown[2], shown

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        to_logits, to_values = ctx.saved_tensors
        return to_logits * gradients[0], to_values * gradients[0], None, None, None, None, None, None


class PPO(TorchModel):
    """A PPO learner.

    Args:
        observations: what one slot observes.
        action_names: the actions' names.
        n_streams: copies x slots.
        config: settings; None means all defaults.
        seed: seed of everything random.
        actor: a network of one's own, `forward(<part>=[batch, ...], ..., action=None) -> action,
            log_prob[batch],
            entropy[batch]`; a given action is returned as it is. It may also take `action_mask` (bool [batch,
            actions]
            or None) and `greedy` (bool).
        critic: its value network, `forward(<part>=[batch, ...], ...) -> value[batch, 1]`.
    """

    Config = PPOConfig
    config: PPOConfig
    memory: Rollout

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: PPOConfig | None = None,
        seed: int = 0,
        actor: nn.Module | None = None,
        critic: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c = self.config
        if (actor is None) != (critic is None):
            raise ValueError("PPO takes an actor and a critic of one's own together, or neither")
        self.extras: Any = None
        self._actor_takes: set[str] = set()
        if actor is not None and critic is not None:
            if c.recurrent != "none":
                raise ValueError(
                    "recurrent is a setting of the default network; it cannot be given to one of one's own"
                )
            self.networks = {"actor": actor.to(self.device), "critic": critic.to(self.device)}
            self._check()
        else:
            with self.seeded_init():
                net = ActorCritic(observations, c.n_frames, self.action_space, c.network, c.recurrent, c.recurrent_size)
            self.networks = {"net": net.to(self.device)}
        parameters = [p for net in self.networks.values() for p in net.parameters()]
        self.optimizers = {"adam": Adam(parameters, eps=1e-5)}
        self.memory = Rollout(observations, c.n_steps, n_streams, c.n_frames)
        self._chunk_carries: dict[str, Tensor] = self._new_chunk_carries()
        self._next_value = np.zeros(n_streams, np.float32)

    # Acting

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """The recurrent layer's state, zeros; empty if there is none."""
        names = {"none": (), "gru": ("h",), "lstm": ("h", "c")}[self.config.recurrent]
        return {name: torch.zeros(n_streams, self.config.recurrent_size, device=self.device) for name in names}

    def take_actions(self, states: Arrays, seat: Seat | None = None) -> np.ndarray:
        """Actions drawn from the policy, or its likeliest ones when not exploring; one forward pass for all."""
        explore, parts = self.explores(seat), self.tensors(states)
        n = len(next(iter(parts.values())))
        mask = None if seat is None or seat.mask is None else torch.from_numpy(seat.mask).to(self.device)
        learning = seat is not None and seat.learn
        if learning and self.config.recurrent != "none" and self.memory.size % self.config.sequence_length == 0:
            for name, kept in self._chunk_carries.items():
                kept[self.memory.size // self.config.sequence_length] = seat.carry[name]
        with torch.inference_mode():
            if "net" in self.networks:
                logits, values = self._forward(parts, self.new_carry(n) if seat is None else seat.carry)
                log_p = F.log_softmax(mask_logits(logits, mask), 1)
                actions = self._draw(log_p) if explore else log_p.argmax(1)
                if learning:
                    log_probs = log_p.gather(1, actions.unsqueeze(1)).squeeze(1)
            else:
                asked = {"action_mask": mask, "greedy": not explore}
                (actions, log_probs, _), self.extras = split_extras(self._user_actor(parts, None, asked), 3)
                if learning:
                    values = self.networks["critic"](**parts).squeeze(-1)
            chosen = actions.cpu().numpy()
            if learning:
                self.memory.add_choice(states, chosen, log_probs.cpu().numpy(), values.cpu().numpy(), seat.mask)
        return chosen

    # Learning

    def remember(self, transition: Transition) -> None:
        """Completes the rollout's row; at an episode cut short, estimates what would have followed.

        Raises:
            ValueError: a stream was truncated and its final observation is missing.
        """
        t, row = transition, self.memory.size
        self.memory.add_outcome(t.reward, t.terminated, t.terminated | t.truncated)
        cut = t.truncated[t.ended]
        if cut.any():
            if t.final_states is None:
                raise ValueError("a truncated step needs final_obs: without it the next state is lost")
            named = {name: part[cut] for name, part in self.named(t.final_states).items()}
            self.memory.final_values[row, t.ended[cut]] = self._values(named, t.seat, t.ended[cut], fresh=None)
        if self.memory.full:
            self._next_value = self._values(self.named(t.next_states()), t.seat, None, fresh=t.ended)

    def updates_due(self, before: int, now: int) -> int:
        """One update whenever the rollout is full."""
        return int(self.memory.full)

    def train_step(self) -> dict[str, float]:
        """One update: several passes over the rollout, which is then cleared. Returns mean losses over its
        gradient steps.
        """
        c, m = self.config, self.memory
        advantages = generalised_advantages(
            m.rewards,
            m.values,
            self._next_value,
            m.terminated,
            m.ended,
            m.final_values,
            c.gamma,
            c.gae_lambda,
        )
        arrays = {f"part {name}": part for name, part in m.states.items()} | {
            "actions": m.actions,
            "log_probs": m.log_probs,
            "values": m.values,
            "advantages": advantages,
            "returns": advantages + m.values,
            "ended": m.ended,
        }
        if m.masks is not None:
            arrays["masks"] = m.masks
        data = to_device(arrays, self.device)
        sequences = self._sequences(data) if c.recurrent != "none" else {k: v.flatten(0, 1) for k, v in data.items()}
        n = len(sequences["actions"]) if c.recurrent == "none" else sequences["actions"].shape[1]
        sums: dict[str, float] = {}
        n_steps, stop = 0, False
        for _ in range(c.n_epochs):
            order = torch.randperm(n, generator=self.generator, device=self.device)
            for index in order.tensor_split(min(c.n_minibatches, n)):
                axis = 0 if c.recurrent == "none" else 1
                losses = self._gradient_step({k: v.index_select(axis, index) for k, v in sequences.items()})
                n_steps += 1
                for key, value in losses.items():
                    sums[key] = sums.get(key, 0.0) + value
                stop = not math.isfinite(losses["loss"]) or (
                    c.target_kl is not None and losses["kl"] > 1.5 * c.target_kl
                )
                if stop:
                    break
            if stop:
                break
        m.clear()
        return {key: value / n_steps for key, value in sums.items()}

    def state_dict(self, memory: bool = True) -> dict[str, Any]:
        """Everything, including the recurrent states that the rollout's sequences start from."""
        state = super().state_dict(memory)
        if memory:
            state["chunk_carries"] = {name: kept.clone() for name, kept in self._chunk_carries.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` gave."""
        super().load_state_dict(state)
        for name, kept in state.get("chunk_carries", {}).items():
            self._chunk_carries[name].copy_(kept)

    # Inside

    def _draw(self, log_p: Tensor) -> Tensor:
        """Actions drawn by their probabilities, by inversion: one uniform number a row, int64 [batch].

        The number stays below the sum of the probabilities whatever the rounding, so that no action of probability 0
        is ever drawn.
        """
        edges = log_p.exp().cumsum(1)
        place = torch.rand(len(edges), 1, generator=self.generator, device=edges.device) * (1 - 1e-6)
        return (edges <= place * edges[:, -1:]).sum(1)

    def _gradient_step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        c = self.config
        parts = {name: batch[f"part {name}"] for name in self.observations.parts}
        masks = batch.get("masks")
        advantage = batch["advantages"]
        if c.normalise_advantages and advantage.numel() > 1:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        end = c.entropy if c.entropy_end is None else c.entropy_end
        weight = linear(c.entropy, end, self.agent_steps, c.entropy_steps)
        if "net" in self.networks:
            logits, values = self._replay(parts, batch) if c.recurrent != "none" else self.networks["net"](parts)
            loss, shown = _Loss.apply(
                logits, values, batch, advantage, c.clip, c.clip_value, c.value_coefficient, weight
            )
        else:
            asked = {"action_mask": masks, "greedy": False}
            (_, log_probs, entropy), _ = split_extras(self._user_actor(parts, batch["actions"], asked), 3)
            values = self.networks["critic"](**parts).squeeze(-1)
            policy = ppo_loss(log_probs, batch["log_probs"], advantage, c.clip).mean()
            value = value_loss(values, batch["values"], batch["returns"], c.clip_value).mean()
            bonus = entropy.mean()
            loss = policy + c.value_coefficient * value - weight * bonus
            log_ratio = (log_probs - batch["log_probs"]).detach()
            kl = (log_ratio.exp() - 1 - log_ratio).mean()
            shown = torch.stack([policy, value, bonus, kl]).detach()
        total = self.descend(loss, "adam")
        self.gradient_steps += 1
        return dict(zip(("loss", "policy_loss", "value_loss", "entropy", "kl"), [total, *shown.tolist()], strict=True))

    def _forward(self, parts: dict[str, Tensor], carry: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits and values; moves the carry on, in place."""
        net = self.networks["net"]
        if self.config.recurrent == "none":
            return net(parts)
        moved = net.advance(net.encoder(parts), carry)
        for name, tensor in moved.items():
            carry[name].copy_(tensor)
        return net.split(moved["h"])

    def _values(self, named: dict[str, np.ndarray], seat: Seat, rows: Any, fresh: np.ndarray | None) -> np.ndarray:
        """Values of states that follow the seat's last step, float32 [n]; the seat's carry is left alone.

        Args:
            named: the states.
            seat: whose carry to start from.
            rows: the streams that the states belong to; None means all.
            fresh: streams whose episode has just begun; None means none.
        """
        parts = to_device(named, self.device)
        with torch.inference_mode():
            if "critic" in self.networks:
                return self.networks["critic"](**parts).squeeze(-1).cpu().numpy()
            carry = {
                name: tensor.clone() if rows is None else tensor[torch.from_numpy(rows)]
                for name, tensor in seat.carry.items()
            }
            if fresh is not None and fresh.size:
                self.reset_carry(carry, fresh)
            return self._forward(parts, carry)[1].cpu().numpy()

    def _new_chunk_carries(self) -> dict[str, Tensor]:
        chunks = self.config.n_steps // self.config.sequence_length
        return {
            name: tensor.unsqueeze(0).repeat(chunks, 1, 1) for name, tensor in self.new_carry(self.n_streams).items()
        }

    def _sequences(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """[n_steps, n_streams, ...] cut into [sequence_length, sequences, ...], with the carry that each
        starts from.
        """
        length = self.config.sequence_length
        chunks = self.config.n_steps // length
        cut = {key: value.unflatten(0, (chunks, length)).transpose(0, 1).flatten(1, 2) for key, value in data.items()}
        return cut | {f"carry {name}": kept.flatten(0, 1).unsqueeze(0) for name, kept in self._chunk_carries.items()}

    def _replay(self, parts: dict[str, Tensor], batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Runs sequences through the recurrent layer as they were lived, its state reset where episodes
        ended.
        """
        net, length = self.networks["net"], self.config.sequence_length
        features = net.encoder({name: part.flatten(0, 1) for name, part in parts.items()})
        features = features.unflatten(0, (length, -1))
        carry = {key.removeprefix("carry "): value[0] for key, value in batch.items() if key.startswith("carry ")}
        going_on = (~batch["ended"]).float().unsqueeze(-1)
        outputs = []
        for t in range(length):
            carry = net.advance(features[t], carry)
            outputs.append(carry["h"])
            carry = {name: tensor * going_on[t] for name, tensor in carry.items()}
        return net.split(torch.stack(outputs))

    def _user_actor(self, parts: dict[str, Tensor], action: Tensor | None, asked: dict[str, Any]) -> Any:
        if asked["action_mask"] is not None and "action_mask" not in self._actor_takes:
            raise ValueError(
                "the world has action masks, and the actor does not take action_mask; "
                f"expected {self._actor_signature()}, action_mask=None)"
            )
        given = {key: value for key, value in asked.items() if key in self._actor_takes}
        return self.networks["actor"](**parts, action=action, **given)

    def _actor_signature(self) -> str:
        return f"forward({', '.join(self.observations.parts)}, action=None"

    def _check(self) -> None:
        actor, critic = self.networks["actor"], self.networks["critic"]
        self._actor_takes = {"action_mask", "greedy"} & set(inspect.signature(actor.forward).parameters)
        zeros = self.zero_states()
        parts = ", ".join(self.observations.parts)
        signature = f"{self._actor_signature()}) -> action, log_prob[B], entropy[B]"
        action = torch.zeros(2, dtype=torch.int64, device=self.device)
        given = check_network(actor, zeros | {"action": action}, signature, [(2,), (2,), (2,)], self.name)[0]
        if not torch.equal(given, action):
            raise ValueError(f"{self.name}: the actor must return a given action as it is; expected {signature}")
        check_network(actor, zeros | {"action": None}, signature, [(2,), (2,), (2,)], self.name)
        check_network(critic, zeros, f"forward({parts}) -> value[B, 1]", [(2, 1)], self.name)
