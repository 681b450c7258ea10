"""Samples of every space survive columns, Arrow and Parquet, bit for bit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium import spaces
from gymnasium.spaces import GraphInstance
from hypothesis import given
from hypothesis import strategies as st
from tests.core.recording.space_strategies import KEYS, REPEATABLE, SpaceAndSamples, spaces_with_samples

from maze.core.recording.space_codec import Column, SpaceCodec, space_codec


def through_parquet(codec: SpaceCodec, column: Column, name: str = "observation") -> pa.ChunkedArray:
    """The column as it comes out of a Parquet file."""
    schema = pa.schema([codec.field(name)])
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays([codec.to_arrow(column)], schema=schema)
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    restored = pq.read_table(pa.BufferReader(sink.getvalue()), page_checksum_verification=True)
    assert restored.schema.equals(schema, check_metadata=True)
    return restored.column(0)


def assert_identical(actual: Any, expected: Any) -> None:
    """The same types, dtypes, shapes and bits, all the way down."""
    if isinstance(expected, np.ndarray | np.generic):
        assert type(actual) is type(expected)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        # Extended precision has padding without meaning, so values and signs are compared and not bytes.
        np.testing.assert_array_equal(actual, expected)
        if expected.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_identical(actual[key], expected[key])
    elif isinstance(expected, tuple | list):
        assert type(actual) is type(expected)
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_identical(one, other)
    else:
        assert actual == expected


def digest(codec: SpaceCodec, column: Column) -> bytes:
    fingerprint = hashlib.blake2b()
    for piece in codec.canonical_bytes(column):
        fingerprint.update(piece)
    return fingerprint.digest()


# gymnasium warns of what it does itself in `Graph.contains`.
@pytest.mark.filterwarnings("ignore:.*Casting input x to numpy array")
@REPEATABLE
@given(case=spaces_with_samples())
def test_every_sample_survives_parquet(case: SpaceAndSamples) -> None:
    codec = space_codec(case.space)
    column = codec.stack(case.samples)
    restored = codec.from_arrow(through_parquet(codec, column))
    assert_identical(restored, column)
    assert codec.count(restored) == len(case.samples)
    for index, sample in enumerate(case.samples):
        row = codec.row(restored, index)
        assert_identical(codec.checked(row), codec.checked(sample))
        assert not case.space.contains(sample) or case.space.contains(row)


@REPEATABLE
@given(case=spaces_with_samples(min_samples=3, max_samples=6), cut=st.integers(0, 3))
def test_slices_and_chunks_of_arrow_arrays_are_read_in_full(case: SpaceAndSamples, cut: int) -> None:
    codec = space_codec(case.space)
    column = codec.stack(case.samples)
    array = codec.to_arrow(column)
    assert_identical(codec.from_arrow(array.slice(cut, 2)), codec.slice(column, cut, min(cut + 2, len(array))))
    chunks = pa.chunked_array([array.slice(0, cut), array.slice(cut)], type=codec.arrow_type)
    assert_identical(codec.from_arrow(chunks), column)
    # As a reader has it that selects rows of a struct of several spaces.
    parent = pa.StructArray.from_arrays([array], fields=[codec.field("0")]).slice(cut)
    assert_identical(codec.from_arrow(parent.field(0)), codec.slice(column, cut, len(array)))


@REPEATABLE
@given(case=spaces_with_samples(max_samples=6), cut=st.integers(0, 6))
def test_concatenated_columns_equal_the_column_of_all(case: SpaceAndSamples, cut: int) -> None:
    codec = space_codec(case.space)
    parts = [codec.stack(case.samples[:cut]), codec.stack([]), codec.stack(case.samples[cut:])]
    assert_identical(codec.concatenate(parts), codec.stack(case.samples))
    assert_identical(codec.concatenate([]), codec.stack([]))


@REPEATABLE
@given(case=spaces_with_samples(min_samples=2))
def test_canonical_bytes_tell_columns_apart(case: SpaceAndSamples) -> None:
    codec = space_codec(case.space)
    column = codec.stack(case.samples)
    assert digest(codec, codec.from_arrow(codec.to_arrow(column))) == digest(codec, column)
    changed = codec.stack([*case.samples[:-1], case.samples[0]])
    is_same = (
        codec.to_arrow(changed).slice(len(case.samples) - 1).equals(codec.to_arrow(column).slice(len(case.samples) - 1))
    )
    # Arrow holds -0.0 equal to 0.0, the bytes of an episode do not.
    assert is_same or digest(codec, changed) != digest(codec, column)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize("shape", [(), (3,), (70,)])
def test_special_floats_survive_bit_for_bit(dtype: str, shape: tuple[int, ...]) -> None:
    codec = space_codec(spaces.Box(-np.inf, np.inf, shape, dtype=np.dtype(dtype)))
    specials = [np.nan, -np.nan, -0.0, 0.0, np.inf, -np.inf, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]
    samples = [np.full(shape, special, dtype=dtype) for special in specials]
    column = codec.stack(samples)
    restored = codec.from_arrow(through_parquet(codec, column))
    assert restored.tobytes() == column.tobytes()
    assert len({digest(codec, codec.stack([sample])) for sample in samples}) == len(samples)


def test_payloads_of_nan_survive() -> None:
    codec = space_codec(spaces.Box(-np.inf, np.inf, (2,)))
    sample = np.array([0x7FC00001, 0xFFC0BEEF], dtype=np.uint32).view(np.float32)
    restored = codec.from_arrow(through_parquet(codec, codec.stack([sample])))
    assert restored.tobytes() == sample.tobytes()


def test_extended_precision_hashes_its_value_and_not_its_padding() -> None:
    codec = space_codec(spaces.Box(-np.inf, np.inf, (2,), dtype=np.longdouble))
    soiled = np.frombuffer(b"\xff" * 2 * np.dtype(np.longdouble).itemsize, dtype=np.longdouble).copy()
    soiled[:] = 1
    assert digest(codec, codec.stack([soiled])) == digest(codec, codec.stack([np.ones(2, np.longdouble)]))


ARROW_TYPES = {
    "rank 0": (spaces.Box(0, 1, (), dtype=np.float32), pa.float32(), {}),
    "few": (spaces.Box(0, 1, (2, 3), dtype=np.float32), pa.list_(pa.float32()), {"dtype": "<f4", "shape": "[2, 3]"}),
    "half": (spaces.Box(0, 1, (2,), dtype=np.float16), pa.list_(pa.float16()), {"dtype": "<f2", "shape": "[2]"}),
    "64": (spaces.Box(0, 1, (64,), dtype=np.int8), pa.list_(pa.int8()), {"dtype": "|i1", "shape": "[64]"}),
    "65": (spaces.Box(0, 1, (65,), dtype=np.int8), pa.large_binary(), {"dtype": "|i1", "shape": "[65]"}),
    "none": (spaces.Box(0, 1, (0, 2)), pa.large_binary(), {"dtype": "<f4", "shape": "[0, 2]"}),
    "discrete": (spaces.Discrete(3, dtype=np.uint8), pa.uint8(), {}),
    "multi discrete": (spaces.MultiDiscrete([2, 3]), pa.list_(pa.int64()), {"dtype": "<i8", "shape": "[2]"}),
    "multi binary": (spaces.MultiBinary([2, 2]), pa.list_(pa.int8()), {"dtype": "|i1", "shape": "[2, 2]"}),
    "text": (spaces.Text(3), pa.string(), {}),
    "empty": (spaces.Dict(), pa.struct({"empty": pa.bool_()}), {}),
    "tuple": (
        spaces.Tuple([spaces.Discrete(2), spaces.Text(3)]),
        pa.struct([("0", pa.int64()), ("1", pa.string())]),
        {},
    ),
    "sequence": (spaces.Sequence(spaces.Discrete(2)), pa.list_(pa.int64()), {}),
    "graph": (
        spaces.Graph(spaces.Discrete(2), spaces.Box(0, 1, ())),
        pa.struct(
            [
                ("nodes", pa.list_(pa.int64())),
                ("edges", pa.list_(pa.float32())),
                ("edge_links", pa.list_(pa.list_(pa.int32()))),
            ]
        ),
        {},
    ),
    "one of": (
        spaces.OneOf([spaces.Discrete(2), spaces.Text(3)]),
        pa.struct([("which", pa.int64()), ("v0", pa.int64()), ("v1", pa.string())]),
        {},
    ),
}


@pytest.mark.parametrize(("space", "arrow_type", "metadata"), ARROW_TYPES.values(), ids=ARROW_TYPES.keys())
def test_arrow_types_and_metadata(space: spaces.Space[Any], arrow_type: pa.DataType, metadata: dict[str, str]) -> None:
    codec = space_codec(space)
    assert codec.arrow_type == arrow_type
    assert codec.metadata == metadata
    assert codec.field("observation").nullable
    empty = codec.stack([])
    assert codec.count(empty) == 0
    assert_identical(codec.from_arrow(through_parquet(codec, empty)), empty)


def test_metadata_reaches_the_fields_inside() -> None:
    frames = spaces.Box(0, 255, (9, 9), dtype=np.uint8)
    field = space_codec(spaces.Dict({"cameras": spaces.Sequence(spaces.Tuple([frames]))})).field("observation")
    frame_field = field.type.field("cameras").type.value_field.type.field("0")
    assert json.loads(frame_field.metadata[b"shape"]) == [9, 9]


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((84, 84, 4), [2, 0, 1]), ((4, 84, 84), [0, 1, 2]), ((84, 84, 1), [0, 1, 2]), ((96, 96), [0, 1])],
)
def test_a_picture_is_its_bytes_in_the_order_that_the_metadata_tells(
    tmp_path: Path, shape: tuple[int, ...], axes: list[int]
) -> None:
    codec = space_codec(spaces.Box(0, 255, shape, dtype=np.uint8))
    frames = [np.random.default_rng(i).integers(256, size=shape, dtype=np.uint8) for i in range(5)]
    column = codec.unpack([codec.pack(frames[:2]), codec.pack(frames[2:])])
    np.testing.assert_array_equal(column, frames)
    pq.write_table(pa.table([codec.to_arrow(column)], schema=pa.schema([codec.field("o")])), tmp_path / "o")
    table = pq.read_table(tmp_path / "o")
    assert json.loads(table.schema.field("o").metadata.get(b"axes", json.dumps(list(range(len(shape)))))) == axes
    assert table.column(0)[1].as_py() == frames[1].transpose(axes).tobytes()
    np.testing.assert_array_equal(codec.from_arrow(table.column(0)), frames)
    np.testing.assert_array_equal(codec.from_arrow(codec.to_arrow(codec.stack(frames)).slice(1, 3)), frames[1:4])


def test_field_names_with_odd_characters_survive() -> None:
    codec = space_codec(spaces.Dict([(key, spaces.Box(0, 1, (2,))) for key in KEYS]))
    column = codec.stack([dict.fromkeys(KEYS, np.array([0.25, 0.5], np.float32))])
    restored = through_parquet(codec, column, name="weird. =é")
    assert [restored.type.field(i).name for i in range(len(KEYS))] == KEYS
    assert_identical(codec.from_arrow(restored), column)


def test_a_graph_without_edges_is_not_one_with_no_edges() -> None:
    codec = space_codec(spaces.Graph(spaces.Box(0, 1, (2,)), spaces.Discrete(3)))
    nodes = np.zeros((2, 2), np.float32)
    none = GraphInstance(nodes, None, None)
    empty = GraphInstance(nodes, np.zeros(0, np.int64), np.zeros((0, 2), np.int32))
    column = codec.stack([none, empty])
    assert_identical(codec.from_arrow(through_parquet(codec, column)), [none, empty])
    assert digest(codec, codec.stack([none])) != digest(codec, codec.stack([empty]))


def test_texts_of_other_lengths_do_not_collide() -> None:
    codec = space_codec(spaces.Text(4))
    assert digest(codec, codec.stack(["ab", "c"])) != digest(codec, codec.stack(["a", "bc"]))
    items = space_codec(spaces.Sequence(spaces.Discrete(4)))
    assert digest(items, items.stack([(1, 2), (3,)])) != digest(items, items.stack([(1,), (2, 3)]))


def test_a_column_shares_no_memory_with_its_samples() -> None:
    buffer = np.zeros(2, np.float32)
    graph = GraphInstance(np.zeros((1, 2), np.float32), None, None)
    space = spaces.Tuple(
        [
            spaces.Box(0, 1, (2,)),
            spaces.Sequence(spaces.Box(0, 1, (2,))),
            spaces.Sequence(spaces.Box(0, 1, (2,)), stack=True),
            spaces.Graph(spaces.Box(0, 1, (2,)), None),
        ]
    )
    codec = space_codec(space)
    stacked = np.zeros((1, 2), np.float32)
    column = codec.stack([(buffer, (buffer,), stacked, graph)])
    before = digest(codec, column)
    buffer[:] = 1
    stacked[:] = 1
    graph.nodes[:] = 1  # type: ignore[index]
    assert digest(codec, column) == before


def test_floats_are_rounded_to_the_precision_of_the_space() -> None:
    codec = space_codec(spaces.Box(-1, 1, (2,), dtype=np.float32))
    column = codec.stack([np.array([0.1, 0.2]), np.array([0.3, 0.4], np.float32), [0, 1]])
    np.testing.assert_array_equal(column, np.array([[0.1, 0.2], [0.3, 0.4], [0, 1]], np.float32))
    assert column.dtype == np.float32


def test_samples_in_any_memory_layout_are_taken() -> None:
    codec = space_codec(spaces.Box(-9, 9, (2, 3), dtype=np.float32))
    sample = np.arange(6, dtype=np.float32).reshape(2, 3)
    layouts = [np.asfortranarray(sample), np.repeat(sample, 2, axis=1)[:, ::2], sample.astype(">f4"), sample.tolist()]
    for layout in layouts:
        np.testing.assert_array_equal(codec.stack([sample, layout, sample]), [sample] * 3)


def test_an_odd_sample_of_the_same_size_is_converted_and_not_reinterpreted() -> None:
    codec = space_codec(spaces.Box(-9, 9, (2,), dtype=np.float64))
    column = codec.stack([np.zeros(2), np.array([1, 2]), np.zeros(2)])
    np.testing.assert_array_equal(column, [[0, 0], [1, 2], [0, 0]])


def test_samples_of_rank_0_may_be_numbers() -> None:
    codec = space_codec(spaces.Box(0, 1, (), dtype=np.float32))
    column = codec.stack([np.float32(0.5), np.array(0.25, np.float32), 0.125])
    assert column.tolist() == [0.5, 0.25, 0.125]
    assert codec.row(column, 1).shape == ()


def test_discrete_samples_may_be_integers_of_any_kind() -> None:
    codec = space_codec(spaces.Discrete(9, start=-3, dtype=np.int16))
    column = codec.stack([1, np.int64(-3), np.uint8(2), np.array(4), True])
    assert column.tolist() == [1, -3, 2, 4, 1]
    assert column.dtype == np.int16
    assert isinstance(codec.row(column, 0), np.int16)


def test_multi_binary_takes_zeros_and_ones_of_any_dtype() -> None:
    codec = space_codec(spaces.MultiBinary(2))
    column = codec.stack([np.array([True, False]), np.array([1.0, 0.0]), np.array([0, 1]), [1, 1]])
    assert column.tolist() == [[1, 0], [1, 0], [0, 1], [1, 1]]


BOX = spaces.Box(-1, 1, (2,), dtype=np.float32)
BYTES = spaces.Box(0, 255, (2,), dtype=np.uint8)
GRAPH = spaces.Graph(BOX, spaces.Discrete(2))
NODES = np.zeros((2, 2), np.float32)
MISFITS = {
    "shape": (BOX, np.zeros(3, np.float32), r"expected float32 of shape \(2,\), found float32 of shape \(3,\)"),
    "complex": (BOX, np.zeros(2, complex), r"expected float32 of shape \(2,\), found complex128 of shape \(2,\)"),
    "text in a box": (BOX, "ab", r"expected float32 of shape \(2,\), found str 'ab'"),
    "none in a box": (BOX, None, r"expected float32 of shape \(2,\), found NoneType None"),
    "ragged": (BOX, [[1.0], 2.0], r"expected float32 of shape \(2,\), found a ragged list"),
    "too large": (BOX, np.array([1e300, 0]), r"found float64 of shape \(2,\) with values beyond float32"),
    "fraction": (BYTES, np.array([0.5, 0]), r"expected uint8 of shape \(2,\), found float64 of shape \(2,\)"),
    "wrapped": (BYTES, np.array([300, 0]), r"found int64 of shape \(2,\) with values that uint8 does not hold"),
    "negative": (BYTES, np.array([-1, 0], np.int8), r"found int8 of shape \(2,\) with values that uint8 does not hold"),
    "float action": (spaces.Discrete(2), 1.0, r"expected int64 of shape \(\), found float64 of shape \(\)"),
    "vector action": (
        spaces.Discrete(2),
        np.array([1, 0]),
        r"expected int64 of shape \(\), found int64 of shape \(2,\)",
    ),
    "action range": (spaces.Discrete(2, dtype=np.int8), 200, r"expected an integer of int8, found 200"),
    "binary": (spaces.MultiBinary(2), np.array([0.5, 1]), r"with values that int8 does not hold"),
    "text": (spaces.Text(2), b"ab", r"expected a str, found bytes b'ab'"),
    "surrogate": (spaces.Text(2), "\ud800", r"expected text that UTF-8 can write"),
    "missing key": (spaces.Dict({"a": BOX}), {}, r"expected a dict with keys \['a'\], found keys \[\]"),
    "no dict": (spaces.Dict({"a": BOX}), 3, r"expected a dict with keys \['a'\], found int 3"),
    "long tuple": (spaces.Tuple([BOX]), (1, 2), r"expected a tuple of length 1, found tuple \(1, 2\)"),
    "empty": (spaces.Tuple([]), (1,), r"expected an empty tuple, found tuple \(1,\)"),
    "item": (spaces.Sequence(BOX), (NODES[0], NODES), r"in the items: sample 1: expected float32 of shape \(2,\)"),
    "no sequence": (spaces.Sequence(BOX), 3, r"expected a tuple of items, found int 3"),
    "no batch": (spaces.Sequence(BOX, stack=True), 3, r"expected a batch of items, found int 3"),
    "no graph": (GRAPH, NODES, r"expected a GraphInstance with nodes, found ndarray"),
    "half an edge": (GRAPH, GraphInstance(NODES, np.zeros(1, int), None), r"expected edges and edge_links, or neither"),
    "few links": (
        GRAPH,
        GraphInstance(NODES, np.zeros(2, int), np.zeros((1, 2), np.int32)),
        r"expected as many edge_links as edges, found 1 and 2",
    ),
    "no edge space": (
        spaces.Graph(BOX, None),
        GraphInstance(NODES, np.zeros(1, int), np.zeros((1, 2), np.int32)),
        r"expected no edges in a Graph without an edge space",
    ),
    "which": (spaces.OneOf([BOX]), (1, NODES[0]), r"expected a tuple \(which of 1 spaces, sample\)"),
    "value": (spaces.OneOf([BOX]), (0, NODES), r"in space 0: .*expected float32 of shape \(2,\)"),
}


@pytest.mark.parametrize(("space", "misfit", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_a_misfit_is_refused_with_its_index(space: spaces.Space[Any], misfit: Any, message: str) -> None:
    good = space.sample()
    codec = space_codec(space)
    with pytest.raises(ValueError, match=rf"sample 1: .*{message}|sample 1: {message}"):
        codec.stack([good, misfit])


def test_the_place_of_a_misfit_in_a_record_is_named() -> None:
    codec = space_codec(spaces.Dict({"a": spaces.Tuple([spaces.Discrete(2), BOX])}))
    with pytest.raises(ValueError, match=r"^in 'a': in 1: sample 0: expected float32 of shape \(2,\), found float64"):
        codec.stack([{"a": (1, np.zeros(5))}])


class HomemadeSpace(spaces.Space[Any]):
    """A space that gymnasium does not have."""


def test_an_unknown_space_is_refused() -> None:
    with pytest.raises(TypeError, match=r"HomemadeSpace cannot be recorded: express it with the spaces of gymnasium"):
        space_codec(spaces.Tuple([HomemadeSpace()]))


def test_keys_that_give_the_same_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"keys \[0, '0'\] of a Dict space give columns of one name"):
        space_codec(spaces.Dict([(0, BOX), ("0", BOX)]))  # type: ignore[list-item]


def test_arrays_of_another_space_or_with_nulls_or_damage_are_refused() -> None:
    codec = space_codec(BOX)
    with pytest.raises(ValueError, match=r"expected Arrow type list<element: float>, found double"):
        codec.from_arrow(pa.array([1.0]))
    with pytest.raises(ValueError, match="found 1 nulls in a column of 2"):
        codec.from_arrow(pa.array([[1.0, 2.0], None], codec.arrow_type))
    with pytest.raises(ValueError, match="expected 2 values in every list"):
        codec.from_arrow(pa.array([[1.0, 2.0], [1.0]], codec.arrow_type))
    with pytest.raises(ValueError, match="found nulls inside lists of numbers"):
        codec.from_arrow(pa.array([[1.0, None]], codec.arrow_type))
    frames = space_codec(spaces.Box(0, 1, (70,), dtype=np.uint8))
    with pytest.raises(ValueError, match="expected 70 bytes in every value"):
        frames.from_arrow(pa.array([b"\0" * 69], pa.large_binary()))
