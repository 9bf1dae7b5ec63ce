"""Gymnasium environments as worlds of one agent, so that models can be proven on standard tasks.

What comes out answers ``Playable``, the protocol that Agents ask of a world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.observations.parts import Observation, Parts, as_parts, as_public
from sorrelsim.observations.spec import ObservationSpec, Part

if TYPE_CHECKING:
    import gymnasium


class GymnasiumWorld:
    """Copies of a Gymnasium environment with discrete actions, stepped in turn; attributes as ``Playable`` has.

    Args:
        env_id: Name of the environment, such as "CartPole-v1".
        n_worlds: Copies.
        seed: Seed of the copies; each gets its own from it.

    Raises:
        ValueError: If actions are not discrete, or an observation is neither a Box, a Discrete nor a Dict of those.
    """

    def __init__(self, env_id: str, n_worlds: int = 1, seed: int = 0) -> None:
        import gymnasium

        self._envs = [gymnasium.make(env_id) for _ in range(n_worlds)]
        actions, space = self._envs[0].action_space, self._envs[0].observation_space
        if not isinstance(actions, gymnasium.spaces.Discrete):
            raise ValueError(f"{env_id} has actions {actions}; only Discrete ones can be played")
        self.name = env_id
        self._first_action = int(actions.start)
        self.n_worlds, self.n_agents, self.n_actions = n_worlds, 1, int(actions.n)
        self.action_names = tuple(f"action {i}" for i in range(self.n_actions))
        self._spaces = dict(space.spaces) if isinstance(space, gymnasium.spaces.Dict) else {"grid": space}
        self.observations = ObservationSpec({name: _part(env_id, part) for name, part in self._spaces.items()})
        self.action_mask: np.ndarray | None = None
        self._submitted = np.zeros((n_worlds, 1), np.int64)
        self.reset(seed)

    def reset(self, seed: int | None = None) -> Observation:
        """Begins a new episode in every copy.

        Args:
            seed: Seeds the copies anew; None lets their random streams run on.
        """
        seeds = (
            [None] * self.n_worlds
            if seed is None
            else np.random.SeedSequence(seed).generate_state(self.n_worlds).tolist()
        )
        firsts = [env.reset(seed=s)[0] for env, s in zip(self._envs, seeds, strict=True)]
        self._blank_outcomes()
        self.info: dict[str, Any] = {}
        self.final_parts: Parts | None = None
        self.parts = self._stack(firsts)
        return self.obs

    @property
    def obs(self) -> Observation:
        """The latest observations, as users get them."""
        return as_public(self.parts)

    def submit(self, slots: np.ndarray, actions: np.ndarray) -> None:
        """Takes actions for the next step, int [n_worlds, len(slots)]."""
        self._submitted[:, slots] = actions

    def step(
        self, actions: np.ndarray | None = None
    ) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every copy; one that ends begins its next episode in the same call.

        Args:
            actions: int [n_worlds, 1]; None takes those submitted.

        Returns:
            Observations, rewards, terminated, truncated and info, as a world gives them.
        """
        chosen = self._submitted if actions is None else actions
        self._blank_outcomes()
        observed, final = [], {}
        for i, env in enumerate(self._envs):
            obs, reward, terminated, truncated, _ = env.step(int(chosen[i, 0]) + self._first_action)
            self.reward[i], self.terminated[i], self.truncated[i] = reward, terminated, truncated
            if terminated or truncated:
                final[i] = obs
                obs, _ = env.reset()
            observed.append(obs)
        self.parts = self._stack(observed)
        self.info, self.final_parts = {}, None
        if final:
            self.final_parts = self._stack([final.get(i, obs) for i, obs in enumerate(observed)])
            self.info["final_obs"] = as_public(self.final_parts)
        return self.obs, self.reward, self.terminated, self.truncated, self.info

    def close(self) -> None:
        """Closes the environments."""
        for env in self._envs:
            env.close()

    def _blank_outcomes(self) -> None:
        """Makes fresh arrays: agents hold on to the last ones until they have remembered them."""
        self.reward = np.zeros((self.n_worlds, 1))
        self.terminated, self.truncated = (np.zeros((self.n_worlds, 1), bool) for _ in range(2))

    def _stack(self, observed: list[Any]) -> Parts:
        parts = {}
        for name, part in self.observations.parts.items():
            values = [as_parts(obs)[name] for obs in observed]
            if self._is_discrete(name):
                rows = np.zeros((self.n_worlds, *part.shape), part.dtype)
                rows[np.arange(self.n_worlds), np.asarray(values) - int(self._spaces[name].start)] = 1  # type: ignore[attr-defined]
            else:
                rows = np.asarray(values, part.dtype)
            parts[name] = rows[:, None]
        return parts

    def _is_discrete(self, name: str) -> bool:
        return not self._spaces[name].shape and type(self._spaces[name]).__name__ == "Discrete"


def _part(env_id: str, space: gymnasium.Space[Any]) -> Part:
    import gymnasium

    if isinstance(space, gymnasium.spaces.Box):
        dtype = np.dtype(np.uint8) if space.dtype == np.uint8 else np.dtype(np.float32)
        return Part(tuple(space.shape), dtype)
    if isinstance(space, gymnasium.spaces.Discrete):
        return Part((int(space.n),), np.dtype(np.float32))  # one-hot
    raise ValueError(f"{env_id} observes {space}; only Box, Discrete and a Dict of those can be learned from")
