"""Codecs of spaces whose samples vary in length or kind: Text, Sequence, Graph and OneOf."""

# ruff: noqa: D102, TRY004 - `SpaceCodec` documents the methods and that they raise ValueError

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from gymnasium.spaces import GraphInstance

from maze.core.recording.space_codecs.array_codec import ArrayCodec
from maze.core.recording.space_codecs.codec import (
    Column,
    ListCodec,
    SpaceCodec,
    columns_of_lists,
    integer_bytes,
    list_array,
    list_type,
)


class TextCodec(ListCodec):
    """Records strings (Text)."""

    arrow_type = pa.string()

    def checked(self, sample: Any) -> str:
        if not isinstance(sample, str):
            raise ValueError(f"expected a str, found {type(sample).__name__} {sample!r:.80}")
        try:
            sample.encode()
        except UnicodeEncodeError:
            raise ValueError(f"expected text that UTF-8 can write, found {sample!r:.80}") from None
        return str(sample)

    def to_arrow(self, column: Column) -> pa.Array:
        return pa.array(column, self.arrow_type)

    def _from_arrow(self, array: pa.Array) -> list[Any]:
        texts: list[Any] = array.to_pylist()
        return texts

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        encoded = [text.encode() for text in column]
        return [integer_bytes([len(text) for text in encoded]), b"".join(encoded)]


class SequenceCodec(ListCodec):
    """Records any number of items of one space (Sequence).

    Args:
        item_codec: The codec of one item.
        is_stacked: Whether a sample is gymnasium's batch of its items rather than a tuple of them.
    """

    def __init__(self, item_codec: SpaceCodec, is_stacked: bool) -> None:
        self._item_codec = item_codec
        self._is_stacked = is_stacked
        self.arrow_type = list_type(item_codec)

    def checked(self, sample: Any) -> Any:
        return self._sample(self._items(sample))

    def _items(self, sample: Any) -> Column:
        if self._is_stacked:
            return batch_column(self._item_codec, sample)
        if not isinstance(sample, tuple | list):
            raise ValueError(f"expected a tuple of items, found {type(sample).__name__} {sample!r:.80}")
        try:
            return self._item_codec.stack(sample)
        except ValueError as error:
            raise ValueError(f"in the items: {error}") from error

    def _sample(self, items: Column) -> Any:
        if self._is_stacked:
            return self._item_codec.to_batch(items)
        return tuple(self._item_codec.row(items, index) for index in range(self._item_codec.count(items)))

    def to_arrow(self, column: Column) -> pa.Array:
        return list_array(self._item_codec, [self._items(sample) for sample in column])

    def _from_arrow(self, array: pa.Array) -> list[Any]:
        return [self._sample(items) for items in columns_of_lists(self._item_codec, array)]

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        return list_bytes(self._item_codec, [self._items(sample) for sample in column])


class GraphCodec(ListCodec):
    """Records graphs (Graph) as three lists: nodes, edges and the pairs of nodes that the edges link.

    Edges and links are null for a graph without them, and no fields at all for a space without an edge space.

    Args:
        node_codec: The codec of one node.
        edge_codec: The codec of one edge, None for graphs that never have any.
    """

    def __init__(self, node_codec: SpaceCodec, edge_codec: SpaceCodec | None) -> None:
        # int32 is the dtype of the links that gymnasium samples.
        link_codec = ArrayCodec(np.dtype(np.int32), (2,))
        edge_codecs = {} if edge_codec is None else {"edges": edge_codec, "edge_links": link_codec}
        self._codecs: dict[str, SpaceCodec] = {"nodes": node_codec, **edge_codecs}
        self._fields = [pa.field(name, list_type(codec)) for name, codec in self._codecs.items()]
        self.arrow_type = pa.struct(self._fields)

    def checked(self, sample: Any) -> GraphInstance:
        if not isinstance(sample, GraphInstance) or sample.nodes is None:
            raise ValueError(f"expected a GraphInstance with nodes, found {type(sample).__name__} {sample!r:.80}")
        if (sample.edges is None) != (sample.edge_links is None):
            raise ValueError("expected edges and edge_links, or neither, found one of them")
        if sample.edges is not None and "edges" not in self._codecs:
            raise ValueError("expected no edges in a Graph without an edge space, found some")
        parts = {name: self._part(name, sample) for name in self._codecs}
        counts = {name: 0 if part is None else self._codecs[name].count(part) for name, part in parts.items()}
        if counts.get("edges") != counts.get("edge_links"):
            raise ValueError(
                f"expected as many edge_links as edges, found {counts['edge_links']} and {counts['edges']}"
            )
        return self._sample(parts)

    def _part(self, name: str, sample: GraphInstance) -> Column | None:
        batch = getattr(sample, name)
        try:
            return None if batch is None else batch_column(self._codecs[name], batch)
        except ValueError as error:
            raise ValueError(f"in the {name}: {error}") from error

    def _sample(self, parts: dict[str, Column | None]) -> GraphInstance:
        batches: dict[str, Any] = {
            name: None if part is None else self._codecs[name].to_batch(part) for name, part in parts.items()
        }
        return GraphInstance(batches["nodes"], batches.get("edges"), batches.get("edge_links"))

    def to_arrow(self, column: Column) -> pa.Array:
        arrays = [
            list_array(codec, [self._part(name, sample) for sample in column]) for name, codec in self._codecs.items()
        ]
        return pa.StructArray.from_arrays(arrays, fields=self._fields)

    def _from_arrow(self, array: pa.Array) -> list[Any]:
        parts = [columns_of_lists(codec, array.field(i)) for i, codec in enumerate(self._codecs.values())]
        return [self._sample(dict(zip(self._codecs, row, strict=True))) for row in zip(*parts, strict=True)]

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        return [
            piece
            for name, codec in self._codecs.items()
            for piece in list_bytes(codec, [self._part(name, sample) for sample in column])
        ]


class OneOfCodec(ListCodec):
    """Records samples of one space among several (OneOf): which one, and a field per space that is null elsewhere.

    Args:
        codecs: The codec of each space.
    """

    def __init__(self, codecs: Sequence[SpaceCodec]) -> None:
        self._codecs = list(codecs)
        variants = [codec.field(f"v{which}") for which, codec in enumerate(self._codecs)]
        self._fields = [pa.field("which", pa.int64()), *variants]
        self.arrow_type = pa.struct(self._fields)

    def checked(self, sample: Any) -> tuple[np.int64, Any]:
        is_pair = isinstance(sample, tuple) and len(sample) == 2  # noqa: PLR2004 - a pair
        if not is_pair or not isinstance(sample[0], int | np.integer) or not 0 <= sample[0] < len(self._codecs):
            expected = f"a tuple (which of {len(self._codecs)} spaces, sample)"
            raise ValueError(f"expected {expected}, found {type(sample).__name__} {sample!r:.80}")
        codec = self._codecs[sample[0]]
        try:
            return np.int64(sample[0]), codec.row(codec.stack([sample[1]]), 0)
        except ValueError as error:
            raise ValueError(f"in space {sample[0]}: {error}") from error

    def _variants(self, column: Column) -> list[Column]:
        """For each space the column of the samples that are of it."""
        return [
            codec.stack([value for which, value in column if which == variant])
            for variant, codec in enumerate(self._codecs)
        ]

    def to_arrow(self, column: Column) -> pa.Array:
        which = np.array([which for which, _ in column], dtype=np.int64)
        children = [pa.array(which)]
        for variant, (codec, values) in enumerate(zip(self._codecs, self._variants(column), strict=True)):
            is_chosen = which == variant
            # The position of each chosen sample among those of its space; taking a null gives a null.
            positions = pa.array(np.cumsum(is_chosen) - 1, mask=~is_chosen)
            children.append(codec.to_arrow(values).take(positions))
        return pa.StructArray.from_arrays(children, fields=self._fields)

    def _from_arrow(self, array: pa.Array) -> list[Any]:
        which = array.field(0).to_numpy()
        samples: list[Any] = [None] * len(array)
        for variant, codec in enumerate(self._codecs):
            chosen = np.flatnonzero(which == variant)
            values = codec.from_arrow(array.field(variant + 1).take(pa.array(chosen)))
            for position, index in enumerate(chosen.tolist()):
                samples[index] = (np.int64(variant), codec.row(values, position))
        return samples

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        pieces: list[bytes | memoryview] = [integer_bytes([which for which, _ in column])]
        for codec, values in zip(self._codecs, self._variants(column), strict=True):
            pieces += codec.canonical_bytes(values)
        return pieces


def batch_column(item_codec: SpaceCodec, batch: Any) -> Column:
    """The column of the items in gymnasium's batch."""
    try:
        count = item_codec.batch_count(batch)
    except (TypeError, LookupError):
        raise ValueError(f"expected a batch of items, found {type(batch).__name__} {batch!r:.80}") from None
    return item_codec.from_batch(batch, count or 0)


def list_bytes(item_codec: SpaceCodec, columns: Sequence[Column | None]) -> list[bytes | memoryview]:
    """Canonical bytes of columns of items: how many each has (-1 for None), then all items."""
    counts = [-1 if column is None else item_codec.count(column) for column in columns]
    items = item_codec.concatenate([column for column in columns if column is not None])
    return [integer_bytes(counts), *item_codec.canonical_bytes(items)]
