"""What is measured, ours and the bare loop: each works alone in a fresh process and says how fast it was.

Alone: python benchmarks/contenders.py '{"contender": "bare", "env": "CartPole-v1", "short": 20000, "long": 200000}'
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from work import Play, Played, Work, n_episodes

WARM_UP_SHARE = 0.1
"""Of the short run: what precedes it unmeasured, so that imports and caches are paid for before."""

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}


@contextmanager
def bare(work: Work) -> Iterator[Play]:
    """The loop that all is compared with: no policy, nothing kept."""
    import gymnasium

    env = gymnasium.make(work.env)

    def play(n_steps: int) -> Played:
        began = perf_counter()
        env.reset()
        for _ in range(n_steps):
            obs, r, te, tr, i = env.step(env.action_space.sample())  # noqa: RUF059 - the loop as everybody types it
            if te or tr:
                env.reset()
        return Played(n_steps, perf_counter() - began)

    yield play
    env.close()


@contextmanager
def bare_torch(work: Work) -> Iterator[Play]:
    """The loop that neural policies are compared with: one observation at a time, torch.distributions, nothing kept."""
    import gymnasium
    import torch

    torch.set_num_threads(1)
    env = gymnasium.make(work.env)
    inputs, outputs = int(env.observation_space.shape[0]), int(env.action_space.n)  # type: ignore[attr-defined, index]
    network = torch.nn.Sequential(
        *(torch.nn.Linear(inputs, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64), torch.nn.Tanh()),
        torch.nn.Linear(64, outputs),
    )

    def play(n_steps: int) -> Played:
        began = perf_counter()
        obs, _ = env.reset()
        for _ in range(n_steps):
            with torch.no_grad():
                logits = network(torch.as_tensor(obs).unsqueeze(0))
                action = torch.distributions.Categorical(logits=logits).sample().item()
            obs, r, te, tr, i = env.step(action)  # noqa: RUF059 - the loop as everybody types it
            if te or tr:
                obs, _ = env.reset()
        return Played(n_steps, perf_counter() - began)

    yield play
    env.close()


@contextmanager
def maze(work: Work) -> Iterator[Play]:
    """Our rollout of random actions, in one process or in several; timed from the runner's making to its result."""
    with _maze(work, None) as play:
        yield play


@contextmanager
def maze_torch(work: Work) -> Iterator[Play]:
    """Likewise, of a network with two layers of 64 units that was not trained, with its actions drawn."""
    with _maze(work, {"_target_": "maze.train.torch_policy.TorchPolicy"}) as play:
        yield play


@contextmanager
def _maze(work: Work, agent: dict[str, Any] | None) -> Iterator[Play]:
    from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
    from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner

    with TemporaryDirectory(dir=work.folder) as folder:

        def play(n_steps: int) -> Played:
            run_dir = Path(folder) / "run"
            settings: dict[str, Any] = {
                "n_episodes": n_episodes(work.env, n_steps),
                "max_episode_steps": 0,
                "record_trajectory": work.record,
                "record_event_logs": work.record,
            }
            began = perf_counter()
            runner = (
                SequentialRolloutRunner(**settings)
                if work.n_processes == 1
                else ParallelRolloutRunner(n_processes=work.n_processes, **settings)
            )
            result = runner.run_with(work.env, agent=agent, run_dir=run_dir, seeding=SEEDING)
            seconds = perf_counter() - began
            require_complete(result, settings["n_episodes"])
            rmtree(run_dir)
            return Played(result.n_steps, seconds)

        yield play


@contextmanager
def cutting(work: Work) -> Iterator[Play]:
    """The cutting problem by itself, two decisions per round, with the greedy policy's actions, chosen beforehand."""
    from importlib.resources import files

    from omegaconf import OmegaConf

    from maze.factory import build

    conf = files("maze_envs.logistics.cutting_2d") / "conf"
    env_config, policy_config = (
        OmegaConf.to_container(OmegaConf.create((conf / group / f"{name}.yaml").read_text()))
        for group, name in (("env", work.env), ("policy", "cutting_2d_greedy_policy"))
    )
    env: Any = build(env_config)
    spaces = {"observation_spaces": env.observation_spaces, "action_spaces": env.action_spaces}
    policy = build(policy_config, **spaces, action_masks=env.action_masks, deterministic=True)
    policy.attach(env)

    def play(n_steps: int) -> Played:
        policy.reset(1)
        observation, _ = env.reset(seed=1)
        actions = []
        for _ in range(n_steps):
            actions.append(policy.act(observation, env.actor_id()))
            observation, *_ = env.step(actions[-1])
        env.pending_events.clear()
        env.reset(seed=1)
        began = perf_counter()
        for action in actions:
            env.actor_id()
            env.step(action)
        seconds = perf_counter() - began
        env.pending_events.clear()
        return Played(n_steps, seconds)

    yield play
    env.close()


def require_complete(result: Any, n_requested: int) -> None:
    """See that what was timed is what was asked for, step by step."""
    lengths = result.recording.episodes["length"].to_pylist()
    if result.status != "completed" or len(lengths) != n_requested or sum(lengths) != result.n_steps:
        raise RuntimeError(f"{len(lengths)} of {n_requested} episodes, {result.status}: {result.stopped_because}")


def steady_contenders() -> Mapping[str, Callable[[Work], AbstractContextManager[Play]]]:
    """Everything that plays runs of two lengths."""
    from peers import PEERS

    return {
        "bare": bare,
        "bare_torch": bare_torch,
        "maze": maze,
        "maze_torch": maze_torch,
        "cutting": cutting,
        **PEERS,
    }


def steady(play: Play, work: Work) -> dict[str, Any]:
    """Play runs of two lengths: what both cost alike, such as starting workers, is not in the difference.

    Returns:
        The `rate` in steps per second, None if the runs were too short to tell; and both runs.
    """
    play(max(1, int(WARM_UP_SHARE * work.short)))
    short, long = play(work.short), play(work.long)
    steps, seconds = long.steps - short.steps, long.seconds - short.seconds
    return {
        "rate": steps / seconds if seconds > 0 and steps > 0 else None,
        "short": short._asdict(),
        "long": long._asdict(),
    }


def measure_steady(work: Work) -> dict[str, Any]:
    """Measure a contender's steady state."""
    if work.contender == "bare" and work.n_processes > 1:
        return measure_bare_side_by_side(work)
    with steady_contenders()[work.contender](work) as play:
        return steady(play, work)


def measure_bare_side_by_side(work: Work) -> dict[str, Any]:
    """The bare loop in several processes at a time; their runs begin together, and their rates are added up."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(work.n_processes), context.SimpleQueue()
    processes = [context.Process(target=_beside, args=(work, barrier, results)) for _ in range(work.n_processes)]
    for process in processes:
        process.start()
    measured = [results.get() for _ in processes]
    for process in processes:
        process.join()
    rates = [each["rate"] for each in measured]
    return {"rate": None if None in rates else sum(rates), "each": measured}


def _beside(work: Work, barrier: Any, results: Any) -> None:
    with bare(work) as play:

        def play_together(n_steps: int) -> Played:
            barrier.wait(timeout=60)
            return play(n_steps)

        results.put(steady(play_together, work))


def record(work: Work) -> dict[str, Any]:
    """Record episodes into the folder, which must not exist and stays: for peak memory, size on disk and reading."""
    import maze

    result = maze.rollout(
        work.env,
        n_episodes=work.long,
        n_processes=work.n_processes,
        max_episode_steps=0,
        record_trajectory=True,
        record_event_logs=True,
        seeding=SEEDING,
        run_dir=work.folder,
    )
    # Looking closer would need memory of its own, which is being measured.
    if result.status != "completed":
        raise RuntimeError(f"{result.status}: {result.stopped_because}")
    n_bytes = sum(part.stat().st_size for part in Path(work.folder, "trajectory_data").glob("*.parquet"))
    return {"steps": result.n_steps, "bytes_per_step": n_bytes / result.n_steps}


def read(work: Work) -> dict[str, Any]:
    """Read the run in the folder into arrays: observations, actions, rewards and flags of all steps."""
    import maze

    began = perf_counter()
    recording = maze.load(work.folder)
    arrays = recording.arrays()
    seconds = perf_counter() - began
    steps = len(arrays.rewards)
    if not steps == len(arrays.observations) == len(arrays.actions) == sum(recording.episodes["length"].to_pylist()):
        raise RuntimeError(f"{steps} steps were read, which are not those of the episodes")
    return {"steps": steps, "seconds_per_million": seconds / steps * 1e6}


def own(work: Work) -> dict[str, Any]:
    """What we add to a decision."""
    from own_cost import own_cost

    return own_cost(work)


def event(work: Work) -> dict[str, Any]:
    """What an event costs."""
    from own_cost import event_cost

    return event_cost(work)


def main() -> None:
    """Do the work that the command line names, and print what it measured as the last line."""
    warnings.simplefilter("ignore")
    work = Work(**json.loads(sys.argv[1]))
    measure = {"record": record, "read": read, "own_cost": own, "event_cost": event}.get(work.contender, measure_steady)
    print(json.dumps(measure(work)))


if __name__ == "__main__":
    main()
