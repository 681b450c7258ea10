"""PettingZoo environments with agents that come and go, and masks in infos.

Workers get them by value: pytest gives the modules of tests names that other processes cannot import.
"""

from __future__ import annotations

import sys
from typing import Any

import cloudpickle
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import AECEnv, ParallelEnv

cloudpickle.register_pickle_by_value(sys.modules[__name__])

FOXES = ["fox_0", "fox_1", "fox_2"]


class Hunt(AECEnv):  # type: ignore[misc]
    """Foxes take turns to eat 0 to 3; who has eaten 5 or more leaves, for each bite all others lose 0.5.

    `hen_7` comes after the first round of the foxes, and nobody acts after the fourth. Infos say that 0 is illegal for
    who has eaten nothing yet.
    """

    metadata: dict[str, Any] = {"name": "hunt_v0", "render_modes": []}  # noqa: RUF012 - as PettingZoo has it
    possible_agents = [*FOXES, "hen_7"]  # noqa: RUF012
    render_mode = None

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return spaces.Box(0, 99, (2,), np.float32)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return spaces.Discrete(4)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        generator, _ = seeding.np_random(seed)
        self.agents = FOXES[:]
        self.eaten = dict.fromkeys(self.possible_agents, 0)
        self.luck = int(generator.integers(2))
        self.n = 0
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.agent_selection = self.agents[0]
        self.infos = {agent: self.info(agent) for agent in self.agents}

    def info(self, agent: str) -> dict[str, Any]:
        return {"action_mask": np.array([self.eaten[agent] > 0, 1, 1, 1]), "eaten": self.eaten[agent]}

    def observe(self, agent: str) -> Any:
        return np.array([self.eaten[agent], self.n], np.float32)

    def step(self, action: Any) -> None:
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        assert self.infos[agent]["action_mask"][action]
        self._cumulative_rewards[agent] = 0.0
        self.eaten[agent] += int(action)
        others = [other for other in self.agents if other != agent]
        self.rewards = {agent: float(action), **dict.fromkeys(others, -0.5 * int(action))}
        self._accumulate_rewards()
        following = (self.agents.index(agent) + 1) % len(self.agents)
        self.n += following == 0
        self.agent_selection = self.agents[following]
        if self.n == 1 and following == 0:
            self.appear("hen_7")
        self.terminations[agent] = self.eaten[agent] >= 5 + self.luck
        if self.n == 4:
            self.truncations = dict.fromkeys(self.agents, True)
        self.infos = {each: self.info(each) for each in self.agents}
        self._deads_step_first()

    def appear(self, agent: str) -> None:
        self.agents.append(agent)
        self.rewards[agent] = self._cumulative_rewards[agent] = 0.0
        self.terminations[agent] = self.truncations[agent] = False


class Race(ParallelEnv):  # type: ignore[misc]
    """Runners go 0 to 2 far, all at once; who is 4 far leaves, and one more begins behind the second round."""

    metadata: dict[str, Any] = {"name": "race_v0", "render_modes": []}  # noqa: RUF012
    possible_agents = ["runner_0", "runner_1", "late"]  # noqa: RUF012
    render_mode = None

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return spaces.Dict(
            {"place": spaces.Box(0, 99, (3,), np.int64), "action_mask": spaces.Box(0, 1, (3,), np.int64)}
        )

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return spaces.Discrete(3)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.generator, _ = seeding.np_random(seed)
        self.agents = ["runner_0", "runner_1"]
        self.places = dict.fromkeys(self.possible_agents, 0)
        self.n = 0
        return self.observe_all(), {agent: {} for agent in self.agents}

    def observe_all(self) -> dict[str, Any]:
        places = np.array(list(self.places.values()))
        mask = np.array([self.n > 0, 1, self.generator.random() < 0.5], np.int64)
        return {agent: {"place": places, "action_mask": mask} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> Any:
        assert list(actions) == self.agents
        self.n += 1
        for agent, action in actions.items():
            self.places[agent] += int(action)
        observations = self.observe_all()
        done = {agent: self.places[agent] >= 4 for agent in self.agents}
        cut = dict.fromkeys(self.agents, self.n == 6)
        rewards = {agent: float(action) for agent, action in actions.items()}
        infos: dict[str, Any] = {agent: {} for agent in self.agents}
        self.agents = [agent for agent in self.agents if not (done[agent] or cut[agent])]
        if self.n == 2:
            self.agents.append("late")
            observations["late"] = self.observe_all()["late"]
        return observations, rewards, done, cut, infos
