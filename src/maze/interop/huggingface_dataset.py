"""Runs as datasets of Hugging Face: Parquet files with a card, which `datasets.load_dataset` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from maze.core.env.actor_id import StepKey
from maze.core.recording.recording import Recording
from maze.interop.exported_run import Space, counted, episode_table, rows_of, step_spaces, written_whole
from maze.interop.parquet_features import FeatureColumn, feature_column, spread_array, with_features
from maze.interop.step_rows import StepRows

ROWS_AT_ONCE = 20_000
BYTES_AT_ONCE = 2**26


def export_huggingface(recording: Recording, path: Path, numbers: Sequence[int]) -> str:
    """Write a folder that `datasets.load_dataset(path, "steps")` reads, in which every number and pixel is exact.

    There is a configuration for the decisions (`steps`), one for the episodes (`episodes`), and one for each kind of
    event (`events_<Name>`). Final observations are rows without action and reward.

    Args:
        recording: The run.
        path: The folder to make.
        numbers: Episodes to write.

    Returns:
        What was written, in words.

    Raises:
        ConfigurationError: If there is no feature for one of the spaces, or the folder cannot be made.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from maze import load, rollout
        >>> with TemporaryDirectory() as folder:
        ...     _ = rollout("CartPole-v1", n_episodes=1, run_dir=folder + "/run")
        ...     _ = export_huggingface(load(folder + "/run"), Path(folder, "dataset"), [0])
        ...     sorted(file.name for file in Path(folder, "dataset").iterdir())
        ['README.md', 'episodes', 'events_EpisodeEnded', 'steps']
    """
    kinds = step_spaces(recording)
    n_rows = 0
    with written_whole(path) as folder:
        writer: Any = None
        waiting: list[pa.Table] = []
        for position, number in enumerate(numbers):
            waiting.append(_steps(StepRows(recording[number]), kinds, is_flat=recording.schema.flat))
            is_last = position == len(numbers) - 1
            if is_last or sum(map(len, waiting)) > ROWS_AT_ONCE or sum(each.nbytes for each in waiting) > BYTES_AT_ONCE:
                table, waiting = pa.concat_tables(waiting), []
                writer = writer or parquet.ParquetWriter(_file(folder, "steps"), table.schema, compression="zstd")
                writer.write_table(table)
                n_rows += len(table)
        if writer is not None:
            writer.close()
        tables = {"episodes": episode_table(recording, numbers)}
        for name in recording.event_names if recording.metadata["record_event_logs"] else []:
            tables[f"events_{name}"] = rows_of(recording.events(name), numbers, "episode").drop_columns("part")
        for name, table in tables.items():
            parquet.write_table(with_features(table, {}), _file(folder, name), compression="zstd")
        configurations = ["steps", *tables]
        (folder / "README.md").write_text(_card(recording, configurations, len(numbers)), encoding="utf-8")
    return f"{n_rows:,} rows of {counted(len(numbers))}"


def _file(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    return folder / name / "train-00000-of-00001.parquet"


def _steps(rows: StepRows, kinds: dict[str, dict[StepKey, Space]], *, is_flat: bool) -> pa.Table:
    columns, features = rows.place_columns(), {}
    for kind, by_key in kinds.items():
        parts = {}
        for key, space in by_key.items():
            values, present = rows.of(kind, key)
            array, feature = feature_column(space, values)
            parts[str(key)] = FeatureColumn(spread_array(array, present), feature)
        if is_flat:
            (only,) = parts.values()
            columns[kind], features[kind] = only
        else:
            arrays = [part.array for part in parts.values()]
            columns[kind] = pa.StructArray.from_arrays(arrays, names=list(parts))
            features[kind] = {name: part.feature for name, part in parts.items()}
    return with_features(pa.table(columns | rows.outcome_columns()), features)


def _card(recording: Recording, configurations: Sequence[str], n_episodes: int) -> str:
    env = recording.metadata.get("env") or {}
    lines = ["---", "configs:"]
    for name in configurations:
        lines += [f"- config_name: {name}", f"  data_files: {name}/*.parquet"]
        lines += ["  default: true"] if name == "steps" else []
    size = "n<1K" if n_episodes < 1_000 else "1K<n<10K" if n_episodes < 10_000 else "10K<n<100K"  # noqa: PLR2004 - their classes
    lines += ["tags:", "- reinforcement-learning", "size_categories:", f"- {size}", "---", ""]
    lines += [
        f"# Episodes of {env.get('name', 'an environment')}",
        "",
        f"{n_episodes:,} episodes by `{recording.metadata.get('policy')}`, recorded and exported with maze-rollouts.",
        "",
        "- `steps`: one row per decision, and behind those of each episode its final observation, which has no action,",
        "  reward, credit or flags.",
        "- `episodes`: one row per episode, with its seeds, return, length and figures.",
        *(f"- `{name}`: one row per event." for name in configurations[2:]),
    ]
    return "\n".join(lines) + "\n"
