"""One worker: what it reports, what it writes, and what it does where something raises."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.core.rollout.sample_envs import BatchingPolicy, Reset, Step, Walk

from maze.core.agent.random_policy import RandomPolicy
from maze.core.recording.recording_writer import RecordingError
from maze.core.recording.run_directory import RunDirectory
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.heartbeat import Heartbeat, Phase
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import Committed, Done, Failed, Noted, RolloutJob
from maze.core.rollout.rollout_worker import RolloutWorker, one_torch_thread

SPECS = [EpisodeSpec(number, 100 + number, 200 + number) for number in range(6)]


class Working:
    """A worker, what it has reported so far, and its heartbeat."""

    def __init__(self, env: Any, run_dir: Path, agent: Any = None, **settings: Any) -> None:
        RunDirectory(run_dir).close()
        self.reports: list[Any] = []
        self.heartbeat = Heartbeat([0] * Heartbeat.size(8))
        job = RolloutJob(EnvRecipe(env), PolicyRecipe(agent), run_dir, **settings)
        self.worker = RolloutWorker(job, "w", self.reports.append, self.heartbeat)

    def run(self, specs: list[EpisodeSpec]) -> list[Any]:
        waiting = deque(specs)
        self.worker.run(lambda: waiting.popleft() if waiting else None)
        return self.reports

    def of(self, kind: type) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]


def files(run_dir: Path) -> list[str]:
    return sorted(path.name for path in run_dir.rglob("part-*"))


@pytest.mark.parametrize("agent", [None, BatchingPolicy(3)])
def test_episodes_are_done_then_committed(agent: Any, tmp_path: Path) -> None:
    working = Working(Walk, tmp_path, agent)
    working.run(SPECS)
    assert sorted(done.number for done in working.of(Done)) == list(range(6))
    assert working.of(Committed) == []
    working.worker.commit()
    (committed,) = working.of(Committed)
    assert {part: sorted(numbers) for part, numbers in committed.parts.items()} == {"part-w-00001": list(range(6))}
    working.run([EpisodeSpec(6, 1, 2)])
    working.worker.close()
    assert files(tmp_path) == ["part-w-00001.parquet"] * 3
    assert working.heartbeat.phase() is Phase.IDLE


def test_nothing_done_is_nothing_to_commit(tmp_path: Path) -> None:
    working = Working(Walk, tmp_path)
    working.run([])
    working.worker.commit()
    working.worker.close()
    assert working.reports == []
    assert files(tmp_path) == []


def test_a_failed_episode_gets_a_new_env_and_leaves_no_trace(tmp_path: Path) -> None:
    built: list[Walk] = []

    class Failing(Walk):
        def __init__(self) -> None:
            super().__init__()
            built.append(self)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
            self.seed = seed
            return super().reset(seed=seed)

        def step(self, action: Any) -> Step:
            if self.seed == 101 and self.n == 2:
                raise ValueError("two\nlines")
            return super().step(action)

    working = Working(Failing, tmp_path)
    working.run(SPECS[:3])
    (failed,) = working.of(Failed)
    assert (failed.number, failed.step) == (1, 2)
    assert failed.error.startswith("ValueError: two")
    assert "in step" in failed.traceback
    assert [done.number for done in working.of(Done)] == [0, 2]
    assert [env.closed for env in built] == [1, 0]
    working.worker.commit()
    assert working.of(Committed)[0].parts == {"part-w-00001": [0, 2]}


def raises(error: BaseException) -> Callable[..., Any]:
    def do(*_: Any, **__: Any) -> Any:
        raise error

    return do


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), StopIteration(), RecursionError()])
@pytest.mark.parametrize("where", ["reset", "step", "act", "policy_reset"])
@pytest.mark.parametrize("together", [False, True])
def test_whatever_is_raised_wherever_fails_the_episode(
    where: str, error: BaseException, together: bool, tmp_path: Path
) -> None:
    class Env(Walk):
        reset = raises(error) if where == "reset" else Walk.reset
        step = raises(error) if where == "step" else Walk.step

    class Policy(BatchingPolicy):
        act = raises(error) if where == "act" else BatchingPolicy.act
        act_batch = raises(error) if where == "act" else BatchingPolicy.act_batch
        reset = raises(error) if where == "policy_reset" else BatchingPolicy.reset

    working = Working(Env, tmp_path, Policy(2 if together else 1))
    working.run(SPECS[:3])
    assert [failed.number for failed in working.of(Failed)] == [0, 1, 2]
    assert {failed.step for failed in working.of(Failed)} == {0}
    assert all(type(error).__name__ in failed.error for failed in working.of(Failed))


@pytest.mark.parametrize("agent", [None, BatchingPolicy(2)])
def test_an_interrupt_is_no_failure(agent: Any, tmp_path: Path) -> None:
    class Env(Walk):
        step = raises(KeyboardInterrupt())

    working = Working(Env, tmp_path, agent)
    with pytest.raises(KeyboardInterrupt):
        working.run(SPECS)
    assert working.reports == []
    working.worker.close()


def test_values_that_do_not_fit_fail_the_episode_and_say_why(tmp_path: Path) -> None:
    class Env(Walk):
        def observe(self) -> Any:
            return [1.0, 2.0, 3.0] if self.n == 2 else super().observe()

    working = Working(Env, tmp_path)
    working.run(SPECS[:1])
    (failed,) = working.of(Failed)
    assert "observation" in failed.error or "shape" in failed.error
    working.worker.commit()
    assert files(tmp_path) == []


def test_a_disk_that_takes_nothing_ends_the_worker(tmp_path: Path) -> None:
    working = Working(Walk, tmp_path)
    working.run(SPECS[:2])
    (tmp_path / "trajectory_data").write_text("in the way")
    with pytest.raises(RecordingError, match="cannot write to"):
        working.worker.commit()


def test_an_env_that_fails_to_close_is_noted(tmp_path: Path) -> None:
    class Env(Walk):
        close = raises(OSError("still busy"))

    working = Working(Env, tmp_path)
    working.run(SPECS[:1])
    working.worker.close()
    assert working.of(Noted) == [Noted("Env.close() raised OSError: still busy")]


def test_fresh_envs_are_built_for_every_episode(tmp_path: Path) -> None:
    built: list[Walk] = []

    def make() -> Walk:
        built.append(Walk())
        return built[-1]

    working = Working(make, tmp_path, traits=EnvTraits(fresh=True))
    working.run(SPECS[:3])
    working.worker.close()
    assert len(built) == 4
    assert {env.closed for env in built} == {1}


def test_the_heartbeat_shows_episode_and_step(tmp_path: Path) -> None:
    seen: list[tuple[int | None, int]] = []

    class Watching(RandomPolicy):
        def act(self, observation: Any, actor_id: Any, slot: int = 0) -> Any:
            seen.append((working.heartbeat.episode(), working.heartbeat.step()))
            return super().act(observation, actor_id, slot)

    working = Working(Walk, tmp_path, Watching, max_episode_steps=2)
    working.run(SPECS[:2])
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("agent", [None, BatchingPolicy(3)])
def test_the_time_of_an_episode_is_its_own(agent: Any, tmp_path: Path) -> None:
    working = Working(Walk, tmp_path, agent)
    began = monotonic()
    working.run([EpisodeSpec(number, number, number) for number in range(50)])
    passed = monotonic() - began
    working.worker.commit()
    (path,) = (tmp_path / "episodes").iterdir()
    seconds = pq.read_table(path)["seconds"].to_pylist()
    assert min(seconds) > 0
    assert sum(seconds) <= passed * working.worker.policy.n_envs


def test_torch_keeps_its_threads_outside() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_torch_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_more_environments_are_built_than_episodes_need(tmp_path: Path) -> None:
    built: list[int] = []

    class Counted(Walk):
        def __init__(self) -> None:
            super().__init__()
            built.append(1)

    working = Working(Counted, tmp_path, BatchingPolicy(4))
    assert len(built) == 1
    working.run(SPECS[:2])
    assert len(built) == 2
    working.run(SPECS[2:])
    assert len(built) == 4
    assert sorted(done.number for done in working.of(Done)) == list(range(6))
