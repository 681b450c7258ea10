# ruff: noqa: ANN001, ANN201, ANN204, PLR2004 - a page shows it, from the next line on
# --8<-- [start:script]
"""Rolls a policy of one's own out in an environment of one's own, and reads the run back."""

import gymnasium
import numpy as np

import maze
from maze.core.agent.policy import StructuredPolicy
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner


class Corridor(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return np.array([0], np.float32), {}

    def step(self, action):
        if self.np_random.random() > 0.2:  # the floor is slippery
            self.cell = max(self.cell + (1 if action == 1 else -1), 0)
        arrived = self.cell == 10
        return np.array([self.cell / 10], np.float32), float(arrived), arrived, False, {"is_success": arrived}


class Eager(StructuredPolicy):
    def __init__(self):
        self.generators = {}

    def reset(self, seed, slot=0):
        self.generators[slot] = np.random.default_rng(seed)

    def act(self, observation, actor_id, slot=0):
        return 0 if self.generators[slot].random() < 0.1 else 1


settings = {"n_episodes": 20, "max_episode_steps": 30}
seeding = {"env_base_seed": 1, "agent_base_seed": 2}

# In this process, and in two others: the same episodes.
sequential = SequentialRolloutRunner(**settings).run_with(env=Corridor, agent=Eager, seeding=seeding)
parallel = ParallelRolloutRunner(n_processes=2, **settings).run_with(env=Corridor, agent=Eager, seeding=seeding)
print("the same episodes:", sequential.hash == parallel.hash)

# What they add up to.
statistics = parallel.statistics
print("mean length:", statistics.length.mean)
print("success rate:", statistics.success.mean, "95% interval:", statistics.success.confidence_interval)

# Read back, here or any time later.
run = maze.load(parallel.run_dir)
for episode in list(run)[:3]:
    print(episode.number, episode.length, episode.actions.tolist())
# --8<-- [end:script]
