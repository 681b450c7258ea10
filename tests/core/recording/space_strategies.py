"""Hypothesis strategies for gymnasium's spaces and for samples of them, to test what has to work with every space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import Space
from gymnasium.spaces import (
    Box,
    Dict,
    Discrete,
    Graph,
    GraphInstance,
    MultiBinary,
    MultiDiscrete,
    OneOf,
    Text,
    Tuple,
)
from gymnasium.spaces import Sequence as SequenceSpace
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

REPEATABLE = settings(derandomize=True, deadline=None, max_examples=100)
"""The same examples in every run, however slow the machine."""

INTEGER_DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOAT_DTYPES = ["float16", "float32", "float64", "longdouble"]
SHAPES = [(), (1,), (4,), (2, 3), (2, 1, 2), (0,), (2, 0), (64,), (65,), (5, 5, 3)]
KEYS = ["position", "a.b", "a=b", "with space", "日本", "", "0", 'quo"te', "list", "element", "%2F/é\n"]


class SpaceAndSamples(NamedTuple):
    """A space and samples that it contains."""

    space: Space[Any]
    samples: list[Any]


def _bounds(generator: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[Any, Any]:
    if dtype.kind == "b":
        return np.zeros(shape, dtype), np.ones(shape, dtype)
    if dtype.kind == "f":
        low, high = -generator.random(shape).astype(dtype), generator.random(shape).astype(dtype)
        unbounded = np.asarray(dtype.type("inf"))
        low = np.where(generator.random(shape) < 0.3, -unbounded, low)
        high = np.where(generator.random(shape) < 0.3, unbounded, high)
        return low.astype(dtype), high.astype(dtype)
    limits = np.iinfo(dtype)
    bounds = generator.integers(limits.min, limits.max, size=(2, *shape), dtype=dtype, endpoint=True)
    return np.asarray(bounds.min(axis=0)), np.asarray(bounds.max(axis=0))


@st.composite
def boxes(draw: st.DrawFn) -> Box[Any]:
    """Boxes of every dtype and of several ranks, with and without bounds that differ by element."""
    dtype = np.dtype(draw(st.sampled_from([*INTEGER_DTYPES, *FLOAT_DTYPES, "bool", ">f4"])))
    shape = draw(st.sampled_from(SHAPES))
    match draw(st.sampled_from(["unbounded", "uniform", "each"])):
        case "unbounded" if dtype.kind in "if":
            return Box(-np.inf, np.inf, shape, dtype=dtype)
        case "each":
            generator = np.random.default_rng(draw(st.integers(0, 2**32)))
            return Box(*_bounds(generator, dtype, shape), shape, dtype=dtype)
    return Box(0, 1, shape, dtype=dtype)


def discretes() -> st.SearchStrategy[Discrete[Any]]:
    """Discrete spaces of every integer dtype, some starting below 0."""

    def build(dtype: str, n: int, start: int) -> Discrete[Any]:
        return Discrete(n, start=0 if dtype.startswith("u") else start, dtype=dtype)

    return st.builds(build, st.sampled_from(INTEGER_DTYPES), st.integers(1, 100), st.sampled_from([0, 3, -5]))


def multi_discretes() -> st.SearchStrategy[MultiDiscrete[Any]]:
    """MultiDiscrete spaces of several ranks."""

    def build(dtype: str, shape: tuple[int, ...], start: int) -> MultiDiscrete[Any]:
        counts = 1 + np.arange(np.prod(shape, dtype=int)).reshape(shape) % 5
        starts = np.full(shape, 0 if dtype.startswith("u") else start)
        return MultiDiscrete(counts.astype(dtype), dtype=dtype, start=starts.astype(dtype))

    shapes = st.sampled_from([(1,), (3,), (2, 2), (70,)])
    return st.builds(build, st.sampled_from(INTEGER_DTYPES), shapes, st.sampled_from([0, -2]))


def texts() -> st.SearchStrategy[Text]:
    """Text spaces, some with characters of several bytes and with NUL."""
    return st.builds(
        lambda low, extra, charset: Text(low + extra, min_length=low, charset=charset),
        st.integers(0, 2),
        st.integers(0, 4),
        st.sampled_from(["ab", "xyz é日\U0001f600", "\x00\n\"',"]),
    )


def elementary_spaces() -> st.SearchStrategy[Space[Any]]:
    """Spaces without spaces inside."""
    multi_binaries = st.builds(MultiBinary, st.sampled_from([1, 4, [2, 3], [70]]))
    return st.one_of(boxes(), discretes(), multi_discretes(), multi_binaries, texts())


def _has_content(space: Space[Any]) -> bool:
    """Whether a batch of the space tells how many samples it has; gymnasium's of empty Dicts does not."""
    match space:
        case Dict(spaces=children):
            return any(map(_has_content, children.values()))
        case Tuple(spaces=children):
            return any(map(_has_content, children))
    return True


def _composed(children: st.SearchStrategy[Space[Any]]) -> st.SearchStrategy[Space[Any]]:
    return st.one_of(
        st.dictionaries(st.sampled_from(KEYS), children, max_size=3).map(lambda spaces: Dict(list(spaces.items()))),
        st.lists(children, max_size=3).map(Tuple),
        st.builds(SequenceSpace, children, stack=st.booleans()),
        st.builds(Graph, children, st.none() | children.filter(_has_content)),
        st.lists(children, min_size=1, max_size=3).map(OneOf),
    )


def spaces() -> st.SearchStrategy[Space[Any]]:
    """Spaces of every kind, nested a few levels deep."""
    return st.recursive(elementary_spaces(), _composed, max_leaves=5)


@st.composite
def spaces_with_samples(draw: st.DrawFn, min_samples: int = 0, max_samples: int = 5) -> SpaceAndSamples:
    """Spaces, each with samples that it contains."""
    space = draw(spaces())
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(min_samples, max_samples))
    return SpaceAndSamples(space, [sample_of(space, generator) for _ in range(count)])


def sample_of(space: Space[Any], generator: np.random.Generator) -> Any:  # noqa: C901, PLR0911 - a case per kind
    """A sample that the space contains; floats are drawn from the values that are easily lost."""
    match space:
        case Box():
            return _box_sample(space, generator)
        case Discrete():
            value = int(space.start) + int(generator.integers(int(space.n)))
            return value if generator.random() < 0.5 else space.dtype.type(value)
        case MultiDiscrete():
            return np.asarray(space.start + generator.integers(space.nvec, dtype=space.dtype), space.dtype)
        case MultiBinary():
            return generator.integers(2, size=space.shape, dtype=np.int8)
        case Text():
            length = generator.integers(space.min_length, space.max_length + 1)
            return "".join(generator.choice(list(space.character_list), size=length).tolist())
        case Dict():
            return {key: sample_of(child, generator) for key, child in space.spaces.items()}
        case Tuple():
            return tuple(sample_of(child, generator) for child in space.spaces)
        case SequenceSpace():
            items = tuple(sample_of(space.feature_space, generator) for _ in range(generator.integers(4)))
            return _batch(space.feature_space, items) if space.stack else items
        case Graph():
            return _graph_sample(space, generator)
        case OneOf():
            which = int(generator.integers(len(space.spaces)))
            return np.int64(which), sample_of(space.spaces[which], generator)
    raise TypeError(f"no samples for {space}")


def _box_sample(space: Box[Any], generator: np.random.Generator) -> NDArray[Any]:
    sample = np.where(generator.random(space.shape) < 0.5, space.low, space.high)
    if space.dtype.kind == "f":
        inside = np.array([-0.0, 0.0, 5e-8, 0.1], dtype=space.dtype)[generator.integers(4, size=space.shape)]
        is_allowed = (generator.random(space.shape) < 0.5) & (space.low <= inside) & (inside <= space.high)
        sample = np.where(is_allowed, inside, sample)
    return np.asarray(sample, dtype=space.dtype)


def _graph_sample(space: Graph, generator: np.random.Generator) -> GraphInstance:
    node_count = int(generator.integers(1, 4))
    nodes = _batch(space.node_space, [sample_of(space.node_space, generator) for _ in range(node_count)])
    edge_count = int(generator.integers(4))
    if space.edge_space is None or edge_count == 0:
        return GraphInstance(nodes, None, None)
    edges = _batch(space.edge_space, [sample_of(space.edge_space, generator) for _ in range(edge_count)])
    links = generator.integers(node_count, size=(edge_count, 2), dtype=np.int32)
    return GraphInstance(nodes, edges, links)


def _batch(space: Space[Any], items: Sequence[Any]) -> Any:
    """Items in gymnasium's own form of a batch."""
    match space:
        case Box() | Discrete() | MultiDiscrete() | MultiBinary():
            return np.array(items, dtype=space.dtype).reshape(len(items), *(space.shape or ()))
        case Dict():
            return {key: _batch(child, [item[key] for item in items]) for key, child in space.spaces.items()}
        case Tuple():
            return tuple(_batch(child, [item[i] for item in items]) for i, child in enumerate(space.spaces))
    return tuple(items)
