"""An episode that is being played: what its rows say so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import fsum
from operator import add
from typing import Any

from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.event import EpisodeFigures, EpisodeMetrics, EventRecord, MetricValue
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.actor_returns import add_actor_returns
from maze.core.recording.content_hash import HASH_DIGITS
from maze.core.recording.episode_row import EpisodeRow, scalar_figures
from maze.core.recording.part import Part
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import PackedSegment, TrajectorySchema


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
        "_events",
        "_hash",
        "_keep_events",
        "_metrics",
        "_schema",
        "_summary",
        "episode_return",
        "last_actor",
        "last_segment",
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
        self.last_segment: Segment | None = None
        self.part: Part | None = None
        self._schema, self._keep_events = schema, keep_events
        self._metrics: EpisodeMetrics | None = None
        self._events: list[EventRecord] = []
        self._hash = sha256(usedforsecurity=False)
        self._action_counts: dict[str, list[int]] = {}
        self._actor_returns: dict[str, float] = {}
        self._summary: tuple[Any, ...] = ()
        self.last_actor = FLAT_ACTOR

    def add(self, segment: Segment) -> PackedSegment:
        """Take in the next stretch of rows; what comes of it is to be digested then.

        Raises:
            ValueError: If a value does not fit its space, or an event its metric; it says which and how.
        """
        packed = self._schema.pack(segment)
        self.episode_return += fsum(segment.rewards)
        self.n_decisions += packed.n_decisions
        if segment.credits is not None or (packed.agent_ids or b"").strip(b"\0"):
            # Rewards are split, or there is more than one agent; all else would say the return again.
            add_actor_returns(self._actor_returns, packed, self._schema.names)
        if segment.events:
            if self._metrics is None:
                self._metrics = EpisodeMetrics()
            for block in packed.events:
                self._metrics.add_kind(block.event_class, block.events, block.numbers)
            if self._keep_events:
                self._events += segment.event_records()
        return packed

    def digest(self, packed: PackedSegment) -> None:
        """Hash what was added, and count the actions: whenever there is time, and segment by segment."""
        pieces = self._schema.canonical_pieces(packed)
        for piece in pieces if self._schema.has_large_rows else [b"".join(pieces)]:
            self._hash.update(piece)
        for index, name, counted in self._schema.counted_actions:
            counts, seen = counted.counts(packed.actions[index]), self._action_counts.get(name)
            self._action_counts[name] = counts if seen is None else list(map(add, seen, counts))

    def finish(self, end: EpisodeEnd, env: StructuredEnv) -> None:
        """Take in how the episode ended, and who acted last.

        Raises:
            ValueError: If the environment's KPIs cannot be computed, or a figure has a name that cannot be written.
        """
        metrics = self._metrics.figures() if self._metrics else {}
        kpis = _kpis(env, self._events, metrics) if self._keep_events else {}
        info, success = scalar_figures(end.info) if end.info else ({}, None)
        for name in (*info, *kpis, *metrics):
            _check_name(name)
        self.last_actor = end.actor_id
        self._metrics, self._events = None, []  # which may be large, and the draft may wait
        # By position, which is faster: error, its step, its traceback and the attempts are those of a failed episode.
        self._summary = (
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
            kpis,
            metrics,
        )

    def row(self) -> EpisodeRow:
        """Sum the finished episode up, when all of it is digested."""
        digits = self._hash.hexdigest()[:HASH_DIGITS]
        return EpisodeRow._make((*self.spec, digits, *self._summary, self._action_counts, self._actor_returns))


def _kpis(env: StructuredEnv, events: Sequence[EventRecord], metrics: Mapping[str, MetricValue]) -> dict[str, float]:
    try:
        given = env.kpis(events, EpisodeFigures({key: metric.value for key, metric in metrics.items()}))
        return {name: float(value) for name, value in given.items()}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ValueError(
            f"kpis() raised {reason}: let it return {{name: number}} for any episode, also for one without events"
        ) from error


def _check_name(name: object) -> None:
    try:
        name.encode()  # type: ignore[attr-defined]
    except (AttributeError, UnicodeEncodeError) as error:
        raise ValueError(f"a figure is named {name!r}: name it by a string that UTF-8 can hold") from error
