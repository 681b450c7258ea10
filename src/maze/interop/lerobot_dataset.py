"""Runs as LeRobot datasets (layout v3.0): frames in Parquet, their description and statistics in `meta/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import attrgetter, getitem
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from gymnasium import spaces
from pyarrow import parquet

from maze.core.arrow_arrays import number_array, string_array
from maze.core.recording.episode import Episode
from maze.core.recording.recording import Recording
from maze.factory import ConfigurationError
from maze.interop.exported_run import Space, Spaces, check_one_actor, counted, flat_spaces, written_whole
from maze.interop.feature_moments import FeatureMoments
from maze.interop.parquet_features import feature_column, is_picture, with_features

FORM = "LeRobot"
LAYOUT = "v3.0"
FILES_PER_CHUNK = 1000
DATA_FILE_MEGABYTES = 100
VIDEO_FILE_MEGABYTES = 200

_DATA, _EPISODES = "data/chunk-{:03d}/file-{:03d}.parquet", "meta/episodes/chunk-{:03d}/file-{:03d}.parquet"
_INDICES = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
_MOST_DIMENSIONS = 5


@dataclass(frozen=True)
class _Feature:
    """One column of the frames, besides those that count them."""

    name: str
    space: Space
    dtype: str
    shape: tuple[int, ...]

    values: Callable[[Episode], Any]
    """The column of an episode, n entries."""

    @property
    def is_image(self) -> bool:
        return self.dtype == "image"

    def described(self) -> dict[str, Any]:
        names = ["height", "width", "channels"] if self.is_image else None
        return {"dtype": self.dtype, "shape": list(self.shape), "names": names}


def export_lerobot(recording: Recording, path: Path, numbers: Sequence[int], *, fps: int = 30) -> str:
    """Write a LeRobot dataset, whose frames are what was observed and done, exact in every number and pixel.

    Pictures are PNG inside the frames, no video, which would lose something. The layout has no place for what was
    observed at an episode's end, when nothing was done any more: that is left out.

    Args:
        recording: The run of a flat environment.
        path: The folder to make.
        numbers: Episodes to write; they are counted anew, and `meta/episodes` has their own numbers and seeds.
        fps: Frames a second, for the timestamps.

    Returns:
        What was written, in words.

    Raises:
        ConfigurationError: If the layout cannot hold the run, or the folder cannot be made.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from maze import load, rollout
        >>> with TemporaryDirectory() as folder:
        ...     _ = rollout("CartPole-v1", n_episodes=1, run_dir=folder + "/run")
        ...     _ = export_lerobot(load(folder + "/run"), Path(folder, "dataset"), [0])
        ...     sorted(str(file.relative_to(folder + "/dataset")) for file in Path(folder, "dataset").rglob("*.json"))
        ['meta/info.json', 'meta/stats.json']
    """
    features = _features(flat_spaces(recording, FORM))
    env = str((recording.metadata.get("env") or {}).get("name") or "episode")
    with written_whole(path) as folder:
        rows: list[dict[str, Any]] = []
        whole: dict[str, FeatureMoments] = {}
        files = _DataFiles(folder)
        start = 0
        for index, number in enumerate(numbers):
            episode = recording[number]
            check_one_actor(episode, FORM)
            n = len(episode.rewards)
            columns, counts = {each.name: each.values(episode) for each in features}, _counts(n, index, start, fps)
            chunk, file = files.write(_frames(columns, features, counts))
            moments = {name: FeatureMoments.of(numbers) for name, numbers in counts.items()}
            for each in features:
                of = FeatureMoments.of_pictures if each.is_image else FeatureMoments.of
                moments[each.name] = of(columns[each.name])
            whole = {name: whole[name].joined(new) if name in whole else new for name, new in moments.items()}
            place = {"data/chunk_index": chunk, "data/file_index": file}
            extent = {"episode_index": index, "length": n, "dataset_from_index": start, "dataset_to_index": start + n}
            rows.append(extent | {"tasks": [env]} | place | _episode_row(episode) | _flat(moments))
            start += n
        files.close()
        _write(pa.Table.from_pylist(rows), folder / _EPISODES.format(0, 0))
        _write(_tasks(env), folder / "meta/tasks.parquet")
        _write_json({name: each.to_json() for name, each in whole.items()}, folder / "meta/stats.json")
        _write_json(_info(env, features, len(rows), start, fps), folder / "meta/info.json")
    return f"{start:,} frames of {counted(len(numbers))}, without their final observations"


def _features(both: Spaces) -> list[_Feature]:
    """The columns that the spaces give, and those of rewards and flags."""
    reward, flag = spaces.Box(-np.inf, np.inf, (), np.float64), spaces.MultiBinary(1)
    return [
        *_observed(both.observation, ()),
        _feature("action", both.action, attrgetter("actions")),
        _Feature("next.reward", reward, "float64", (1,), attrgetter("rewards")),
        _Feature("next.done", flag, "bool", (1,), lambda episode: episode.terminations | episode.truncations),
        _Feature("next.terminated", flag, "bool", (1,), attrgetter("terminations")),
        _Feature("next.truncated", flag, "bool", (1,), attrgetter("truncations")),
    ]


def _observed(space: Space, keys: tuple[str, ...]) -> Iterator[_Feature]:
    """The features of an observation, or of an entry of it: pictures under `observation.images`, the rest beside."""
    if isinstance(space, spaces.Dict) and space.spaces:
        key: Any
        for key, child in space.spaces.items():
            if not isinstance(key, str) or "/" in key:
                raise ConfigurationError(f"{FORM} holds no entry {key!r}: its keys are strings without '/'")
            yield from _observed(child, (*keys, key))
        return
    if keys:
        name = ".".join(["observation", *(["images"] if _is_image(space) else []), *keys])
    else:
        name = "observation.image" if _is_image(space) else "observation.state"
    yield _feature(name, space, lambda episode: reduce(getitem, keys, episode.observations))


def _feature(name: str, space: Space, values: Callable[[Episode], Any]) -> _Feature:
    shape = tuple(space.shape or ())
    if name != "action" and _is_image(space):
        return _Feature(name, space, "image", shape, values)
    is_numeric = isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary)
    if not is_numeric or len(shape) > _MOST_DIMENSIONS or space.dtype == np.longdouble or 0 in shape:
        raise ConfigurationError(
            f"{FORM} holds no {name.partition('.')[0]} of {space}, but arrays of numbers, and of observations Dicts of "
            "these: export it --to hf or --to csv"
        )
    return _Feature(name, space, np.dtype(space.dtype).name, shape or (1,), values)


def _is_image(space: Space) -> bool:
    return is_picture(space) and tuple(space.shape or ())[2:] == (3,)


def _counts(n: int, index: int, start: int, fps: int) -> dict[str, np.ndarray]:
    """The columns that count the frames of an episode."""
    return {
        "timestamp": (np.arange(n) / fps).astype(np.float32),
        "frame_index": np.arange(n),
        "episode_index": np.full(n, index),
        "index": np.arange(start, start + n),
        "task_index": np.zeros(n, np.int64),
    }


def _frames(columns: Mapping[str, Any], features: Sequence[_Feature], counts: Mapping[str, np.ndarray]) -> pa.Table:
    """The rows of an episode."""
    arrays: dict[str, pa.Array] = {}
    known: dict[str, Any] = {}
    for feature in features:
        column = columns[feature.name]
        told = feature_column(feature.space, column, FORM) if feature.is_image else _numbers(column, feature)
        arrays[feature.name], known[feature.name] = told
    arrays |= {name: number_array(numbers) for name, numbers in counts.items()}
    return with_features(pa.table(arrays), known)


def _numbers(column: np.ndarray, feature: _Feature) -> tuple[pa.Array, dict[str, Any]]:
    """A column of numbers as LeRobot declares it to `datasets`: a value, a list of fixed length, or an array."""
    dtype = feature.dtype
    if feature.shape == (1,):
        return number_array(np.ascontiguousarray(column).reshape(-1)), {"dtype": dtype, "_type": "Value"}
    values = number_array(np.ascontiguousarray(column).reshape(-1))
    if len(feature.shape) == 1:
        inner = {"dtype": dtype, "_type": "Value"}
        listed = pa.FixedSizeListArray.from_arrays(values, feature.shape[0])
        return listed, {"feature": inner, "length": feature.shape[0], "_type": "List"}
    for length in reversed(feature.shape):
        offsets = number_array(np.arange(0, len(values) + 1, length, dtype=np.int32))
        values = pa.ListArray.from_arrays(offsets, values)
    return values, {"shape": list(feature.shape), "dtype": dtype, "_type": f"Array{len(feature.shape)}D"}


class _DataFiles:
    """The files of frames: a new one where one has grown large."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        self._n_files = 0
        self._n_bytes = 0

    def write(self, table: pa.Table) -> tuple[int, int]:
        """Write the frames of an episode; returns chunk and file."""
        if self._writer is None or self._n_bytes + table.nbytes > DATA_FILE_MEGABYTES * 2**20:
            self.close()
            place = divmod(self._n_files, FILES_PER_CHUNK)
            path = self._folder / _DATA.format(*place)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer, self._n_bytes = parquet.ParquetWriter(path, table.schema, compression="snappy"), 0
            self._n_files += 1
        self._writer.write_table(table)
        self._n_bytes += table.nbytes
        return divmod(self._n_files - 1, FILES_PER_CHUNK)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _episode_row(episode: Episode) -> dict[str, Any]:
    """What `meta/episodes` has of an episode besides where its frames are; ours is under `maze/`."""
    return {
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        "maze/number": episode.number,
        "maze/env_seed": episode.env_seed,
        "maze/agent_seed": episode.agent_seed,
        "maze/return": episode.episode_return,
        "maze/hash": episode.hash,
    }


def _flat(moments: Mapping[str, FeatureMoments]) -> dict[str, Any]:
    return {f"stats/{name}/{kind}": value for name, each in moments.items() for kind, value in each.to_json().items()}


def _tasks(task: str) -> pa.Table:
    """The only task; its text is the index that pandas finds."""
    index = "__index_level_0__"
    table = pa.table({"task_index": number_array(np.zeros(1, np.int64)), index: string_array([task])})
    columns = [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {"name": None, "field_name": index, "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ]
    known = {"index_columns": [index], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
    return table.replace_schema_metadata({"pandas": json.dumps(known)})


def _info(env: str, features: Sequence[_Feature], n_episodes: int, n_frames: int, fps: int) -> dict[str, Any]:
    described = {feature.name: feature.described() for feature in features}
    described |= {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in _INDICES.items()}
    return {
        "codebase_version": LAYOUT,
        "robot_type": env,
        "total_episodes": n_episodes,
        "total_frames": n_frames,
        "total_tasks": 1,
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": DATA_FILE_MEGABYTES,
        "video_files_size_in_mb": VIDEO_FILE_MEGABYTES,
        "fps": fps,
        "splits": {"train": f"0:{n_episodes}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": described,
    }


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)


def _write_json(content: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
