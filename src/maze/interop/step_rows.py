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


class PresentRows(NamedTuple):
    """Values that not every row has."""

    values: Column
    """Of the rows where they are `present`, in order."""

    present: np.ndarray
    """Which rows have one, bool of shape (rows,)."""


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

    def of(self, name: str, step_key: StepKey) -> PresentRows:
        """What there is of one kind of decision.

        Args:
            name: "observation", "action", or "policy_outputs" where they are recorded.
            step_key: The kind of decision.
        """
        episode, schema = self.episode, self.episode.schema
        here = np.array([actor.step_key == step_key for actor in self.actors], np.bool_)
        if name == "observation":
            codec = schema.observation_codecs[schema.key_index[step_key]]
            finals = [observation for actor, observation in self._finals.items() if actor.step_key == step_key]
            return PresentRows(codec.concatenate([episode.observations_of(step_key), codec.stack(finals)]), here)
        decided = np.arange(self.n_rows) < self.n_decisions
        if name == "action":
            return PresentRows(episode.actions_of(step_key), here & decided)
        told = np.zeros(self.n_rows, np.bool_)
        told[decided] = episode.has_policy_outputs
        return PresentRows(episode.policy_outputs_of(step_key), here & told)


def spread(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Values on the rows where they belong, zeros elsewhere.

    Example:
        >>> spread(np.array([7, 8]), np.array([True, False, True])).tolist()
        [7, 0, 8]
    """
    column = np.zeros(len(present), values.dtype)
    column[present] = values
    return column
