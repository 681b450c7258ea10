"""Whatever environments do to their processes: every episode is committed or failed, once, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from tests.core.rollout import fault_envs
from tests.core.rollout.fault_envs import FAULTY_STEP, LENGTH, Fault, FaultEnv

import maze
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError

ROOT = Path(__file__).parents[3]
N_EPISODES = 12
FIRST_SEED = 100
SEEDING: dict[str, Any] = {"explicit_env_seeds": list(range(FIRST_SEED, FIRST_SEED + 50)), "agent_base_seed": 7}
CULPRIT = 5
CULPRITS_SEED = FIRST_SEED + CULPRIT


@pytest.fixture(scope="module", autouse=True)
def _by_value() -> Iterator[None]:
    """Workers need not find the environments' module: it is not installed."""
    cloudpickle.register_pickle_by_value(fault_envs)
    yield
    cloudpickle.unregister_pickle_by_value(fault_envs)


@pytest.fixture(scope="module")
def expected_hash(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the run in which nothing goes wrong."""
    runner = SequentialRolloutRunner(n_episodes=N_EPISODES)
    return runner.run_with(FaultEnv, seeding=SEEDING, run_dir=tmp_path_factory.mktemp("expected") / "run").hash


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def roll_out(
    marks: Path,
    fault: Fault | None = None,
    *,
    start: Callable[[Path], None] | None = None,
    step_seconds: Mapping[int, float] | None = None,
    agent: Any = None,
    observer: RolloutObserver | None = None,
    resume: bool = False,
    **settings: Any,
) -> RolloutResult:
    """Roll out, and check what holds whatever has gone wrong."""
    runner = ParallelRolloutRunner(**{"n_processes": 2, "n_episodes": N_EPISODES, **settings})
    result = runner.run_with(
        partial(FaultEnv, fault, marks, step_seconds, start),
        agent=agent,
        seeding=SEEDING,
        run_dir=marks.parent / "run",
        observer=observer,
        resume=resume,
    )
    check_account(result, runner.n_episodes)
    await_deaths(marks)
    return result


def every(seconds: float) -> dict[int, float]:
    """Let each step of every episode take so long."""
    return dict.fromkeys(SEEDING["explicit_env_seeds"], seconds)


def check_account(result: RolloutResult, n_episodes: int) -> None:
    committed = [episode.number for episode in result]
    failed = [row.number for row in result.failures]
    assert sorted([*committed, *failed, *result.missing]) == list(range(n_episodes))
    assert [row.number for row in result.recording.failed] == sorted(failed)
    assert result.recording.damaged == []
    left = [path for path in result.run_dir.rglob("*") if path.name.endswith(".tmp") or "part-" in path.name]
    parts = set(result.recording.episodes["part"].to_pylist())
    assert {path.name for path in left} <= {f"{part}.parquet" for part in parts}
    if result.status == "completed":
        assert result.exit_code == 0
        assert (failed, result.missing) == ([], [])


def await_deaths(marks: Path, seconds: float = 2.0) -> None:
    deadline = time.monotonic() + seconds
    while alive := [pid for pid in pids(marks) if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.01)


def pids(marks: Path) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in marks.glob("pid-*")]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Notes(RolloutObserver):
    """Keeps what the user is told, and when which episode was done."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: list[int] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def episode_done(self, number: int, episode_return: float, length: int) -> None:
        self.done.append(number)


# ---------------------------------------------------------------------------------------------- one episode goes wrong

DEATHS = [
    (fault_envs.kill, "the worker process was killed by SIGKILL"),
    (fault_envs.exit_at_once, "the worker process exited with code 0"),
    (fault_envs.segfault, "the worker process was killed by SIGSEGV"),
]
ERRORS = [
    (fault_envs.fail, "ValueError: the wheel came off"),
    (fault_envs.fail_unpicklably, "LockedError: locked"),
    (fault_envs.fail_unspeakably, "SilentError: <exception str() failed>"),
    (fault_envs.fail_in_no_encoding, r"ValueError: cannot open \udcff\ud800"),
    (fault_envs.exit_politely, "SystemExit: 3"),
]


@pytest.mark.parametrize(("act", "error"), [*DEATHS, *ERRORS], ids=lambda value: getattr(value, "__name__", ""))
def test_only_the_episode_that_goes_wrong_fails(act: Callable[[], None], error: str, marks: Path) -> None:
    result = roll_out(marks, Fault(act, seeds=[CULPRITS_SEED]))
    assert (result.status, result.exit_code) == ("failed", 1)
    [failure] = result.failures
    assert (failure.number, failure.env_seed, failure.attempts) == (CULPRIT, CULPRITS_SEED, 3)
    assert failure.agent_seed == result.seeding.specs([CULPRIT])[0].agent_seed
    assert failure.error_step == FAULTY_STEP - 1
    assert failure.error is not None
    assert error in failure.error


@pytest.mark.parametrize("act", [fault_envs.kill, fault_envs.segfault, fault_envs.fail])
@pytest.mark.parametrize("when", ["reset", "step"])
def test_what_goes_wrong_twice_is_played_again_and_gives_the_same_episodes(
    act: Callable[[], None], when: str, marks: Path, expected_hash: str
) -> None:
    fault = Fault(act, when, seeds=[CULPRITS_SEED, FIRST_SEED], marks=marks, times=2)
    notes = Notes()
    result = roll_out(marks, fault, observer=notes)
    assert (result.status, result.hash) == ("completed", expected_hash)
    assert sorted(notes.done) == list(range(N_EPISODES))


def test_a_segfault_is_recorded_with_its_stack(marks: Path) -> None:
    result = roll_out(marks, Fault(fault_envs.segfault, seeds=[CULPRITS_SEED]), max_attempts=1)
    assert "Segmentation fault" in (result.failures[0].traceback or "")
    assert "in segfault" in (result.failures[0].traceback or "")


@pytest.mark.parametrize("act", [fault_envs.sleep, fault_envs.sleep_with_the_gil])
def test_an_environment_that_sleeps_forever_is_killed_and_fails_with_its_stack(
    act: Callable[[], None], marks: Path
) -> None:
    began = time.monotonic()
    result = roll_out(marks, Fault(act, seeds=[CULPRITS_SEED]), step_timeout=0.5, max_attempts=2)
    assert time.monotonic() - began < 8
    [failure] = result.failures
    assert (failure.number, failure.error_step) == (CULPRIT, FAULTY_STEP - 1)
    assert failure.error == "the worker process showed no sign of life for 0.5 s (step_timeout)"
    assert f"in {act.__name__}" in (failure.traceback or "")
    assert "in run_worker" in (failure.traceback or "")


def test_an_environment_that_sleeps_forever_once_is_played_again(marks: Path, expected_hash: str) -> None:
    fault = Fault(fault_envs.sleep, seeds=[CULPRITS_SEED], marks=marks, times=1)
    assert roll_out(marks, fault, step_timeout=0.5).hash == expected_hash


@pytest.mark.parametrize("helper", [fault_envs.fork_a_helper, fault_envs.start_a_helper])
def test_a_helper_neither_hides_a_death_nor_outlives_it(
    helper: Callable[[Path], None], marks: Path, expected_hash: str
) -> None:
    fault = Fault(fault_envs.kill, seeds=[CULPRITS_SEED], marks=marks, times=1)
    began = time.monotonic()
    result = roll_out(marks, fault, start=helper)
    assert time.monotonic() - began < 5
    assert (result.status, result.hash) == ("completed", expected_hash)


def test_an_environment_may_close_what_it_should_not(marks: Path, expected_hash: str) -> None:
    fault = Fault(fault_envs.close_standard_streams, seeds=[CULPRITS_SEED], marks=marks, times=1)
    assert roll_out(marks, fault).hash == expected_hash


def test_an_environment_that_closes_all_files_stops_the_run(marks: Path) -> None:
    """Its process plays on and cannot say so: nobody can know whose fault that is."""
    result = roll_out(marks, Fault(fault_envs.close_all_files, seeds=[CULPRITS_SEED]), max_restarts=3)
    assert "4 worker processes died in a row" in (result.stopped_because or "")


def test_many_bad_episodes_in_a_row_do_not_stop_the_good_ones(marks: Path) -> None:
    bad = range(8)
    result = roll_out(marks, Fault(fault_envs.kill, seeds=[FIRST_SEED + number for number in bad]), n_processes=1)
    assert [row.number for row in result.failures] == list(bad)
    assert result.stopped_because is None


def test_an_error_stops_the_run_where_that_is_wanted(marks: Path) -> None:
    fault = Fault(fault_envs.kill, seeds=[FIRST_SEED])
    result = roll_out(marks, fault, on_error="stop", max_attempts=1, step_seconds=every(0.02), n_episodes=40)
    assert (result.status, result.exit_code) == ("failed", 1)
    assert [row.number for row in result.failures] == [0]
    assert result.missing
    resumed = roll_out(marks, resume=True, n_episodes=40)
    assert resumed.status == "completed"


# ----------------------------------------------------------------------------------------------- building and closing


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (fault_envs.fail, "ValueError: the wheel came off"),
        (fault_envs.exit_politely, "SystemExit: 3"),
        (fault_envs.fail_in_no_encoding, "cannot open"),
    ],
)
def test_a_constructor_that_raises_stops_the_run(act: Callable[[], None], reason: str, marks: Path) -> None:
    result = roll_out(marks, Fault(act, "constructor"))
    assert (result.status, result.exit_code) == ("failed", 1)
    assert reason in (result.stopped_because or "")
    assert len(result.missing) == N_EPISODES


def test_all_workers_dying_at_the_start_stop_the_run(marks: Path) -> None:
    began = time.monotonic()
    result = roll_out(marks, Fault(fault_envs.segfault, "constructor"), max_restarts=4)
    assert time.monotonic() - began < 6
    assert "5 worker processes died in a row, the last one was killed by SIGSEGV" in (result.stopped_because or "")
    assert "in segfault" in result.traceback
    assert len(pids(marks)) <= 6


def test_a_constructor_that_hangs_stops_the_run(marks: Path) -> None:
    result = roll_out(marks, Fault(fault_envs.sleep, "constructor"), start_timeout=1.0)
    assert "not built within 1 s" in (result.stopped_because or "")
    assert "in sleep" in result.traceback


def test_a_constructor_that_fails_once_costs_nothing(marks: Path, expected_hash: str) -> None:
    fault = Fault(fault_envs.fail, seeds=[CULPRITS_SEED], marks=marks, times=1)
    result = roll_out(marks, fault, start=fault_envs.fail_once_after_a_fault)
    assert (marks / "constructor").exists()
    assert (result.status, result.hash) == ("completed", expected_hash)


@pytest.mark.parametrize("act", [fault_envs.fail, fault_envs.exit_politely, fault_envs.kill])
def test_a_close_that_goes_wrong_takes_nothing_from_the_episodes(
    act: Callable[[], None], marks: Path, expected_hash: str
) -> None:
    notes = Notes()
    seeds = [FIRST_SEED + number for number in range(N_EPISODES)]
    result = roll_out(marks, Fault(act, "close", seeds), observer=notes)
    assert (result.status, result.hash) == ("completed", expected_hash)
    assert any("close()" in line for line in notes.lines)


@pytest.mark.parametrize("start", [None, pytest.param(fault_envs.start_an_eternal_thread, marks=pytest.mark.slow)])
def test_a_process_that_does_not_end_is_ended(
    start: Callable[[Path], None] | None, marks: Path, expected_hash: str
) -> None:
    notes = Notes()
    seeds = [FIRST_SEED + number for number in range(N_EPISODES)]
    began = time.monotonic()
    result = roll_out(marks, None if start else Fault(fault_envs.sleep, "close", seeds), start=start, observer=notes)
    assert time.monotonic() - began < 9
    assert (result.status, result.hash) == ("completed", expected_hash)
    assert any("did not end by itself" in line for line in notes.lines)


def test_a_worker_that_is_still_being_built_does_not_hold_up_a_stop(marks: Path) -> None:
    began = time.monotonic()
    result = roll_out(
        marks,
        Fault(fault_envs.kill, seeds=[FIRST_SEED]),
        start=partial(fault_envs.sleep_after_a_death, n_processes=2),
        on_error="stop",
        max_attempts=2,
        step_seconds={**every(0.1), FIRST_SEED: 0.0},
        start_timeout=60,
        grace_time=30.0,
        n_processes=3,
    )
    assert time.monotonic() - began < 10
    assert result.status == "failed"


# ------------------------------------------------------------------------------------------------ around the commit


@pytest.mark.parametrize("after", [False, True])
def test_a_death_around_a_commit_loses_nothing_and_doubles_nothing(
    after: bool, marks: Path, expected_hash: str
) -> None:
    result = roll_out(marks, start=partial(fault_envs.die_around_the_commit, after=after))
    assert (marks / "commit").exists()
    assert (result.status, result.hash) == ("completed", expected_hash)


def test_a_commit_that_hangs_costs_no_episode_an_attempt(marks: Path, expected_hash: str) -> None:
    start = partial(fault_envs.die_around_the_commit, after=False, act=fault_envs.sleep)
    result = roll_out(marks, start=start, step_timeout=0.5, max_attempts=1)
    assert (result.status, result.hash) == ("completed", expected_hash)


def test_commits_that_always_kill_stop_the_run(marks: Path) -> None:
    fault = partial(fault_envs.die_at_every_commit)
    result = roll_out(marks, start=fault, max_restarts=3)
    assert "died in a row" in (result.stopped_because or "")
    assert len(result) == 0


def test_a_full_disk_stops_the_run_and_leaves_what_is_committed(marks: Path) -> None:
    first = roll_out(marks)
    result = roll_out(marks, start=fault_envs.limit_files, n_episodes=500, resume=True)
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "cannot write to" in (result.stopped_because or "")
    assert [episode.number for episode in result] == [episode.number for episode in first]
    resumed = roll_out(marks, n_episodes=500, resume=True)
    assert resumed.status == "completed"


@contextmanager
def mounted(disk: Path, size: str) -> Iterator[Path]:
    """A disk that is small enough to be filled."""
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root can mount a disk that is small enough to be filled")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("n_episodes", [2_000, 20_000])
def test_a_disk_that_is_really_full_stops_the_run(n_episodes: int, marks: Path) -> None:
    """It may not even take the last words about the run."""
    with mounted(marks.parent / "run", "150k") as disk:
        first = roll_out(marks)
        runner = ParallelRolloutRunner(n_processes=2, n_episodes=n_episodes)
        result = runner.run_with(FaultEnv, run_dir=disk, resume=True)
        assert (result.status, result.exit_code) == ("failed", 1)
        assert "No space left on device" in (result.stopped_because or "")
        assert result.recording.damaged == []
        assert len(first) <= sum(1 for _ in result) == n_episodes - len(result.missing)
        assert not list(disk.rglob("*.tmp"))


@pytest.mark.parametrize("runner", [SequentialRolloutRunner, partial(ParallelRolloutRunner, n_processes=2)])
def test_a_disk_full_of_pictures_stops_the_run(runner: Callable[..., Any], tmp_path: Path) -> None:
    """Large rows are written by a thread, which has to tell."""
    with mounted(tmp_path / "run", "5M") as disk:
        result = runner(n_episodes=200).run_with(fault_envs.NoiseEnv, run_dir=disk)
        assert (result.status, result.exit_code) == ("failed", 1)
        assert "No space left on device" in (result.stopped_because or "")
        assert result.failures == []
        assert not list(disk.rglob("*.tmp"))


# -------------------------------------------------------------------------------------- innocent, idle, and deciding


def test_a_worker_that_dies_idle_is_not_missed(marks: Path, expected_hash: str) -> None:
    slow = {FIRST_SEED: 0.2}

    def kill_the_idle_one() -> None:
        episodes = marks.parent / "run" / "episodes"
        while not list(episodes.glob("*.parquet")):
            time.sleep(0.01)
        while not (idle := [pid for pid in pids(marks) if is_sleeping_on_a_pipe(pid)]):
            time.sleep(0.01)
        os.kill(idle[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_the_idle_one)
    killer.start()
    result = roll_out(marks, step_seconds=slow, max_attempts=1)
    killer.join()
    assert (result.status, result.hash) == ("completed", expected_hash)


def is_sleeping_on_a_pipe(pid: int) -> bool:
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text()


def test_a_death_while_deciding_for_many_is_nobodys_fault(marks: Path) -> None:
    result = roll_out(marks, agent=fault_envs.BatchPolicy(marks), max_attempts=1)
    assert (marks / "decided").exists()
    assert result.status == "completed"


@pytest.mark.parametrize("n_processes", [1, 2, 4])
def test_random_kills_change_nothing(n_processes: int, marks: Path, expected_hash: str) -> None:
    random = np.random.default_rng(n_processes)
    is_over = threading.Event()

    def kill_at_random() -> None:
        for _ in range(6):
            if is_over.wait(random.uniform(0.05, 0.2)):
                return
            alive = [pid for pid in pids(marks) if is_alive(pid)]
            if alive:
                os.kill(int(random.choice(alive)), signal.SIGKILL)

    killer = threading.Thread(target=kill_at_random)
    killer.start()
    result = roll_out(marks, n_processes=n_processes, max_attempts=10, step_seconds=every(0.01))
    is_over.set()
    killer.join()
    assert (result.status, result.hash) == ("completed", expected_hash)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_kills_of_a_long_run_change_nothing(seed: int, marks: Path, tmp_path: Path) -> None:
    n_episodes = 1500
    expected = SequentialRolloutRunner(n_episodes=n_episodes).run_with(
        FaultEnv, seeding=SEEDING, run_dir=tmp_path / "expected"
    )
    random = np.random.default_rng(seed)
    is_over = threading.Event()

    def kill_at_random() -> None:
        while not is_over.wait(random.uniform(0.0, 0.5)):
            alive = [pid for pid in pids(marks) if is_alive(pid)]
            if alive:
                os.kill(int(random.choice(alive)), signal.SIGKILL)

    killer = threading.Thread(target=kill_at_random)
    killer.start()
    result = roll_out(
        marks,
        n_episodes=n_episodes,
        n_processes=3,
        max_attempts=100,
        max_restarts=1000,
        step_seconds=every(0.001),
        start=fault_envs.commit_often,
    )
    is_over.set()
    killer.join()
    assert (result.status, result.hash) == ("completed", expected.hash)


def test_the_fork_server_may_die(marks: Path, expected_hash: str) -> None:
    roll_out(marks)
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(server, signal.SIGKILL)
    marks = marks / "second" / "marks"
    marks.mkdir(parents=True)
    result = roll_out(marks, Fault(fault_envs.kill, seeds=[CULPRITS_SEED], marks=marks, times=2))
    assert (result.status, result.hash) == ("completed", expected_hash)


# ---------------------------------------------------------------------------------------------- what is asked for


def test_there_are_no_more_processes_than_episodes(marks: Path) -> None:
    assert roll_out(marks, n_processes=5, n_episodes=2).status == "completed"
    assert 1 <= len(pids(marks)) <= 2  # one may play both before the other is ready


def test_a_job_that_does_not_fit_through_a_pipe_arrives(marks: Path) -> None:
    weights = np.arange(10_000_000)

    def act(observation: Any) -> int:
        return int(weights[-1] % 2)

    assert roll_out(marks, agent=act).status == "completed"


def test_a_job_that_cannot_be_sent_is_refused(tmp_path: Path) -> None:
    env = partial(FaultEnv, step_seconds={0: threading.Lock()})  # type: ignore[dict-item]
    with pytest.raises(ConfigurationError, match="cannot be sent to other processes"):
        ParallelRolloutRunner(n_processes=2).run_with(env, run_dir=tmp_path / "run")


def test_runs_in_threads_do_not_meet(marks: Path, expected_hash: str) -> None:
    main = sys.modules["__main__"]
    results: dict[int, RolloutResult] = {}

    def run(number: int) -> None:
        own = marks / str(number) / "marks"
        own.mkdir(parents=True)
        fault = Fault(fault_envs.kill, seeds=[CULPRITS_SEED], marks=own, times=2)
        results[number] = roll_out(own, fault)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number].hash for number in range(3)] == [expected_hash] * 3
    assert sys.modules["__main__"] is main
    assert results[0].n_steps == LENGTH * N_EPISODES


# ------------------------------------------------------------------------------------ signals to the parent process

SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from tests.core.rollout.fault_envs import *

marks = Path(sys.argv[1])
runner = ParallelRolloutRunner(
    n_processes=2, n_episodes={n_episodes}, step_timeout={step_timeout}, grace_time={grace_time}
)
result = runner.run_with(
    partial(FaultEnv, {fault}, marks, {step_seconds}, {start}), seeding={seeding}, run_dir=marks.parent / "run"
)
print(result.status, len(result), len(result.missing), flush=True)
sys.exit(result.exit_code)
"""
MANY = 400
AT_20 = f"Fault(go_on, seeds=[{FIRST_SEED + 20}], marks=marks, times=1)"
AT_0 = f"Fault(go_on, seeds=[{FIRST_SEED}], marks=marks, times=1)"


class Script:
    """A run in a process of its own, which is in a session of its own, as in a terminal."""

    def __init__(
        self,
        marks: Path,
        *,
        fault: str = "None",
        step_seconds: float = 0.005,
        start: str = "None",
        grace_time: float = 5.0,
        step_timeout: float = 60.0,
        n_episodes: int = MANY,
    ) -> None:
        self.marks, self.run_dir = marks, marks.parent / "run"
        script = SCRIPT.format(
            fault=fault,
            step_seconds=every(step_seconds),
            start=start,
            grace_time=grace_time,
            step_timeout=step_timeout,
            n_episodes=n_episodes,
            seeding=SEEDING,
        )
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, str(marks)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "MARK_OF_THIS_RUN": str(marks)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.01)

    def await_commit(self) -> None:
        self.await_(lambda: list((self.run_dir / "episodes").glob("*.parquet")))

    def signal_group(self, number: int) -> None:
        """Send a signal as a terminal does."""
        os.killpg(self.process.pid, number)

    def end(self, seconds: float) -> tuple[int, str, str]:
        """Exit code and output of the process, which has to end by itself with all that it has started."""
        began = time.monotonic()
        try:
            out, err = self.process.communicate(timeout=seconds)
        finally:
            self.process.kill()
        self.check_that_nothing_is_left(1.0)
        assert time.monotonic() - began < seconds + 1
        return self.process.returncode, out, err

    def check_that_nothing_is_left(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while left := self.left():
            assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
            time.sleep(0.01)

    def left(self) -> list[int]:
        """All processes that come from this run, fork server and resource tracker included."""
        mark = f"MARK_OF_THIS_RUN={self.marks}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                is_ours = mark in path.read_bytes()
            except OSError:
                continue
            if is_ours and is_alive(int(path.parent.name)):
                found.append(int(path.parent.name))
        return found


@pytest.fixture(scope="module")
def expected_of_many(tmp_path_factory: pytest.TempPathFactory) -> str:
    runner = SequentialRolloutRunner(n_episodes=MANY)
    return runner.run_with(FaultEnv, seeding=SEEDING, run_dir=tmp_path_factory.mktemp("many") / "run").hash


def resume(marks: Path, n_episodes: int = MANY) -> RolloutResult:
    return roll_out(marks, n_episodes=n_episodes, resume=True)


def n_committed(run_dir: Path) -> int:
    return len(maze.load(run_dir))


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_finishes_and_commits_what_has_begun(
    number: signal.Signals, exit_code: int, marks: Path, expected_of_many: str
) -> None:
    script = Script(marks, fault=AT_20)
    script.await_(lambda: list(marks.glob("fault-*")))
    script.signal_group(number)
    code, out, err = script.end(4)
    status, committed, missing = out.split()
    assert (code, status, err) == (exit_code, "interrupted", "")
    assert int(missing) > 0
    assert int(committed) + int(missing) == MANY
    notes = Notes()
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=MANY)
    resumed = runner.run_with(FaultEnv, run_dir=script.run_dir, resume=True, observer=notes)
    assert resumed.hash == expected_of_many
    assert len(notes.done) == int(missing)


def test_an_interrupt_leaves_episodes_only_so_much_time(marks: Path) -> None:
    script = Script(marks, fault=AT_0, step_seconds=0.5, grace_time=0.5, n_episodes=4)
    script.await_(lambda: list(marks.glob("fault-*")))
    script.signal_group(signal.SIGINT)
    code, out, err = script.end(4)
    assert (code, out.split(), err) == (130, ["interrupted", "0", "4"], "")


def test_a_second_interrupt_stops_at_once(marks: Path) -> None:
    script = Script(marks, fault=AT_0, step_seconds=0.5, grace_time=60, n_episodes=4)
    script.await_(lambda: list(marks.glob("fault-*")))
    script.signal_group(signal.SIGINT)
    time.sleep(0.3)
    assert script.process.poll() is None
    script.signal_group(signal.SIGINT)
    code, out, err = script.end(2)
    assert (code, out.split(), err) == (130, ["interrupted", "0", "4"], "")


def test_an_interrupt_while_environments_are_built_stops_at_once(marks: Path) -> None:
    script = Script(marks, fault='Fault(sleep, "constructor")')
    script.await_(lambda: pids(marks))
    script.signal_group(signal.SIGINT)
    code, out, err = script.end(4)
    assert (code, out.split(), err) == (130, ["interrupted", "0", str(MANY)], "")
    assert resume(marks).status == "completed"


def test_an_interrupt_while_the_fork_server_starts_is_no_traceback(marks: Path) -> None:
    script = Script(marks)
    script.await_(lambda: len(script.left()) == 3)  # the script, the resource tracker, and the fork server
    time.sleep(0.1)
    script.signal_group(signal.SIGINT)
    code, out, err = script.end(4)
    assert (code, out.split(), err) == (130, ["interrupted", "0", str(MANY)], "")


@pytest.mark.parametrize("act", ["sleep", "sleep_with_the_gil"])
def test_workers_die_with_their_parent_and_the_rest_is_run_later(act: str, marks: Path, expected_of_many: str) -> None:
    fault = f"Fault({act}, seeds=[{FIRST_SEED + 47}, {FIRST_SEED + 48}], marks=marks, times=1)"
    script = Script(marks, fault=fault, start="start_a_helper", step_seconds=0.001)
    script.await_(lambda: len(list(marks.glob("fault-*"))) == 2)
    script.process.kill()
    script.check_that_nothing_is_left(1.0)
    await_deaths(marks, 0.1)
    script.process.communicate()
    assert n_committed(script.run_dir) < MANY
    assert resume(marks).hash == expected_of_many


def test_the_kill_of_the_parent_leaves_what_was_committed(marks: Path, expected_of_many: str) -> None:
    script = Script(marks, start="commit_often")
    script.await_commit()
    script.process.kill()
    script.process.communicate()
    script.check_that_nothing_is_left(1.0)
    committed = n_committed(script.run_dir)
    assert 0 < committed < MANY
    notes = Notes()
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=MANY)
    resumed = runner.run_with(FaultEnv, run_dir=script.run_dir, resume=True, observer=notes)
    assert resumed.hash == expected_of_many
    assert len(notes.done) == MANY - committed


def test_what_environments_print_is_passed_on(marks: Path) -> None:
    script = Script(marks, fault="Fault(print_much)", n_episodes=10)
    code, out, _ = script.end(20)
    assert code == 0
    assert out.count("x") > 10 * 200_000


def test_an_environment_that_prints_to_nobody_is_killed(marks: Path) -> None:
    """Output that nobody takes blocks the environment, not the run."""
    script = Script(marks, fault=f"Fault(print_much, seeds=[{CULPRITS_SEED}])", n_episodes=10, step_timeout=0.5)
    script.await_((script.run_dir / "statistics.json").exists)
    code, out, _ = script.end(4)
    assert (code, out.split("x")[-1].split()) == (1, ["failed", "9", "0"])


def test_a_run_in_a_daemon_thread_does_not_keep_the_interpreter(marks: Path) -> None:
    script = f"""
import threading, time
from functools import partial
from pathlib import Path
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from tests.core.rollout.fault_envs import *
marks = Path({str(marks)!r})
runner = ParallelRolloutRunner(n_processes=2, n_episodes=100)
env = partial(FaultEnv, None, marks, {every(0.5)})
run = partial(runner.run_with, env, seeding={SEEDING}, run_dir=marks.parent / "run")
threading.Thread(target=run, daemon=True).start()
while not (marks.parent / "run" / "run.json").exists():
    time.sleep(0.01)
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=10, check=True)
    assert time.monotonic() - began < 6
    await_deaths(marks)


@pytest.mark.slow
def test_a_suspended_run_blames_nobody(marks: Path) -> None:
    script = Script(marks, fault=AT_0, step_seconds=0.3, n_episodes=4, step_timeout=1.5)
    script.await_(lambda: list(marks.glob("fault-*")))
    everybody = [script.process.pid, *pids(marks)]
    for number, pause in ((signal.SIGSTOP, 4.0), (signal.SIGCONT, 0.0)):
        for pid in everybody:
            os.kill(pid, number)
            time.sleep(0.05)
        time.sleep(pause)
    code, out, err = script.end(20)
    assert (code, out.split(), err) == (0, ["completed", "4", "0"], "")
    assert len(pids(marks)) == 2
