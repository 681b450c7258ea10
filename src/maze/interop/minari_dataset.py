"""Runs as Minari datasets, and Minari datasets as runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze import __version__
from maze.core.env.event import EventRecord
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode import Episode
from maze.core.recording.recording import Recording
from maze.core.recording.recording_writer import RecordingWriter
from maze.core.recording.run_directory import RunDirectory
from maze.core.recording.run_metadata import FORMAT_VERSION
from maze.core.recording.segment import NO_SEED, EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.space_json import space_to_json
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.recipes import MAKE_GYM_ENV
from maze.factory import ConfigurationError
from maze.interop.exported_run import Space, Spaces, check_one_actor, counted, flat_spaces, written_whole

FORM = "Minari"
OWN_METADATA = "maze"
"""Attribute of an exported episode with what Minari has no place for, as JSON."""


def export_minari(recording: Recording, path: Path, numbers: Sequence[int]) -> str:
    """Write a Minari dataset, in which every number and pixel is exact; what comes back is compared before it counts.

    The folder has Minari's own layout, as in its folder of datasets: `minari.MinariDataset(path / "data")` opens it, or
    `minari.load_dataset(path.name)` where `MINARI_DATASETS_PATH` is the folder around it.

    Args:
        recording: The run of a flat environment.
        path: The folder to make; its name is the dataset's, as in `cartpole-random-v0`.
        numbers: Episodes to write.

    Returns:
        What was written, in words.

    Raises:
        ConfigurationError: If Minari is not installed or cannot hold the run, or the folder cannot be made.
    """
    minari_storage = _minari().dataset.minari_storage.MinariStorage
    both = flat_spaces(recording, FORM)
    for space in both:
        _check_space(space)
    if not re.fullmatch(r"[-\w]+-v\d+", path.name):
        raise ConfigurationError(
            f"{path.name!r} cannot be the name of a Minari dataset: name it like cartpole-random-v0"
        )
    with written_whole(path) as folder:
        (folder / "data").mkdir(parents=True)
        storage = minari_storage.new(
            folder / "data",
            both.observation,
            both.action,
            _env_spec(recording),
            data_format="hdf5",
            jpeg_encoding=False,
        )
        storage.update_metadata(_dataset_metadata(recording, path.name))
        storage.update_episodes(_buffers(recording, numbers))
        own = [{OWN_METADATA: _episode_metadata(recording[number])} for number in numbers]
        if own:
            storage.update_episode_metadata(own)
        _check_same(folder / "data", recording, numbers)
        n_steps = storage.total_steps
    return f"{n_steps:,} steps of {counted(len(numbers))}"


def import_minari(dataset: str, run_dir: Path, *, download: bool = False) -> int:
    """Record the episodes of a Minari dataset as a run.

    Args:
        dataset: Its id, or the folder of one.
        run_dir: Where to record; there must be no run yet.
        download: Whether to fetch it where it is not here.

    Returns:
        Number of episodes.

    Raises:
        ConfigurationError: If Minari is not installed, has no such dataset, or it cannot be recorded.
    """
    found = _opened(dataset, download=download)
    if found.total_episodes == 0:
        raise ConfigurationError(f"the Minari dataset {dataset!r} has no episodes")
    both = Spaces(found.observation_space, found.action_space)
    try:
        schema = TrajectorySchema({0: both.observation}, {0: both.action})
    except TypeError as error:
        raise ConfigurationError(f"{dataset}: {error}") from error
    directory = RunDirectory(run_dir)
    try:
        directory.write_json("run.json", _run_metadata(found, dataset, both, "running"))
        writer = RecordingWriter(run_dir, f"import-{token_hex(3)}", schema)
        n = 0
        try:
            for episode in found.iterate_episodes():
                metadata = next(iter(found.storage.get_episode_metadata([episode.id])))
                _add(writer, schema, n, episode, metadata)
                n += 1
                if writer.is_commit_due():
                    writer.commit()
            writer.commit()
        finally:
            writer.close()
        recording = Recording(run_dir)
        summed_up = {"status": "completed", "n_episodes": n, "hash": recording.content_hash}
        directory.write_json("statistics.json", recording.statistics.to_json())
        directory.write_json("run.json", _run_metadata(found, dataset, both, "completed") | summed_up)
    except ValueError as error:
        raise ConfigurationError(f"{dataset} cannot be recorded: {error}") from error
    finally:
        directory.close()
    return n


def _minari() -> Any:
    try:
        import h5py  # noqa: F401 - Minari's files
        import minari
        import minari.dataset.minari_storage
    except ImportError as error:
        raise ConfigurationError(
            f"Minari datasets need the package {error.name!r}: pip install 'maze-rollouts[minari]'"
        ) from error
    return minari


def _check_space(space: Space) -> None:
    """See that Minari's description of a space tells all of it."""
    match space:
        case spaces.Dict(spaces=children) if children:
            key: Any
            for key, child in children.items():
                if "/" in str(key) or not isinstance(key, str) or not key:
                    raise ConfigurationError(f"{FORM} holds no entry {key!r}: its keys are strings without '/'")
                _check_space(child)
        case spaces.Tuple(spaces=children) if children:
            for child in children:
                _check_space(child)
        case spaces.Discrete(dtype=dtype) if dtype != np.int64:
            raise ConfigurationError(f"{FORM} holds Discrete as int64, not as {dtype}: export it --to csv or --to hf")
        case spaces.Box(dtype=dtype) if dtype == np.longdouble:
            raise ConfigurationError(f"{FORM} holds no numbers of {dtype}, as {space} has: use Box of float64")
        case spaces.MultiBinary(n=n) if not isinstance(n, int | np.integer):
            raise ConfigurationError(f"{FORM} holds MultiBinary of one dimension, not of {n}: export it --to csv")
        case spaces.Box() | spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary() | spaces.Text():
            pass
        case _:
            raise ConfigurationError(f"{FORM} holds no {type(space).__name__} such as {space}: export it --to csv")


def _env_spec(recording: Recording) -> Any:
    """How gymnasium makes the environment without its wrappers, where that is known; nothing is imported for it."""
    settings = (recording.metadata.get("config") or {}).get("env") or {}
    name = settings.get("name")
    if settings.get("_target_") != MAKE_GYM_ENV or not isinstance(name, str) or name not in gymnasium.registry:
        return None
    spec = gymnasium.spec(name)
    spec.kwargs = {**spec.kwargs, **(settings.get("kwargs") or {})}
    return spec


def _dataset_metadata(recording: Recording, name: str) -> dict[str, Any]:
    env = (recording.metadata.get("env") or {}).get("name", "an environment")
    policy = str(recording.metadata.get("policy"))
    return {
        "dataset_id": name,
        "minari_version": _minari().__version__,
        "algorithm_name": policy,
        "description": f"{env} by {policy}, recorded and exported with maze-rollouts {__version__}",
    }


def _episode_metadata(episode: Episode) -> str:
    row = episode.row
    kept = ("number", "agent_seed", "hash", "length", "truncated_by", "success", "seconds")
    figures = {"info": dict(row.info), "kpis": dict(row.kpis)}
    return json.dumps({name: getattr(row, name) for name in kept} | figures)


def _buffers(recording: Recording, numbers: Sequence[int]) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    for number in numbers:
        episode = recording[number]
        check_one_actor(episode, FORM)
        observations, actions = _columns(episode)
        yield EpisodeBuffer(
            seed=episode.env_seed,
            observations=observations,
            actions=actions,
            rewards=episode.rewards,
            terminations=episode.terminations,
            truncations=episode.truncations,
            infos={},
        )


def _columns(episode: Episode) -> tuple[Any, Any]:
    """The observations, the final one behind them, and the actions, as writable columns."""
    observed, acted = episode.schema.observation_codecs[0], episode.schema.action_codecs[0]
    final = observed.stack(list(episode.final_observations.values()))
    return observed.concatenate([episode.observations, final]), acted.concatenate([episode.actions])


def _check_same(data: Path, recording: Recording, numbers: Sequence[int]) -> None:
    """Read the dataset as anybody will, and compare it bit for bit."""
    minari = _minari()
    dataset = minari.MinariDataset(data)
    for number, read in zip(numbers, dataset.iterate_episodes(), strict=True):
        episode = recording[number]
        codecs = episode.schema.observation_codecs[0], episode.schema.action_codecs[0]
        pairs = zip(codecs, _columns(episode), (read.observations, read.actions), strict=True)
        try:
            is_same = all(
                _bits(codec, column) == _bits(codec, _as_column(codec, found)) for codec, column, found in pairs
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            is_same = False
        for name in ("rewards", "terminations", "truncations"):
            is_same &= getattr(read, name).tobytes() == getattr(episode, name).tobytes()
        if not is_same:
            raise ConfigurationError(
                f"{FORM} does not give episode {number} back as it is: export it --to csv or --to hf"
            )


def _bits(codec: Any, column: Any) -> bytes:
    return b"".join(codec.canonical_bytes(column))


def _as_column(codec: Any, found: Any) -> Any:
    """What Minari gives as the column of a codec."""
    return codec.stack(list(_samples(found)))


def _samples(values: Any) -> Iterator[Any]:
    """The samples of values that are stacked as Minari stacks them."""
    if isinstance(values, Mapping):
        children = {key: list(_samples(child)) for key, child in values.items()}
        n = len(next(iter(children.values())))
        yield from ({key: child[index] for key, child in children.items()} for index in range(n))
    elif isinstance(values, tuple):
        yield from zip(*map(_samples, values), strict=True)
    else:
        yield from values


def _opened(dataset: str, *, download: bool) -> Any:
    minari = _minari()
    folder = Path(dataset)
    try:
        if (folder / "data").is_dir():
            return minari.MinariDataset(folder / "data")
        return minari.load_dataset(dataset, download=download)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"there is no Minari dataset {dataset!r} here: add --download to fetch it, or name its folder"
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"the Minari dataset {dataset!r} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _add(
    writer: RecordingWriter, schema: TrajectorySchema, number: int, episode: Any, metadata: Mapping[str, Any]
) -> None:
    """Write an episode, in segments as a rollout has them, so that its hash is that of the same episode anywhere."""
    own = json.loads(metadata.get(OWN_METADATA, "{}"))
    seed = metadata.get("seed")
    spec = EpisodeSpec(
        own.get("number", number), NO_SEED if seed is None else int(seed), own.get("agent_seed", NO_SEED)
    )
    observations = list(map(schema.observation_codecs[0].checked, _samples(episode.observations)))
    actions = list(map(schema.action_codecs[0].checked, _samples(episode.actions)))
    terminated, truncated = bool(episode.terminations[-1]), bool(episode.truncations[-1])
    env = _Told(own.get("kpis") or {})
    draft = writer.begin(spec, keep_events=True)
    n, rows = len(actions), schema.segment_rows
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        is_last = stop == n
        segment = Segment(
            start,
            observations[start : stop + 1] if is_last else observations[start:stop],
            actions[start:stop],
            episode.rewards[start:stop].tolist(),
            terminated=is_last and terminated,
            truncated=is_last and truncated,
        )
        writer.add(draft, segment)
    info = own.get("info") or _last_info(episode.infos)
    cut_by = own.get("truncated_by", "env" if truncated else None)
    writer.finish(draft, EpisodeEnd(n, terminated, truncated, cut_by, info, seconds=own.get("seconds")), env)


def _last_info(infos: Any) -> dict[str, Any]:
    """Scalars of the info of an episode's last step."""
    if not isinstance(infos, Mapping):
        return {}
    last = {str(key): values[-1] for key, values in infos.items() if not isinstance(values, Mapping) and len(values)}
    return {key: value for key, value in last.items() if np.ndim(value) == 0}


class _Told(StructuredEnv):
    """Stands for the environment of an episode that was played elsewhere."""

    def __init__(self, kpis: Mapping[str, float]) -> None:
        self._kpis = kpis

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        """What was told."""
        return self._kpis


def _run_metadata(found: Any, dataset: str, both: Spaces, status: str) -> dict[str, Any]:
    spec = found.env_spec
    config: dict[str, Any] = {}
    if spec is not None and spec.id in gymnasium.registry and not spec.additional_wrappers:
        config = {"env": {"_target_": MAKE_GYM_ENV, "name": spec.id}}
        known = gymnasium.spec(spec.id).kwargs
        different = {key: value for key, value in spec.kwargs.items() if known.get(key) != value}
        if different:
            config["env"]["kwargs"] = different
    return {
        "observation_spaces": [[0, space_to_json(both.observation)]],
        "action_spaces": [[0, space_to_json(both.action)]],
        "action_masks": [],
        "format_version": FORMAT_VERSION,
        "status": status,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"maze-rollouts": __version__},
        "imported_from": f"minari:{dataset}",
        "config": config,
        "n_episodes_requested": int(found.total_episodes),
        "record_trajectory": True,
        "record_event_logs": True,
        "env": {"name": None if spec is None else spec.id},
        "policy": found.storage.metadata.get("algorithm_name"),
    }
