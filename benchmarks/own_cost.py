"""What we add to each decision and each event: the time of a whole rollout less that of a bare loop, in one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, TypeAlias

import turn_envs
from work import Work

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.recording.run_directory import RunDirectory
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_worker import RolloutWorker

ROUNDS = 15
"""The measurements take turns, so that a machine's moods touch all of them."""

Seconds: TypeAlias = Callable[[], float]


class SamePolicy(StructuredPolicy):
    """Always the same action."""

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return 1


def own_cost(work: Work) -> dict[str, Any]:
    """What we add to a decision: of a flat environment, of the same as a structured one, and of one with turns.

    Returns:
        `structured_ratio` and `turns_ratio`, each to the flat one's, in processor time; and `microseconds` of each.
    """
    n_episodes = max(10, work.long // turn_envs.N_STEPS)
    flat, same, turns = turn_envs.FlatEnv, turn_envs.SameEnv, turn_envs.TurnsEnv
    measures: dict[str, Seconds] = {}
    with TemporaryDirectory(dir=work.folder) as folder:
        for name, env in (("flat", flat), ("same", same), ("turns", turns)):
            measures[name] = lambda env=env: rollout(env, n_episodes, Path(folder))
        measures["bare flat"] = lambda: bare(GymEnv(flat()), n_episodes)
        measures["bare same"] = lambda: bare(same(), n_episodes)
        measures["bare turns"] = lambda: bare_turns(turns(), n_episodes)
        rounds = in_turns(measures)
    n_decisions = n_episodes * turn_envs.N_STEPS
    own = {
        name: [(one[name] - one[f"bare {name}"]) / n_decisions * 1e6 for one in rounds]
        for name in ("flat", "same", "turns")
    }
    return {
        "structured_ratio": ratio(own["same"], own["flat"]),
        "turns_ratio": ratio(own["turns"], own["flat"]),
        "microseconds": {name: median(values) for name, values in own.items()},
    }


def event_cost(work: Work) -> dict[str, Any]:
    """What an event costs from `emit` to the disk, with two metrics; making the object is the environment's.

    Returns:
        `event_microseconds`, of processor time.
    """
    n_episodes = max(10, work.long // turn_envs.N_STEPS)
    with TemporaryDirectory(dir=work.folder) as folder:
        rounds = in_turns(
            {
                "told": lambda: rollout(turn_envs.TellingEnv, n_episodes, Path(folder)),
                "silent": lambda: rollout(turn_envs.SilentEnv, n_episodes, Path(folder)),
            }
        )
    n_events = n_episodes * turn_envs.N_STEPS * turn_envs.EVENTS_PER_STEP
    return {"event_microseconds": median((one["told"] - one["silent"]) / n_events * 1e6 for one in rounds)}


def in_turns(measures: dict[str, Seconds]) -> list[dict[str, float]]:
    """Measure all, again and again; the first time does not count."""
    return [{name: measure() for name, measure in measures.items()} for _ in range(ROUNDS + 1)][1:]


def ratio(values: list[float], references: list[float]) -> float:
    """Median of the ratios within a round."""
    return median(value / reference for value, reference in zip(values, references, strict=True))


def rollout(env: Any, n_episodes: int, folder: Path) -> float:
    """Processor seconds that a worker takes to play, pack, hash, write and commit episodes."""
    run_dir = folder / "run"
    RunDirectory(run_dir).close()
    worker = RolloutWorker(RolloutJob(EnvRecipe(env), PolicyRecipe(SamePolicy()), run_dir), "own-cost", lambda _: None)
    specs = iter([EpisodeSpec(number, number, number) for number in range(n_episodes)])
    began = process_time()
    worker.run(lambda: next(specs, None))
    worker.commit()
    seconds = process_time() - began
    worker.close()
    rmtree(run_dir)
    return seconds


def bare(env: Any, n_episodes: int) -> float:
    """Processor seconds that the environment and the policy take by themselves."""
    act, step, actor = SamePolicy().act, env.step, ActorID(0, 0)
    began = process_time()
    for _ in range(n_episodes):
        observation, _ = env.reset()
        while True:
            observation, _, terminated, truncated, _ = step(act(observation, actor, 0))
            if terminated or truncated:
                break
    return process_time() - began


def bare_turns(env: Any, n_episodes: int) -> float:
    """As `bare`, where the environment is asked who acts and how many rounds there were: the answers are its own."""
    act, step = SamePolicy().act, env.step
    began = process_time()
    for _ in range(n_episodes):
        observation, _ = env.reset()
        while True:
            observation, _, terminated, truncated, _ = step(act(observation, env.actor_id(), 0))
            _ = env.time
            if terminated or truncated:
                break
    return process_time() - began
