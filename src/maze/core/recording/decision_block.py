"""Recorded decisions, decoded: row groups of `trajectory_data/`, and the stretches of episodes in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import float_array, numpy_array, validity
from maze.core.env.actor_id import FLAT_ACTOR, ActorID, StepKey
from maze.core.recording.output_columns import POLICY_OUTPUTS
from maze.core.recording.part_file import DamagedRecordingError, PartFile, RowRange
from maze.core.recording.space_codec import Column, SpaceCodec
from maze.core.recording.trajectory_schema import TrajectorySchema


class DecisionBlock:
    """A row group, whose columns are read and decoded when they are first asked for.

    Args:
        file: The part.
        row_group: Which of its row groups.
        schema: The columns of the run.
    """

    def __init__(self, file: PartFile, row_group: int, schema: TrajectorySchema) -> None:
        """Remember where it is; nothing is read yet."""
        self.schema = schema
        self._file, self._row_group = file, row_group

    @cached_property
    def episodes(self) -> np.ndarray:
        """Number of each row's episode, int64 of shape (rows,), as all below."""
        return self._numbers("episode")

    @cached_property
    def steps(self) -> np.ndarray:
        """Index of each row's decision in its episode."""
        return self._numbers("step")

    @cached_property
    def times(self) -> np.ndarray:
        """Rounds completed at each row."""
        return self._numbers("time")

    @cached_property
    def agent_ids(self) -> np.ndarray:
        """Agent of each row."""
        return self._numbers("agent_id")

    @cached_property
    def is_flat(self) -> bool:
        """Whether every row is the only actor's of a flat environment."""
        return self.schema.flat and not self.agent_ids.any()

    @cached_property
    def keys(self) -> np.ndarray:
        """Index of each row's step key in the schema."""
        column = self._read("step_key")
        positions = {name: index for index, name in enumerate(self.schema.names)}
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        try:
            names = [np.array([positions[name] for name in chunk.dictionary.to_pylist()]) for chunk in chunks]
        except KeyError as error:
            raise DamagedRecordingError(f"{self._file.path} is damaged: the run has no step key {error}") from None
        return np.concatenate([name[numpy_array(chunk.indices)] for name, chunk in zip(names, chunks, strict=True)])

    @cached_property
    def rewards(self) -> np.ndarray:
        """float64, NaN for final observations."""
        return float_array(self._rewards)

    @cached_property
    def credits(self) -> np.ndarray:
        """float64, NaN for final observations beside which there is none."""
        return float_array(self._read("credit"))

    @cached_property
    def terminations(self) -> np.ndarray:
        """bool, False for final observations."""
        return self._flags("terminated")

    @cached_property
    def truncations(self) -> np.ndarray:
        """bool, False for final observations."""
        return self._flags("truncated")

    @cached_property
    def is_decision(self) -> np.ndarray:
        """Whether it is one, and no final observation; bool."""
        return validity(self._rewards)

    @cached_property
    def n_decided(self) -> np.ndarray:
        """Decisions before each row, and, behind them, in all; int64 of shape (rows + 1,)."""
        return _count_before(self.is_decision)

    @cached_property
    def observations(self) -> list[Column]:
        """By index of the step key: a column of the rows that have it."""
        return self._values("observation", self.schema.observation_codecs)

    @cached_property
    def actions(self) -> list[Column]:
        """By index of the step key: a column of the decisions that have it."""
        return self._values("action", self.schema.action_codecs)

    @cached_property
    def observation_positions(self) -> list[np.ndarray]:
        """By index of the step key: where in `observations` that of each row is; int64 of shape (rows + 1,)."""
        if self.schema.flat:
            return [np.arange(len(self.is_decision) + 1)]
        return [_count_before(self.keys == index) for index in range(len(self.schema.step_keys))]

    @cached_property
    def action_positions(self) -> list[np.ndarray]:
        """By index of the step key: where in `actions` that of each row is; int64 of shape (rows + 1,)."""
        if self.schema.flat:
            return [self.n_decided]
        return [_count_before((self.keys == index) & self.is_decision) for index in range(len(self.schema.step_keys))]

    @cached_property
    def has_policy_outputs(self) -> np.ndarray:
        """Whether the policy told something of each row's decision; bool."""
        return validity(self._policy_outputs)

    @cached_property
    def policy_outputs(self) -> dict[StepKey, Column]:
        """By those step keys that have any: a column of the decisions of which there are some."""
        columns = self.schema.recorded_outputs
        values = self._values(POLICY_OUTPUTS, list(columns.codecs.values()), self._policy_outputs)
        return dict(zip(columns.codecs, values, strict=True))

    @cached_property
    def policy_output_positions(self) -> dict[StepKey, np.ndarray]:
        """By step key: where in `policy_outputs` that of each row is; int64 of shape (rows + 1,)."""
        has, schema = self.has_policy_outputs, self.schema
        if schema.flat:
            return {schema.step_keys[0]: _count_before(has)}
        return {key: _count_before(has & (self.keys == schema.key_index[key])) for key in self.policy_outputs}

    @cached_property
    def _policy_outputs(self) -> Any:
        return self._read(POLICY_OUTPUTS)

    @cached_property
    def _rewards(self) -> Any:
        return self._read("reward")

    def _read(self, name: str) -> Any:
        return self._file.read(self._row_group, [name]).column(0).combine_chunks()

    def _numbers(self, name: str) -> np.ndarray:
        return numpy_array(self._read(name))

    def _flags(self, name: str) -> np.ndarray:
        column = self._read(name)
        flags: np.ndarray = numpy_array(column) & validity(column)
        return flags

    def _values(self, name: str, codecs: Sequence[SpaceCodec], column: Any = None) -> list[Column]:
        column = self._read(name) if column is None else column
        # By position, because a name with a dot is a path to Arrow.
        children = [column] if self.schema.flat else column.flatten()
        try:
            return [
                codec.from_arrow(child.drop_null() if child.null_count else child)
                for codec, child in zip(codecs, children, strict=True)
            ]
        except (ValueError, pa.ArrowException) as error:
            raise DamagedRecordingError(f"{self._file.path} is damaged: {name}: {error}") from None


@dataclass(frozen=True, slots=True)
class EpisodeSegment:
    """A stretch of an episode as it lies in memory: parallel columns, one entry per decision."""

    _block: DecisionBlock
    _first: int
    _behind: int
    """Row behind the last decision."""

    _stop: int
    """Row behind the last final observation; the same where the episode goes on."""

    @classmethod
    def of(cls, block: DecisionBlock, rows: RowRange) -> EpisodeSegment:
        """Rows of one episode in a block: its decisions, and behind them, where it ends, the final observations."""
        n = int(block.n_decided[rows.stop] - block.n_decided[rows.start])
        return cls(block, rows.start, rows.start + n, rows.stop)

    @property
    def start(self) -> int:
        """Index of the first decision in its episode."""
        return int(self._block.steps[self._first])

    @property
    def n_decisions(self) -> int:
        """Number of decisions."""
        return self._behind - self._first

    @property
    def actor_ids(self) -> list[ActorID]:
        """Who decided."""
        return self._actors(self._first, self._behind)

    @property
    def keys(self) -> np.ndarray:
        """Index of each decision's step key in the schema, integers of shape (n,)."""
        return self._block.keys[self._first : self._behind]

    @property
    def agent_ids(self) -> np.ndarray:
        """Agent of each decision, int64 of shape (n,)."""
        return self._block.agent_ids[self._first : self._behind]

    @property
    def times(self) -> np.ndarray:
        """Rounds completed when it was decided, int64 of shape (n,)."""
        return self._block.times[self._first : self._behind]

    @property
    def observations(self) -> Column:
        """What was observed; for several step keys a list of samples, else the codec's column."""
        if self._block.schema.flat:
            return self.observations_of(self._block.schema.step_keys[0])
        return self._samples(self._first, self._behind)

    @property
    def actions(self) -> Column:
        """What was done about it; in the form of `observations`."""
        block = self._block
        if block.schema.flat:
            return self.actions_of(block.schema.step_keys[0])
        rows, keys = range(self._first, self._behind), block.keys[self._first : self._behind].tolist()
        codecs, columns, positions = block.schema.action_codecs, block.actions, block.action_positions
        return [codecs[key].row(columns[key], positions[key][row]) for row, key in zip(rows, keys, strict=True)]

    @property
    def rewards(self) -> np.ndarray:
        """What `step` returned, float64 of shape (n,)."""
        return self._block.rewards[self._first : self._behind]

    @property
    def credits(self) -> np.ndarray:
        """The acting actor's share of the rewards, float64 of shape (n,)."""
        return self._block.credits[self._first : self._behind]

    @property
    def terminations(self) -> np.ndarray:
        """Whether the acting actor's part ended with the decision, bool of shape (n,)."""
        return self._block.terminations[self._first : self._behind]

    @property
    def truncations(self) -> np.ndarray:
        """Whether it was cut behind the decision, bool of shape (n,)."""
        return self._block.truncations[self._first : self._behind]

    @property
    def has_policy_outputs(self) -> np.ndarray:
        """Whether the policy told something of each decision, bool of shape (n,)."""
        return self._block.has_policy_outputs[self._first : self._behind]

    @property
    def policy_outputs(self) -> Column:
        """What the policy told; for several step keys a list with None where there is nothing, else one column."""
        block = self._block
        if block.schema.flat:
            return self.policy_outputs_of(block.schema.step_keys[0])
        codecs, step_keys = block.schema.recorded_outputs.codecs, block.schema.step_keys
        samples: list[Any] = []
        for row in range(self._first, self._behind):
            key = step_keys[block.keys[row]]
            position = block.policy_output_positions[key][row] if block.has_policy_outputs[row] else None
            samples.append(None if position is None else codecs[key].row(block.policy_outputs[key], position))
        return samples

    @property
    def final_observations(self) -> dict[ActorID, Any]:
        """What the actors observed at the episode's end; empty where the episode goes on."""
        if self._behind == self._stop:
            return {}
        block = self._block
        if block.schema.flat:
            codec, column = block.schema.observation_codecs[0], block.observations[0]
            samples = [codec.row(column, row) for row in range(self._behind, self._stop)]
        else:
            samples = self._samples(self._behind, self._stop)
        return dict(zip(self._actors(self._behind, self._stop), samples, strict=True))

    @property
    def final_credits(self) -> dict[ActorID, float]:
        """What actors have earned that none of their decisions could be credited with; empty for most."""
        shares = self._block.credits[self._behind : self._stop]
        actors = self._actors(self._behind, self._stop)
        return {actor: share for actor, share in zip(actors, shares.tolist(), strict=True) if not isnan(share)}

    def observations_of(self, step_key: StepKey) -> Column:
        """What was observed for the decisions of one kind, as one column."""
        block = self._block
        index = step_key_index(block.schema, step_key)
        positions = block.observation_positions[index]
        codec = block.schema.observation_codecs[index]
        return codec.slice(block.observations[index], positions[self._first], positions[self._behind])

    def actions_of(self, step_key: StepKey) -> Column:
        """What was done in the decisions of one kind, as one column."""
        block = self._block
        index = step_key_index(block.schema, step_key)
        positions = block.action_positions[index]
        codec = block.schema.action_codecs[index]
        return codec.slice(block.actions[index], positions[self._first], positions[self._behind])

    def policy_outputs_of(self, step_key: StepKey) -> Column:
        """What the policy told of those decisions of one kind of which it told something, as one column."""
        block = self._block
        codec = outputs_codec(block.schema, step_key)
        positions = block.policy_output_positions[step_key]
        return codec.slice(block.policy_outputs[step_key], positions[self._first], positions[self._behind])

    def _samples(self, start: int, stop: int) -> list[Any]:
        block = self._block
        codecs, columns, positions = block.schema.observation_codecs, block.observations, block.observation_positions
        keys = block.keys[start:stop].tolist()
        return [
            codecs[key].row(columns[key], positions[key][row])
            for row, key in zip(range(start, stop), keys, strict=True)
        ]

    def _actors(self, start: int, stop: int) -> list[ActorID]:
        block = self._block
        if block.is_flat:
            return [FLAT_ACTOR] * (stop - start)
        step_keys = [block.schema.step_keys[key] for key in block.keys[start:stop].tolist()]
        return list(map(ActorID, step_keys, block.agent_ids[start:stop].tolist()))


def step_key_index(schema: TrajectorySchema, step_key: StepKey) -> int:
    """Position of a step key in the schema.

    Raises:
        KeyError: If the run has no such step key; says which it has.
    """
    try:
        return schema.key_index[step_key]
    except KeyError:
        keys = ", ".join(map(repr, schema.step_keys))
        raise KeyError(f"no step key {step_key!r} in this run: it has {keys}") from None


def outputs_codec(schema: TrajectorySchema, step_key: StepKey) -> SpaceCodec:
    """The codec of what the policy told of one kind of decision.

    Raises:
        KeyError: If the run has no such step key, or the policy told nothing of it.
        ValueError: If the run was recorded without.
    """
    step_key_index(schema, step_key)
    codecs = schema.recorded_outputs.codecs
    if step_key not in codecs:
        keys = ", ".join(map(repr, codecs))
        raise KeyError(f"the policy has no outputs for the step key {step_key!r}: it has them for {keys}")
    return codecs[step_key]


def _count_before(flags: np.ndarray) -> np.ndarray:
    counts = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=counts[1:])
    return counts
