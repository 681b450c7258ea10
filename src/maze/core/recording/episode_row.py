"""One row of `episodes/`: what is kept of an episode whether or not its trajectory is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, optional_number_array, string_array
from maze.core.env.event import MetricValue

_FIGURES = pa.map_(pa.string(), pa.float64())
_METRICS = pa.map_(
    pa.string(),
    pa.struct([("value", pa.float64()), ("episode", pa.string()), ("run", pa.string())]),
)

EPISODES_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("env_seed", pa.int64()),
        ("agent_seed", pa.int64()),
        ("hash", pa.string()),
        ("length", pa.int64()),
        ("n_decisions", pa.int64()),
        ("return", pa.float64()),
        ("terminated", pa.bool_()),
        ("truncated", pa.bool_()),
        ("truncated_by", pa.string()),
        ("success", pa.bool_()),
        ("error", pa.string()),
        ("error_step", pa.int64()),
        ("traceback", pa.string()),
        ("attempts", pa.int64()),
        ("seconds", pa.float64()),
        ("info", _FIGURES),
        ("kpis", _FIGURES),
        ("metrics", _METRICS),
        ("action_counts", pa.map_(pa.string(), pa.list_(pa.int64()))),
        ("actor_returns", _FIGURES),
        ("part", pa.string()),
    ]
)
"""The columns of `episodes/`: the fields of `EpisodeRow`, then the part; figures whose names are not known before the
first step are maps."""


_NONE: Mapping[str, Any] = MappingProxyType({})


class EpisodeRow(NamedTuple):
    """What is kept of an episode in any case; of a failed one, why it failed.

    Example:
        >>> EpisodeRow(number=3, env_seed=1, agent_seed=2, error="ZeroDivisionError: division by zero").hash is None
        True
    """

    number: int
    env_seed: int
    agent_seed: int
    hash: str | None = None
    length: int | None = None
    n_decisions: int | None = None
    episode_return: float | None = None
    terminated: bool | None = None
    truncated: bool | None = None
    truncated_by: str | None = None
    success: bool | None = None
    error: str | None = None
    error_step: int | None = None
    traceback: str | None = None
    attempts: int | None = None
    seconds: float | None = None
    info: Mapping[str, float] = _NONE
    kpis: Mapping[str, float] = _NONE
    metrics: Mapping[str, MetricValue] = _NONE
    action_counts: Mapping[str, list[int]] = _NONE
    actor_returns: Mapping[str, float] = _NONE


def episodes_table(rows: Sequence[EpisodeRow], part: str) -> pa.Table:
    """Rows as they stand in a part of `episodes/`.

    Example:
        >>> episodes_table([EpisodeRow(0, 1, 2)], "part-0")["env_seed"].to_pylist()
        [1]
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(EpisodeRow._fields)
    columns.append((part,) * len(rows))  # which is the last of the schema's, too
    return pa.table(
        [_column(values, kind) for values, kind in zip(columns, EPISODES_SCHEMA.types, strict=True)],
        schema=EPISODES_SCHEMA,
    )


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):
        return _map_array(values, kind)
    if values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    return string_array(values) if kind == pa.string() else optional_number_array(values, kind.to_pandas_dtype())


def _map_array(mappings: Sequence[Mapping[str, Any]], kind: pa.MapType) -> pa.Array:
    offsets = np.zeros(len(mappings) + 1, np.int32)
    given = [mapping for mapping in mappings if mapping]
    if given:
        offsets[1:] = np.cumsum(np.fromiter(map(len, mappings), np.int32, len(mappings)))
    keys = string_array([key for mapping in given for key in mapping])
    items = [value for mapping in given for value in mapping.values()]
    return pa.MapArray.from_arrays(number_array(offsets), keys, _items(items, kind.item_type))


def _items(items: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        offsets = np.zeros(len(items) + 1, np.int32)
        offsets[1:] = np.cumsum(np.fromiter(map(len, items), np.int32, len(items)))
        values = _column([value for item in items for value in item], kind.value_type)
        return pa.ListArray.from_arrays(number_array(offsets), values)
    if pa.types.is_struct(kind):
        children = [_column([getattr(item, child.name) for item in items], child.type) for child in kind]
        return pa.StructArray.from_arrays(children, fields=list(kind))
    return _column(items, kind)


def scalar_figures(info: Mapping[str, Any]) -> tuple[dict[str, float], bool | None]:
    """The scalars of an episode's last info, and whether it was a success, where the environment says so.

    Those of an info in the info, such as each agent's, have the names of both.

    Example:
        >>> scalar_figures({"is_success": True, "x_position": np.float32(2.5), "note": "fell"})
        ({'x_position': 2.5}, True)
        >>> scalar_figures({"fox_1": {"eaten": 5}})
        ({'fox_1.eaten': 5.0}, None)
    """
    figures = dict(_scalars(info))
    success = next((bool(figures.pop(key)) for key in ("is_success", "success") if key in figures), None)
    return figures, success


def _scalars(info: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    for key, value in info.items():
        if _is_scalar(value):
            yield f"{place}{key}", float(value)
        elif isinstance(value, Mapping):
            yield from _scalars(value, f"{place}{key}.")


def _is_scalar(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating)
