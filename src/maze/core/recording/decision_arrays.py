"""All decisions of a run as stacked arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maze.core.env.actor_id import StepKey
from maze.core.recording.decision_block import DecisionBlock, step_key_index
from maze.core.recording.space_codec import Column, SpaceCodec
from maze.core.recording.trajectory_schema import TrajectorySchema


@dataclass(frozen=True, eq=False)
class DecisionArrays:
    """Decisions of many episodes, one episode behind the other; n decisions of e episodes."""

    numbers: np.ndarray
    """Numbers of the episodes, int64 of shape (e,)."""

    offsets: np.ndarray
    """Decisions of the i-th episode are those from offsets[i] up to offsets[i + 1], int64 of shape (e + 1,)."""

    observations: Column
    """An array of shape (n, ...), or a dict or tuple of such, or a list, as the space has it."""

    actions: Column
    """What was done about them; in the form of `observations`."""

    rewards: np.ndarray
    """What `step` returned, float64 of shape (n,)."""

    credits: np.ndarray
    """The acting actor's share of the rewards, float64 of shape (n,)."""

    terminations: np.ndarray
    """Whether the acting actor's part ended with the decision, bool of shape (n,)."""

    truncations: np.ndarray
    """Whether the acting actor was cut behind the decision, bool of shape (n,)."""

    final_observations: Column
    """What was observed at the ends, in the form of `observations`."""

    final_offsets: np.ndarray
    """The i-th episode's are from final_offsets[i] up to final_offsets[i + 1]; a flat environment has one each."""


_SCALARS: Mapping[str, type[np.generic]] = {
    "rewards": np.float64,
    "credits": np.float64,
    "terminations": np.bool_,
    "truncations": np.bool_,
}
"""Columns with one number per decision."""


def stack_decisions(
    blocks: Iterable[tuple[DecisionBlock, np.ndarray]], numbers: np.ndarray, schema: TrajectorySchema, step_key: StepKey
) -> DecisionArrays:
    """Stack the decisions of one kind, episode by episode.

    Args:
        blocks: Where they are, those of each episode in order; each with the numbers of the episodes to take from it.
        numbers: The episodes, int64 of shape (e,), ascending.
        schema: The columns of the run.
        step_key: The kind of decision.

    Raises:
        KeyError: If the run has no such step key.
        DamagedRecordingError: If a file is missing or damaged.
    """
    index = step_key_index(schema, step_key)
    chosen = [_choose(block, wanted, numbers, index) for block, wanted in blocks]
    owners = _concatenated([rows.owners for rows in chosen], np.int64)
    final_owners = _concatenated([rows.final_owners for rows in chosen], np.int64)
    order, final_order = np.argsort(owners, kind="stable"), np.argsort(final_owners, kind="stable")

    def column(name: str, codec: SpaceCodec, places: np.ndarray) -> Column:
        return taken(codec.concatenate([rows.columns[name] for rows in chosen]), places)

    return DecisionArrays(
        numbers=numbers,
        offsets=owners[order].searchsorted(np.arange(len(numbers) + 1)),
        observations=column("observations", schema.observation_codecs[index], order),
        actions=column("actions", schema.action_codecs[index], order),
        final_observations=column("final_observations", schema.observation_codecs[index], final_order),
        final_offsets=final_owners[final_order].searchsorted(np.arange(len(numbers) + 1)),
        **{
            name: _concatenated([rows.columns[name] for rows in chosen], dtype)[order]
            for name, dtype in _SCALARS.items()
        },
    )


def taken(column: Column, positions: np.ndarray) -> Column:
    """The samples of a column at these positions, int64 of shape (k,).

    Example:
        >>> taken({"speed": np.array([1.0, 2.0]), "names": ["a", "b"]}, np.array([1, 1, 0]))
        {'speed': array([2., 2., 1.]), 'names': ['b', 'b', 'a']}
    """
    if isinstance(column, dict):
        return {key: taken(part, positions) for key, part in column.items()}
    if isinstance(column, tuple):
        return tuple(taken(part, positions) for part in column)
    if isinstance(column, list):
        return [column[position] for position in positions.tolist()]
    return column[positions]


class _ChosenRows(NamedTuple):
    """Decisions and final observations of one kind in a block, with the index of the episode that each is of."""

    owners: np.ndarray
    final_owners: np.ndarray
    columns: dict[str, Column]


def _choose(block: DecisionBlock, wanted: np.ndarray, numbers: np.ndarray, index: int) -> _ChosenRows:
    owners = numbers.searchsorted(block.episodes)
    is_chosen = np.isin(block.episodes, wanted)
    if not block.schema.flat:
        is_chosen &= block.keys == index
    rows = np.flatnonzero(is_chosen & block.is_decision)
    finals = np.flatnonzero(is_chosen & ~block.is_decision)
    observations, positions = block.observations[index], block.observation_positions[index]
    columns = {
        "observations": taken(observations, positions[rows]),
        "actions": taken(block.actions[index], block.action_positions[index][rows]),
        "final_observations": taken(observations, positions[finals]),
        **{name: getattr(block, name)[rows] for name in _SCALARS},
    }
    return _ChosenRows(owners[rows], owners[finals], columns)


def _concatenated(arrays: Sequence[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *arrays])
