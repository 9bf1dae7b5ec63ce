"""An environment in PettingZoo's form: ``a`` leaves after 2 steps, ``b`` is cut off after 4.

Action 0 is forbidden after itself. What is observed is 1 and the steps taken; each is paid the number of its action.
"""

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv


class Leaving(ParallelEnv):
    metadata = {"name": "leaving_v3", "render_modes": []}

    def __init__(self, first=2, unlike=False, render_mode=None):
        self.first, self.render_mode = first, render_mode
        self.possible_agents, self.agents = ["a", "b"], []
        seen = [spaces.Box(0, 99, (2 + (unlike and k),), np.float32) for k in range(2)]
        mask = spaces.MultiBinary(3)
        self.spaces = {
            agent: spaces.Dict({"observation": box, "action_mask": mask})
            for agent, box in zip(self.possible_agents, seen, strict=True)
        }
        self.actions = {agent: spaces.Discrete(3) for agent in self.possible_agents}

    def observation_space(self, agent):
        return self.spaces[agent]

    def action_space(self, agent):
        return self.actions[agent]

    def see(self, agent):
        mask = np.array([self.latest[agent] != 0, 1, 1], np.int8)
        return {"observation": np.array([1, self.turn], np.float32), "action_mask": mask}

    def reset(self, seed=None, options=None):
        self.turn, self.agents = 0, ["a", "b"]
        self.latest = {"a": 1, "b": 1}
        return {agent: self.see(agent) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions):
        assert set(actions) == set(self.agents)
        self.turn += 1
        self.latest |= actions
        there = self.agents
        seen = {agent: self.see(agent) for agent in there}
        rewards = {agent: float(actions[agent]) for agent in there}
        left = {agent: agent == "a" and self.turn == self.first for agent in there}
        cut = {agent: agent == "b" and self.turn == 4 for agent in there}
        self.agents = [agent for agent in there if not (left[agent] or cut[agent])]
        return seen, rewards, left, cut, {agent: {} for agent in there}


parallel_env = Leaving
