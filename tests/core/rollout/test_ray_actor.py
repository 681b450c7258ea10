"""What runs in a Ray actor, without Ray: it is an object like others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from tests.core.rollout.sample_envs import LeakyWalk, Walk

from maze.core.recording.run_directory import RunDirectory
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.ray_actor import (
    RolloutActor,
    Surroundings,
    Timeouts,
    Unplayed,
    heartbeat_path,
    last_beat,
    last_words,
    stacks_path,
)
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import Committed, Done, RolloutJob
from maze.core.rollout.scout import Scouted
from maze.core.rollout.worker_process import Broken, Ready

SPECS = [EpisodeSpec(number, 10 + number, 20) for number in range(4)]


def actor(env: Any, run_dir: Path) -> tuple[RolloutActor, bytes]:
    RunDirectory(run_dir).close()
    job = cloudpickle.dumps(RolloutJob(EnvRecipe(env), PolicyRecipe(), run_dir, n_envs=1))
    surroundings = Surroundings(os.getcwd(), ["/added"])  # noqa: PTH109 - as a string
    return RolloutActor("a", job, run_dir, Timeouts(100, None), surroundings), job


def kinds(answer: list[Any]) -> list[type]:
    return [type(message) for message in answer]


def test_every_call_is_answered_with_its_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    acting, job = actor(LeakyWalk, tmp_path)
    assert acting.arrive() == []
    assert sys.path[-1] == "/added"
    (scouted,) = acting.scout()
    assert isinstance(scouted, Scouted)
    assert scouted.traits.fresh
    assert kinds(acting.begin(job)) == [Ready]
    assert kinds(acting.play(SPECS[:3], 60)) == [Done] * 3
    assert last_beat(heartbeat_path(tmp_path, "a"))[0] is None
    *done, late = acting.play([*SPECS[3:], EpisodeSpec(9, 1, 2)], 0)
    assert (kinds(done), late) == ([Done], Unplayed([9]))
    (committed,) = acting.commit()
    assert committed == Committed({"part-a-00001": [0, 1, 2, 3]})
    assert acting.commit() == acting.close() == []
    assert last_words(stacks_path(tmp_path, "a")) == ""


def test_whatever_goes_wrong_is_answered_as_text(tmp_path: Path) -> None:
    class UnpicklableError(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("not me")

    def broken() -> Any:
        raise UnpicklableError("no simulator")

    acting, job = actor(broken, tmp_path)
    acting.arrive()
    for answer in (acting.scout(), acting.begin(job)):
        (message,) = answer
        assert isinstance(message, Broken)
        assert message.error.endswith("UnpicklableError: no simulator (while the environment was built)")
        assert "in broken" in message.traceback
        assert not message.is_final


def test_a_disk_that_takes_nothing_is_final(tmp_path: Path) -> None:
    acting, job = actor(Walk, tmp_path)
    acting.arrive()
    acting.begin(job)
    acting.play(SPECS, 60)
    (tmp_path / "trajectory_data").write_text("in the way")
    (message,) = acting.commit()
    assert message.is_final
    assert "cannot write to" in message.error


HANGING = """
import ctypes, sys
from pathlib import Path
import cloudpickle
from gymnasium.envs.classic_control import CartPoleEnv
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.ray_actor import RolloutActor, Surroundings, Timeouts
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob

class Hanging(CartPoleEnv):
    n = 0
    def step(self, action):
        self.n += 1
        if self.n > 3:
            ctypes.PyDLL(None).sleep(1000)  # which keeps the GIL
        return super().step(action)

run_dir = Path(sys.argv[1])
job = cloudpickle.dumps(RolloutJob(EnvRecipe(Hanging), PolicyRecipe(), run_dir, n_envs=1))
actor = RolloutActor("a", job, run_dir, Timeouts(60.0, 0.3), Surroundings(".", []))
print(len(actor.arrive()), len(actor.begin(job)), flush=True)
actor.play([EpisodeSpec(17, 1, 2)], 60.0)
"""


def test_an_actor_that_hangs_ends_itself_and_says_where(tmp_path: Path) -> None:
    RunDirectory(tmp_path).close()
    process = subprocess.run(
        [sys.executable, "-c", HANGING, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (process.returncode, process.stdout, process.stderr) == (1, "0 1\n", "")
    assert last_beat(heartbeat_path(tmp_path, "a")) == (17, 3)
    assert "in step" in last_words(stacks_path(tmp_path, "a"))


def test_a_heartbeat_that_nobody_wrote_names_no_episode(tmp_path: Path) -> None:
    assert last_beat(heartbeat_path(tmp_path, "a")) == (None, 0)
    heartbeat_path(tmp_path, "a").write_bytes(b"123")
    assert last_beat(heartbeat_path(tmp_path, "a")) == (None, 0)
    assert last_words(tmp_path / "nothing") == ""
