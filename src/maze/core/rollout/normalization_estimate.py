"""Estimates the statistics that a run normalises observations by, before its first episode."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import EpisodeSpec, Segment
from maze.core.rollout.episode_loop import LoopSettings, play_episode
from maze.core.rollout.normalization import load_normalization, normalization_content, normalization_wrappers
from maze.core.rollout.probe import EnvTraits, seed_global_generators
from maze.core.rollout.recipes import PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_worker import one_torch_thread
from maze.factory import ConfigurationError

Statistics: TypeAlias = list[dict[str, Any]]

MOST_FAILURES = 3
"""Episodes in a row that may raise an error while samples are gathered."""

SEGMENT_ROWS = 64
"""Nobody wants the rows, so that few of them are held."""


def estimate_normalization(job: RolloutJob, traits: EnvTraits) -> dict[str, Any] | None:
    """Find the statistics for wrappers that have none, the innermost wrapper first.

    What is sampled depends on the job's `preparation_seed`, and on nothing that differs between runners.

    Args:
        job: Has the environment, and how long episodes may be.
        traits: How the environment has to be treated.

    Returns:
        What the run's `normalization.json` shall hold; None if it is there already, or nothing is normalised.

    Raises:
        ConfigurationError: If the statistics that are there are not of these observations, or a part of the
            observations does not occur in the samples.
        Exception: Whatever the environment or the sampling policy raises again and again.
    """
    env = job.env()
    try:
        n_wrappers = len(normalization_wrappers(env))
        is_known = job.env.normalization is not None and load_normalization(env, job.env.normalization)
    finally:
        job.env.close(env)
    if is_known or not n_wrappers:
        return None
    known: list[Statistics] = []
    with one_torch_thread():
        for _ in range(n_wrappers):
            known.append(_Sampling(job, traits, known).statistics())
    return normalization_content(known)


class _Sampling:
    """Gathers samples for one wrapper; those inside of it have their statistics.

    Environments may have to be built anew. Of their wrappers the first one gathers for all.
    """

    def __init__(self, job: RolloutJob, traits: EnvTraits, known: list[Statistics]) -> None:
        self._job, self._traits, self._known = job, traits, known
        self._build()
        self._gathering = self._wrapper
        self._n_left = self._gathering.n_samples

    def statistics(self) -> Statistics:
        try:
            if self._gathering.to_estimate:
                recipe = PolicyRecipe(self._gathering.sampling_policy)
                recipe.check()
                self._gather(recipe(self._gathering.env))
        finally:
            self._job.env.close(self._env)
        self._gathering.refresh()
        return self._gathering.statistics_to_json()

    def _build(self) -> None:
        self._env: StructuredEnv = self._job.env()
        *inner, self._wrapper = normalization_wrappers(self._env)[: len(self._known) + 1]
        for wrapper, statistics in zip(inner, self._known, strict=True):
            wrapper.load_statistics(statistics, "the estimate")

    def _gather(self, policy: StructuredPolicy) -> None:
        policy.attach(self._wrapper.env)
        n_failures = 0
        for spec in _specs(self._job.preparation_seed):
            try:
                self._play(spec, policy)
                n_failures = 0
            except ConfigurationError:
                raise
            except Exception:
                n_failures += 1
                if n_failures == MOST_FAILURES:
                    raise
            if self._n_left <= 0:
                return
            if n_failures or self._traits.fresh:
                self._job.env.close(self._env)
                self._build()
                policy.attach(self._wrapper.env)

    def _play(self, spec: EpisodeSpec, policy: StructuredPolicy) -> None:
        def act(observation: Any, actor_id: ActorID, slot: int) -> Any:
            if self._n_left > 0:
                self._gathering.update(observation, actor_id)
                self._n_left -= 1
            return policy.act(observation, actor_id, slot)

        if self._traits.seed_globals:
            seed_global_generators(spec.env_seed)
        policy.reset(spec.agent_seed)
        limit = min(self._job.max_episode_steps or self._n_left, self._n_left)
        play_episode(self._wrapper.env, spec, LoopSettings(limit, SEGMENT_ROWS), _forget, [0] * 3, 2, act)


def _forget(segment: Segment) -> None:
    """Take a stretch of an episode that nobody wants."""


def _specs(seed: int) -> Iterator[EpisodeSpec]:
    """Episodes to sample from; they are none of the run's."""
    for number in count():
        env_seed, agent_seed = np.random.SeedSequence(seed, spawn_key=(2, number)).generate_state(2) >> 1
        yield EpisodeSpec(number, int(env_seed), int(agent_seed))
