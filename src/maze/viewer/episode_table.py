"""All episodes of a run as columns of numbers, for a table of any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maze.core.arrow_arrays import float_array, numpy_array, validity
from maze.core.recording.actor_returns import actor_labels
from maze.core.statistics.map_column import entries_by_name

MOST_FIGURES = 48
"""Columns of figures that the environment has named, at most."""

ENDINGS = ("terminated", "truncated", "cut by runner", "failed")
"""How an episode can end."""

_CUT_BY = {"env": "truncated", "runner": "cut by runner"}
_LONGEST_ERROR = 300


def episode_columns(table: pa.Table) -> dict[str, Any]:
    """Turn the rows of `episodes/` into what the page sorts, filters and draws.

    Args:
        table: `Recording.episodes`.

    Returns:
        `n`, `columns` (name, kind and values, one entry per episode in order of number; NaN where there is none), and
        `endings` and `errors`, which are looked up by the codes in the columns of these names.

    Example:
        >>> from maze.core.recording.episode_row import EpisodeRow, episodes_table
        >>> rows = episodes_table([EpisodeRow(0, 11, 12, episode_return=2.5, truncated_by="env")], "part-0")
        >>> columns = {column["name"]: column["values"] for column in episode_columns(rows)["columns"]}
        >>> columns["return"], columns["number"]
        (array([2.5]), array([0]))
    """
    errors, error_codes = _coded(table["error"].to_pylist())
    columns = [
        _column("number", "identity", numpy_array(table["number"])),
        _column("return", "figure", float_array(table["return"])),
        _column("length", "figure", float_array(table["length"])),
        _column("ending", "code", _ending_codes(table)),
        _column("error", "code", error_codes),
        _column("env_seed", "identity", numpy_array(table["env_seed"])),
        _column("agent_seed", "identity", numpy_array(table["agent_seed"])),
    ]
    if table["success"].null_count < len(table):
        columns.append(_column("success", "figure", float_array(table["success"])))
    columns += _figures(table)
    columns.append(_column("seconds", "figure", float_array(table["seconds"])))
    shortened = [error[:_LONGEST_ERROR] for error in errors]
    return {"n": len(table), "columns": columns, "endings": list(ENDINGS), "errors": shortened}


def _figures(table: pa.Table) -> list[dict[str, Any]]:
    """KPIs, figures of events, returns of actors, and scalars of the last info."""
    found: list[dict[str, Any]] = []
    positions = np.arange(len(table))
    for kind in ("kpis", "metrics", "actor_returns", "info"):
        by_name = dict(entries_by_name(table[kind], positions))
        labels = actor_labels(by_name) if kind == "actor_returns" else {}
        for name, entries in by_name.items():
            items = entries.items
            values = np.full(len(table), np.nan)
            numbers = pc.struct_field(items, "value") if pa.types.is_struct(items.type) else items
            values[entries.positions] = float_array(numbers)
            found.append(_column(f"return of {labels[name]}" if labels else name, kind, values))
            if len(found) == MOST_FIGURES:
                return found
    return found


def _column(name: str, kind: str, values: np.ndarray) -> dict[str, Any]:
    return {"name": name, "kind": kind, "values": values}


def _ending_codes(table: pa.Table) -> np.ndarray:
    """How each episode ended, as a place in `ENDINGS`, int32."""
    cuts, codes = _coded(table["truncated_by"].to_pylist())
    by_cut = np.array([*(ENDINGS.index(_CUT_BY[cut]) for cut in cuts), ENDINGS.index("terminated")], np.int32)
    failed = validity(table["error"])
    return np.where(failed, np.int32(ENDINGS.index("failed")), by_cut[codes])  # code -1 is the last entry


def _coded(words: list[str | None]) -> tuple[list[str], np.ndarray]:
    """The distinct words, and for each entry its place among them, int32; -1 for none."""
    distinct = list(dict.fromkeys(word for word in words if word is not None))
    code = {word: index for index, word in enumerate(distinct)}
    return distinct, np.array([-1 if word is None else code[word] for word in words], np.int32)
