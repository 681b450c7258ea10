"""An episode, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

import numpy as np

from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.event import Event, MetricValue
from maze.core.recording.decision_block import EpisodeSegment, outputs_codec, step_key_index
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.event_log import RecordedEvent
from maze.core.recording.part_file import DamagedRecordingError, RowRange
from maze.core.recording.space_codec import Column, SpaceCodec
from maze.core.recording.trajectory_schema import TrajectorySchema


class EpisodeSource(Protocol):
    """Where the decisions and events of an episode are read from."""

    @property
    def schema(self) -> TrajectorySchema:
        """The columns of the run."""

    def row_ranges(self, row: EpisodeRow, part: str) -> list[RowRange]:
        """Where the decisions of an episode are, in order."""

    def segment(self, part: str, rows: RowRange) -> EpisodeSegment:
        """The decisions of an episode that are there."""

    def episode_events(self, row: EpisodeRow, part: str, event: str | type[Event] | None) -> list[RecordedEvent]:
        """The events of an episode, in order."""


@dataclass(frozen=True, eq=False)
class Episode:
    """What happened from a reset to the end: parallel columns, one entry per decision, and what they add up to.

    The columns are read when they are first asked for. Their arrays are views of larger blocks in memory, and some of
    them read-only: copy what is to be changed, or kept for long.
    """

    row: EpisodeRow
    """What `episodes/` has of it: seeds, hash, length, return, how it ended, figures."""

    part: str
    """Name of the files that it is in."""

    _source: EpisodeSource

    def __repr__(self) -> str:
        """Say which it is and what it came to."""
        row = self.row
        if row.error is not None:
            return f"Episode(number={row.number}, error={row.error!r})"
        return f"Episode(number={row.number}, length={row.length}, episode_return={row.episode_return})"

    @property
    def schema(self) -> TrajectorySchema:
        """The columns of its run, and the codecs of their values."""
        return self._source.schema

    # What `episodes/` has of it ---------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Position in the run, counted from 0."""
        return self.row.number

    @property
    def env_seed(self) -> int:
        """What the environment was reset with."""
        return self.row.env_seed

    @property
    def agent_seed(self) -> int:
        """What the policy was reset with."""
        return self.row.agent_seed

    @property
    def hash(self) -> str | None:
        """Fingerprint of all decisions and events, 32 hexadecimal digits; None for a failed episode, as all below."""
        return self.row.hash

    @property
    def length(self) -> int | None:
        """Rounds; for a flat environment, steps."""
        return self.row.length

    @property
    def n_decisions(self) -> int | None:
        """Number of entries in each column."""
        return self.row.n_decisions

    @property
    def episode_return(self) -> float | None:
        """Sum of the rewards."""
        return self.row.episode_return

    @property
    def terminated(self) -> bool | None:
        """Whether the environment reached an end of its own."""
        return self.row.terminated

    @property
    def truncated(self) -> bool | None:
        """Whether the episode was cut."""
        return self.row.truncated

    @property
    def truncated_by(self) -> str | None:
        """What cut it: "env" or "runner"; None where nothing did."""
        return self.row.truncated_by

    @property
    def success(self) -> bool | None:
        """Whether it was a success; None where the environment does not say."""
        return self.row.success

    @property
    def error(self) -> str | None:
        """Why it failed; None for an episode that did not."""
        return self.row.error

    @property
    def info(self) -> Mapping[str, float]:
        """Every scalar of the last step's info, by name."""
        return self.row.info

    @property
    def kpis(self) -> Mapping[str, float]:
        """Key performance indicators, by name."""
        return self.row.kpis

    @property
    def actor_returns(self) -> Mapping[str, float]:
        """Sum of each actor's credits, by actor such as `player_1`; of a flat environment there are none."""
        return self.row.actor_returns

    @property
    def metrics(self) -> Mapping[str, MetricValue]:
        """Figures of the events, by name."""
        return self.row.metrics

    # One entry per decision -------------------------------------------------------------------------------------------

    @cached_property
    def actor_ids(self) -> list[ActorID]:
        """Who decided."""
        return self._chained(lambda segment: segment.actor_ids)

    @cached_property
    def times(self) -> np.ndarray:
        """Rounds completed when it was decided, int64 of shape (n,)."""
        return self._joined(lambda segment: segment.times)

    @cached_property
    def observations(self) -> Column:
        """What was observed.

        For a flat environment one column: an array of shape (n, ...), or a dict or tuple of such, or a list, as the
        space has it. For one with several step keys a list of n observations; `observations_of` gives columns.
        """
        schema = self._source.schema
        if schema.flat:
            return self._stacked(schema.observation_codecs[0], lambda segment: segment.observations)
        return self._chained(lambda segment: segment.observations)

    @cached_property
    def actions(self) -> Column:
        """What was done about it; in the form of `observations`."""
        schema = self._source.schema
        if schema.flat:
            return self._stacked(schema.action_codecs[0], lambda segment: segment.actions)
        return self._chained(lambda segment: segment.actions)

    @cached_property
    def rewards(self) -> np.ndarray:
        """What `step` returned, float64 of shape (n,)."""
        return self._joined(lambda segment: segment.rewards)

    @cached_property
    def credits(self) -> np.ndarray:
        """The acting actor's share of the rewards, float64 of shape (n,); for a flat environment the rewards."""
        return self._joined(lambda segment: segment.credits)

    @cached_property
    def terminations(self) -> np.ndarray:
        """Whether the acting actor's part ended with it, bool of shape (n,); `terminated` is the episode's."""
        return self._joined(lambda segment: segment.terminations)

    @cached_property
    def truncations(self) -> np.ndarray:
        """Whether the acting actor was cut behind the decision, bool of shape (n,); `truncated` is the episode's."""
        return self._joined(lambda segment: segment.truncations)

    @cached_property
    def has_policy_outputs(self) -> np.ndarray:
        """Whether the policy told something of the decision, bool of shape (n,); `policy_outputs` has what.

        Raises:
            ValueError: If the run was recorded without.
        """
        _ = self.schema.recorded_outputs
        return self._joined(lambda segment: segment.has_policy_outputs)

    @cached_property
    def policy_outputs(self) -> Column:
        """What the policy told of its decisions, by name: values, probabilities and the like.

        In the form of `observations`: for a flat environment a dict of columns, for one with several step keys a list
        with a dict per decision, None where the policy told nothing.

        Raises:
            ValueError: If the run was recorded without.
        """
        schema = self.schema
        if schema.flat:
            return self.policy_outputs_of(schema.step_keys[0])
        _ = schema.recorded_outputs
        return self._chained(lambda segment: segment.policy_outputs)

    @cached_property
    def final_observations(self) -> dict[ActorID, Any]:
        """What each actor observed at the end, to which there was no action."""
        finals: list[dict[ActorID, Any]] = self._columns(lambda segment: segment.final_observations)
        return finals[-1]

    @cached_property
    def final_credits(self) -> dict[ActorID, float]:
        """What actors have earned that none of their decisions could be credited with; empty for most.

        It is earned by who has never acted, or long after its last decision was written; together with `credits` it is
        all that was earned.
        """
        shares: list[dict[ActorID, float]] = self._columns(lambda segment: segment.final_credits)
        return shares[-1]

    def observations_of(self, step_key: StepKey) -> Column:
        """Give what was observed for the decisions of one kind, as one column.

        Raises:
            KeyError: If the run has no such step key.
        """
        codec = self._source.schema.observation_codecs[step_key_index(self._source.schema, step_key)]
        return self._stacked(codec, lambda segment: segment.observations_of(step_key))

    def actions_of(self, step_key: StepKey) -> Column:
        """Give what was done in the decisions of one kind, as one column.

        Raises:
            KeyError: If the run has no such step key.
        """
        codec = self._source.schema.action_codecs[step_key_index(self._source.schema, step_key)]
        return self._stacked(codec, lambda segment: segment.actions_of(step_key))

    def policy_outputs_of(self, step_key: StepKey) -> Column:
        """Give what the policy told of the decisions of one kind, as one column of those of which it told something.

        That is all of them, unless agents have policies of their own, and some of these tell nothing.

        Raises:
            KeyError: If the run has no such step key, or the policy told nothing of it.
            ValueError: If the run was recorded without.
        """
        codec = outputs_codec(self.schema, step_key)
        return self._stacked(codec, lambda segment: segment.policy_outputs_of(step_key))

    def segments(self) -> Iterator[EpisodeSegment]:
        """Give the episode in stretches with the same columns; of a long one not all is in memory at a time.

        Raises:
            ValueError: If there is nothing to read: the episode failed, or its run was recorded without trajectories.
            DamagedRecordingError: If its file is missing or damaged.
        """
        return (self._source.segment(self.part, rows) for rows in self._row_ranges)

    def events(self, event: str | type[Event] | None = None) -> list[RecordedEvent]:
        """Give what happened, in order.

        Args:
            event: Only events of this class, which are given as its instances, or of this name; None: all events.

        Raises:
            KeyError: If no event of this name was recorded in the run.
            ValueError: If there is nothing to read: the episode failed, or its run was recorded without event logs.
            DamagedRecordingError: If a file is missing or damaged.
        """
        return self._source.episode_events(self.row, self.part, event)

    @cached_property
    def _row_ranges(self) -> list[RowRange]:
        return self._source.row_ranges(self.row, self.part)

    @cached_property
    def _only_segment(self) -> EpisodeSegment | None:
        """The whole of an episode that lies in one row group, as nearly all do."""
        ranges = self._row_ranges
        return self._source.segment(self.part, ranges[0]) if len(ranges) == 1 else None

    def _columns(self, column: Callable[[EpisodeSegment], Any]) -> list[Any]:
        """One column of each segment."""
        try:
            only = self._only_segment
            return [column(segment) for segment in self.segments()] if only is None else [column(only)]
        except DamagedRecordingError as error:
            raise DamagedRecordingError(f"episode {self.number} cannot be read: {error}") from None

    def _joined(self, column: Callable[[EpisodeSegment], np.ndarray]) -> np.ndarray:
        arrays: list[np.ndarray] = self._columns(column)
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def _stacked(self, codec: SpaceCodec, column: Callable[[EpisodeSegment], Column]) -> Column:
        columns = self._columns(column)
        return columns[0] if len(columns) == 1 else codec.concatenate(columns)

    def _chained(self, column: Callable[[EpisodeSegment], list[Any]]) -> list[Any]:
        return list(chain.from_iterable(self._columns(column)))
