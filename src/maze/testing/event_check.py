"""Whether the events that an environment emits can be recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EpisodeMetrics, Event, EventRecord
from maze.core.recording.event_block import pack_events
from maze.core.recording.event_schema import event_arrow_schema, recordable
from maze.core.recording.segment import Segment
from maze.testing.conformance import ConformanceError


def check_events(events: Sequence[Any], actor: ActorID, where: str) -> None:
    """See that events are frozen dataclasses whose fields and metrics can be recorded.

    Raises:
        ConformanceError: If not.

    Example:
        >>> check_events(["fell"], ActorID(0, 0), "step 3")
        Traceback (most recent call last):
        maze.testing.conformance.ConformanceError: emit was given a str (step 3): derive it from maze.core.env.event...
    """
    for event in events:
        kind = type(event)
        if not isinstance(event, Event):
            raise ConformanceError(
                f"emit was given a {kind.__name__} ({where}): derive it from maze.core.env.event.Event"
            )
        if not is_dataclass(event) or "__dataclass_params__" not in vars(kind) or not _is_frozen(kind):
            raise ConformanceError(
                f"the event {kind.__name__} is no frozen dataclass ({where}): write @dataclass(frozen=True) before it"
            )
        try:
            (block,) = pack_events(Segment(0, events=[event], event_steps=[0]))
            recordable(block, event_arrow_schema(kind))
            EpisodeMetrics().add([EventRecord(0, 0, actor, event)])
        except (TypeError, ValueError) as error:
            raise ConformanceError(f"the event {kind.__name__} cannot be recorded: {error} ({where})") from None


def _is_frozen(kind: type[Any]) -> bool:
    return bool(kind.__dataclass_params__.frozen)
