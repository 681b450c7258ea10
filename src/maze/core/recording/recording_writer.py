"""Writes the episodes of one worker into a run directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode_draft import EpisodeDraft
from maze.core.recording.part import Part
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import PackedSegment, TrajectorySchema

FIRST_INTERVAL, LONGEST_INTERVAL, INTERVAL_GROWTH = 5.0, 60.0, 1.5

FINISHED_SHARE = 8
"""Of a block of rows: how many rows and events of finished episodes wait to be written together."""


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
        self._finished: list[tuple[Part, EpisodeDraft, PackedSegment]] = []
        self._n_waiting = 0
        self._is_whole = True
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
        packed = self._pack(draft.part, draft, segment)
        with self._writing():
            self._write(draft.part, draft, packed)

    def finish(self, draft: EpisodeDraft, end: EpisodeEnd, env: StructuredEnv) -> None:
        """Take in how an episode ended; it is on disk for good when a commit names it.

        Raises:
            ValueError: If a value does not fit its space.
            RecordingError: If the disk does not take it.
        """
        if draft.last_segment is None:
            raise ValueError(f"episode {draft.spec.number} has no last segment: add it before the end")
        own, last = draft.part, draft.last_segment
        packed = self._pack(own or self._part, draft, last)
        draft.finish(end, env)
        draft.part = draft.last_segment = None  # it is the queue's from here on; no interrupt comes between the lines
        self._finished.append((own or self._part, draft, packed))
        self._n_waiting += packed.n_rows + len(last.events)
        if own is not None or self._n_waiting > self.schema.block_rows // FINISHED_SHARE:
            with self._writing():
                self._take_finished()

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
        with self._writing():
            self._take_finished()
            parts = [*self._own_parts, self._part] if self._part.numbers else self._own_parts
            committed = {part.name: part.commit() for part in parts}
        if self._part in parts:
            self._part = self._new_part()
            self._interval = min(self._interval * INTERVAL_GROWTH, LONGEST_INTERVAL)
        self._own_parts = []
        self._committed_at = monotonic()
        return committed

    def close(self) -> None:
        """Remove what was not committed."""
        for part in {self._part, *self._own_parts, *(part for part, _, _ in self._finished)}:
            part.discard()

    def _new_part(self) -> Part:
        self._n_parts += 1
        return Part(self._run_dir, f"part-{self._name}-{self._n_parts:05}", self.schema)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What no single episode is to blame for: where it breaks off, finished ones are not whole, and none is kept.

        Raises:
            RecordingError: If anything goes wrong, or has before.
        """
        if not self._is_whole:
            raise RecordingError(f"cannot write to {self._run_dir}: an earlier write broke off")
        self._is_whole = False
        try:
            yield
        except Exception as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
            raise RecordingError(f"cannot write to {self._run_dir}: {reason}") from error
        self._is_whole = True

    def _pack(self, part: Part, draft: EpisodeDraft, segment: Segment) -> PackedSegment:
        """Whatever can be held against the episode is found out here, and nothing that is packed is anybody else's."""
        packed = draft.add(segment)
        if not packed.events:
            return packed
        return packed._replace(events=part.recordable_events(packed.events) if self._record_event_logs else ())

    def _take_finished(self) -> None:
        """Write the episodes that have finished: short ones together, for code that has just run is faster."""
        for part, draft, packed in self._finished:
            self._write(part, draft, packed)
            part.add_episode(draft.row(), draft.last_actor if self._record_event_logs else None, draft.n_events)
            if part is not self._part:
                self._own_parts.append(part)
        self._finished, self._n_waiting = [], 0

    def _write(self, part: Part, draft: EpisodeDraft, packed: PackedSegment) -> None:
        draft.digest(packed)
        if packed.events:
            part.add_events(draft.spec.number, draft.n_events, packed.events)
            draft.n_events += sum(len(block.steps) for block in packed.events)
        if self._record_trajectory:
            part.add_trajectory(draft.spec.number, packed)
