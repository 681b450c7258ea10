from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from maze.core.env.actor_id import StepKey
from maze.factory import ConfigurationError
from maze.train.decision_pieces import DecisionPieces
from maze.train.recorded_decisions import KeyDecisions

N, BYTES = 1000, 20


def decisions(first: int, n: int) -> KeyDecisions:
    """Decisions that say which ones they are, of 20 bytes each."""
    numbers = np.arange(first, first + n)
    return KeyDecisions(
        [np.stack([numbers] * 6, 1).astype(np.uint16)], numbers[:, None].astype(np.float32), numbers.astype(np.float32)
    )


def stretches(length: int) -> Iterator[dict[StepKey, KeyDecisions]]:
    for first in range(0, N, length):
        n = min(length, N - first)
        yield {"a": decisions(first, n), "b": decisions(-first - n, n // 2)}


def pieces(folder: Path, length: int, most_bytes: int, seed: int = 1) -> list[dict[str, list[float]]]:
    made = DecisionPieces(stretches(length), n_bytes=2 * N * BYTES, most_bytes=most_bytes, folder=folder, seed=seed)
    return [{str(key): of_key.returns.tolist() for key, of_key in made[index].items()} for index in range(len(made))]


def test_every_decision_is_in_one_piece_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    made = DecisionPieces(stretches(10), n_bytes=2 * N * BYTES, most_bytes=8000, folder=tmp_path / "p", seed=1)
    assert len(made) == 10
    for key, expected in (("a", range(N)), ("b", [-n for n in range(1, N + 1) if (n - 1) % 10 >= 5])):
        found = [made[index][key] for index in range(len(made))]
        assert sorted(np.concatenate([piece.returns for piece in found])) == sorted(expected)
        for piece in found:
            assert piece.leaves[0].dtype == np.uint16
            assert (piece.actions[:, 0] == piece.returns).all()
            assert (piece.leaves[0] == piece.returns.astype(np.int64).astype(np.uint16)[:, None]).all()
            assert sum(array.nbytes for array in piece.arrays) <= 4000
    with pytest.raises(IndexError, match="there are 10 pieces: 10 is none of them"):
        made[10]


def test_pieces_do_not_depend_on_how_the_decisions_come(tmp_path: Path) -> None:
    by_ten, by_many, again = (pieces(tmp_path / str(length), length, 8000) for length in (10, 250, 1000))
    assert [piece["a"] for piece in by_ten] == [piece["a"] for piece in by_many] == [piece["a"] for piece in again]
    assert [piece["a"] for piece in pieces(tmp_path / "other", 10, 8000, seed=2)] != [piece["a"] for piece in by_ten]


def test_what_fits_into_memory_stays_there(tmp_path: Path) -> None:
    (only,) = pieces(tmp_path / "p", 10, 1_000_000)
    assert only["a"] == list(range(N))
    assert not (tmp_path / "p").exists()


def test_a_folder_that_takes_nothing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not fit into .*: name another folder by TMPDIR"):
        pieces(tmp_path / "missing" / "p", 10, 8000)
