"""The decisions of an episode as columns beside each other, whatever kinds of decision there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, string_array
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.recording.episode import Episode
from maze.core.recording.space_codec import Column


class KeyRows(NamedTuple):
    """The rows of one step key."""

    observations: Column
    """Of the rows where `observed`, in order."""

    observed: np.ndarray
    """Which rows have an observation of this key, bool of shape (rows,)."""

    actions: Column
    """Of the rows where `acted`, in order."""

    acted: np.ndarray
    """Which rows have an action of this key, bool of shape (rows,)."""


class StepRows:
    """The decisions of an episode, and behind them the final observations: n + f rows.

    Args:
        episode: With trajectories.

    Raises:
        DamagedRecordingError: If it cannot be read.
    """

    def __init__(self, episode: Episode) -> None:
        """Read the episode."""
        self.episode = episode
        finals: Mapping[ActorID, Any] = episode.final_observations
        self._finals = finals
        self.actors = [*episode.actor_ids, *finals]
        self.n_decisions, self.n_rows = len(self.actors) - len(finals), len(self.actors)

    def place_columns(self) -> dict[str, pa.Array]:
        """Where each row is: episode, step, time, step key and agent."""
        n, n_finals = self.n_decisions, self.n_rows - self.n_decisions
        last_time = np.full(n_finals, self.episode.length or 0, np.int64)
        return {
            "episode": number_array(np.full(self.n_rows, self.episode.number, np.int64)),
            "step": number_array(np.minimum(np.arange(self.n_rows), n)),
            "time": number_array(np.concatenate([self.episode.times, last_time])),
            "step_key": string_array([str(actor.step_key) for actor in self.actors]),
            "agent_id": number_array(np.array([actor.agent_id for actor in self.actors], np.int64)),
        }

    def outcome_columns(self) -> dict[str, pa.Array]:
        """What came of each decision: null for the final observations."""
        decided = np.arange(self.n_rows) < self.n_decisions
        episode = self.episode
        return {
            name: number_array(spread(values, decided), decided)
            for name, values in (
                ("reward", episode.rewards),
                ("credit", episode.credits),
                ("terminated", episode.terminations),
                ("truncated", episode.truncations),
            )
        }

    def of(self, step_key: StepKey) -> KeyRows:
        """What was observed and done in one kind of decision."""
        schema = self.episode.schema
        codec = schema.observation_codecs[schema.key_index[step_key]]
        here = np.array([actor.step_key == step_key for actor in self.actors], np.bool_)
        finals = [observation for actor, observation in self._finals.items() if actor.step_key == step_key]
        observations = codec.concatenate([self.episode.observations_of(step_key), codec.stack(finals)])
        acted = here & (np.arange(self.n_rows) < self.n_decisions)
        return KeyRows(observations, here, self.episode.actions_of(step_key), acted)


def spread(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Values on the rows where they belong, zeros elsewhere.

    Example:
        >>> spread(np.array([7, 8]), np.array([True, False, True])).tolist()
        [7, 0, 8]
    """
    column = np.zeros(len(present), values.dtype)
    column[present] = values
    return column
