"""Vector environments as stable-baselines3 takes them: it has its own kind, older than Gymnasium's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from sorrelsim.interfaces.batch import VectorWorld


class Sb3World(VecEnv):
    """What :func:`~sorrelsim.interfaces.gym_vec_env` makes, for ``PPO("MultiInputPolicy", ...)`` and the like.

    Args:
        env: The vector environment.
    """

    def __init__(self, env: VectorWorld) -> None:
        self.env = env
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.render_mode = env.render_mode

    def reset(self) -> Any:
        """Begins an episode in every copy; returns the observations."""
        seed = self._seeds[0]
        self._reset_seeds()
        obs, infos = self.env.reset(seed=seed)
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._masks = infos.get("action_mask")
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Takes the actions."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Steps; returns observations, rewards, dones and infos."""
        obs, rewards, terminated, truncated, told = self.env.step(self._actions)
        self._masks = told.get("action_mask")
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = terminated | truncated
        for k in np.flatnonzero(done):
            infos[k] = {
                "terminal_observation": told["final_obs"][k],
                "TimeLimit.truncated": bool(truncated[k] and not terminated[k]),
                "episode": {
                    "r": float(told["final_info"]["episode_return"][k]),
                    "l": int(told["final_info"]["episode_length"][k]),
                    "t": 0.0,
                },
            }
        return obs, rewards.astype(np.float32), done, infos

    def action_masks(self) -> np.ndarray:
        """Returns which actions are allowed, ``bool[num_envs, n_actions]``, as ``MaskablePPO`` asks for it."""
        if self._masks is None:
            return np.ones((self.num_envs, self.env.world.n_actions), np.bool_)
        return self._masks.astype(np.bool_)

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Returns a picture of every copy."""
        return [self.env.world.render(copy) for copy in range(self.env.world.n_worlds)]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Returns an attribute once for each environment."""
        return [getattr(self.env, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute; the environments are one object."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Calls a method once, for all environments are one object; returns what it returns for each."""
        if method_name == "action_masks":
            return list(self.action_masks())
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Returns whether environments are wrapped: none is."""
        return [False] * len(list(self._get_indices(indices)))
