"""An episode that is being played: what its rows say so far."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from math import fsum
from operator import add

from maze.core.env.event import EpisodeMetrics, EventRecord, MetricValue
from maze.core.recording.actor_returns import add_actor_returns
from maze.core.recording.content_hash import HASH_DIGITS
from maze.core.recording.episode_row import EpisodeRow, scalar_figures
from maze.core.recording.part import Part
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import PackedSegment, TrajectorySchema

_EMPTY = Segment(0)


class EpisodeDraft:
    """An episode that is being played: its hash and its figures so far; memory does not grow with its length.

    Args:
        spec: Which episode it is.
        schema: The columns of the run.
        keep_events: Whether all events stay in memory until the end, for KPIs.
    """

    __slots__ = (
        "_action_counts",
        "_actor_returns",
        "_hash",
        "_schema",
        "episode_return",
        "events",
        "keep_events",
        "last_segment",
        "metrics",
        "n_decisions",
        "n_events",
        "part",
        "spec",
    )

    def __init__(self, spec: EpisodeSpec, schema: TrajectorySchema, *, keep_events: bool = False) -> None:
        """Begin with no row."""
        self.spec = spec
        self.episode_return = 0.0
        self.n_decisions = 0
        self.n_events = 0
        self.metrics: EpisodeMetrics | None = None
        self.keep_events = keep_events
        self.events: list[EventRecord] = []
        self.last_segment = _EMPTY
        self.part: Part | None = None
        self._schema = schema
        self._hash = sha256(usedforsecurity=False)
        self._action_counts: dict[str, list[int]] = {}
        self._actor_returns: dict[str, float] = {}

    def add(self, segment: Segment) -> PackedSegment:
        """Take in the next stretch of rows.

        Raises:
            ValueError: If a value does not fit its space, or an event its metric; it says which and how.
        """
        packed = self._schema.pack(segment)
        pieces = self._schema.canonical_pieces(packed)
        for piece in pieces if self._schema.has_large_rows else [b"".join(pieces)]:
            self._hash.update(piece)
        self.episode_return += fsum(segment.rewards)
        self.n_decisions += packed.n_decisions
        self._count_actions(packed)
        if segment.credits is not None or (packed.agent_ids or b"").strip(b"\0"):
            # Rewards are split, or there is more than one agent; all else would say the return again.
            add_actor_returns(self._actor_returns, packed, self._schema.names)
        if segment.events:
            if self.metrics is None:
                self.metrics = EpisodeMetrics()
            for block in packed.events:
                self.metrics.add_kind(block.event_class, block.events, block.numbers)
            if self.keep_events:
                self.events += segment.event_records()
        return packed

    def row(self, end: EpisodeEnd, metrics: Mapping[str, MetricValue], kpis: Mapping[str, float]) -> EpisodeRow:
        """Sum the ended episode up."""
        info, success = scalar_figures(end.info) if end.info else ({}, None)
        # By position, which is faster: error, its step, its traceback and the attempts are those of a failed episode.
        return EpisodeRow(
            *self.spec,
            self._hash.hexdigest()[:HASH_DIGITS],
            end.length,
            self.n_decisions,
            self.episode_return,
            end.terminated,
            end.truncated,
            end.truncated_by,
            success,
            None,
            None,
            None,
            None,
            end.seconds,
            info,
            {key: float(value) for key, value in kpis.items()} if kpis else kpis,
            metrics,
            self._action_counts,
            self._actor_returns,
        )

    def _count_actions(self, packed: PackedSegment) -> None:
        for index, name, counted in self._schema.counted_actions:
            counts, seen = counted.counts(packed.actions[index]), self._action_counts.get(name)
            self._action_counts[name] = counts if seen is None else list(map(add, seen, counts))
