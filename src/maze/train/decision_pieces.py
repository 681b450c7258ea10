"""A data set of decisions in pieces, of which one at a time is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from maze.core.env.actor_id import StepKey
from maze.factory import ConfigurationError
from maze.train.recorded_decisions import KeyDecisions

Decisions = Mapping[StepKey, KeyDecisions]


class DecisionPieces:
    """Deals decisions out to pieces at random, so that each piece is a sample of the whole data set.

    A single piece stays in memory. Several are files, in plain binary.

    Args:
        stretches: All decisions, some at a time.
        n_bytes: About what they take in all.
        most_bytes: Of the data set in memory at a time, about.
        folder: Where files go; it is made if there are any.
        seed: Determines which decision goes to which piece.

    Raises:
        ConfigurationError: If the disk does not take them.
    """

    def __init__(
        self, stretches: Iterable[Decisions], *, n_bytes: int, most_bytes: int, folder: Path, seed: int
    ) -> None:
        """Take all decisions in."""
        # A piece, and what it is made from or copied to, are in memory together.
        self._n_pieces = max(ceil(2 * n_bytes / most_bytes), 1) if n_bytes > most_bytes else 1
        self._folder, self._seed = folder, seed
        self._generators: dict[StepKey, np.random.Generator] = {}
        self._forms: dict[StepKey, list[tuple[np.dtype[Any], tuple[int, ...]]]] = {}
        self._only: Decisions | None = None
        if self._n_pieces == 1:
            self._only = _joined(list(stretches))
            return
        try:
            folder.mkdir()
            for batch in _batches(stretches, most_bytes // 4):
                self._deal(batch)
        except OSError as error:
            raise ConfigurationError(
                f"the data set does not fit into {folder.parent} ({error.strerror}): name another folder by "
                "TMPDIR=..., or allow more memory by algorithm.megabytes_in_memory"
            ) from error

    def __len__(self) -> int:
        """Count the pieces."""
        return self._n_pieces

    def __getitem__(self, index: int) -> Decisions:
        """Give a piece."""
        if not 0 <= index < self._n_pieces:
            raise IndexError(f"there are {self._n_pieces} pieces: {index} is none of them")
        if self._only is not None:
            return self._only
        piece = {}
        for position, (key, forms) in enumerate(self._forms.items()):
            files = [self._file(index, position, array) for array in range(len(forms))]
            if files[0].exists():
                pairs = zip(files, forms, strict=True)
                piece[key] = KeyDecisions.of(
                    [np.fromfile(file, dtype).reshape(-1, *shape) for file, (dtype, shape) in pairs]
                )
        return piece

    def _deal(self, decisions: Decisions) -> None:
        """Deal out; it does not matter which decisions come together, only which come first."""
        for key, of_key in decisions.items():
            if key not in self._forms:
                self._forms[key] = [(array.dtype, array.shape[1:]) for array in of_key.arrays]
                self._generators[key] = np.random.default_rng([self._seed, len(self._forms)])
            position = list(self._forms).index(key)
            dealt = (self._generators[key].random(len(of_key)) * self._n_pieces).astype(np.int64)
            for index in range(self._n_pieces):
                rows = (dealt == index).nonzero()[0]
                for number, array in enumerate(of_key.arrays if len(rows) else ()):
                    with self._file(index, position, number).open("ab") as file:
                        array[rows].tofile(file)

    def _file(self, index: int, position: int, array: int) -> Path:
        return self._folder / f"{index}-{position}-{array}.bin"


def _batches(stretches: Iterable[Decisions], most_bytes: int) -> Iterator[Decisions]:
    """Stretches put together, so that there are not too many small writes."""
    waiting: list[Decisions] = []
    n_bytes = 0
    for stretch in stretches:
        waiting.append(stretch)
        n_bytes += sum(array.nbytes for of_key in stretch.values() for array in of_key.arrays)
        if n_bytes >= most_bytes:
            yield _joined(waiting)
            waiting, n_bytes = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(stretches: Sequence[Decisions]) -> dict[StepKey, KeyDecisions]:
    """Decisions put together."""
    joined = {}
    for key in dict.fromkeys(key for stretch in stretches for key in stretch):
        of_key = [stretch[key].arrays for stretch in stretches if key in stretch]
        joined[key] = KeyDecisions.of([np.concatenate(arrays) for arrays in zip(*of_key, strict=True)])
    return joined
