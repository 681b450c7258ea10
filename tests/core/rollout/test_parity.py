"""The same specs give the same episodes, whatever the runner, the number of processes, the order, the retries."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.rollout.sample_envs import (
    Alternating,
    BatchingPolicy,
    DictWalk,
    GlobalWalk,
    LeakyWalk,
    LongWalk,
    Opened,
    ReusingWalk,
    StructuredWalk,
    Trade,
    Traded,
    TrueRandomWalk,
    Walk,
)

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EpisodeEnded
from maze.core.recording.recording import Recording
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.ray_rollout_runner import RayRolloutRunner
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner

SEEDING = {"env_base_seed": 11, "agent_base_seed": 22}
NOT_OF_THE_EPISODE = ["part", "seconds"]

ENVS: dict[str, tuple[Any, Any]] = {
    "cart_pole": ("CartPole-v1", None),
    "dict": (DictWalk, None),
    "structured": (Trade, None),
    "structured_with_policy": (Trade, Alternating),
    "global_generators": (GlobalWalk, None),
    "leaks": (LeakyWalk, None),
    "reuses_observations": (ReusingWalk, None),
    "batching": (Walk, BatchingPolicy()),
    "batching_one": (Walk, BatchingPolicy(n_envs=1)),
}


def run_on(
    runner: RolloutRunner, env: Any, agent: Any, run_dir: Path, observer: RolloutObserver | None = None
) -> RolloutResult:
    result = runner.run_with(env, None, agent, seeding=SEEDING, run_dir=run_dir, observer=observer)
    assert result.stopped_because is None
    return result


def rows(result: RolloutResult) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = result.recording.episodes.drop_columns(NOT_OF_THE_EPISODE).to_pylist()
    return rows


def decisions(recording: Recording) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = recording.trajectories().drop_columns("part").to_pylist()
    return rows


def events(recording: Recording) -> dict[str, list[dict[str, Any]]]:
    return {name: recording.events(name).drop_columns("part").to_pylist() for name in recording.event_names}


def assert_same(result: RolloutResult, other: RolloutResult) -> None:
    assert result.hash == other.hash
    assert rows(result) == rows(other)
    assert result.statistics == other.statistics
    assert decisions(result.recording) == decisions(other.recording)
    assert events(result.recording) == events(other.recording)


def run_json(result: RolloutResult) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((result.run_dir / "run.json").read_text())
    return content


@contextmanager
def ray_of_the_test(n_cpus: int) -> Iterator[None]:
    import ray

    ray.init("local", num_cpus=n_cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


@pytest.mark.parametrize("name", ENVS)
def test_processes_play_what_one_process_plays(name: str, tmp_path: Path) -> None:
    env, agent = ENVS[name]
    alone = run_on(SequentialRolloutRunner(n_episodes=12), env, agent, tmp_path / "alone")
    assert (alone.status, alone.reproducible) == ("completed", True)
    for n_processes in (1, 2, 4) if name == "cart_pole" else (2,):
        runner = ParallelRolloutRunner(n_processes=n_processes, n_episodes=12)
        assert_same(alone, run_on(runner, env, agent, tmp_path / str(n_processes)))


@pytest.mark.slow
def test_ray_plays_what_one_process_plays(tmp_path: Path) -> None:
    with ray_of_the_test(2):
        for name, (env, agent) in ENVS.items():
            alone = run_on(SequentialRolloutRunner(n_episodes=12), env, agent, tmp_path / name / "alone")
            for n_processes in (1, 2, 4) if name == "cart_pole" else (2,):
                runner = RayRolloutRunner(n_processes=n_processes, n_episodes=12)
                assert_same(alone, run_on(runner, env, agent, tmp_path / name / str(n_processes)))


def test_order_and_subset_do_not_matter(tmp_path: Path) -> None:
    env, agent = ENVS["structured"]
    whole = run_on(SequentialRolloutRunner(n_episodes=6), env, agent, tmp_path / "whole")
    reversed_ = run_on(SequentialRolloutRunner(episodes=[5, 4, 3, 2, 1, 0]), env, agent, tmp_path / "reversed")
    assert_same(whole, reversed_)
    some = run_on(ParallelRolloutRunner(n_processes=2, episodes=[4, 1]), env, agent, tmp_path / "some")
    assert rows(some) == [row for row in rows(whole) if row["number"] in {1, 4}]
    assert run_json(some)["episodes"] == [4, 1]


def test_an_episode_played_again_is_the_same(tmp_path: Path) -> None:
    """The policy raises in the middle of every third episode, at the first attempt."""

    class Stumbling(Alternating):
        def __init__(self) -> None:
            self.stumbled: set[int] = set()

        def reset(self, seed: int, slot: int = 0) -> None:
            super().reset(seed, slot)
            self.seed = seed

        def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
            if self.n == 3 and self.seed % 3 == 0 and self.seed not in self.stumbled:
                self.stumbled.add(self.seed)
                raise RuntimeError("stumbled")
            return super().act(observation, actor_id, slot)

    smooth = run_on(SequentialRolloutRunner(n_episodes=9), Trade, Alternating, tmp_path / "smooth")
    stumbling = run_on(SequentialRolloutRunner(n_episodes=9), Trade, Stumbling, tmp_path / "stumbling")
    assert_same(smooth, stumbling)
    assert any(row["agent_seed"] % 3 == 0 for row in rows(smooth))


@pytest.mark.parametrize("n_envs", [1, 4, 16])
def test_number_of_slots_does_not_matter_for_a_policy_of_fixed_batches(n_envs: int, tmp_path: Path) -> None:
    alone = run_on(SequentialRolloutRunner(n_episodes=20), Walk, BatchingPolicy(n_envs=4), tmp_path / "alone")
    agent = BatchingPolicy(n_envs=n_envs)
    one = run_on(SequentialRolloutRunner(n_episodes=20), Walk, agent, tmp_path / "one")
    two = run_on(ParallelRolloutRunner(n_processes=2, n_episodes=20), Walk, agent, tmp_path / "two")
    assert_same(one, two)
    assert_same(alone, one)
    assert [run_json(result)["n_envs"] for result in (one, two)] == [n_envs, n_envs]


def test_failures_in_a_batch_leave_the_others_as_they_are(tmp_path: Path) -> None:
    class Choosy(BatchingPolicy):
        def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
            if any(observation[1] == 7 and observation[0] > 0 for observation in observations):
                raise ValueError("not this one")
            return super().act_batch(observations, actor_ids, slots)

    good = run_on(SequentialRolloutRunner(n_episodes=20), Walk, BatchingPolicy(), tmp_path / "good")
    choosy = run_on(SequentialRolloutRunner(n_episodes=20, max_attempts=1), Walk, Choosy(), tmp_path / "choosy")
    failed = {failure.number for failure in choosy.failures}
    passed_by = {
        episode.number for episode in good if any(o[1] == 7 and o[0] > 0 for o in np.asarray(episode.observations))
    }
    assert failed == passed_by
    assert 0 < len(failed) < 20
    assert {row["number"]: row["hash"] for row in rows(choosy) if row["error"] is None} == {
        row["number"]: row["hash"] for row in rows(good) if row["number"] not in failed
    }
    assert {str(failure.error).partition(" [")[0] for failure in choosy.failures} == {"ValueError: not this one"}


@pytest.mark.parametrize(
    ("env", "traits"),
    [
        (Walk, set()),
        (GlobalWalk, {"seed_globals"}),
        (LeakyWalk, {"fresh"}),
        (ReusingWalk, {"copy_observations"}),
        (Trade, set()),
    ],
)
def test_traits_are_recorded(env: Any, traits: set[str], tmp_path: Path) -> None:
    recorded = run_json(run_on(SequentialRolloutRunner(n_episodes=1), env, None, tmp_path / "run"))
    assert recorded["reproducible"] is True
    assert {name for name, value in recorded["traits"].items() if value} == {*traits, "reproducible"}


def test_reused_observations_are_recorded_as_they_were(tmp_path: Path) -> None:
    plain = run_on(SequentialRolloutRunner(n_episodes=3), Walk, None, tmp_path / "plain")
    reusing = run_on(SequentialRolloutRunner(n_episodes=3), ReusingWalk, None, tmp_path / "reusing")
    assert_same(plain, reusing)


def test_an_irreproducible_env_is_called_so(tmp_path: Path) -> None:
    class Notes(RolloutObserver):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def note(self, line: str) -> None:
            self.lines.append(line)

    notes = Notes()
    result = run_on(SequentialRolloutRunner(n_episodes=2), TrueRandomWalk, None, tmp_path / "run", notes)
    assert not result.reproducible
    assert run_json(result)["reproducible"] is False
    assert [line for line in notes.lines if "reproducible: false" in line]
    assert result.status == "completed"


def test_a_flat_env_and_its_structured_twin_have_the_same_record(tmp_path: Path) -> None:
    flat = run_on(SequentialRolloutRunner(n_episodes=5), Walk, None, tmp_path / "flat")
    structured = run_on(SequentialRolloutRunner(n_episodes=5), StructuredWalk, None, tmp_path / "structured")
    assert decisions(flat.recording) == decisions(structured.recording)
    assert flat.statistics == structured.statistics
    assert events(flat.recording) == events(structured.recording)


def test_a_structured_episode_in_full(tmp_path: Path) -> None:
    """Three sub-steps a round, two rounds; the offers are 1, 2 and 3, 4, and the second one is accepted."""
    result = run_on(ParallelRolloutRunner(n_processes=1, n_episodes=1), Trade, Alternating, tmp_path / "run")
    (episode,) = result
    first, second, accepting = Trade.TURNS
    assert episode.actor_ids == [first, second, accepting] * 2
    assert episode.times.tolist() == [0, 0, 0, 1, 1, 1]
    assert [np.asarray(o).tolist() for o in episode.observations_of("offer")] == [[0.5], [1.5], [3.5], [4.5]]
    assert episode.observations_of("accept")["offers"].tolist() == [[1, 2], [3, 4]]
    assert np.asarray(episode.actions_of("offer")).tolist() == [1, 2, 3, 4]
    assert np.asarray(episode.actions_of("accept")).tolist() == [[0, 1], [0, 1]]
    assert episode.rewards.tolist() == [0, 0, 1, 0, 0, 2]
    assert episode.credits.tolist() == [0.25, 0, 0.75, 0.5, 0, 1.5]
    assert episode.terminations.tolist() == [False] * 3 + [True] * 3
    assert episode.truncations.tolist() == [False] * 6
    assert (episode.length, episode.n_decisions, episode.terminated, episode.truncated) == (2, 6, True, False)
    assert {actor: np.asarray(o).tolist() for actor, o in episode.final_observations.items() if actor != accepting} == {
        first: [6.5],
        second: [6.5],
    }
    assert episode.final_observations[accepting]["offers"].tolist() == [3, 4]
    assert [(e.step, e.time, e.actor_id, e.event) for e in episode.events(Traded)] == [
        (0, 0, first, Traded(1, "agent 0")),
        (1, 0, second, Traded(2, "agent 1")),
        (3, 1, first, Traded(3, "agent 0")),
        (4, 1, second, Traded(4, "agent 1")),
    ]
    assert [(e.step, e.time, e.event) for e in episode.events(Opened)] == [(-1, 0, Opened())]
    assert [(e.step, e.time, e.actor_id, e.event) for e in episode.events(EpisodeEnded)] == [
        (5, 2, accepting, EpisodeEnded(2, 3.0, True, False))
    ]
    assert {name: metric.value for name, metric in episode.metrics.items()} == {
        "Opened.count": 1,
        "Traded.count": 4,
        "Traded.amount.sum": 10,
        "Traded.amount.max[side=agent 0]": 3,
        "Traded.amount.max[side=agent 1]": 4,
    }
    assert episode.kpis == {"offers_per_round": 2, "n_events": 5}
    assert episode.info == {"rounds": 2}


def test_a_structured_episode_is_cut_behind_a_round(tmp_path: Path) -> None:
    (episode,) = run_on(SequentialRolloutRunner(n_episodes=1, max_episode_steps=1), Trade, None, tmp_path / "run")
    assert (episode.length, episode.n_decisions, episode.truncated_by) == (1, 3, "runner")
    assert episode.truncations.tolist() == [True, True, True]
    assert episode.final_observations.keys() == set(Trade.TURNS)


def test_an_episode_of_many_segments(tmp_path: Path) -> None:
    alone = run_on(SequentialRolloutRunner(n_episodes=2, max_episode_steps=0), LongWalk, None, tmp_path / "alone")
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=2, max_episode_steps=0)
    two = run_on(runner, LongWalk, None, tmp_path / "two")
    assert alone.hash == two.hash
    assert rows(alone) == rows(two)
    for episode in two:
        assert len(list(episode.segments())) > 1
        assert np.asarray(episode.observations)[:, 0, 0, 0].tolist() == [n % 251 for n in range(300)]
        assert episode.final_observations[ActorID(0, 0)][0, 0, 0] == 300 % 251


def test_recording_less_does_not_change_the_hash(tmp_path: Path) -> None:
    full = run_on(SequentialRolloutRunner(n_episodes=3), Trade, None, tmp_path / "full")
    settings = {"record_trajectory": False, "record_event_logs": False}
    lean = run_on(SequentialRolloutRunner(n_episodes=3, **settings), Trade, None, tmp_path / "lean")
    assert full.hash == lean.hash
    assert rows(full) == rows(lean)
    assert sorted(path.name for path in lean.run_dir.iterdir() if path.is_dir()) == ["episodes"]
