"""Rollouts in this process: what is shown, and how they are interrupted."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import av
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import BatchingPolicy, Reset, Step, Trade, Walk

from maze.core.recording.part import Part
from maze.core.recording.recording_writer import RecordingWriter
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.seeding import Seeding
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.statistics.statistics import compute_statistics
from maze.factory import ConfigurationError

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}


class Notes(RolloutObserver):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")


def play(env: Any, run_dir: Path, agent: Any = None, **settings: Any) -> RolloutResult:
    observer = settings.pop("observer", None)
    runner = SequentialRolloutRunner(**{"n_episodes": 2, **settings})
    return runner.run_with(env, None, agent, seeding=SEEDING, run_dir=run_dir, observer=observer)


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("agent", [None, BatchingPolicy(n_envs=4)])
def test_without_a_display_every_episode_becomes_a_video(agent: Any, tmp_path: Path, no_display: None) -> None:
    notes = Notes()
    result = play(Walk, tmp_path / "run", agent, render=True, observer=notes)
    assert result.status == "completed"
    assert notes.lines == [f"no display here: writing videos to {tmp_path / 'run' / 'videos'}"]
    videos = sorted((tmp_path / "run" / "videos").iterdir())
    assert [video.name for video in videos] == ["episode-000000.mp4", "episode-000001.mp4"]
    for episode, video in zip(result, videos, strict=True):
        pictures = frames(video)
        assert len(pictures) == (episode.length or 0) + 1
        assert pictures[0].shape == (32, 44, 3)
        brightness = np.array([picture.mean() for picture in pictures])
        assert np.abs(brightness - [20 * (n % 10) for n in range(len(pictures))]).max() < 10
    assert result.hash == play(Walk, tmp_path / "unseen", agent).hash


def test_an_episode_that_is_played_again_has_one_video(tmp_path: Path, no_display: None) -> None:
    class Failing(Walk):
        failures: list[int] = []  # noqa: RUF012 - shared on purpose

        def step(self, action: Any) -> Step:
            if self.n == 3 and self.render_mode and not self.failures:
                self.failures.append(1)
                raise ValueError("once")
            return super().step(action)

    result = play(Failing, tmp_path / "run", render=True, n_episodes=1)
    assert result.status == "completed"
    (video,) = (tmp_path / "run" / "videos").iterdir()
    assert len(frames(video)) == (result.recording[0].length or 0) + 1


def test_gymnasium_envs_show_themselves(tmp_path: Path, no_display: None) -> None:
    result = play("CartPole-v1", tmp_path / "run", render=True, n_episodes=1, max_episode_steps=5)
    pictures = frames(tmp_path / "run" / "videos" / "episode-000000.mp4")
    assert result.status == "completed"
    assert [picture.shape for picture in pictures] == [(400, 600, 3)] * 6


def test_an_env_without_pictures_stops_the_run_in_one_line(tmp_path: Path, no_display: None) -> None:
    result = play(Trade, tmp_path / "run", render=True)
    assert result.stopped_because == (
        "Trade.render() gives no picture with render_mode=None: it needs the render mode 'rgb_array', "
        "or runner.render=false"
    )


def test_without_a_writer_of_videos_nothing_starts(monkeypatch: pytest.MonkeyPatch, no_display: None) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "av")
    with pytest.raises(ConfigurationError, match=r"pip install 'maze-rollouts\[video\]'"):
        SequentialRolloutRunner(render=True)
    SequentialRolloutRunner(render=False)


def test_where_there_is_a_display_the_env_opens_its_window(
    monkeypatch: pytest.MonkeyPatch, no_display: None, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    modes: list[str | None] = []

    class Window(Walk):
        metadata = {"render_modes": ["human", "rgb_array"]}  # noqa: RUF012 - as gymnasium has it

        def __init__(self, render_mode: str | None = None) -> None:
            super().__init__(render_mode)
            modes.append(render_mode)

        def render(self) -> Any:
            raise AssertionError("a window shows itself")

    assert play(Window, tmp_path / "run", render=True).status == "completed"
    assert modes[-1] == "human"
    assert set(modes[:-1]) == {None}
    assert not (tmp_path / "run" / "videos").exists()


def test_not_rendering_never_asks_for_pictures(tmp_path: Path) -> None:
    class Shy(Walk):
        def render(self) -> Any:
            raise AssertionError("nobody asked")

    assert play(Shy, tmp_path / "run").status == "completed"


def test_an_interrupt_lets_the_running_episode_end(tmp_path: Path) -> None:
    class Interrupting(Walk):
        def step(self, action: Any) -> Step:
            if self.n == 2:
                signal.raise_signal(signal.SIGINT)
            return super().step(action)

    before = signal.getsignal(signal.SIGINT)
    result = play(OnlyWithSeed(Interrupting, Walk, 1), tmp_path / "run", n_episodes=4)
    assert (result.status, result.exit_code) == ("interrupted", 130)
    assert [episode.number for episode in result] == [0, 1]
    assert (result.missing, result.failures) == ([2, 3], [])
    assert signal.getsignal(signal.SIGINT) is before
    rest = SequentialRolloutRunner(n_episodes=4).run_with(Walk, run_dir=tmp_path / "run", resume=True)
    assert rest.hash == play(Walk, tmp_path / "whole", n_episodes=4).hash


class OnlyWithSeed:
    """Makes an environment that does something in one episode of a run alone."""

    def __init__(self, special: type[Walk], usual: type[Walk], number: int) -> None:
        self.special, self.usual, self.number = special, usual, number

    def __call__(self) -> gymnasium.Env[Any, Any]:
        special, usual, number = self.special, self.usual, self.number

        class Switching(special):  # type: ignore[misc,valid-type]
            def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
                self.is_special = seed == seed_of(number)
                result: Reset = super().reset(seed=seed)
                return result

            def step(self, action: Any) -> Step:
                result: Step = super().step(action) if self.is_special else usual.step(self, action)
                return result

        return Switching()


def seed_of(number: int) -> int:
    return Seeding(SEEDING["env_base_seed"], SEEDING["agent_base_seed"]).specs([number])[0].env_seed


@pytest.mark.parametrize("way", ["twice", "grace"])
def test_an_episode_that_does_not_end_is_cut_off(way: str, tmp_path: Path) -> None:
    class Endless(Walk):
        def step(self, action: Any) -> Step:
            signal.raise_signal(signal.SIGINT)
            if way == "twice":
                signal.raise_signal(signal.SIGINT)
            threading.Event().wait(60)
            return super().step(action)

    result = play(OnlyWithSeed(Endless, Walk, 1), tmp_path / "run", n_episodes=3, grace_time=0.2)
    assert (result.status, result.exit_code) == ("interrupted", 130)
    assert [episode.number for episode in result] == [0]
    assert result.missing == [1, 2]
    assert not list((tmp_path / "run").rglob("*.tmp"))


def test_what_is_on_disk_is_not_missing_also_if_nobody_heard_of_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Part.commit

    def commit_and_interrupt(part: Part) -> list[int]:
        commit(part)
        raise KeyboardInterrupt

    monkeypatch.setattr(Part, "commit", commit_and_interrupt)
    result = SequentialRolloutRunner(n_episodes=4).run_with(Walk, run_dir=tmp_path / "run")
    assert (result.status, result.missing, len(result.recording)) == ("completed", [], 4)


class Large(Walk):
    """Has episodes of several segments, which have parts of their own."""

    observation_space = spaces.Box(0, 99, (2**18,), np.float64)

    def observe(self) -> Any:
        return np.full(2**18, self.n, np.float64)

    def step(self, action: Any) -> Step:
        observation, reward, *_ = super().step(action)
        return observation, reward, self.n == 20, False, {}


@pytest.mark.parametrize("place", ["_writing", "finish"])
def test_an_interrupt_at_the_end_of_a_long_episode_leaves_it_whole(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt_at_the_end(writer: RecordingWriter, *arguments: Any) -> Any:
        if place == "_writing" and not writer._finished:
            return method(writer, *arguments)
        if place == "finish":
            method(writer, *arguments)
        patch.undo()
        raise KeyboardInterrupt

    runner, method = SequentialRolloutRunner(n_episodes=2), getattr(RecordingWriter, place)
    with monkeypatch.context() as patch:
        patch.setattr(RecordingWriter, place, interrupt_at_the_end)
        result = runner.run_with(Large, run_dir=tmp_path / "run")
    assert (result.status, result.missing, result.recording.damaged) == ("interrupted", [1], [])
    resumed = runner.run_with(Large, run_dir=tmp_path / "run", resume=True)
    assert (resumed.missing, resumed.recording.damaged) == ([], [])
    assert [len(episode.observations) for episode in resumed] == [20, 20]


def test_a_full_disk_is_told_of_at_an_interrupt_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(part: Part) -> list[int]:
        raise OSError(28, "No space left on device")

    class Interrupting(Walk):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
            if built:
                raise KeyboardInterrupt
            return super().reset(seed=seed)

    built: list[int] = []
    observer = Notes()
    monkeypatch.setattr(Part, "commit", refuse)
    runner = SequentialRolloutRunner(n_episodes=2)
    monkeypatch.setattr(observer, "episode_done", lambda *_: built.append(1))
    result = runner.run_with(Interrupting, run_dir=tmp_path / "run", observer=observer)
    assert (result.status, result.missing) == ("interrupted", [0, 1])
    assert observer.lines == [f"cannot write to {tmp_path / 'run'}: No space left on device"]


def test_an_interrupt_in_the_midst_of_writing_loses_no_more_than_what_was_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    runner = SequentialRolloutRunner(n_episodes=4)
    with monkeypatch.context() as patch:
        patch.setattr(TrajectorySchema, "to_batch", interrupt)
        result = runner.run_with(Walk, run_dir=tmp_path / "run")
    assert (result.status, result.missing, len(result.recording)) == ("interrupted", [0, 1, 2, 3], 0)
    assert list(tmp_path.rglob("*.tmp")) == []
    assert runner.run_with(Walk, run_dir=tmp_path / "run", resume=True).missing == []


def test_a_run_is_summed_up_whatever_interrupts_arrive_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(episodes: Any) -> Any:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        return compute_statistics(episodes)

    monkeypatch.setattr("maze.core.rollout.run.compute_statistics", interrupted)
    result = play(Walk, tmp_path / "run")
    assert (result.status, result.exit_code) == ("completed", 130)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "completed"


def test_sigterm_has_its_own_exit_code(tmp_path: Path) -> None:
    class Terminating(Walk):
        def step(self, action: Any) -> Step:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().step(action)

    result = play(OnlyWithSeed(Terminating, Walk, 0), tmp_path / "run", grace_time=60)
    assert result.exit_code == 143


def test_it_runs_in_other_threads_too(tmp_path: Path) -> None:
    results: list[RolloutResult] = []
    thread = threading.Thread(target=lambda: results.append(play(Walk, tmp_path / "thread")))
    thread.start()
    thread.join()
    assert results[0].hash == play(Walk, tmp_path / "main").hash
