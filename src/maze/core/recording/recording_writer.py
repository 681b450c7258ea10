"""Writes the episodes of one worker into a run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

from maze.core.env.event import EpisodeFigures, EventRecord, MetricValue
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode_draft import EpisodeDraft
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.part import Part
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import PackedSegment, TrajectorySchema

FIRST_INTERVAL, LONGEST_INTERVAL, INTERVAL_GROWTH = 5.0, 60.0, 1.5


class RecordingError(Exception):
    """The disk does not take what is written; the run cannot go on."""


class RecordingWriter:
    """Writes the episodes of one worker as parts, each committed whole.

    Parts are committed every few seconds at first, then at growing intervals. An episode longer than a segment gets a
    part of its own, so that what it needs in memory is bounded.

    Args:
        run_dir: The run directory; several writers may share it.
        name: Unique among the writers of the run; it begins the names of the parts.
        schema: The columns of the run.
        record_trajectory: Whether `trajectory_data/` is written.
        record_event_logs: Whether `event_logs/` are written.
    """

    def __init__(
        self,
        run_dir: Path,
        name: str,
        schema: TrajectorySchema,
        *,
        record_trajectory: bool = True,
        record_event_logs: bool = True,
    ) -> None:
        """Begin with nothing written."""
        self.schema = schema
        self._run_dir, self._name = run_dir, name
        self._record_trajectory, self._record_event_logs = record_trajectory, record_event_logs
        self._n_parts = 0
        self._part = self._new_part()
        self._own_parts: list[Part] = []
        self._interval, self._committed_at = FIRST_INTERVAL, monotonic()

    def begin(self, spec: EpisodeSpec, *, keep_events: bool = False) -> EpisodeDraft:
        """Begin an episode; its events are only kept in memory for an environment that has KPIs."""
        return EpisodeDraft(spec, self.schema, keep_events=keep_events)

    def add(self, draft: EpisodeDraft, segment: Segment) -> None:
        """Take in the next stretch of an episode's rows; the last one waits for `finish`.

        The first of several opens a part for this episode alone.

        Raises:
            ValueError: If a value does not fit its space.
            RecordingError: If the disk does not take it.
        """
        if len(segment.observations) > len(segment.actions):
            draft.last_segment = segment
            return
        if draft.part is None:
            draft.part = self._new_part()
        self._write(draft.part, draft, draft.add(segment))

    def finish(self, draft: EpisodeDraft, end: EpisodeEnd, env: StructuredEnv) -> EpisodeRow:
        """Take in how an episode ended; it is on disk for good when a commit names it.

        Raises:
            ValueError: If a value does not fit its space.
            RecordingError: If the disk does not take it.
        """
        packed = draft.add(draft.last_segment)
        metrics = draft.metrics.figures() if draft.metrics else {}
        kpis: Mapping[str, float] = {}
        if draft.keep_events:
            kpis = _kpis(env, draft.events, metrics)
        row = draft.row(end, metrics, kpis)
        part = draft.part or self._part
        self._write(part, draft, packed)
        part.add_episode(row, end.actor_id if self._record_event_logs else None, draft.n_events)
        if draft.part is not None:
            self._own_parts.append(draft.part)
        return row

    def abandon(self, draft: EpisodeDraft) -> None:
        """Forget an episode that will not be finished."""
        if draft.part is not None:
            draft.part.discard()

    def is_commit_due(self) -> bool:
        """Whether what is uncommitted has waited for long enough."""
        return bool(self._own_parts) or monotonic() - self._committed_at > self._interval

    def commit(self) -> dict[str, list[int]]:
        """Put all finished episodes on disk for good; returns their numbers by the names of their parts.

        Raises:
            RecordingError: If the disk does not take them.
        """
        parts, self._own_parts = self._own_parts, []
        if self._part.numbers:
            parts.append(self._part)
            self._part = self._new_part()
            self._interval = min(self._interval * INTERVAL_GROWTH, LONGEST_INTERVAL)
        try:
            committed = {part.name: part.commit() for part in parts}
        except Exception as error:  # whatever it is, these episodes are lost, and no single one is to blame
            raise self._error(error) from error
        self._committed_at = monotonic()
        return committed

    def close(self) -> None:
        """Remove what was not committed."""
        for part in (self._part, *self._own_parts):
            part.discard()

    def _error(self, error: Exception) -> RecordingError:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        return RecordingError(f"cannot write to {self._run_dir}: {reason}")

    def _new_part(self) -> Part:
        self._n_parts += 1
        return Part(self._run_dir, f"part-{self._name}-{self._n_parts:05}", self.schema)

    def _write(self, part: Part, draft: EpisodeDraft, packed: PackedSegment) -> None:
        try:
            if self._record_event_logs and packed.events:
                part.add_events(draft.spec.number, draft.n_events, packed.events)
                draft.n_events += sum(len(block.steps) for block in packed.events)
            if self._record_trajectory:
                part.add_trajectory(draft.spec.number, packed)
        except OSError as error:
            raise self._error(error) from error


def _kpis(env: StructuredEnv, events: Sequence[EventRecord], metrics: Mapping[str, MetricValue]) -> Mapping[str, float]:
    try:
        given = env.kpis(events, EpisodeFigures({key: metric.value for key, metric in metrics.items()}))
        return {name: float(value) for name, value in given.items()}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ValueError(
            f"kpis() raised {reason}: let it return {{name: number}} for any episode, also for one without events"
        ) from error
