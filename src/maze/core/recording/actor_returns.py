"""What each actor of an episode has earned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from maze.core.recording.trajectory_schema import PackedSegment

_MOST_STEP_KEYS = 256


def add_actor_returns(returns: dict[str, float], packed: PackedSegment, names: Sequence[str]) -> None:
    """Add the credits of a segment to the returns of its actors; a flat environment's has none to add.

    Args:
        returns: By actor, such as `player_1` for the agent 1 of the step key `player`; is changed.
        packed: The segment.
        names: Of the step keys, in order.
    """
    if packed.keys is None or packed.agent_ids is None:
        return
    credits_ = np.frombuffer(packed.credits, np.float64).copy()
    of_finals = credits_[packed.n_decisions :]
    of_finals[np.isnan(of_finals)] = 0.0  # beside most final observations there is none
    codes = np.frombuffer(packed.agent_ids, np.int64) * _MOST_STEP_KEYS + np.frombuffer(packed.keys, np.uint8)
    for code in dict.fromkeys(codes.tolist()):
        agent_id, key = divmod(code, _MOST_STEP_KEYS)
        name = f"{names[key]}_{agent_id}"
        returns[name] = returns.get(name, 0.0) + float(credits_[codes == code].sum())


def actor_labels(names: Iterable[str]) -> dict[str, str]:
    """What actors are called: `player_1` speaks for itself, `0_1` does not.

    Args:
        names: As `add_actor_returns` gives them.

    Example:
        >>> actor_labels(["player_0", "player_1"])
        {'player_0': 'player_0', 'player_1': 'player_1'}
        >>> actor_labels(["0_0", "0_1"])
        {'0_0': 'agent 0', '0_1': 'agent 1'}
        >>> actor_labels(["0_1", "1_0"])
        {'0_1': 'key 0, agent 1', '1_0': 'key 1, agent 0'}
    """
    parts = {name: name.rpartition("_")[::2] for name in names}
    has_one_key = len({step_key for step_key, _ in parts.values()}) == 1
    labels = {}
    for name, (step_key, agent) in parts.items():
        numbered = f"agent {agent}" if has_one_key else f"key {step_key}, agent {agent}"
        labels[name] = numbered if step_key.isdecimal() else name
    return labels
