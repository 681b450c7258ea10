"""Other tools' rollouts of random actions, as their documentation has them; none of them records to disk.

Each makes its environments by `gymnasium.make`, as the bare loop does, and is timed without starting and closing them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Any

import gymnasium
import numpy as np
from work import Play, Played, Work, n_episodes


@contextmanager
def gymnasium_vector(work: Work, mode: str) -> Iterator[Play]:
    """Gymnasium's vector environments, `autoreset_mode` as by default: the next step resets, and is not counted."""
    envs = gymnasium.make_vec(work.env, num_envs=work.n_envs, vectorization_mode=mode)
    envs.reset()

    def play(n_steps: int) -> Played:
        ends = []
        n_ticks = n_steps // work.n_envs
        began = perf_counter()
        for _ in range(n_ticks):
            _, _, terminated, truncated, _ = envs.step(envs.action_space.sample())
            ends.append((terminated, truncated))
        seconds = perf_counter() - began
        n_resets = sum(int(np.count_nonzero(terminated | truncated)) for terminated, truncated in ends)
        return Played(n_ticks * work.n_envs - n_resets, seconds)

    yield play
    envs.close()


def gymnasium_sync(work: Work) -> AbstractContextManager[Play]:
    return gymnasium_vector(work, "sync")


def gymnasium_async(work: Work) -> AbstractContextManager[Play]:
    return gymnasium_vector(work, "async")


@contextmanager
def stable_baselines3(work: Work, vec_env: str) -> Iterator[Play]:
    """Stable-Baselines3's `evaluate_policy`; the steps of the episodes that it reports are counted."""
    from stable_baselines3.common import vec_env as vec_envs
    from stable_baselines3.common.evaluation import evaluate_policy

    envs = getattr(vec_envs, vec_env)([lambda: gymnasium.make(work.env)] * work.n_envs)
    policy = RandomPredictor(int(envs.action_space.n))

    def play(n_steps: int) -> Played:
        began = perf_counter()
        # No `Monitor`: the cheaper way. It warns that wrappers might distort returns; there are none.
        _, lengths = evaluate_policy(
            policy, envs, n_episodes(work.env, n_steps), deterministic=False, return_episode_rewards=True, warn=False
        )
        return Played(int(np.sum(lengths)), perf_counter() - began)

    yield play
    envs.close()


class RandomPredictor:
    """The one method that `evaluate_policy` asks for; one draw for all environments."""

    def __init__(self, n_actions: int) -> None:
        self._n_actions = n_actions
        self._generator = np.random.default_rng()

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        return self._generator.integers(self._n_actions, size=len(observation)), None


def stable_baselines3_dummy(work: Work) -> AbstractContextManager[Play]:
    return stable_baselines3(work, "DummyVecEnv")


def stable_baselines3_subproc(work: Work) -> AbstractContextManager[Play]:
    return stable_baselines3(work, "SubprocVecEnv")


@contextmanager
def tianshou(work: Work) -> Iterator[Play]:
    """Tianshou's `Collector` over a `DummyVectorEnv`, `random=True`, into its default replay buffer."""
    from tianshou.algorithm.algorithm_base import RandomActionPolicy
    from tianshou.data import Collector
    from tianshou.env import DummyVectorEnv

    envs = DummyVectorEnv([lambda: gymnasium.make(work.env)] * work.n_envs)
    collector: Collector[Any] = Collector(RandomActionPolicy(envs.action_space[0]), envs)
    collector.reset()

    def play(n_steps: int) -> Played:
        began = perf_counter()
        stats = collector.collect(n_step=n_steps // work.n_envs * work.n_envs, random=True)
        return Played(int(stats.n_collected_steps), perf_counter() - began)

    yield play
    envs.close()


@contextmanager
def torchrl(work: Work) -> Iterator[Play]:
    """TorchRL's collector over a `SerialEnv`, no policy (random actions), in batches of 250 steps per environment."""
    from torchrl import collectors
    from torchrl.envs import GymEnv, SerialEnv, set_gym_backend

    set_gym_backend("gymnasium").set()
    make = getattr(collectors, "Collector", None) or collectors.SyncDataCollector  # older versions' name
    collector = make(
        SerialEnv(work.n_envs, lambda: GymEnv(work.env)), None, frames_per_batch=250 * work.n_envs, total_frames=-1
    )
    batches = iter(collector)

    def play(n_steps: int) -> Played:
        steps = 0
        began = perf_counter()
        while steps < n_steps:
            steps += next(batches).numel()
        return Played(steps, perf_counter() - began)

    yield play
    collector.shutdown()


PEERS: Mapping[str, Callable[[Work], AbstractContextManager[Play]]] = {
    "gymnasium_sync": gymnasium_sync,
    "gymnasium_async": gymnasium_async,
    "stable_baselines3_dummy": stable_baselines3_dummy,
    "stable_baselines3_subproc": stable_baselines3_subproc,
    "tianshou": tianshou,
    "torchrl": torchrl,
}
