"""What all exports share: the spaces of a run, the table of its episodes, outputs that appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maze.core.arrow_arrays import number_array
from maze.core.env.actor_id import FLAT_ACTOR, StepKey
from maze.core.recording.episode import Episode
from maze.core.recording.output_columns import POLICY_OUTPUTS
from maze.core.recording.recording import Recording
from maze.core.recording.space_json import space_from_json
from maze.core.statistics.episode_columns import FIGURES, HIDDEN, EpisodeColumns
from maze.factory import ConfigurationError

Space = gymnasium.Space[Any]


class Spaces(NamedTuple):
    """What is observed and done in one kind of decision."""

    observation: Space
    action: Space


def recorded_spaces(recording: Recording) -> dict[StepKey, Spaces]:
    """The spaces of a run, by step key.

    Raises:
        ConfigurationError: If the run has no trajectories to export.
    """
    if not recording.metadata.get("record_trajectory", True):
        raise ConfigurationError(
            f"{recording.run_dir} was recorded without trajectories: run it again with record_trajectory=true"
        )
    observations = {key: space_from_json(space) for key, space in recording.metadata["observation_spaces"]}
    actions = {key: space_from_json(space) for key, space in recording.metadata["action_spaces"]}
    return {key: Spaces(observations[key], actions[key]) for key in observations}


def step_spaces(recording: Recording) -> dict[str, dict[StepKey, Space]]:
    """The spaces of what is recorded of each decision, by the name of its column and by step key.

    Raises:
        ConfigurationError: If the run has no trajectories to export.
    """
    by_key = recorded_spaces(recording)
    found: dict[str, dict[StepKey, Space]] = {
        "observation": {key: both.observation for key, both in by_key.items()},
        "action": {key: both.action for key, both in by_key.items()},
    }
    if recording.schema.outputs is not None:
        found[POLICY_OUTPUTS] = dict(recording.schema.outputs.spaces)
    return found


def flat_spaces(recording: Recording, form: str) -> Spaces:
    """The spaces of a run of a flat environment.

    Args:
        recording: The run.
        form: Name of the format that holds no others.

    Raises:
        ConfigurationError: If the run has several kinds of decision.
    """
    spaces = recorded_spaces(recording)
    if not recording.schema.flat:
        keys = ", ".join(map(repr, spaces))
        raise ConfigurationError(
            f"{form} holds flat environments, {recording.run_dir} has the step keys {keys}: choose csv or hf"
        )
    return spaces[FLAT_ACTOR.step_key]


def check_one_actor(episode: Episode, form: str) -> None:
    """See that an episode has one actor, who observes how it ends.

    Raises:
        ConfigurationError: If others act in it.
    """
    if list(episode.final_observations) != [FLAT_ACTOR] or set(episode.actor_ids) != {FLAT_ACTOR}:
        raise ConfigurationError(f"{form} holds one actor, episode {episode.number} has several: export it --to csv")


def episode_table(recording: Recording, numbers: Sequence[int]) -> pa.Table:
    """The rows of `episodes/`, with a column for each figure in place of the maps."""
    chosen = rows_of(recording.episodes, numbers, "number")
    columns = EpisodeColumns(chosen)
    plain = [name for name in chosen.column_names if name not in (*FIGURES, *HIDDEN)]
    table = chosen.select(plain)
    for name in columns:
        if name not in plain:
            values = columns[name]
            table = table.append_column(name, pa.chunked_array([number_array(values, ~np.isnan(values))]))
    return table


def rows_of(table: pa.Table, numbers: Sequence[int], column: str) -> pa.Table:
    """The rows that belong to some of the episodes, whose numbers are in a column."""
    return table.filter(pc.is_in(table[column], value_set=number_array(np.array(numbers, np.int64))))


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes the given one when all is written.

    Args:
        path: File or folder to make; there must be nothing in its place.

    Raises:
        ConfigurationError: If there is something, or it cannot be written.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ConfigurationError(f"{path} is there already: name another with -o, or remove it")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"there is no folder {path.parent} to write {path.name} to")
    partial = path.absolute().with_name(f".{path.name}.{token_hex(3)}")  # absolute, as Minari wants it
    try:
        yield partial
        if path.is_dir():
            path.rmdir()
        partial.rename(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def counted(n_episodes: int) -> str:
    """How many episodes, in words.

    Example:
        >>> counted(1), counted(1200)
        ('1 episode', '1,200 episodes')
    """
    return f"{n_episodes:,} episode{'' if n_episodes == 1 else 's'}"
