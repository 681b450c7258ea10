"""The hash of a run: what two runs with the same episodes have in common."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_COLUMNS = {"number": "<i8", "env_seed": "<i8", "agent_seed": "<i8", "hash": "S32"}


def content_hash(episodes: pa.Table) -> str:
    """Hash of all successful episodes: the first 128 bits of SHA-256 over number, seeds and hash of each, in order of number.

    Neither the order of the rows nor what they say besides (parts, times, attempts) matters.

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
        '60ff3898ba54787c3aa41ba744616df6'
    """
    done = episodes.select(list(_COLUMNS)).filter(pc.is_null(episodes["error"]))
    if not pc.all(pc.equal(pc.binary_length(done["hash"]).fill_null(0), 32), min_count=0).as_py():
        raise ValueError("an episode has no hash of 32 digits: its row is damaged")
    rows = np.empty(len(done), list(_COLUMNS.items()))
    for name in _COLUMNS:
        rows[name] = done[name].to_numpy()
    return sha256(rows[np.argsort(rows["number"], kind="stable")].tobytes()).hexdigest()[:32]
