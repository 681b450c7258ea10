from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import maze
from maze.core.env.event import Event
from maze.core.env.structured_env import StructuredEnv
from maze.viewer.column_bundle import unpack
from maze.viewer.viewed_run import ViewedRun


def rewrite_metadata(run_dir: Path, status: str) -> None:
    file = run_dir / "run.json"
    file.write_text(file.read_text().replace('"status": "completed"', f'"status": "{status}"'))


def test_columns_are_those_of_the_recording(runs: Path) -> None:
    recording = maze.load(runs / "talking")
    table = unpack(ViewedRun(recording).episodes())
    columns = {column["name"]: column["values"] for column in table["columns"]}
    assert table["n"] == 9
    assert columns["number"].tolist() == list(range(9))
    np.testing.assert_array_equal(columns["return"], recording.episodes["return"].to_numpy(zero_copy_only=False))
    failed = [number for number, error in enumerate(recording.episodes["error"].to_pylist()) if error]
    assert [table["endings"][code] for code in columns["ending"]] == [
        "failed" if number in failed else "terminated" for number in range(9)
    ]
    assert np.flatnonzero(columns["error"] >= 0).tolist() == failed
    assert "Remark.text" not in columns


def test_an_episode_as_curves_and_records(runs: Path) -> None:
    recording = maze.load(runs / "careless")
    run, episode = ViewedRun(recording), recording[4]
    view = run.episode(4)
    n = view.n_decisions
    reward, cumulated, action, angle = view.curves(["reward", "return", "0", "3"], 0, n, 10_000)
    assert reward["values"].tolist() == episode.rewards.tolist()
    assert cumulated["values"].tolist() == np.cumsum(episode.rewards).tolist()
    assert action["values"].tolist() == episode.actions.tolist()
    assert angle["values"].tolist() == episode.observations[:, 2].astype(float).tolist()
    page = view.records(n)
    last, end = page["records"][-2:]
    assert (last["step"], end["step"]) == (n - 1, n)
    assert last["observation"]["data"].tolist() == episode.observations[-1].tolist()
    assert last["action"] == episode.actions[-1]
    (final,) = end["final_observations"]
    assert final[1]["data"].tolist() == next(iter(episode.final_observations.values())).tolist()


def test_events_stand_with_their_steps(runs: Path) -> None:
    view = ViewedRun(maze.load(runs / "talking")).episode(0)
    (lane,) = view.description()["events"]
    assert (lane["name"], lane["count"], lane["steps"].tolist()) == ("Remark", 4, [4, 9, 14, 19])
    by_step = {record["step"]: record.get("events", []) for record in view.records(0)["records"]}
    assert [event["fields"][1] for event in by_step[9]] == [["loudness", 5.0]]
    assert by_step[10] == []
    assert [event["name"] for event in by_step[19]] == ["Remark", "EpisodeEnded"]


@dataclass(frozen=True)
class Ping(Event):
    """Of even steps and of reset."""


@dataclass(frozen=True)
class Pong(Event):
    """Of every step, twice."""

    n: int


class PingPongEnv(StructuredEnv):
    """Twelve steps with many events."""

    def __init__(self) -> None:
        self.observation_spaces = self.action_spaces = {0: gymnasium.spaces.Discrete(2)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n = 0
        self.emit(Ping())
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.emit(Pong(2 * self.n))
        if self.n % 2 == 0:
            self.emit(Ping())
        self.emit(Pong(2 * self.n + 1))
        self.n += 1
        return 0, 0.0, self.n == 12, False, {}


def test_events_of_several_kinds_stand_in_the_order_in_which_they_happened(tmp_path: Path) -> None:
    maze.rollout(PingPongEnv, n_episodes=2, run_dir=tmp_path / "run")
    view = ViewedRun(maze.load(tmp_path / "run")).episode(1)
    lanes = {lane["name"]: (lane["count"], lane["steps"].tolist()) for lane in view.description()["events"]}
    assert lanes == {"Ping": (7, [0, 2, 4, 6, 8, 10]), "Pong": (24, list(range(12)))}
    assert [lane["steps"].tolist() for lane in view.description(4)["events"]] == [[0, 2, 6, 10], [0, 3, 7, 11]]
    events = [[(e["name"], e["in_reset"]) for e in record["events"]] for record in view.records(0)["records"][:-1]]
    assert events[0] == [("Ping", True), ("Pong", False), ("Ping", False), ("Pong", False)]
    assert events[1] == [("Pong", False), ("Pong", False)]
    assert events[2] == [("Pong", False), ("Ping", False), ("Pong", False)]
    assert view.records(0)["records"][3]["events"][1]["fields"] == [["n", 7]]


def test_a_running_run_is_read_again(copied: Callable[[str], Path]) -> None:
    run_dir = copied("careful")
    part = next((run_dir / "episodes").glob("*.parquet"))
    hidden = part.rename(run_dir / "later")
    rewrite_metadata(run_dir, "running")
    with (run_dir / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = ViewedRun(maze.load(run_dir))
        assert run.description()["status"] == "running"
        assert unpack(run.episodes())["n"] == 0
        hidden.rename(part)
        run.refresh()
        assert unpack(run.episodes())["n"] == 12
    assert run.description()["status"] == "cut off"


def test_a_run_whose_spaces_are_not_known_yet(copied: Callable[[str], Path]) -> None:
    import json

    run_dir = copied("careful")
    file = run_dir / "run.json"
    metadata = json.loads(file.read_text())
    metadata.update(observation_spaces=[], action_spaces=[], action_masks=[], env=None)
    file.write_text(json.dumps(metadata))
    next((run_dir / "episodes").glob("*.parquet")).unlink()
    assert ViewedRun(maze.load(run_dir)).description()["n_episodes"] == 0
