"""Flat, multi-step, multi-agent and hierarchical episodes, in full, through every runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import pytest
from tests.core.rollout.example_envs import climb, errands, guests, pick_and_place, scripted_policy
from tests.core.rollout.example_envs.climb import Climb, Climbed, Rested
from tests.core.rollout.example_envs.errands import MANAGER, WORKER, Arrived, Errands
from tests.core.rollout.example_envs.guests import HOST, Guests, Paid, guest
from tests.core.rollout.example_envs.pick_and_place import PICK, PLACE, PickAndPlace, Placed
from tests.core.rollout.example_envs.scripted_policy import ScriptedPolicy
from tests.core.rollout.test_parity import ray_of_the_test

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.event import EpisodeEnded, Event
from maze.core.recording.episode import Episode
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.ray_rollout_runner import RayRolloutRunner
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.testing import check_env

for module in (climb, errands, guests, pick_and_place, scripted_policy):
    cloudpickle.register_pickle_by_value(module)

N_EPISODES = 7


class Decision(NamedTuple):
    """A row of an episode, and what happened in it."""

    actor: ActorID
    time: int
    observation: Any
    action: Any
    reward: float
    credit: float
    terminated: bool = False
    truncated: bool = False
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Expected:
    """An environment, how it is played, and what every episode of it then is."""

    env: type
    module: Any
    decisions: list[Decision]
    final_observations: Mapping[ActorID, Any]
    length: int
    kpis: Mapping[str, float]
    metrics: Mapping[str, float]
    terminated: bool = True
    truncated_by: str | None = None


def there(*flags: int) -> Any:
    return {"there": list(flags)}


EXPECTED = [
    Expected(
        Climb,
        climb,
        [
            Decision(FLAT_ACTOR, 0, [0, 0], 1, 1.0, 1.0, events=(Climbed(1),)),
            Decision(FLAT_ACTOR, 1, [1, 1], 0, 0.0, 0.0, events=(Rested(),)),
            Decision(FLAT_ACTOR, 2, [2, 1], 1, 1.0, 1.0, events=(Climbed(2),)),
            Decision(FLAT_ACTOR, 3, [3, 2], 1, 1.0, 1.0, terminated=True, events=(Climbed(3),)),
        ],
        final_observations={FLAT_ACTOR: [4, 3]},
        length=4,
        kpis={"share_of_rest": 0.25},
        metrics={"Climbed.count": 3, "Climbed.height.max": 3, "Rested.count": 1},
    ),
    Expected(
        PickAndPlace,
        pick_and_place,
        [
            Decision(PICK, 0, there(1, 1, 1), 2, 0.0, 0.75),
            Decision(PLACE, 0, 2, {"shelf": 0}, 3.0, 2.25, events=(Placed(2, "shelf 0"),)),
            Decision(PICK, 1, there(1, 1, 0), 1, 0.0, 0.5, truncated=True),
            Decision(PLACE, 1, 1, {"shelf": 1}, 2.0, 1.5, truncated=True, events=(Placed(1, "shelf 1"),)),
        ],
        final_observations={PICK: there(1, 0, 0), PLACE: 0},
        length=2,
        terminated=False,
        truncated_by="env",
        kpis={"placed_per_round": 1},
        metrics={"Placed.count": 2, "Placed.item.sum[shelf=shelf 0]": 2, "Placed.item.sum[shelf=shelf 1]": 1},
    ),
    Expected(
        Guests,
        guests,
        [
            Decision(guest(0), 0, [0, 0], [0.5], 0.0, 3.0),
            Decision(guest(1), 0, [0, 1], [1.5], 0.0, 3.0),
            Decision(HOST, 0, {"n": 2, "prices": [1, 0, 0]}, 0, 6.0, 0.0, events=(Paid(6.0),)),
            # Guest 0 leaves now; its bonus at the end comes to this decision, its latest.
            Decision(guest(0), 1, [1, 0], [0.5], 0.0, 4.0 + 1.0, terminated=True),
            Decision(guest(1), 1, [1, 1], [1.5], 0.0, 4.0),
            Decision(guest(2), 1, [1, 2], [2.5], 0.0, 4.0),
            Decision(HOST, 1, {"n": 3, "prices": [1, 1, 0]}, 1, 12.0, 0.0, events=(Paid(12.0),)),
            Decision(guest(1), 2, [2, 1], [1.5], 0.0, 6.0, terminated=True),
            Decision(guest(2), 2, [2, 2], [2.5], 0.0, 6.0, terminated=True),
            Decision(HOST, 2, {"n": 2, "prices": [1, 1, 0]}, 1, 13.0, 0.0, terminated=True, events=(Paid(12.0),)),
        ],
        final_observations={guest(1): [3, 1], guest(2): [3, 2]},
        length=3,
        kpis={"turnover": 30},
        metrics={"Paid.price.mean": 10},
    ),
    Expected(
        Errands,
        errands,
        [
            Decision(MANAGER, 0, {"place": 0, "elsewhere": [0, 1, 1, 1]}, 3, 0.0, 1.0),
            Decision(WORKER, 0, [0, 3], 1, 0.0, 0.0),
            Decision(WORKER, 1, [1, 3], 1, 0.0, 0.0),
            Decision(WORKER, 2, [2, 3], 1, 2.0, 1.0, events=(Arrived(3, 3),)),
            Decision(MANAGER, 3, {"place": 3, "elsewhere": [1, 1, 1, 0]}, 2, 0.0, 1.0, terminated=True),
            Decision(WORKER, 3, [3, 2], 0, 2.0, 1.0, terminated=True, events=(Arrived(2, 1),)),
        ],
        final_observations={MANAGER: {"place": 2, "elsewhere": [1, 1, 0, 1]}, WORKER: [2, 2]},
        length=4,
        kpis={"walked": 4},
        metrics={"Arrived.count": 2, "Arrived.after.mean": 2},
    ),
]
RUNNERS: dict[str, tuple[RolloutRunner, int]] = {
    "sequential": (SequentialRolloutRunner(n_episodes=N_EPISODES), 1),
    "batched": (SequentialRolloutRunner(n_episodes=N_EPISODES), 3),
    "parallel": (ParallelRolloutRunner(n_processes=2, n_episodes=N_EPISODES), 1),
    "parallel_batched": (ParallelRolloutRunner(n_processes=2, n_episodes=N_EPISODES), 2),
}


def plain(sample: Any) -> Any:
    """A sample in lists, dicts and numbers."""
    if isinstance(sample, dict):
        return {key: plain(value) for key, value in sample.items()}
    return sample.tolist() if isinstance(sample, np.ndarray | np.generic) else sample


def decisions(episode: Episode) -> list[Decision]:
    events = [record for record in episode.events() if record.name != "EpisodeEnded"]
    built = {type(event): None for expected in EXPECTED for decision in expected.decisions for event in decision.events}
    of_step: dict[int, list[Any]] = {}
    for record in sorted((record for kind in built for record in episode.events(kind)), key=lambda record: record.step):
        of_step.setdefault(record.step, []).append(record)
    assert sum(map(len, of_step.values())) == len(events)
    rows = zip(
        episode.actor_ids,
        episode.times.tolist(),
        map(plain, episode.observations),
        map(plain, episode.actions),
        episode.rewards.tolist(),
        episode.credits.tolist(),
        episode.terminations.tolist(),
        episode.truncations.tolist(),
        strict=True,
    )
    made = []
    for step, row in enumerate(rows):
        happened = of_step.get(step, [])
        assert [(record.time, record.actor_id) for record in happened] == [(row[1], row[0])] * len(happened)
        made.append(Decision(*row)._replace(events=tuple(record.event for record in happened)))
    return made


def assert_as_expected(result: RolloutResult, expected: Expected) -> None:
    assert (result.status, result.reproducible, len(list(result))) == ("completed", True, N_EPISODES)
    for episode in result:
        assert decisions(episode) == expected.decisions
        assert {actor: plain(o) for actor, o in episode.final_observations.items()} == expected.final_observations
        assert (episode.length, episode.n_decisions) == (expected.length, len(expected.decisions))
        assert (episode.terminated, episode.truncated_by) == (expected.terminated, expected.truncated_by)
        assert episode.kpis == expected.kpis
        assert {name: metric.value for name, metric in episode.metrics.items()} == expected.metrics
        assert sum(episode.credits) == pytest.approx(episode.episode_return)
        (end,) = episode.events(EpisodeEnded)
        assert (end.step, end.actor_id) == (len(expected.decisions) - 1, expected.decisions[-1].actor)
    assert len({episode.hash for episode in result}) == 1


def name_of(expected: Expected) -> str:
    return expected.env.__name__


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("expected", EXPECTED, ids=name_of)
def test_every_runner_records_it_exactly(expected: Expected, runner: str, tmp_path: Path) -> None:
    how, n_envs = RUNNERS[runner]
    policy = ScriptedPolicy(expected.module.choose, n_envs)
    assert_as_expected(how.run_with(expected.env, None, policy, run_dir=tmp_path / "run"), expected)
    if runner == "batched":
        assert policy.largest_batch == n_envs


@pytest.mark.slow
def test_ray_records_it_exactly(tmp_path: Path) -> None:
    with ray_of_the_test(2):
        for expected in EXPECTED:
            runner = RayRolloutRunner(n_processes=2, n_episodes=N_EPISODES)
            result = runner.run_with(
                expected.env, None, ScriptedPolicy(expected.module.choose, 2), run_dir=tmp_path / name_of(expected)
            )
            assert_as_expected(result, expected)


@pytest.mark.filterwarnings("ignore:the seeds 0 and 1 gave the same episode")
@pytest.mark.parametrize("expected", EXPECTED, ids=name_of)
def test_they_keep_every_rule(expected: Expected) -> None:
    check_env(expected.env)


class Inheritance(Guests):
    """At its end guest 0 gets 1 more as in `Guests`, and guest 3, who was never there, gets 0.5."""

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        return {**self.shares, guest(3): 0.5} if self.round == 3 else self.shares

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self.observation_of(actor) for actor in (guest(1), guest(3))}


def test_what_is_earned_without_a_decision_is_recorded_beside_the_final_observation(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=1, n_episodes=1)
    result = runner.run_with(Inheritance, None, ScriptedPolicy(guests.choose), run_dir=tmp_path / "run")
    (episode,) = result
    assert episode.final_credits == {guest(3): 0.5}
    assert sum(episode.credits) == 31.0
    rows = result.recording.trajectories().to_pylist()[-2:]
    assert [(row["agent_id"], row["action"], row["reward"], row["credit"]) for row in rows] == [
        (1, None, None, None),
        (3, None, None, 0.5),
    ]


class LongErrand(Errands):
    """The manager decides once, and its worker then needs more steps than two segments have."""

    N_STEPS = 40_000

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.actor_id() == WORKER and self.rounds < self.N_STEPS:
            self.rounds, self.arrived = self.rounds + 1, self.rounds % 10_000 == 9_999
            return self.observation_of(WORKER), 2.0 * self.arrived, self.rounds == self.N_STEPS, False, {}
        return super().step(action)


def test_credit_of_a_long_episode_adds_up_with_what_was_earned(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1, max_episode_steps=0)
    result = runner.run_with(LongErrand, None, ScriptedPolicy(errands.choose), run_dir=tmp_path / "run")
    assert [failure.error for failure in result.failures] == []
    (episode,) = result
    assert [segment.n_decisions for segment in episode.segments()] == [8192] * 4 + [40_001 - 4 * 8192]
    # Of 1 every 10,000 steps, one comes while the manager's decision is in the segment before at most.
    assert episode.credits[0] == 1.0
    assert episode.final_credits == {MANAGER: 3.0}
    assert sum(episode.credits) + 3.0 == episode.episode_return == 8.0
