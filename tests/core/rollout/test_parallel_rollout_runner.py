from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from tests.core.rollout import fault_envs
from tests.core.rollout.fault_envs import Fault, FaultEnv

from maze.core.agent.random_policy import RandomPolicy
from maze.core.rollout import parallel_rollout_runner
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError

SEEDING = {"env_base_seed": 3, "agent_base_seed": 4}


@pytest.fixture(scope="module", autouse=True)
def _by_value() -> Iterator[None]:
    cloudpickle.register_pickle_by_value(fault_envs)
    yield
    cloudpickle.unregister_pickle_by_value(fault_envs)


class Notes(RolloutObserver):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: list[int] = []
        self.calls: list[str] = []

    def started(self, n_episodes: int, seeds: Any) -> None:
        self.calls.append("started")

    def finished(self) -> None:
        self.calls.append("finished")

    def note(self, line: str) -> None:
        self.lines.append(line)

    def episode_done(self, number: int, episode_return: float, length: int) -> None:
        self.done.append(number)


def n_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"n_processes": 0}, "n_processes"),
        ({"n_processes": True}, "n_processes"),
        ({"n_processes": -1}, "n_processes"),
        ({"step_timeout": -1}, "step_timeout"),
        ({"step_timeout": 0}, "step_timeout"),
        ({"start_timeout": -0.5}, "start_timeout"),
        ({"max_restarts": -1}, "max_restarts"),
        ({"n_envs": 100_000}, "n_envs=100000: give a number of at most 1024"),
        ({"n_episodes": 0}, "n_episodes"),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        ParallelRolloutRunner(**settings)


@pytest.mark.parametrize("env", [FaultEnv, "CartPole-v1"])
def test_any_number_of_processes_gives_the_same_episodes(env: Any, tmp_path: Path) -> None:
    expected = SequentialRolloutRunner(n_episodes=30).run_with(env, seeding=SEEDING, run_dir=tmp_path / "0")
    for n_processes in (1, 2, 4):
        notes = Notes()
        runner = ParallelRolloutRunner(n_processes=n_processes, n_episodes=30)
        result = runner.run_with(env, seeding=SEEDING, run_dir=tmp_path / str(n_processes), observer=notes)
        assert (result.status, result.hash) == ("completed", expected.hash)
        assert sorted(notes.done) == list(range(30))
        assert notes.calls == ["started", "finished"]


def test_a_policy_may_not_ask_for_more_slots_than_a_process_has(tmp_path: Path) -> None:
    class Greedy(RandomPolicy):
        n_envs = 2000

    with pytest.raises(ConfigurationError, match="n_envs=2000"):
        ParallelRolloutRunner(n_processes=2).run_with(FaultEnv, agent=Greedy, run_dir=tmp_path / "run")


def test_it_says_when_processes_gain_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_rollout_runner, "WORTHWHILE_SECONDS", 60)
    notes = Notes()
    n_processes = len(os.sched_getaffinity(0)) + 1
    runner = ParallelRolloutRunner(n_processes=n_processes, n_episodes=n_processes)
    runner.run_with(FaultEnv, run_dir=tmp_path / "run", observer=notes)
    assert any(f"{n_processes} processes share {n_processes - 1} core" in line for line in notes.lines)
    assert any("runner=sequential is as fast" in line for line in notes.lines)


def test_an_environment_that_nothing_tells_how_to_make_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FaultEnv cannot be made again"):
        ParallelRolloutRunner(n_processes=2).run_with(FaultEnv(), run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_runs_leave_nothing_open(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=4)
    runner.run_with(FaultEnv, run_dir=tmp_path / "0")
    before, n_threads = n_open_files(), threading.active_count()
    for number in (1, 2):
        runner.run_with(FaultEnv, run_dir=tmp_path / str(number))
    bad = ParallelRolloutRunner(n_processes=2, n_episodes=4, max_restarts=2)
    bad.run_with(partial(FaultEnv, Fault(fault_envs.kill)), run_dir=tmp_path / "bad")
    assert n_open_files() <= before
    assert threading.active_count() == n_threads


def test_a_run_goes_well_after_one_that_went_badly(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=4)
    bad = runner.run_with(partial(FaultEnv, Fault(fault_envs.fail, "constructor")), run_dir=tmp_path / "bad")
    assert (bad.status, bad.exit_code, len(bad)) == ("failed", 1, 0)
    with pytest.raises(ConfigurationError):
        runner.run_with(FaultEnv, run_dir=tmp_path / "bad")
    assert runner.run_with(FaultEnv, run_dir=tmp_path / "good").status == "completed"
    resumed = runner.run_with(FaultEnv, run_dir=tmp_path / "bad", resume=True)
    assert (resumed.status, len(resumed)) == ("completed", 4)


def test_a_run_of_which_nothing_is_missing_plays_nothing(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=4)
    first = runner.run_with(FaultEnv, run_dir=tmp_path / "run")
    notes = Notes()
    again = runner.run_with(FaultEnv, run_dir=tmp_path / "run", resume=True, observer=notes)
    assert (again.status, again.hash, notes.done) == ("completed", first.hash, [])


def test_resuming_plays_only_what_failed(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=6, max_attempts=1)
    seeding = {"explicit_env_seeds": list(range(6)), "agent_base_seed": 1}
    expected = runner.run_with(FaultEnv, seeding=seeding, run_dir=tmp_path / "expected")
    bad = partial(FaultEnv, Fault(fault_envs.fail, seeds=[2, 4]))
    first = runner.run_with(bad, seeding=seeding, run_dir=tmp_path / "run")
    assert [row.number for row in first.failures] == [2, 4]
    notes = Notes()
    resumed = runner.run_with(FaultEnv, run_dir=tmp_path / "run", resume=True, observer=notes)
    assert sorted(notes.done) == [2, 4]
    assert (resumed.status, resumed.hash, resumed.recording.failed) == ("completed", expected.hash, [])


def test_it_runs_in_threads_other_than_the_main_one(tmp_path: Path) -> None:
    results: list[RolloutResult] = []

    def run() -> None:
        runner = ParallelRolloutRunner(n_processes=2, n_episodes=4)
        results.append(runner.run_with(FaultEnv, run_dir=tmp_path / "run"))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [result.status for result in results] == ["completed"]


def test_two_runs_cannot_share_a_directory(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=4)

    class Second(RolloutObserver):
        refused = 0

        def episode_done(self, number: int, episode_return: float, length: int) -> None:
            for resume in (False, True):
                with pytest.raises(ConfigurationError, match="another process writes"):
                    runner.run_with(FaultEnv, run_dir=tmp_path / "run", resume=resume)
                self.refused += 1

    second = Second()
    result = runner.run_with(FaultEnv, run_dir=tmp_path / "run", observer=second)
    assert (result.status, len(result), second.refused) == ("completed", 4, 8)


def test_an_error_of_the_observer_ends_the_processes(tmp_path: Path) -> None:
    class Bad(RolloutObserver):
        def episode_done(self, number: int, episode_return: float, length: int) -> None:
            raise ZeroDivisionError

    marks = tmp_path / "marks"
    marks.mkdir()
    env = partial(FaultEnv, Fault(fault_envs.sleep, seeds=[2**40 + 1]), marks)
    seeding = {"explicit_env_seeds": [2**40, 2**40 + 1]}
    with pytest.raises(ZeroDivisionError):
        ParallelRolloutRunner(n_processes=2, n_episodes=2).run_with(
            env, seeding=seeding, run_dir=tmp_path / "run", observer=Bad()
        )
    for path in marks.glob("pid-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.removeprefix("pid-")), 0)


SCRIPT = """
import gymnasium
import maze
from maze.core.agent.policy import StructuredPolicy

print("main runs")

class Walk(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Discrete(9), gymnasium.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.position = 4
        return self.position, {}

    def step(self, action):
        self.position += 2 * action - 1
        return self.position, 1.0, self.position in (0, 8), False, {}

class Right(StructuredPolicy):
    def act(self, observation, actor_id, slot=0):
        return RIGHT

RIGHT = 1
for env, agent in ((Walk, Right), (lambda: Walk(), Right()), (Walk, lambda observation: RIGHT)):
    result = maze.rollout(env, agent, n_episodes=4, n_processes=2)
    print(result.status, result.n_steps)
"""


def test_a_script_needs_no_guard_and_runs_once(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "-W", "error", "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout.splitlines() == ["main runs", *["completed 16"] * 3]


def test_a_script_may_come_through_standard_input(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-"], input=SCRIPT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout.splitlines() == ["main runs", *["completed 16"] * 3]
