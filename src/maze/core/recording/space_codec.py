"""How samples of a space are recorded: the codec of any gymnasium space."""

from __future__ import annotations

from typing import Any

from gymnasium import Space, spaces

from maze.core.recording.space_codecs.array_codec import ArrayCodec, DiscreteCodec
from maze.core.recording.space_codecs.codec import Column, Packed, SpaceCodec
from maze.core.recording.space_codecs.record_codec import DictCodec, EmptyCodec, TupleCodec
from maze.core.recording.space_codecs.variable_codec import GraphCodec, OneOfCodec, SequenceCodec, TextCodec

__all__ = ["Column", "Packed", "SpaceCodec", "space_codec"]


def space_codec(space: Space[Any]) -> SpaceCodec:  # noqa: PLR0911 - one case per kind of space
    """Give the codec that stacks samples of a space into columns, and takes columns to Arrow and back.

    Args:
        space: Any space of gymnasium, nested to any depth.

    Raises:
        TypeError: The space, or one inside it, is of a class that gymnasium does not have.

    >>> import numpy as np
    >>> codec = space_codec(spaces.Dict({"position": spaces.Box(-1.0, 1.0, shape=(2,)), "door": spaces.Discrete(2)}))
    >>> column = codec.stack([{"position": np.zeros(2, np.float32), "door": 1}] * 3)
    >>> column["position"].shape, column["door"]
    ((3, 2), array([1, 1, 1]))
    >>> codec.row(codec.from_arrow(codec.to_arrow(column)), 2)
    {'door': np.int64(1), 'position': array([0., 0.], dtype=float32)}
    """
    match space:
        case spaces.Box() | spaces.MultiDiscrete():
            return ArrayCodec(space.dtype, space.shape)
        case spaces.MultiBinary():
            # gymnasium takes zeros and ones of any dtype for a sample of this space.
            return ArrayCodec(space.dtype, space.shape, accepted_kinds="biuf")
        case spaces.Discrete():
            return DiscreteCodec(space.dtype)
        case spaces.Text():
            return TextCodec()
        case spaces.Dict(spaces=children):
            codecs = {key: space_codec(child) for key, child in children.items()}
            return DictCodec(codecs) if codecs else EmptyCodec(dict)
        case spaces.Tuple(spaces=children):
            return TupleCodec([space_codec(child) for child in children]) if children else EmptyCodec(tuple)
        case spaces.Sequence():
            return SequenceCodec(space_codec(space.feature_space), is_stacked=space.stack)
        case spaces.Graph():
            edge_codec = None if space.edge_space is None else space_codec(space.edge_space)
            return GraphCodec(space_codec(space.node_space), edge_codec)
        case spaces.OneOf():
            return OneOfCodec([space_codec(child) for child in space.spaces])
    raise TypeError(
        f"{type(space).__module__}.{type(space).__qualname__} cannot be recorded: "
        "express it with the spaces of gymnasium, for example in an observation wrapper"
    )
