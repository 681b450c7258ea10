"""One episode as the page asks for it: what it came to, curves over its steps, events, and the records of steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import cycle
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import numpy_array
from maze.core.env.action_masks import ActionMask
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.event import EpisodeEnded
from maze.core.recording.actor_returns import actor_labels
from maze.core.recording.decision_block import EpisodeSegment
from maze.core.recording.episode import Episode
from maze.core.recording.recording import Recording
from maze.viewer.component import Component
from maze.viewer.down_sampling import curve, strip
from maze.viewer.shown_value import shown_value

FIXED_CURVES = ("reward", "return", "credit")
MOST_EVENT_STEPS = 2**20
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

    def description(self, most_event_steps: int = MOST_EVENT_STEPS) -> dict[str, Any]:
        """What is known of it as a whole.

        Args:
            most_event_steps: Steps of one kind of event; of more, one per stretch of the episode.

        Raises:
            DamagedRecordingError: If a file is missing or damaged.
        """
        row = self.episode.row
        labels = actor_labels(row.actor_returns)
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
            "actor_returns": [[f"return of {labels[name]}", value] for name, value in row.actor_returns.items()],
            "events": self._lanes(most_event_steps),
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
        drawn = [self._values_of(name) for name in names]
        return [(curve if values.ndim == 1 else strip)(values, start, stop, n_points)._asdict() for values in drawn]

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
            "actor": self._actor_name(ActorID(step_key, int(segment.agent_ids[row]))),
            "time": segment.times[row],
            "observation": shown_value(observation),
            "action": shown_value(action),
            "outputs": self._outputs(segment, step_key, row),
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
        """Index of each decision's step key, int16 of shape (n,)."""
        if self._schema.flat:
            return np.zeros(self.n_decisions, np.int16)
        return np.concatenate([segment.keys for segment in self._segments()]).astype(np.int16)

    @cached_property
    def _has_outputs(self) -> np.ndarray:
        """Whether the policy told something of each decision, bool of shape (n,)."""
        if self._schema.outputs is None:
            return np.zeros(self.n_decisions, np.bool_)
        return np.concatenate([segment.has_policy_outputs for segment in self._segments()])

    def _outputs(self, segment: EpisodeSegment, step_key: StepKey, row: int) -> Any:
        """What the policy told of a decision; None where it told nothing."""
        if not self._has_outputs[segment.start + row]:
            return None
        here = segment.start + np.arange(row)
        same_key = self._keys[here] == self._schema.key_index[step_key]
        rank = int((same_key & self._has_outputs[here]).sum())
        codec = self._schema.recorded_outputs.codecs[step_key]
        return shown_value(codec.row(segment.policy_outputs_of(step_key), rank))

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
                pieces[name].append(component.of(_column(segment, component, self._schema.step_keys)))
        for name, component in chosen.items():
            found = np.concatenate(pieces[name])
            values = np.full((self.n_decisions, *found.shape[1:]), np.nan)
            has_any = self._has_outputs if component.role == "output" else True
            values[(self._keys == component.step_key) & has_any] = found
            self._values[name] = values

    def _component(self, name: str) -> Component:
        if int(name) >= len(self._components):
            raise KeyError(f"there is no curve {name!r}")
        return self._components[int(name)]

    # Events -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _event_tables(self) -> dict[str, pa.Table]:
        if self.episode.error is not None or not self._recording.metadata["record_event_logs"]:
            return {}
        return self._recording.episode_event_tables(self.episode.row, self.episode.part)

    @cached_property
    def _event_steps(self) -> dict[str, np.ndarray]:
        """The step of each event, ascending, by the name of its kind."""
        return {name: numpy_array(table["step"]) for name, table in self._event_tables.items()}

    def _lanes(self, most_steps: int) -> list[dict[str, Any]]:
        """The steps of each kind of event, ascending."""
        return [
            {"name": name, "count": len(steps), "steps": _thinned(np.maximum(steps, 0), most_steps)}
            for name, steps in self._event_steps.items()
            if name != EpisodeEnded.__name__  # each episode has one, at its end
        ]

    def _shown_events(self, step: int) -> list[dict[str, Any]]:
        """What happened in a decision, and, before the first one, in reset."""
        found: list[tuple[int, dict[str, Any]]] = []
        for name, steps in self._event_steps.items():
            first, behind = np.searchsorted(steps, [step or -1, step + 1]).tolist()
            table = self._event_tables[name].slice(first, behind - first)
            for sequence, record in zip(
                table["sequence"].to_pylist(), self._recording.event_records(name, table), strict=True
            ):
                fields = [[field, shown_value(value)] for field, value in vars(record.event).items()]
                found.append((sequence, {"name": name, "in_reset": record.step < 0, "fields": fields}))
        return [shown for _, shown in sorted(found, key=itemgetter(0))]


def _column(segment: EpisodeSegment, component: Component, step_keys: Sequence[StepKey]) -> Any:
    """What a component is in."""
    step_key = step_keys[component.step_key]
    match component.role:
        case "observation":
            return segment.observations_of(step_key)
        case "action":
            return segment.actions_of(step_key)
        case "output":
            return segment.policy_outputs_of(step_key)


def _thinned(steps: np.ndarray, most: int) -> np.ndarray:
    """Ascending steps without repetitions, at most so many, int32."""
    steps = steps[np.diff(steps, prepend=-1) > 0]
    if len(steps) > most:
        steps = steps[np.linspace(0, len(steps) - 1, most).astype(np.int64)]
    return steps.astype(np.int32)


def _legal(mask: ActionMask, observation: Any) -> dict[str, Any]:
    """Which values an action could have; empty where the mask cannot be read."""
    try:
        start = np.ravel(getattr(mask.space, "start", 0))
        values = [(legal + first).tolist() for legal, first in zip(mask.legal_values(observation), cycle(start))]
    except ValueError:
        values = []
    return {"action": None if mask.action_key is None else str(mask.action_key), "values": values}
