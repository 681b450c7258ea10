"""An episode that was played to learn from: its decisions as arrays, without a way over the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maze.core.env.actor_id import FLAT_ACTOR, Departure, StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode_draft import EpisodeDraft
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.train.models.action_layout import ActionLayout
from maze.train.models.observation_layout import ObservationLayout


@dataclass(frozen=True)
class Decisions:
    """The decisions of an episode, in order, and behind them what the actors observed at the end.

    With n decisions and m final observations:
    """

    step_keys: np.ndarray
    """(n + m,) int64: index of each one's step key."""

    agent_ids: np.ndarray
    """(n + m,) int64."""

    times: np.ndarray
    """(n + m,) int64: rounds completed."""

    credits: np.ndarray
    """(n + m,) float64: the acting actor's share of the rewards; beside a final observation what came too late."""

    actors_done: np.ndarray
    """(n + m,) bool: whether its actor's part ended with it, not by a cut; beside a final observation where that was
    told too late for the decision."""

    actors_cut: np.ndarray
    """Likewise, where its actor's part was cut."""

    splits_rewards: bool
    """Whether the environment says whose the rewards are; else they are everybody's."""

    observations: Mapping[StepKey, list[np.ndarray]]
    """The arrays of each step key's observations, those of its final ones last."""

    actions: Mapping[StepKey, np.ndarray]
    """(n_k, n_columns) float32 for each step key's n_k decisions."""

    @property
    def n_decisions(self) -> int:
        """How many there are."""
        return sum(map(len, self.actions.values()))

    @property
    def is_decision(self) -> np.ndarray:
        """(n + m,) bool: whether it is one, and no final observation."""
        return np.arange(len(self.step_keys)) < self.n_decisions


@dataclass(frozen=True)
class CollectedEpisode:
    """An episode that was played to learn from."""

    row: EpisodeRow
    """Return, length, metrics and all else that a recording has of it."""

    decisions: Decisions | None
    """None: nobody wanted them."""


class EpisodeCollector:
    """Takes the episodes of a worker in place of a recording, and keeps them until they are taken away.

    Args:
        schema: The columns of a recording; episodes are checked and summed up as there.
        observation_layouts: Of each step key.
        action_layouts: Of each step key.
    """

    def __init__(
        self,
        schema: TrajectorySchema,
        observation_layouts: Mapping[StepKey, ObservationLayout],
        action_layouts: Mapping[StepKey, ActionLayout],
    ) -> None:
        """Begin with nothing kept."""
        self._schema = schema
        self._observation_layouts, self._action_layouts = observation_layouts, action_layouts
        self._segments: dict[EpisodeDraft, list[Segment]] = {}
        self._episodes: list[CollectedEpisode] = []
        self.wants_decisions = True

    def take(self) -> list[CollectedEpisode]:
        """Take what was kept, in order of number."""
        episodes, self._episodes = self._episodes, []
        return sorted(episodes, key=lambda episode: episode.row.number)

    def begin(self, spec: EpisodeSpec, *, keep_events: bool = False) -> EpisodeDraft:
        """Begin an episode."""
        draft = EpisodeDraft(spec, self._schema, keep_events=keep_events)
        self._segments[draft] = []
        return draft

    def add(self, draft: EpisodeDraft, segment: Segment) -> None:
        """Take in the next stretch of its rows.

        Raises:
            ValueError: If a value does not fit its space.
        """
        draft.digest(draft.add(segment))
        if self.wants_decisions:
            self._segments[draft].append(segment)

    def finish(self, draft: EpisodeDraft, end: EpisodeEnd, env: StructuredEnv) -> None:
        """Take in how it ended."""
        draft.finish(end, env)
        segments = self._segments.pop(draft)
        self._episodes.append(
            CollectedEpisode(draft.row(), self._decisions(segments) if self.wants_decisions else None)
        )

    def abandon(self, draft: EpisodeDraft) -> None:
        """Forget an episode that will not be finished."""
        self._segments.pop(draft, None)

    def is_commit_due(self) -> bool:
        """Never: nothing is written."""
        return False

    def commit(self) -> dict[str, list[int]]:
        """Do nothing."""
        return {}

    def close(self) -> None:
        """Forget everything."""
        self._segments.clear()
        self._episodes.clear()

    def _decisions(self, segments: list[Segment]) -> Decisions:
        n = sum(len(segment.actions) for segment in segments)
        observations = [observation for segment in segments for observation in segment.observations]
        actions = [action for segment in segments for action in segment.actions]
        is_flat = segments[0].actors is None
        actors = [FLAT_ACTOR] * len(observations) if is_flat else _joined(segments, lambda segment: segment.actors)
        index = {key: position for position, key in enumerate(self._observation_layouts)}
        places: dict[StepKey, list[int]] = {key: [] for key in index}
        for place, (step_key, _) in enumerate(actors):
            places[step_key].append(place)
        has_times = segments[0].times is not None
        times = _joined(segments, lambda segment: segment.times) if has_times else range(len(observations))
        splits_rewards = segments[0].credits is not None
        ends: dict[Departure, list[int]] = {"terminated": [], "truncated": []}
        for segment in segments:
            for row, how in segment.departures.items():
                ends[how].append(segment.start + row)
        rows = np.arange(len(observations))
        return Decisions(
            step_keys=np.array([index[step_key] for step_key, _ in actors], np.int64),
            agent_ids=np.array([agent_id for _, agent_id in actors], np.int64),
            times=np.array(times, np.int64),
            credits=_credits(segments, len(observations)),
            actors_done=np.isin(rows, ends["terminated"]),
            actors_cut=np.isin(rows, ends["truncated"]),
            splits_rewards=splits_rewards,
            observations={
                key: layout.stack([observations[place] for place in places[key]])
                for key, layout in self._observation_layouts.items()
                if places[key]
            },
            actions={
                key: layout.columns([actions[place] for place in places[key] if place < n])
                for key, layout in self._action_layouts.items()
                if places[key] and places[key][0] < n
            },
        )


def _joined(segments: list[Segment], column: Callable[[Segment], Any]) -> list[Any]:
    return [value for segment in segments for value in column(segment)]


def _credits(segments: list[Segment], length: int) -> np.ndarray:
    """What each decision earned, and behind them what came too late; 0 where there is nothing.

    Raises:
        ValueError: If a reward is no number.
    """
    rewards = np.array(_joined(segments, lambda segment: segment.rewards), np.float64)
    wrong = np.flatnonzero(~np.isfinite(rewards))
    if len(wrong):
        raise ValueError(f"the reward is {rewards[wrong[0]]} in decision {wrong[0]}: nothing can be learned from that")
    if segments[0].credits is not None:
        rewards = np.nan_to_num(_joined(segments, lambda segment: segment.credits))
    return np.pad(rewards, (0, length - len(rewards)))
