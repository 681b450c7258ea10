"""Spaces as JSON of our own: what a run directory keeps of the observation and action spaces.

Plain data only, so that a recording is readable everywhere and reading it never runs foreign code. Every space of
gymnasium is covered; numbers that JSON lacks (infinities, extended precision) are strings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray


def space_to_json(space: Space[Any]) -> dict[str, Any]:  # noqa: PLR0911 - one case per kind of space
    """Describe a space in strict JSON.

    Args:
        space: Any space of gymnasium, nested to any depth.

    Returns:
        A dict that `json.dumps(..., allow_nan=False)` takes and `space_from_json` turns into an equal space.

    Raises:
        TypeError: The space, or one inside it, is of a class that gymnasium does not have.

    >>> space_to_json(spaces.Box(-np.inf, 1.0, shape=(2,)))
    {'type': 'Box', 'dtype': 'float32', 'shape': [2], 'low': '-inf', 'high': 1.0}
    >>> space_to_json(spaces.Dict({"pick": spaces.Discrete(3)}))
    {'type': 'Dict', 'spaces': [['pick', {'type': 'Discrete', 'n': 3, 'start': 0, 'dtype': 'int64'}]]}
    """
    match space:
        case spaces.Box():
            return {"type": "Box", **_box_to_json(space)}
        case spaces.Discrete():
            fields = {"n": int(space.n), "start": int(space.start), "dtype": _dtype_to_json(space.dtype)}
            return {"type": "Discrete", **fields}
        case spaces.MultiDiscrete():
            return {
                "type": "MultiDiscrete",
                "dtype": _dtype_to_json(space.dtype),
                "shape": list(space.nvec.shape),
                "nvec": space.nvec.ravel().tolist(),
                "start": space.start.ravel().tolist(),
            }
        case spaces.MultiBinary():
            return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.n)}
        case spaces.Text():
            lengths = {"min_length": space.min_length, "max_length": space.max_length}
            return {"type": "Text", **lengths, "charset": "".join(space.character_list)}
        case spaces.Dict():
            return {
                "type": "Dict",
                "spaces": [[_key_to_json(key), space_to_json(child)] for key, child in space.spaces.items()],
            }
        case spaces.Tuple() | spaces.OneOf():
            name = "Tuple" if isinstance(space, spaces.Tuple) else "OneOf"
            return {"type": name, "spaces": [space_to_json(child) for child in space.spaces]}
        case spaces.Sequence():
            return {"type": "Sequence", "space": space_to_json(space.feature_space), "stack": bool(space.stack)}
        case spaces.Graph():
            edge_space = None if space.edge_space is None else space_to_json(space.edge_space)
            return {"type": "Graph", "node_space": space_to_json(space.node_space), "edge_space": edge_space}
    raise TypeError(
        f"{type(space).__module__}.{type(space).__qualname__} cannot be recorded: "
        "express it with the spaces of gymnasium, for example in an observation wrapper"
    )


def space_from_json(data: dict[str, Any]) -> Space[Any]:  # noqa: C901, PLR0911 - one case per kind of space
    """Build the space that `space_to_json` described.

    Args:
        data: The description, as it came out of `space_to_json` or `json.loads`.

    Raises:
        ValueError: The description names a kind of space that this version does not know.

    >>> space_from_json(space_to_json(spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(4)])))
    Tuple(Discrete(2), MultiBinary(4))
    """
    match data:
        case {"type": "Box"}:
            return _box_from_json(data)
        case {"type": "Discrete", "n": n, "start": start, "dtype": dtype}:
            # The first versions of gymnasium 1 know int64 only, and no argument to say so.
            return spaces.Discrete(n, start=start, **({} if dtype == "int64" else {"dtype": np.dtype(dtype)}))
        case {"type": "MultiDiscrete", "dtype": dtype, "shape": shape, "nvec": nvec, "start": start}:
            counts, starts = (np.array(values, dtype=dtype).reshape(shape) for values in (nvec, start))
            return spaces.MultiDiscrete(counts, dtype=np.dtype(dtype), start=starts)
        case {"type": "MultiBinary", "n": n}:
            return spaces.MultiBinary(n)
        case {"type": "Text", "min_length": min_length, "max_length": max_length, "charset": charset}:
            return spaces.Text(max_length, min_length=min_length, charset=charset)
        case {"type": "Dict", "spaces": children}:
            # Pairs, not a dict: gymnasium sorts the keys of a dict.
            return spaces.Dict([(key, space_from_json(child)) for key, child in children])
        case {"type": "Tuple", "spaces": children}:
            return spaces.Tuple([space_from_json(child) for child in children])
        case {"type": "OneOf", "spaces": children}:
            return spaces.OneOf([space_from_json(child) for child in children])
        case {"type": "Sequence", "space": child, "stack": stack}:
            return spaces.Sequence(space_from_json(child), stack=stack)
        case {"type": "Graph", "node_space": node_space, "edge_space": edge_space}:
            edges = None if edge_space is None else space_from_json(edge_space)
            return spaces.Graph(space_from_json(node_space), edges)
    raise ValueError(f"unknown space {data!r:.200}: the recording is damaged or was written by a newer version of maze")


def _box_to_json(space: spaces.Box[Any]) -> dict[str, Any]:
    return {
        "dtype": _dtype_to_json(space.dtype),
        "shape": list(space.shape),
        "low": _bound_to_json(space.low, space.bounded_below, "-inf"),
        "high": _bound_to_json(space.high, space.bounded_above, "inf"),
    }


def _box_from_json(data: dict[str, Any]) -> spaces.Box[Any]:
    dtype, shape = np.dtype(data["dtype"]), tuple(data["shape"])
    low, bounded_below = _bound_from_json(data["low"], "-inf", dtype, shape)
    high, bounded_above = _bound_from_json(data["high"], "inf", dtype, shape)
    space = spaces.Box(low, high, shape=shape, dtype=dtype)
    # An unbounded integer Box keeps the dtype's limit as its bound; only these flags, which sampling goes by, tell.
    space.bounded_below, space.bounded_above = bounded_below, bounded_above
    return space


def _bound_to_json(bound: NDArray[Any], bounded: NDArray[np.bool_], infinity: str) -> Any:
    """One number where the bound is the same everywhere, else the list of all in C order."""
    flags = np.broadcast_to(bounded, bound.shape)
    uniform = bound.size > 0 and bool((bound == bound.flat[0]).all() and (flags == flags.flat[0]).all())
    size = 1 if uniform else bound.size
    entries = [
        _number_to_json(value) if is_bounded else infinity
        for value, is_bounded in zip(bound.ravel()[:size], flags.ravel()[:size], strict=True)
    ]
    return entries[0] if uniform else entries


def _bound_from_json(
    data: Any, infinity: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    entries = data if isinstance(data, list) else [data]
    bounded = [entry != infinity for entry in entries]
    if dtype.kind in "iu":  # integers have their limit in the place of the infinity they lack
        limit = np.iinfo(dtype).min if infinity == "-inf" else np.iinfo(dtype).max
        entries = [entry if is_bounded else limit for entry, is_bounded in zip(entries, bounded, strict=True)]
    # The scalar type, not np.array, reads each entry: it alone takes a string in extended precision exactly.
    values = np.array([dtype.type(entry) for entry in entries], dtype=dtype)
    if isinstance(data, list):
        return values.reshape(shape), np.array(bounded, dtype=bool).reshape(shape)
    return np.full(shape, values[0], dtype=dtype), np.full(shape, bounded[0])


def _number_to_json(value: np.generic) -> int | float | str:
    number = value.item()
    if isinstance(number, bool):
        return int(number)
    if isinstance(number, int) or (isinstance(number, float) and np.isfinite(number)):
        return number
    return str(value)  # an infinite bound on the wrong side, or extended precision, which no JSON number holds


def _dtype_to_json(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.isnative else dtype.str


def _key_to_json(key: object) -> str | int:
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    raise TypeError(f"the key {key!r} of a Dict space cannot be recorded: use a str or an int")
