"""The column of what policies told of their decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from gymnasium import spaces

from maze.core.arrow_arrays import number_array
from maze.core.env.actor_id import FLAT_ACTOR, StepKey
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import Packed, space_codec
from maze.core.recording.turn_columns import spread

POLICY_OUTPUTS = "policy_outputs"
"""Name of the column."""


class PackedOutputs(NamedTuple):
    """What was told of the decisions of a segment."""

    present: bytes
    """One bool per decision: whether anything was told of it."""

    values: list[Packed]
    """By step key that has outputs: of the decisions of which they are present."""


class OutputColumns:
    """What the policy of a run tells of its decisions, by step key; a field that is null where it tells nothing.

    Args:
        output_spaces: Of the step keys that have outputs.
        step_keys: Of the run, in order.

    Example:
        >>> columns = OutputColumns({0: spaces.Dict(value=spaces.Box(-1, 1, ()))}, [0])
        >>> columns.field
        pyarrow.Field<policy_outputs: struct<value: float>>
    """

    def __init__(self, output_spaces: Mapping[StepKey, spaces.Dict], step_keys: Sequence[StepKey]) -> None:
        """Choose a codec for each space."""
        self.spaces = {key: output_spaces[key] for key in step_keys if key in output_spaces}
        self.codecs = {key: space_codec(space) for key, space in self.spaces.items()}
        self._is_flat = list(step_keys) == [0]
        self._key_indices = [list(step_keys).index(key) for key in self.codecs]
        if self._is_flat:
            self.field = self.codecs[0].field(POLICY_OUTPUTS)
        else:
            fields = [codec.field(str(key)) for key, codec in self.codecs.items()]
            self.field = pa.field(POLICY_OUTPUTS, pa.struct(fields))

    def pack(self, segment: Segment, keys: bytes | None) -> PackedOutputs:
        """What was told of the decisions of a segment.

        Args:
            segment: The decisions.
            keys: Index of each row's step key, int8; None: flat.

        Raises:
            DecisionError: If some of it is not as the policy's `output_space` says.
        """
        n = len(segment.actions)
        present = bytearray(n)
        samples: dict[int, list[Mapping[str, Any]]] = {index: [] for index in self._key_indices}
        for row, (key, told) in enumerate(zip(keys or bytes(n), segment.policy_outputs or (), strict=False)):
            if told and key in samples:
                samples[key].append(told)
                present[row] = 1
        try:
            values = [codec.pack(each) for codec, each in zip(self.codecs.values(), samples.values(), strict=True)]
        except ValueError as error:
            raise self._misfit(segment, keys) or error from error
        return PackedOutputs(bytes(present), values)

    def to_arrow(self, blocks: Sequence[PackedOutputs], keys: np.ndarray, decided: np.ndarray) -> pa.Array:
        """The column of several segments.

        Args:
            blocks: One per segment.
            keys: Index of each row's step key, int8.
            decided: Which rows are decisions, and no final observations; bool.
        """
        present = np.zeros(len(decided), np.bool_)
        present[decided] = np.frombuffer(b"".join(block.present for block in blocks), np.bool_)
        children = []
        for place, (index, codec) in enumerate(zip(self._key_indices, self.codecs.values(), strict=True)):
            values = codec.to_arrow(codec.unpack([block.values[place] for block in blocks]))
            children.append(spread(values, present & (keys == index)))
        if self._is_flat:
            return children[0]
        return pa.StructArray.from_arrays(children, fields=list(self.field.type), mask=number_array(~present))

    def _misfit(self, segment: Segment, keys: bytes | None) -> DecisionError | None:
        """The first decision whose outputs do not fit."""
        codecs = dict(zip(self._key_indices, self.codecs.values(), strict=True))
        for row, told in enumerate(segment.policy_outputs or ()):
            actor = FLAT_ACTOR if segment.actors is None else segment.actors[row]
            codec = codecs.get(keys[row] if keys else 0)
            try:
                if told and codec is not None:
                    codec.checked(told)
            except ValueError as error:
                line = f"the policy's outputs do not fit its output_space: {error}: return from outputs what that says"
                return DecisionError(line, segment.start + row, actor)
        return None
