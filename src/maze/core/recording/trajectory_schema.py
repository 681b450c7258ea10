"""How decisions become columns: arrays of an episode, bytes of its hash, rows of `trajectory_data`."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, repeated_string, string_array
from maze.core.env.actor_id import StepKey
from maze.core.env.space_parts import parts_of
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.event_block import EventBlock, pack_events
from maze.core.recording.misfit import find_misfit
from maze.core.recording.output_columns import OutputColumns, PackedOutputs
from maze.core.recording.segment import Segment
from maze.core.recording.space_check import SpaceCheck
from maze.core.recording.space_codec import Packed, space_codec
from maze.core.recording.turn_columns import (
    pack_actors,
    pack_by_key,
    pack_credits,
    pack_departures,
    pack_ends,
    spread,
    spread_numbers,
)


class PackedSegment(NamedTuple):
    """A segment as bytes, packed the moment its episode ends; n decisions, and behind them the final observations."""

    start: int
    """Index of the first decision in its episode."""

    n_decisions: int
    n_rows: int
    """Decisions and final observations."""

    keys: bytes | None
    """Index of each row's step key, int8; None: flat."""

    agent_ids: bytes | None
    """int64, one per row; None: flat."""

    times: bytes | None
    """int64, one per row; None: flat, where time is the index of the decision."""

    observations: Sequence[Packed]
    """One per step key, of the rows that have it."""

    actions: Sequence[Packed]
    """One per step key, of the decisions that have it."""

    rewards: bytes
    """float64, one per decision."""

    credits: bytes
    """float64, one per row, NaN for final observations beside which there is none; flat: one per decision."""

    terminated: bytes
    """One bool per row: whether the actor's part ended with it; flat: one per decision."""

    truncated: bytes
    """One bool per row: whether the actor was cut behind it; flat: one per decision."""

    events: Sequence[EventBlock]

    event_bytes: bytes
    """What the events add to the hash, taken at once: their fields may be lists that the environment goes on with."""

    outputs: PackedOutputs | None
    """What the policy told of the decisions; None: it is not recorded."""


class PackedSegments:
    """Segments of many episodes that wait to be written, field by field.

    One object for all of them: what is kept per episode would keep the garbage collector busy.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.numbers: list[int] = []
        self.total_rows = 0
        self._segments: list[PackedSegment] = []

    def add(self, number: int, packed: PackedSegment) -> None:
        """Add a stretch of the episode `number`."""
        self.numbers.append(number)
        self.total_rows += packed.n_rows
        self._segments.append(packed)

    def by_field(self) -> dict[str, tuple[Any, ...]]:
        """What the segments have in each field, one after the other."""
        return dict(zip(PackedSegment._fields, zip(*self._segments, strict=True), strict=True))


class TrajectorySchema:
    """The columns of a run, fixed by its spaces before the first step.

    Args:
        observation_spaces: By step key.
        action_spaces: By step key; the same keys.
        space_check: Checks what is packed; None: only types and shapes are, as codecs do.
        output_spaces: What the policy tells of its decisions, by those step keys of which it tells something; the hash
            of an episode does not depend on it.

    Raises:
        ValueError: If the keys differ, or two of them have the same name.

    Example:
        >>> flat = TrajectorySchema({0: gymnasium.spaces.Box(0, 1, (2,))}, {0: gymnasium.spaces.Discrete(2)})
        >>> flat.arrow_schema.field("observation").type
        ListType(list<element: float>)
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        space_check: SpaceCheck | None = None,
        output_spaces: Mapping[StepKey, gymnasium.spaces.Dict] | None = None,
    ) -> None:
        """Choose a codec for each space."""
        self.step_keys = list(observation_spaces)
        self.names = [str(key) for key in self.step_keys]
        if set(self.step_keys) != set(action_spaces) or len(set(self.names)) < len(self.names):
            raise ValueError(
                f"observation spaces have the step keys {self.step_keys}, action spaces {list(action_spaces)}: "
                "use the same ones for both, with names that differ"
            )
        self.flat = self.step_keys == [0]
        self.space_check = space_check
        self.key_index = {key: index for index, key in enumerate(self.step_keys)}
        self.counted_actions = [
            (index, name, counted)
            for index, name in enumerate(self.names)
            if (counted := _countable(action_spaces[self.step_keys[index]])) is not None
        ]
        self.segment_rows = _rows_of_32_mib([*observation_spaces.values(), *action_spaces.values()])
        self.has_large_rows = self.segment_rows < MOST_ROWS
        self.observation_codecs = [space_codec(observation_spaces[key]) for key in self.step_keys]
        self.action_codecs = [space_codec(action_spaces[key]) for key in self.step_keys]
        self._codecs = self.observation_codecs + self.action_codecs
        self.outputs = OutputColumns(output_spaces, self.step_keys) if output_spaces else None
        self.arrow_schema = pa.schema(
            [
                pa.field("part", pa.dictionary(pa.int32(), pa.string()), nullable=False),
                pa.field("episode", pa.int64(), nullable=False),
                pa.field("step", pa.int64(), nullable=False),
                pa.field("time", pa.int64(), nullable=False),
                pa.field("step_key", pa.dictionary(pa.int32(), pa.string()), nullable=False),
                pa.field("agent_id", pa.int64(), nullable=False),
                self._field("observation", self.observation_codecs),
                self._field("action", self.action_codecs),
                pa.field("reward", pa.float64()),
                pa.field("credit", pa.float64()),
                pa.field("terminated", pa.bool_()),
                pa.field("truncated", pa.bool_()),
                *([] if self.outputs is None else [self.outputs.field]),
            ]
        )

    def _field(self, name: str, codecs: Sequence[Any]) -> pa.Field:
        if self.flat:
            return codecs[0].field(name)
        return pa.field(name, pa.struct([codec.field(name) for name, codec in zip(self.names, codecs, strict=True)]))

    @property
    def recorded_outputs(self) -> OutputColumns:
        """What is recorded of what the policy tells.

        Raises:
            ValueError: If nothing is.
        """
        if self.outputs is None:
            raise ValueError("the run was recorded without policy outputs: record it with record_policy_outputs=true")
        return self.outputs

    def pack(self, segment: Segment) -> PackedSegment:
        """Turn the lists of a segment into bytes.

        Raises:
            ValueError: If an observation, an action or a reward does not fit; it says which and how.
        """
        try:
            return self._packed(segment)
        except DecisionError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            misfit = find_misfit(segment, self.step_keys, self.observation_codecs, self.action_codecs)
            if misfit is None:
                raise
            raise misfit from error

    def _packed(self, segment: Segment) -> PackedSegment:
        n = len(segment.actions)
        keys = agent_ids = times = None
        if segment.actors is None or segment.times is None:
            observations: Sequence[Packed] = (self.observation_codecs[0].pack(segment.observations),)
            actions: Sequence[Packed] = (self.action_codecs[0].pack(segment.actions),)
        else:
            keys, agent_ids = pack_actors(segment.actors, self.key_index)
            times = array("q", segment.times).tobytes()
            observations = pack_by_key(self.observation_codecs, keys, segment.observations)
            actions = pack_by_key(self.action_codecs, keys[:n], segment.actions)
        if self.space_check is not None:
            self.space_check(segment, keys, self.observation_codecs, observations)
        rewards = array("d", segment.rewards).tobytes()
        events = pack_events(segment, keys, agent_ids, times) if segment.events else ()
        return PackedSegment(
            segment.start,
            n,
            len(segment.observations),
            keys,
            agent_ids,
            times,
            observations,
            actions,
            rewards,
            rewards if keys is None else pack_credits(segment, rewards),
            *(pack_ends(segment) if keys is None else pack_departures(segment)),
            events,
            b"".join(piece for block in events for piece in block.canonical_bytes()) if events else b"",
            None if self.outputs is None else self.outputs.pack(segment, keys),
        )

    def canonical_pieces(self, packed: PackedSegment) -> list[Any]:
        """What the hash of an episode is fed with, as bytes one after the other.

        Actors, times, observations, actions, rewards, flags, events.
        """
        pieces: list[Any] = [_two_integers(packed.start, packed.n_rows)]
        if packed.keys is not None:
            pieces += (packed.keys, packed.agent_ids, packed.times)
        for codec, samples in zip(self._codecs, (*packed.observations, *packed.actions), strict=True):
            pieces += codec.packed_bytes(samples)
        pieces += (packed.rewards, packed.terminated, packed.truncated, packed.event_bytes)
        return pieces

    @property
    def block_rows(self) -> int:
        """Rows after which they are written; 8 MiB of large ones, which are still in the processor's caches then."""
        return self.segment_rows // 4 if self.has_large_rows else self.segment_rows

    def to_batch(self, segments: PackedSegments, part: str) -> pa.RecordBatch:
        """Turn the segments of several episodes into one block of rows."""
        of = segments.by_field()
        flat = of["keys"][0] is None
        total = segments.total_rows
        n_rows = np.array(of["n_rows"])
        n_decisions = np.repeat(of["n_decisions"], n_rows)
        row = np.arange(total) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
        decided = row < n_decisions
        step = np.minimum(row, n_decisions) + np.repeat(of["start"], n_rows)
        keys = np.zeros(total, np.int8) if flat else _joined(of["keys"], np.int8)
        rewards = spread_numbers(_joined(of["rewards"], np.float64), decided)
        shares = rewards
        if not flat:
            shares = _joined(of["credits"], np.float64)
            shares = number_array(shares, decided | ~np.isnan(shares))
        columns = [
            repeated_string(part, total),
            number_array(np.repeat(segments.numbers, n_rows)),
            number_array(step),
            number_array(step if flat else _joined(of["times"], np.int64)),
            pa.DictionaryArray.from_arrays(number_array(keys.astype(np.int32)), string_array(self.names)),
            number_array(np.zeros(total, np.int64) if flat else _joined(of["agent_ids"], np.int64)),
            self._values("observation", of["observations"], keys, np.ones(total, np.bool_)),
            self._values("action", of["actions"], keys, decided),
            rewards,
            shares,
            self._flags(of["terminated"], decided, flat=flat),
            self._flags(of["truncated"], decided, flat=flat),
        ]
        if self.outputs is not None:
            columns.append(self.outputs.to_arrow(of["outputs"], keys, decided))
        return pa.RecordBatch.from_arrays(columns, schema=self.arrow_schema)

    def _flags(self, blocks: Sequence[bytes], decided: np.ndarray, *, flat: bool) -> pa.Array:
        """The column of flags, null for final observations but those beside which one stands."""
        flags = _joined(blocks, np.bool_)
        return spread_numbers(flags, decided) if flat else number_array(flags, decided | flags)

    def _values(self, name: str, blocks: Sequence[Sequence[Packed]], keys: np.ndarray, present: np.ndarray) -> pa.Array:
        """The column of observations or actions, from those per step key; null where a row has none of that key."""
        codecs = self.observation_codecs if name == "observation" else self.action_codecs
        children = []
        for index, codec in enumerate(codecs):
            values = codec.to_arrow(codec.unpack([samples[index] for samples in blocks]))
            here = present if self.flat else present & (keys == index)
            children.append(values if len(values) == len(here) else spread(values, here))
        if self.flat:
            return children[0]
        return pa.StructArray.from_arrays(
            children, fields=list(self.arrow_schema.field(name).type), mask=number_array(~present)
        )


MOST_COUNTED_ACTIONS = 256
FEW_ACTIONS = 8
"""Up to here it is faster to count the actions of a short episode one kind after the other than by numpy."""


class CountedActions(NamedTuple):
    """Range of actions few enough to count how often each is taken."""

    start: int
    n: int

    dtype: np.dtype[Any]

    def counts(self, packed: bytes) -> list[int]:
        """How often each action of the range was taken.

        Example:
            >>> actions = np.array([2, 0, 2])
            >>> CountedActions(0, 3, actions.dtype).counts(actions.tobytes())
            [1, 0, 2]
        """
        if self.n <= FEW_ACTIONS and 0 <= self.start <= MOST_COUNTED_ACTIONS - self.n:
            lowest = packed[:: self.dtype.itemsize]
            if packed.count(0) - lowest.count(0) == len(packed) - len(lowest):  # the other bytes are all zero
                return list(map(lowest.count, range(self.start, self.start + self.n)))
        indices = np.frombuffer(packed, self.dtype).astype(np.int64) - self.start
        in_range = indices[(indices >= 0) & (indices < self.n)]
        counts: list[int] = np.bincount(in_range, minlength=self.n).tolist()
        return counts


def _countable(space: gymnasium.Space[Any]) -> CountedActions | None:
    if isinstance(space, gymnasium.spaces.Discrete) and space.n <= MOST_COUNTED_ACTIONS:
        return CountedActions(int(space.start), int(space.n), space.dtype.newbyteorder("<"))
    return None


MOST_ROWS = 8192
"""Decisions that are held in memory at a time; fewer where they are large."""

_two_integers = Struct("<qq").pack


def _rows_of_32_mib(spaces: Sequence[gymnasium.Space[Any]]) -> int:
    """Decisions that are held in memory at a time: a power of two up to 8,192, by the spaces alone."""
    rows = 2**25 // max(sum(map(_sample_bytes, spaces)), 1)
    return min(1 << max(rows.bit_length() - 1, 4), MOST_ROWS)


def _sample_bytes(space: gymnasium.Space[Any]) -> int:
    n_bytes = 0
    for _, part in parts_of(space):
        if part.shape is not None and part.dtype is not None:
            n_bytes += math.prod(part.shape) * part.dtype.itemsize
        else:
            n_bytes += 1024
    return n_bytes


def _joined(pieces: Sequence[Any], dtype: Any) -> np.ndarray:
    """An array of the bytes of many episodes."""
    return np.frombuffer(b"".join(pieces), dtype)
