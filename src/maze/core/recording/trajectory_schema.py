"""How decisions become columns: arrays of an episode, bytes of its hash, rows of `trajectory_data`."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pyarrow as pa

from maze.core.env.actor_id import StepKey
from maze.core.env.event import EventRecord
from maze.core.recording.event_schema import canonical_event
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import Packed, space_codec


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

    observations: list[Packed]
    """One per step key, of the rows that have it."""

    actions: list[Packed]
    """One per step key, of the decisions that have it."""

    rewards: bytes
    """float64, one per decision."""

    credits: bytes
    """float64, one per decision."""

    terminated: bytes
    """One bool per decision."""

    truncated: bytes
    """One bool per decision."""

    events: list[EventRecord]


class TrajectorySchema:
    """The columns of a run, fixed by its spaces before the first step.

    Args:
        observation_spaces: By step key.
        action_spaces: By step key; the same keys.

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
        self.key_index = {key: index for index, key in enumerate(self.step_keys)}
        self.counted_actions = [_countable(action_spaces[key]) for key in self.step_keys]
        self.segment_rows = _rows_of_32_mib([*observation_spaces.values(), *action_spaces.values()])
        self.observation_codecs = [space_codec(observation_spaces[key]) for key in self.step_keys]
        self.action_codecs = [space_codec(action_spaces[key]) for key in self.step_keys]
        self._codecs = self.observation_codecs + self.action_codecs
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
            ]
        )

    def _field(self, name: str, codecs: Sequence[Any]) -> pa.Field:
        if self.flat:
            return codecs[0].field(name)
        return pa.field(name, pa.struct([codec.field(name) for name, codec in zip(self.names, codecs, strict=True)]))

    def pack(self, segment: Segment) -> PackedSegment:
        """Turn the lists of a segment into bytes.

        Raises:
            ValueError: If an observation, an action or a reward does not fit; it says which and how.
        """
        n = len(segment.actions)
        keys = agent_ids = times = None
        if segment.actors is None or segment.times is None:
            observations = [self.observation_codecs[0].pack(segment.observations)]
            actions = [self.action_codecs[0].pack(segment.actions)]
        else:
            indices = [self.key_index[actor.step_key] for actor in segment.actors]
            keys = bytes(indices)
            agent_ids = array("q", [actor.agent_id for actor in segment.actors]).tobytes()
            times = array("q", segment.times).tobytes()
            observations = list(_pack_by_key(self.observation_codecs, indices, segment.observations))
            actions = list(_pack_by_key(self.action_codecs, indices, segment.actions))
        try:
            rewards = array("d", segment.rewards).tobytes()
        except TypeError as error:
            raise ValueError(f"a reward is no number ({error}): return a float from step") from error
        done = bytes(n) if segment.actors_done is None else bytes(map(bool, segment.actors_done))
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
            rewards if segment.credits is None else array("d", segment.credits).tobytes(),
            done[:-1] + b"\1" if segment.terminated else done,
            bytes(n - 1) + b"\1" if segment.truncated else bytes(n),
            segment.events,
        )

    def canonical_pieces(self, packed: PackedSegment) -> list[Any]:
        """What the hash of an episode is fed with, as bytes one after the other.

        Actors, times, observations, actions, rewards, flags, events.
        """
        pieces: list[Any] = [_two_integers(packed.start, packed.n_rows)]
        if packed.keys is not None:
            pieces += (packed.keys, packed.agent_ids, packed.times)
        for codec, samples in zip(self._codecs, packed.observations + packed.actions, strict=True):
            pieces += codec.packed_bytes(samples)
        pieces += (packed.rewards, packed.terminated, packed.truncated)
        if packed.events:
            pieces += map(canonical_event, packed.events)
        return pieces

    def to_batch(self, segments: Sequence[tuple[int, PackedSegment]], part: str) -> pa.RecordBatch:
        """Turn the segments of several episodes, (number, segment) each, into one block of rows."""
        blocks = [columns for _, columns in segments]
        flat = blocks[0].keys is None
        n_rows = np.array([block.n_rows for block in blocks])
        total = int(n_rows.sum())
        n_decisions = np.repeat([block.n_decisions for block in blocks], n_rows)
        row = np.arange(total) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
        decided = row < n_decisions
        step = np.minimum(row, n_decisions) + np.repeat([block.start for block in blocks], n_rows)
        keys = np.zeros(total, np.int8) if flat else _joined([block.keys for block in blocks], np.int8)
        rewards = _nullable(_joined([block.rewards for block in blocks], np.float64), decided)
        shares = rewards
        if not flat:
            shares = _nullable(_joined([block.credits for block in blocks], np.float64), decided)
        columns = [
            pa.DictionaryArray.from_arrays(np.zeros(total, np.int32), [part]),
            pa.array(np.repeat([number for number, _ in segments], n_rows)),
            pa.array(step),
            pa.array(step if flat else _joined([block.times for block in blocks], np.int64)),
            pa.DictionaryArray.from_arrays(keys.astype(np.int32), self.names),
            pa.array(np.zeros(total, np.int64) if flat else _joined([block.agent_ids for block in blocks], np.int64)),
            self._values("observation", [block.observations for block in blocks], keys, np.ones(total, np.bool_)),
            self._values("action", [block.actions for block in blocks], keys, decided),
            rewards,
            shares,
            _nullable(_joined([block.terminated for block in blocks], np.bool_), decided),
            _nullable(_joined([block.truncated for block in blocks], np.bool_), decided),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.arrow_schema)

    def _values(self, name: str, blocks: Sequence[Sequence[Packed]], keys: np.ndarray, present: np.ndarray) -> pa.Array:
        """The column of observations or actions, from those per step key; null where a row has none of that key."""
        codecs = self.observation_codecs if name == "observation" else self.action_codecs
        children = []
        for index, codec in enumerate(codecs):
            values = codec.to_arrow(codec.unpack([samples[index] for samples in blocks]))
            here = present if self.flat else present & (keys == index)
            children.append(values if len(values) == len(here) else _spread(values, here))
        if self.flat:
            return children[0]
        return pa.StructArray.from_arrays(
            children, fields=list(self.arrow_schema.field(name).type), mask=pa.array(~present)
        )


MOST_COUNTED_ACTIONS = 256


class CountedActions(NamedTuple):
    """Range of actions few enough to count how often each is taken."""

    start: int
    n: int


def _countable(space: gymnasium.Space[Any]) -> CountedActions | None:
    if isinstance(space, gymnasium.spaces.Discrete) and space.n <= MOST_COUNTED_ACTIONS:
        return CountedActions(int(space.start), int(space.n))
    return None


_two_integers = Struct("<qq").pack


def _rows_of_32_mib(spaces: Sequence[gymnasium.Space[Any]]) -> int:
    """Decisions that are held in memory at a time: a power of two up to 16,384, by the spaces alone."""
    rows = 2**25 // max(sum(map(_sample_bytes, spaces)), 1)
    return 1 << min(max(rows.bit_length() - 1, 4), 14)


def _sample_bytes(space: gymnasium.Space[Any]) -> int:
    if isinstance(space, gymnasium.spaces.Dict):
        return sum(map(_sample_bytes, space.values()))
    if isinstance(space, gymnasium.spaces.Tuple):
        return sum(map(_sample_bytes, space))
    if space.shape is not None and space.dtype is not None:
        elements: int = math.prod(space.shape)
        return elements * space.dtype.itemsize
    return 1024


def _pack_by_key(codecs: Sequence[Any], keys: Sequence[int], samples: Sequence[Any]) -> Iterator[Packed]:
    for index, codec in enumerate(codecs):
        yield codec.pack([sample for key, sample in zip(keys, samples, strict=False) if key == index])


def _joined(pieces: Sequence[Any], dtype: Any) -> np.ndarray:
    """An array of the bytes of many episodes."""
    return np.frombuffer(b"".join(pieces), dtype)


def _spread(values: pa.Array, present: np.ndarray) -> pa.Array:
    """Values on the present rows, in order, and null on the others."""
    return values.take(_nullable(np.arange(np.count_nonzero(present)), present))


def _nullable(values: np.ndarray, present: np.ndarray) -> pa.Array:
    """Values on the present rows, in order, and null on the others.

    From buffers, because `pa.array` with a mask imports all of `numpy.ma`.
    """
    column = np.zeros(len(present), values.dtype)
    column[present] = values
    data = np.packbits(column, bitorder="little") if column.dtype == np.bool_ else column
    buffers = [pa.py_buffer(np.packbits(present, bitorder="little")), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(present), buffers)
