"""Real Ray clusters, on this machine, and actors that die, hang and fail."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.rollout.sample_envs import BatchingPolicy, Step, Walk

from maze.core.rollout.ray_rollout_runner import RayRolloutRunner
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError

SEEDING = {"env_base_seed": 5, "agent_base_seed": 6}
N_EPISODES = 12


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield ray
    ray.shutdown()


class Faulty(Walk):
    """Does something bad in its third step, with one seed, and as long as the folder has less than n notes."""

    def __init__(self, deed: Callable[[], object], folder: Path, unlucky: int, n_times: int = 1) -> None:
        super().__init__()
        self.deed, self.folder, self.n_times, self.unlucky = deed, folder, n_times, unlucky

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.seed = seed or 0
        return super().reset(seed=seed)

    def step(self, action: Any) -> Step:
        if self.n == 2 and self.seed == self.unlucky and len(list(self.folder.iterdir())) < self.n_times:
            (self.folder / f"{self.seed}-{time.monotonic_ns()}").touch()
            self.deed()
        return super().step(action)


def hold_the_gil() -> None:
    ctypes.PyDLL(None).sleep(1000)


DEEDS: dict[str, Callable[[], object]] = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exits": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "sleeps": lambda: time.sleep(1000),
    "holds_the_gil": hold_the_gil,
    "raises": lambda: 1 / 0,
    "system_exit": lambda: sys.exit(3),
}


def run(env: Any, run_dir: Path, agent: Any = None, **settings: Any) -> RolloutResult:
    settings = {"n_processes": 2, "n_episodes": N_EPISODES, "max_episode_steps": 0, **settings}
    return RayRolloutRunner(**settings).run_with(env, None, agent, seeding=SEEDING, run_dir=run_dir)


def undisturbed(run_dir: Path) -> RolloutResult:
    return SequentialRolloutRunner(n_episodes=N_EPISODES, max_episode_steps=0).run_with(
        Walk, seeding=SEEDING, run_dir=run_dir
    )


def seed_of_a_long_one(result: RolloutResult) -> int:
    return next(episode.env_seed for episode in result if (episode.length or 0) > 3)


def left_behind(run_dir: Path) -> list[str]:
    names = [path.name for path in run_dir.rglob("*")]
    return [name for name in names if name.startswith((".heartbeat", ".stacks")) or name.endswith(".tmp")]


def test_without_ray_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    with pytest.raises(ConfigurationError, match=r"pip install 'maze-rollouts\[ray\]'"):
        RayRolloutRunner()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_processes": 0}, "n_processes=0: give a number of at least 1"),
        ({"n_processes": 1.5}, "n_processes=1.5: give a whole number of at least 1"),
        ({"step_timeout": -1}, "step_timeout=-1: give a number of at least 0"),
        ({"max_restarts": -1}, "max_restarts=-1: give a number of at least 0"),
        ({"n_episodes": 0}, "n_episodes=0: give a number of at least 1"),
    ],
)
def test_bad_settings_are_refused(setting: dict[str, Any], message: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(ConfigurationError) as caught:
        RayRolloutRunner(**setting)
    assert str(caught.value) == message


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_what_befalls_an_actor_changes_no_episode(deed: str, ray: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    act, good = DEEDS[deed], undisturbed(tmp_path / "undisturbed")
    unlucky = seed_of_a_long_one(good)
    result = run(lambda: Faulty(act, notes, unlucky), tmp_path / "run", step_timeout=1.5)
    assert (result.status, result.stopped_because) == ("completed", None)
    assert result.hash == good.hash
    assert len(list(notes.iterdir())) == 1
    assert left_behind(tmp_path / "run") == []
    assert result.recording.damaged == []


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["killed", "holds_the_gil"])
def test_an_actor_that_is_lost_while_it_looks_at_the_env_is_replaced(deed: str, ray: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    act = DEEDS[deed]
    probed_seed = 20250
    # The limit is also that of Ray's own start of an actor, which may take seconds on a busy machine.
    result = run(lambda: Faulty(act, notes, probed_seed), tmp_path / "run", start_timeout=6.0)
    assert (result.status, result.stopped_because) == ("completed", None)
    assert len(list(notes.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "error"),
    [
        ("killed", "the Ray actor died"),
        ("holds_the_gil", "the Ray actor showed no sign of life for 1 s (step_timeout)"),
        ("raises", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_episode_that_always_fails_fails_alone(deed: str, error: str, ray: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    act, good = DEEDS[deed], undisturbed(tmp_path / "undisturbed")
    unlucky = seed_of_a_long_one(good)
    result = run(lambda: Faulty(act, notes, unlucky, n_times=1000), tmp_path / "run", step_timeout=1.0, max_attempts=2)
    (failure,) = result.failures
    assert (result.status, result.exit_code, result.missing) == ("failed", 1, [])
    assert (failure.env_seed, failure.error_step, failure.attempts) == (unlucky, 2, 2)
    assert str(failure.error).partition(" [")[0] == error
    assert {e.number: e.hash for e in result} == {e.number: e.hash for e in good if e.number != failure.number}
    assert failure.traceback
    assert len(list(notes.iterdir())) == 2


@pytest.mark.slow
def test_what_cannot_be_built_stops_the_run(ray: Any, tmp_path: Path) -> None:
    def broken() -> Any:
        raise OSError("no such simulator")

    result = run(broken, tmp_path / "run")
    assert result.status == "failed"
    assert result.stopped_because == "OSError: no such simulator (while the environment was built)"
    assert len(result.missing) == N_EPISODES


@pytest.mark.slow
def test_actors_that_all_die_stop_the_run(ray: Any, tmp_path: Path) -> None:
    result = run(lambda: os._exit(1), tmp_path / "run", max_restarts=2)
    assert result.status == "failed"
    assert result.stopped_because is not None
    assert result.stopped_because.startswith("3 Ray actors died in a row")


@pytest.mark.slow
def test_a_cluster_without_room_stops_the_run(ray: Any, tmp_path: Path) -> None:
    holder = ray.remote(num_cpus=2)(Walk).remote()
    ray.get(holder.close.remote())
    result = run(Walk, tmp_path / "run", start_timeout=1.0)
    ray.kill(holder)
    assert result.stopped_because is not None
    assert "has started no actor for 1 s (start_timeout)" in result.stopped_because


@pytest.mark.slow
def test_more_actors_than_cpus(ray: Any, tmp_path: Path) -> None:
    result = run(Walk, tmp_path / "run", BatchingPolicy(), n_processes=6)
    assert result.status == "completed"
    assert sorted(e.number for e in result) == list(range(N_EPISODES))
    assert ray.is_initialized()


SCRIPT = """
import sys, time
from maze.core.rollout.ray_rollout_runner import RayRolloutRunner
import gymnasium

class Slow(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(1000)
    action_space = gymnasium.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        self.n = 0
        return 0, {}
    def step(self, action):
        self.n += 1
        time.sleep(0.02)
        return self.n, 1.0, self.n == 20, False, {}

runner = RayRolloutRunner(n_processes=2, n_episodes=1000, grace_time=5.0)
from maze.core.rollout.rollout_observer import RolloutObserver
class Tell(RolloutObserver):
    def episode_done(self, number, episode_return, length):
        print("done", number, flush=True)
result = runner.run_with(Slow, run_dir=sys.argv[1], observer=Tell())
print(result.status, len(result), len(result.missing), len(result.failures), flush=True)
sys.exit(result.exit_code)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("signals", "exit_code"), [(["SIGINT"], 130), (["SIGINT"] * 2, 130), (["SIGTERM"], 143)])
def test_an_interrupt_commits_what_was_played(signals: list[str], exit_code: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run")], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        for name in signals:
            # A terminal interrupts the whole process group; whoever terminates a run, its process.
            (os.killpg if name == "SIGINT" else os.kill)(process.pid, signal.Signals[name])
            time.sleep(0.1)
        began = time.monotonic()
        lines = process.stdout.read().splitlines()
        assert process.wait() == exit_code
        assert time.monotonic() - began < 15
    status, n_played, n_missing, n_failed = lines[-1].split()
    assert (status, n_failed) == ("interrupted", "0")
    assert int(n_played) + int(n_missing) == 1000
    if len(signals) == 1:
        assert int(n_played) >= 4
    assert left_behind(tmp_path / "run") == []


@pytest.mark.slow
def test_a_killed_driver_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    marker = {**os.environ, "MAZE_TEST_MARKER": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run")], stdout=subprocess.PIPE, text=True, env=marker
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(processes_with(str(tmp_path))) > 2
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while processes_with(str(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert processes_with(str(tmp_path)) == []


def processes_with(marker: str) -> list[int]:
    """Processes of a run, but for the agents of Ray, which take up to a minute to notice that it has ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_agent = b"Agent" in (folder / "cmdline").read_bytes()
            if f"MAZE_TEST_MARKER={marker}".encode() in (folder / "environ").read_bytes() and not is_agent:
                found.append(int(folder.name))
        except OSError:
            continue
    return found
