"""Plays the episodes that training asks for, with the weights that it has at the moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import gymnasium
import numpy as np
import torch

from maze.core.env.actor_id import StepKey
from maze.core.recording.segment import EpisodeSpec
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.heartbeat import Heartbeat
from maze.core.rollout.rollout_job import Failed, Report, RolloutJob
from maze.core.rollout.rollout_worker import RolloutWorker
from maze.train.collected_episode import CollectedEpisode, EpisodeCollector
from maze.train.models.action_layout import ActionLayout
from maze.train.models.observation_layout import ObservationLayout
from maze.train.torch_policy import TorchPolicy
from maze.train.weights import put_weights

Spaces: TypeAlias = Mapping[StepKey, gymnasium.Space[Any]]

MOST_ATTEMPTS = 3

MOST_STEPS = 30_000
"""Of an episode that has no other limit; Atari's longest has 27,000."""


class PlayOrder(NamedTuple):
    """Episodes to play, and by which policy."""

    specs: Sequence[EpisodeSpec]
    weights: Mapping[str, np.ndarray]
    """All of the model, by name."""

    deterministic: bool = False
    wants_decisions: bool = True
    limits_steps: bool = True
    """Whether the run's own limit of the length of episodes holds; else the environment's does, or `MOST_STEPS`."""


class EpisodeFailedError(Exception):
    """An episode that training needs fails again and again; the message is one line."""


class EpisodePlayers(Protocol):
    """Plays episodes somewhere."""

    def play(self, orders: Sequence[PlayOrder]) -> list[list[CollectedEpisode]]:
        """Play all episodes of several orders; those of each order in order of number.

        Raises:
            EpisodeFailedError: If one fails again and again.
        """

    def close(self) -> None:
        """Close the environments."""


class EpisodePlayer:
    """Plays episodes in this process, by the same loop as every rollout.

    Args:
        job: Environment and policy, a `TorchPolicy`, and how they have to be treated.
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        heartbeat: Where to show signs of life; None: nobody looks.

    Raises:
        Exception: Whatever the construction of environment or policy raises.
    """

    def __init__(
        self, job: RolloutJob, observation_spaces: Spaces, action_spaces: Spaces, heartbeat: Heartbeat | None = None
    ) -> None:
        """Build environments and policy."""
        self._failures: list[Failed] = []
        self._collector = EpisodeCollector(
            TrajectorySchema(observation_spaces, action_spaces),
            {key: ObservationLayout(space) for key, space in observation_spaces.items()},
            {key: ActionLayout(space) for key, space in action_spaces.items()},
        )
        self._worker = RolloutWorker(job, "player", self._hear, heartbeat, make_writer=lambda _: self._collector)
        self._settings = self._worker.settings
        self._longest = 0 if self._worker.env_step_limit else MOST_STEPS
        policy = self._worker.policy
        if not isinstance(policy, TorchPolicy):
            raise TypeError(f"{type(policy).__name__} cannot be trained: choose policy=torch_policy")
        self._policy = policy

    def play(self, orders: Sequence[PlayOrder]) -> list[list[CollectedEpisode]]:
        """Play the episodes of one order after the other."""
        return [self._play(order) for order in orders]

    def close(self) -> None:
        """Close the environments."""
        self._worker.close()

    def _play(self, order: PlayOrder) -> list[CollectedEpisode]:
        weights = {name: torch.from_numpy(array) for name, array in order.weights.items()}
        put_weights(self._policy.model, weights, "the weights")
        self._policy.deterministic = order.deterministic
        self._collector.wants_decisions = order.wants_decisions
        limit = (self._settings.max_episode_steps if order.limits_steps else 0) or self._longest
        self._worker.settings = self._settings._replace(max_episode_steps=limit)
        waiting, attempts = deque(order.specs), dict.fromkeys((spec.number for spec in order.specs), 0)
        specs = {spec.number: spec for spec in order.specs}
        while waiting:
            self._worker.run(lambda: waiting.popleft() if waiting else None)
            for failed in self._failures:
                attempts[failed.number] += 1
                if attempts[failed.number] == MOST_ATTEMPTS:
                    self._failures.clear()
                    raise EpisodeFailedError(failed.error)
                waiting.append(specs[failed.number])
            self._failures.clear()
        return self._collector.take()

    def _hear(self, report: Report) -> None:
        if isinstance(report, Failed):
            self._failures.append(report)
