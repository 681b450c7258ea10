"""One episode as the page asks for it: what it came to, curves over its steps, events, and the records of steps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import cycle
from typing import Any

import numpy as np

from maze.core.env.action_masks import ActionMask
from maze.core.recording.decision_block import EpisodeSegment
from maze.core.recording.episode import Episode
from maze.core.recording.event_log import RecordedEvent
from maze.core.recording.recording import Recording
from maze.viewer.component import Component
from maze.viewer.down_sampling import curve
from maze.viewer.shown_value import shown_value

FIXED_CURVES = ("reward", "return", "credit")
MOST_EVENT_STEPS = 20_000
"""Steps of one kind of event that are sent; of more, one per stretch of the episode."""

_RECORDS_AT_ONCE, _ROWS_PER_RECORD = 64, 128


class EpisodeView:
    """An episode to look at.

    A position is what the page's cursor is on: 0 to n-1 are the decisions, n is the end, with the final observations.

    Args:
        recording: The run.
        episode: One of its episodes.
        components: What can be drawn, of the run.
        masks: Which values of an action are legal, by step key.
    """

    def __init__(
        self,
        recording: Recording,
        episode: Episode,
        components: Sequence[Component],
        masks: Sequence[Sequence[ActionMask]],
    ) -> None:
        """Remember where it is; columns are read when they are asked for."""
        self.episode = episode
        self._recording, self._components, self._masks = recording, components, masks
        self._schema = recording.schema
        self._values: dict[str, np.ndarray] = {}

    @property
    def n_decisions(self) -> int:
        """Number of decisions; 0 for a failed episode."""
        return self.episode.n_decisions or 0

    @property
    def n_components(self) -> int:
        """How many curves there are beside reward, return and credit."""
        return len(self._components)

    @property
    def is_readable(self) -> bool:
        """Whether there are steps: it did not fail, and its trajectory was recorded."""
        return self.episode.error is None and bool(self._recording.metadata["record_trajectory"])

    def description(self) -> dict[str, Any]:
        """What is known of it as a whole.

        Raises:
            DamagedRecordingError: If a file is missing or damaged.
        """
        row = self.episode.row
        return {
            "number": row.number,
            "env_seed": str(row.env_seed),
            "agent_seed": str(row.agent_seed),
            "hash": row.hash,
            "length": row.length,
            "n_decisions": self.n_decisions,
            "return": row.episode_return,
            "terminated": row.terminated,
            "truncated": row.truncated,
            "truncated_by": row.truncated_by,
            "success": row.success,
            "error": row.error,
            "error_step": row.error_step,
            "traceback": row.traceback,
            "attempts": row.attempts,
            "seconds": row.seconds,
            "kpis": list(row.kpis.items()),
            "metrics": [[name, figure.value] for name, figure in row.metrics.items()],
            "info": list(row.info.items()),
            "actor_returns": list(row.actor_returns.items()),
            "events": self._lanes(),
        }

    def curves(self, names: Sequence[str], start: int, stop: int, n_points: int) -> list[dict[str, np.ndarray]]:
        """What is drawn for numbers over a range of steps.

        Args:
            names: "reward", "return" (of the steps so far), "credit", or the index of a component.
            start: First step.
            stop: Step behind the last.
            n_points: Points per curve.

        Raises:
            KeyError: If there is no such curve.
            ValueError: If no trajectory was recorded.
            DamagedRecordingError: If a file is missing or damaged.
        """
        stop = min(stop, self.n_decisions)
        start = max(min(start, stop), 0)
        self._read_components(names)
        return [curve(self._values_of(name), start, stop, n_points)._asdict() for name in names]

    def records(self, position: int) -> dict[str, Any]:
        """The full records of the decisions around a position, and where they begin.

        Raises:
            ValueError: If no trajectory was recorded.
            DamagedRecordingError: If a file is missing or damaged.
        """
        n_at_once = max(1, min(_RECORDS_AT_ONCE, self._schema.segment_rows // _ROWS_PER_RECORD))
        position = max(0, min(position, self.n_decisions))
        start = position - position % n_at_once
        found = [self._record(step) for step in range(start, min(start + n_at_once, self.n_decisions))]
        if start + n_at_once > self.n_decisions:
            found.append(self._end())
        return {"start": start, "records": found}

    # Decisions --------------------------------------------------------------------------------------------------------

    @cached_property
    def _ranges(self) -> list[Any]:
        return self._recording.row_ranges(self.episode.row, self.episode.part)

    @cached_property
    def _starts(self) -> list[int]:
        """First step of each segment."""
        sizes = [rows.stop - rows.start for rows in self._ranges]
        return [0, *np.cumsum(sizes)[:-1].tolist()]

    def _segments(self) -> Iterator[EpisodeSegment]:
        return (self._recording.segment(self.episode.part, rows) for rows in self._ranges)

    def _record(self, step: int) -> dict[str, Any]:
        place = bisect_right(self._starts, step) - 1
        segment = self._recording.segment(self.episode.part, self._ranges[place])
        row = step - segment.start
        keys = self._keys[segment.start : step + 1]
        key, rank = int(keys[-1]), int((keys[:-1] == keys[-1]).sum())
        step_key = self._schema.step_keys[key]
        observation = self._schema.observation_codecs[key].row(segment.observations_of(step_key), rank)
        action = self._schema.action_codecs[key].row(segment.actions_of(step_key), rank)
        return {
            "step": step,
            "actor": self._actor_name(segment.actor_ids[row]),
            "time": segment.times[row],
            "observation": shown_value(observation),
            "action": shown_value(action),
            "legal": [_legal(mask, observation) for mask in self._masks[key]],
            "reward": segment.rewards[row],
            "credit": None if self._schema.flat else segment.credits[row],
            "return": self._values_of("return")[step],
            "terminated": bool(segment.terminations[row]),
            "truncated": bool(segment.truncations[row]),
            "events": self._shown_events(step),
        }

    def _end(self) -> dict[str, Any]:
        finals = self.episode.final_observations
        shown = (
            [[self._actor_name(actor), shown_value(observation)] for actor, observation in finals.items()]
            if finals
            else []
        )
        return {"step": self.n_decisions, "final_observations": shown, "return": self.episode.episode_return}

    def _actor_name(self, actor: Any) -> str | None:
        return None if self._schema.flat and actor == (0, 0) else f"key {actor.step_key}, agent {actor.agent_id}"

    @cached_property
    def _keys(self) -> np.ndarray:
        """Index of each decision's step key, int8 of shape (n,)."""
        if self._schema.flat:
            return np.zeros(self.n_decisions, np.int8)
        index = self._schema.key_index
        return np.array([index[actor.step_key] for actor in self.episode.actor_ids], np.int8)

    def _values_of(self, name: str) -> np.ndarray:
        """The values of a curve over the whole episode, float64 of shape (n,); NaN where a decision has none."""
        if name not in self._values:
            match name:
                case "reward":
                    values = self.episode.rewards
                case "credit":
                    values = self.episode.credits
                case "return":
                    values = np.cumsum(self.episode.rewards)
                case _:
                    raise KeyError(f"there is no curve {name!r}")
            self._values[name] = values
        return self._values[name]

    def _read_components(self, names: Sequence[str]) -> None:
        """Read those of the components that were not read yet, all in one go through the segments."""
        chosen = {name: self._component(name) for name in names if name not in self._values and name.isdecimal()}
        pieces: dict[str, list[np.ndarray]] = {name: [] for name in chosen}
        for segment in self._segments() if chosen else ():
            for name, component in chosen.items():
                step_key = self._schema.step_keys[component.step_key]
                is_observation = component.role == "observation"
                column = segment.observations_of(step_key) if is_observation else segment.actions_of(step_key)
                pieces[name].append(component.of(column))
        for name, component in chosen.items():
            values = np.full(self.n_decisions, np.nan)
            values[self._keys == component.step_key] = np.concatenate(pieces[name])
            self._values[name] = values

    def _component(self, name: str) -> Component:
        if int(name) >= len(self._components):
            raise KeyError(f"there is no curve {name!r}")
        return self._components[int(name)]

    # Events -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _events(self) -> list[RecordedEvent]:
        if self.episode.error is not None or not self._recording.metadata["record_event_logs"]:
            return []
        return sorted(self.episode.events(), key=lambda record: record.step)  # stable: in order within a step

    @cached_property
    def _event_steps(self) -> list[int]:
        return [record.step for record in self._events]

    def _lanes(self) -> list[dict[str, Any]]:
        """The steps of each kind of event, ascending."""
        steps: dict[str, list[int]] = {}
        for record in self._events:
            if record.name != "EpisodeEnded":  # each episode has one, at its end
                steps.setdefault(record.name, []).append(max(record.step, 0))
        return [
            {"name": name, "count": len(found), "steps": _thinned(np.unique(found))} for name, found in steps.items()
        ]

    def _shown_events(self, step: int) -> list[dict[str, Any]]:
        first = bisect_left(self._event_steps, step or -1)
        return [
            {
                "name": record.name,
                "in_reset": record.step < 0,
                "fields": [[name, shown_value(value)] for name, value in vars(record.event).items()],
            }
            for record in self._events[first : bisect_right(self._event_steps, step)]
        ]


def _thinned(steps: np.ndarray) -> np.ndarray:
    if len(steps) > MOST_EVENT_STEPS:
        steps = steps[np.linspace(0, len(steps) - 1, MOST_EVENT_STEPS).astype(np.int64)]
    return steps.astype(np.int32)


def _legal(mask: ActionMask, observation: Any) -> dict[str, Any]:
    """Which values an action could have; empty where the mask cannot be read."""
    try:
        start = np.ravel(getattr(mask.space, "start", 0))
        values = [(legal + first).tolist() for legal, first in zip(mask.legal_values(observation), cycle(start))]
    except ValueError:
        values = []
    return {"action": None if mask.action_key is None else str(mask.action_key), "values": values}
