"""The hash of a run: what two runs with the same episodes have in common."""

from __future__ import annotations

from hashlib import sha256
from itertools import compress

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import numpy_array, validity
from maze.core.recording.part_file import sorted_by_episode

HASH_DIGITS = 32
"""Of an episode's hash, and a run's: the first 128 bits of SHA-256 (FIPS 180-4), which processors do in hardware."""

_ROWS_AT_A_TIME = 4096
_COLUMNS = {"number": "<i8", "env_seed": "<i8", "agent_seed": "<i8", "hash": f"S{HASH_DIGITS}"}


def content_hash(episodes: pa.Table) -> str:
    """Hash of all successful episodes: the first 128 bits of SHA-256 over number, seeds and hash of each.

    They go in order of number; the order of the rows, and what they say besides (parts, times), do not matter.

    Args:
        episodes: Rows of `episodes/`.

    Returns:
        32 hexadecimal digits.

    Raises:
        ValueError: If a successful episode has no hash of 32 digits.

    Example:
        >>> rows = {"number": [1, 0], "env_seed": [7, 8], "agent_seed": [9, 9], "hash": ["a" * 32, "b" * 32]}
        >>> episodes = pa.table({**rows, "error": pa.nulls(2, pa.string())})
        >>> content_hash(episodes) == content_hash(episodes.take([1, 0]))
        True
        >>> content_hash(episodes)
        '4b2bca5aa22bc39768505dccb834d47b'
    """
    ordered = sorted_by_episode(episodes.select([*_COLUMNS, "error"]), "number")
    digest = sha256(usedforsecurity=False)
    for start in range(0, len(ordered), _ROWS_AT_A_TIME):
        block = ordered.slice(start, _ROWS_AT_A_TIME)
        succeeded = ~validity(block["error"])
        hashes = list(compress(block["hash"].to_pylist(), succeeded))
        if any(text is None or len(text) != HASH_DIGITS for text in hashes):
            raise ValueError(f"an episode has no hash of {HASH_DIGITS} digits: its row is damaged")
        rows = np.empty(len(hashes), list(_COLUMNS.items()))
        rows["hash"] = hashes
        for name in ("number", "env_seed", "agent_seed"):
            rows[name] = numpy_array(block[name])[succeeded]
        digest.update(rows.tobytes())
    return digest.hexdigest()[:HASH_DIGITS]
