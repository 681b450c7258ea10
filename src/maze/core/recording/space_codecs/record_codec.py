"""Codecs of spaces that put several spaces side by side: Dict and Tuple."""

# ruff: noqa: D102 - `SpaceCodec` documents the methods

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from maze.core.recording.space_codecs.codec import Column, ListCodec, SpaceCodec


class RecordCodec(SpaceCodec):
    """What Dict and Tuple share: named parts, each with a codec, that become the fields of an Arrow struct.

    Args:
        codecs: The codec of each part by its key in a sample, not empty.
    """

    def __init__(self, codecs: Mapping[Any, SpaceCodec]) -> None:
        self._codecs = dict(codecs)
        names = [str(key) for key in self._codecs]
        if len(set(names)) < len(names):
            raise ValueError(f"keys {list(self._codecs)} of a Dict space give columns of one name: rename them")
        self._fields = [codec.field(name) for name, codec in zip(names, self._codecs.values(), strict=True)]
        self.arrow_type = pa.struct(self._fields)

    def _assemble(self, parts: Iterable[Any]) -> Any:
        """A sample or column from its parts, in the order of the keys."""
        return dict(zip(self._codecs, parts, strict=True))

    def _require_parts(self, sample: Any) -> None:
        if not isinstance(sample, Mapping) or sample.keys() != self._codecs.keys():
            found = f"keys {list(sample)}" if isinstance(sample, Mapping) else f"{type(sample).__name__} {sample!r:.80}"
            raise ValueError(f"expected a dict with keys {list(self._codecs)}, found {found}")

    def checked(self, sample: Any) -> Any:
        self._require_parts(sample)
        return self._assemble(_named(key, codec.checked, sample[key]) for key, codec in self._codecs.items())

    def stack(self, samples: Sequence[Any]) -> Column:
        for index, sample in enumerate(samples):
            try:
                self._require_parts(sample)
            except ValueError as error:
                raise ValueError(f"sample {index}: {error}") from error
        return self._assemble(
            _named(key, codec.stack, [sample[key] for sample in samples]) for key, codec in self._codecs.items()
        )

    def concatenate(self, columns: Sequence[Column]) -> Column:
        return self._assemble(
            codec.concatenate([column[key] for column in columns]) for key, codec in self._codecs.items()
        )

    def slice(self, column: Column, start: int, stop: int) -> Column:
        return self._assemble(codec.slice(column[key], start, stop) for key, codec in self._codecs.items())

    def count(self, column: Column) -> int:
        key, codec = next(iter(self._codecs.items()))
        count: int = codec.count(column[key])
        return count

    def row(self, column: Column, index: int) -> Any:
        return self._assemble(codec.row(column[key], index) for key, codec in self._codecs.items())

    def to_arrow(self, column: Column) -> pa.Array:
        parts = [codec.to_arrow(column[key]) for key, codec in self._codecs.items()]
        return pa.StructArray.from_arrays(parts, fields=self._fields)

    def _from_arrow(self, array: pa.Array) -> Column:
        # By position, because a name with a dot is a path to some of Arrow's functions. A slice's offset is heeded.
        return self._assemble(codec.from_arrow(array.field(i)) for i, codec in enumerate(self._codecs.values()))

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        return [piece for key, codec in self._codecs.items() for piece in codec.canonical_bytes(column[key])]

    def batch_count(self, batch: Any) -> int | None:
        counts = (codec.batch_count(batch[key]) for key, codec in self._codecs.items())
        return next((count for count in counts if count is not None), None)

    def from_batch(self, batch: Any, count: int) -> Column:
        self._require_parts(batch)
        return self._assemble(_named(key, codec.from_batch, batch[key], count) for key, codec in self._codecs.items())

    def to_batch(self, column: Column) -> Any:
        return self._assemble(codec.to_batch(column[key]) for key, codec in self._codecs.items())


class DictCodec(RecordCodec):
    """Records dicts of one set of keys (Dict); the fields of the struct are named for the keys."""


class TupleCodec(RecordCodec):
    """Records tuples of one length (Tuple); the fields of the struct are named "0", "1" and so on."""

    def __init__(self, codecs: Sequence[SpaceCodec]) -> None:
        super().__init__(dict(enumerate(codecs)))

    def _assemble(self, parts: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(parts)

    def _require_parts(self, sample: Any) -> None:
        if not isinstance(sample, tuple | list | np.ndarray) or len(sample) != len(self._codecs):
            raise ValueError(
                f"expected a tuple of length {len(self._codecs)}, found {type(sample).__name__} {sample!r:.80}"
            )


class EmptyCodec(ListCodec):
    """Records samples that say nothing (an empty Dict or Tuple): a struct with a placeholder, which Parquet requires.

    Args:
        kind: The type of the samples, dict or tuple.
    """

    def __init__(self, kind: type[dict[Any, Any] | tuple[Any, ...]]) -> None:
        self._kind = kind
        self.arrow_type = pa.struct([pa.field("empty", pa.bool_())])

    def checked(self, sample: Any) -> Any:
        if not isinstance(sample, dict | tuple | list) or len(sample) > 0:
            raise ValueError(f"expected an empty {self._kind.__name__}, found {type(sample).__name__} {sample!r:.80}")
        return self._kind()

    def to_arrow(self, column: Column) -> pa.Array:
        return pa.StructArray.from_arrays([pa.nulls(len(column), pa.bool_())], fields=list(self.arrow_type))

    def _from_arrow(self, array: pa.Array) -> list[Any]:
        return [self._kind() for _ in range(len(array))]

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        return []

    def batch_count(self, batch: Any) -> int | None:
        return None

    def from_batch(self, batch: Any, count: int) -> list[Any]:
        self.checked(batch)
        return [self._kind() for _ in range(count)]

    def to_batch(self, column: Column) -> Any:
        return self._kind()


def _named(key: object, convert: Any, *arguments: Any) -> Any:
    """The result of a conversion, whose errors say in which part of the record they arose."""
    try:
        return convert(*arguments)
    except ValueError as error:
        raise ValueError(f"in {key!r}: {error}") from error
