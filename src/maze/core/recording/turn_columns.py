"""Columns that only a structured environment's decisions need: who acted, what by which step key, whose the rewards."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import compress, count
from math import nan
from struct import pack
from typing import Any

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, numpy_array
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import Packed

_BYTES = 256
_NAN = pack("<d", nan)


def pack_actors(actors: Sequence[ActorID], key_index: Mapping[StepKey, int]) -> tuple[bytes, bytes]:
    r"""Index of each row's step key, int8, and its agent, int64.

    Raises:
        KeyError: If there is no such step key.
        TypeError: If an agent id is no whole number.

    Example:
        >>> keys, agent_ids = pack_actors([ActorID("buy", 0), ActorID("sell", 7)], {"buy": 0, "sell": 1})
        >>> keys, np.frombuffer(agent_ids, np.int64)
        (b'\x00\x01', array([0, 7]))
    """
    number: defaultdict[ActorID, int] = defaultdict(count().__next__)  # of each actor, in order of appearance
    numbers = list(map(number.__getitem__, actors))
    keys = [key_index[step_key] for step_key, _ in number]
    agent_ids = array("q", [agent_id for _, agent_id in number])
    if len(number) > _BYTES:
        return bytes(map(keys.__getitem__, numbers)), np.frombuffer(agent_ids, np.int64)[numbers].tobytes()
    indices = bytes(numbers)
    packed_keys = indices.translate(bytes(keys).ljust(_BYTES))
    if agent_ids.count(agent_ids[0]) == len(number):
        return packed_keys, agent_ids[:1].tobytes() * len(actors)
    return packed_keys, np.frombuffer(agent_ids, np.int64)[np.frombuffer(indices, np.uint8)].tobytes()


def pack_by_key(codecs: Sequence[Any], keys: bytes, samples: Sequence[Any]) -> list[Packed]:
    """The samples of each step key.

    Args:
        codecs: One per step key.
        keys: Index of each sample's step key.
        samples: As many.
    """
    if len(codecs) == 1:
        return [codecs[0].pack(samples)]
    chosen = (keys.translate((bytes(key) + b"\1").ljust(_BYTES, b"\0")) for key in range(len(codecs)))
    return [codec.pack(list(compress(samples, flags))) for codec, flags in zip(codecs, chosen, strict=True)]


def pack_credits(segment: Segment, rewards: bytes) -> bytes:
    """What is credited to each row, float64; NaN for final observations beside which there is nothing.

    Args:
        segment: With credits, or without where rewards are not split.
        rewards: Its rewards, packed.
    """
    shares = rewards if segment.credits is None else array("d", segment.credits).tobytes()
    return shares + _NAN * (len(segment.observations) - len(shares) // len(_NAN))


def pack_ends(segment: Segment) -> tuple[bytes, bytes]:
    r"""Whether each decision of a flat environment was the last before an end, and before a cut: one bool each.

    Example:
        >>> pack_ends(Segment(0, actions=[1, 0], terminated=True))
        (b'\x00\x01', b'\x00\x00')
    """
    n = len(segment.actions)
    none, last = bytes(n), bytes(n - 1) + b"\1"
    return last if segment.terminated else none, last if segment.truncated else none


def pack_departures(segment: Segment) -> tuple[bytes, bytes]:
    r"""Whether each row ended its actor's part, and whether that was cut behind it: one bool per row.

    Example:
        >>> pack_departures(Segment(0, [0, 0, 0], [1, 0], departures={0: "truncated"}, terminated=True))
        (b'\x00\x01\x00', b'\x01\x00\x00')
    """
    terminated, truncated = bytearray(len(segment.observations)), bytearray(len(segment.observations))
    departures = segment.departures
    if segment.terminated or segment.truncated:
        departures = {len(segment.actions) - 1: "terminated" if segment.terminated else "truncated", **departures}
    for row, how in departures.items():
        (terminated if how == "terminated" else truncated)[row] = True
    return bytes(terminated), bytes(truncated)


def spread(values: pa.Array, present: np.ndarray) -> pa.Array:
    """Values on the present rows, in order, and null on the others.

    Args:
        values: Without nulls, one per present row.
        present: bool, one per row.

    Example:
        >>> spread(pa.array([[1, 2], [3]]), np.array([True, False, True])).to_pylist()
        [[1, 2], None, [3]]
    """
    if pa.types.is_list(values.type):  # several times as fast as `take`, which would copy the items
        offsets = np.repeat(values.offsets.to_numpy()[1:], np.diff(np.flatnonzero(present), append=len(present)))
        before = np.full(len(present) + 1 - len(offsets), values.offsets[0].as_py(), np.int32)
        offsets = number_array(np.concatenate([before, offsets]))
        return pa.ListArray.from_arrays(offsets, values.values, type=values.type, mask=number_array(~present))
    if pa.types.is_primitive(values.type):
        return spread_numbers(numpy_array(values), present)
    rows = np.cumsum(present) - 1
    return values.take(number_array(rows, present))


def spread_numbers(values: np.ndarray, present: np.ndarray) -> pa.Array:
    """Numbers or bools on the present rows, in order, and null on the others.

    Args:
        values: One per present row.
        present: bool, one per row.

    Example:
        >>> spread_numbers(np.array([1, 2]), np.array([True, False, True])).to_pylist()
        [1, None, 2]
    """
    column = np.zeros(len(present), values.dtype)
    column[present] = values
    return number_array(column, present)
