"""Films of recorded episodes, by real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maze
from maze.viewer.column_bundle import unpack
from maze.viewer.frames.frame_source import FrameSource

Copied = Callable[[str], Path]
av = pytest.importorskip("av")


def finished(source: FrameSource, episode: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (progress := source.progress(episode))["state"] == "working":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return progress


def pictures(video: Path) -> list[np.ndarray]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_film_shows_what_the_environment_shows(copied: Copied) -> None:
    from maze.core.rollout.replay import recorded_env

    run_dir = copied("careless")
    recording = maze.load(run_dir)
    episode, source = recording[2], FrameSource(run_dir)
    source.start(episode)
    progress = finished(source, episode)
    source.close()
    assert (progress["state"], progress["first_difference"]) == ("ready", None)
    (video,) = run_dir.glob(".viewer/episode-000002-*/video.mp4")
    shown = pictures(video)
    assert len(shown) == progress["n_frames"] == len(episode.actions) + 1

    env = recorded_env(recording, render_mode="rgb_array")
    env.reset(seed=episode.env_seed)
    for step, action in enumerate(episode.actions[:20]):
        assert np.abs(shown[step].astype(int) - np.asarray(env.render()).astype(int)).mean() < 2
        env.step(int(action))
    env.close()


def test_a_film_is_made_once_and_readers_do_not_see_it(copied: Copied) -> None:
    run_dir = copied("careful")
    before = maze.load(run_dir)
    source = FrameSource(run_dir)
    source.start(before[0])
    assert finished(source, before[0])["state"] == "ready"
    made = next(run_dir.glob(".viewer/*/video.mp4")).stat().st_mtime_ns
    source.start(before[0])
    assert source.progress(before[0])["state"] == "ready"
    source.close()
    assert next(run_dir.glob(".viewer/*/video.mp4")).stat().st_mtime_ns == made
    assert maze.load(run_dir).content_hash == before.content_hash
    assert maze.load(run_dir).damaged == []


def test_the_environment_of_a_strange_package_is_not_imported(copied: Copied, tmp_path: Path) -> None:
    run_dir = copied("careful")
    (tmp_path / "planted.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')\n")
    file = run_dir / "run.json"
    file.write_text(file.read_text().replace("maze.core.env.gym_env.make_gym_env", "planted.make", 1))
    episode, source = maze.load(run_dir)[0], FrameSource(run_dir)
    source.start(episode)
    progress = finished(source, episode)
    source.close()
    assert progress["state"] == "failed"
    assert "--trust" in progress["message"]
    assert not (tmp_path / "was_run").exists()
    assert list(run_dir.glob(".viewer/*")) == []


def test_states_are_kept_beside_the_film(tmp_path: Path) -> None:
    stock = "maze_envs.logistics.cutting_2d"
    env = {
        "_target_": f"{stock}.cutting_2d_struct_env.Cutting2DStructEnv",
        "raw_piece": [4, 3],
        "demand": {"_target_": f"{stock}.demand.StaticDemand", "sizes": [[1, 2]]},
        "max_pieces_in_inventory": 4,
    }
    maze.rollout(env, n_episodes=1, max_episode_steps=8, run_dir=tmp_path / "run", config={"env": env, "wrappers": {}})
    episode, source = maze.load(tmp_path / "run")[0], FrameSource(tmp_path / "run")
    source.start(episode)
    progress = finished(source, episode)
    assert progress["state"] == "ready", progress
    assert progress["has_states"]
    names = [name for name, _ in unpack(source.state(episode, len(episode.actions)))["entries"]]
    assert "inventory" in names
    with pytest.raises(KeyError, match="no state 99"):
        source.state(episode, 99)
    source.close()


def test_processes_end_with_their_source(copied: Copied) -> None:
    run_dir = copied("careful")
    recording, source = maze.load(run_dir), FrameSource(run_dir, is_asked=True)
    for number in range(4):
        source.start(recording[number])
    processes = [filming.process for filming in source._filming.values()]
    assert len(processes) == 2
    spare = source._spare
    source.close()
    assert spare is not None
    assert all(process.poll() is not None for process in [*processes, spare])
    assert list(run_dir.glob(".viewer/*.tmp")) == []
