"""The hash of a run."""

from __future__ import annotations

from typing import Any

import pytest

from maze.core.recording.content_hash import content_hash
from maze.core.recording.episode_row import EpisodeRow, episodes_table

ROWS = [EpisodeRow(number, 10 + number, 20 + number, f"{number:032x}", length=3) for number in range(4)]


def hash_of(*rows: EpisodeRow, part: str = "part-a") -> str:
    return content_hash(episodes_table(rows, part))


def test_neither_order_nor_parts_nor_failures_matter() -> None:
    failed = EpisodeRow(7, 1, 2, error="ValueError: no")
    assert hash_of(*ROWS) == hash_of(failed, *reversed(ROWS), part="part-b")
    assert hash_of(*ROWS) == hash_of(*(row._replace(attempts=2, seconds=1.0) for row in ROWS))


def test_number_seeds_and_hash_matter() -> None:
    changes: list[dict[str, Any]] = [{"number": 9}, {"env_seed": 9}, {"agent_seed": 9}, {"hash": "f" * 32}]
    changed = [hash_of(*ROWS[:-1], ROWS[-1]._replace(**change)) for change in changes]
    assert len({hash_of(*ROWS), hash_of(*ROWS[:-1]), *changed}) == 6


def test_a_damaged_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="no hash of 32 digits"):
        hash_of(ROWS[0]._replace(hash="abc"))
