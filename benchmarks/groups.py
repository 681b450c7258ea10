"""What the table has: its rows with their targets, in groups that are measured together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rows import Group, Measurement, Row
from work import CARTPOLE, CUTTING, LUNAR_LANDER, MOVING_PICTURE, STEPS_PER_EPISODE, Work

EMPTY_HYDRA_APP = """import hydra


@hydra.main(version_base="1.3", config_path=None)
def main(config):
    pass


if __name__ == "__main__":
    main()
"""


def all_groups(scale: float, scratch: Path) -> list[Group]:
    """Everything.

    Args:
        scale: Factor of the lengths of all runs.
        scratch: Folder for what is recorded.
    """
    return [
        cartpole(scale, scratch),
        neural(scale, scratch),
        lunar_lander(scale, scratch),
        moving_picture(scale, scratch),
        whole_process(scratch),
        memory_and_disk(scale, scratch),
        reading(scale, scratch),
        structured(scale, scratch),
        peers(scale),
    ]


def cartpole(scale: float, scratch: Path) -> Group:
    """The cheapest environment there is: what we add to a step shows."""

    def measure(name: str, contender: str, length: int, n_processes: int = 1, *, record: bool = True) -> Measurement:
        return Measurement(
            name,
            steady_work(contender, CARTPOLE, length, scale, folder=scratch, n_processes=n_processes, record=record),
        )

    return Group(
        (
            measure("bare loop, CartPole", "bare", 500_000),
            measure("CartPole, sequential", "maze", 500_000),
            measure("CartPole, sequential, unrecorded", "maze", 500_000, record=False),
            measure("CartPole, two processes", "maze", 1_000_000, 2),
        ),
        (
            Row(
                "cartpole-sequential",
                "CartPole-v1, recorded: sequential / bare loop",
                "CartPole, sequential",
                "bare loop, CartPole",
                at_least=0.90,
            ),
            Row(
                "cartpole-parallel",
                "CartPole-v1, recorded: two processes / bare loop",
                "CartPole, two processes",
                "bare loop, CartPole",
                at_least=1.8,
            ),
            Row(
                "cartpole-recorded",
                "CartPole-v1, sequential: recorded / unrecorded",
                "CartPole, sequential",
                "CartPole, sequential, unrecorded",
                at_least=0.90,
            ),
        ),
        there_and_back=True,
    )


def neural(scale: float, scratch: Path) -> Group:
    """A small network that decides for the cheapest environment: what batching over slots gains."""

    def measure(name: str, contender: str, length: int, n_processes: int = 1) -> Measurement:
        work = steady_work(contender, CARTPOLE, length, scale, folder=scratch, n_processes=n_processes)
        return Measurement(name, work, requires="torch")

    bare, one, two = "torch loop, CartPole", "torch policy, sequential", "torch policy, two processes"
    title = "CartPole-v1, 2×64 MLP in torch, sampled, recorded"
    return Group(
        (
            measure(bare, "bare_torch", 40_000),
            measure(one, "maze_torch", 300_000),
            measure(two, "maze_torch", 600_000, 2),
        ),
        (
            Row(
                "torch-sequential",
                f"{title}: sequential / torch loop, one observation at a time",
                one,
                bare,
                at_least=7,
            ),
            Row("torch-parallel", f"{title}: two processes / the same loop", two, bare, at_least=14),
        ),
    )


def lunar_lander(scale: float, scratch: Path) -> Group:
    """An environment with physics."""
    group = on_one_and_two_processes(
        "lunarlander", "LunarLander-v3", LUNAR_LANDER, 100_000, targets=(0.97, 0.95), scale=scale, scratch=scratch
    )
    return replace(group, there_and_back=True)


def moving_picture(scale: float, scratch: Path) -> Group:
    """An environment that computes for 1 ms and returns 28 kB per step."""
    return on_one_and_two_processes(
        "picture",
        "1 ms + 84×84×4 uint8 per step",
        MOVING_PICTURE,
        3_600,
        targets=(0.95, 0.93),
        scale=scale,
        scratch=scratch,
    )


def on_one_and_two_processes(
    key: str, name: str, env: str, length: int, *, targets: tuple[float, float], scale: float, scratch: Path
) -> Group:
    """An environment against the bare loop on as many processes."""

    def measure(name: str, contender: str, n_processes: int) -> Measurement:
        # Two bare loops play the length each, two workers share it.
        shared = length * n_processes if contender == "maze" else length
        return Measurement(name, steady_work(contender, env, shared, scale, folder=scratch, n_processes=n_processes))

    bare, bare_twice = f"bare loop, {name}", f"bare loop on two processes, {name}"
    one, two = f"{name}, sequential", f"{name}, two processes"
    return Group(
        (
            measure(bare, "bare", 1),
            measure(one, "maze", 1),
            measure(bare_twice, "bare", 2),
            measure(two, "maze", 2),
        ),
        (
            Row(f"{key}-sequential", f"{name}, recorded: sequential / bare loop", one, bare, at_least=targets[0]),
            Row(
                f"{key}-parallel",
                f"{name}, recorded: two processes / bare loop on two processes",
                two,
                bare_twice,
                at_least=targets[1],
            ),
        ),
    )


def whole_process(scratch: Path) -> Group:
    """What one waits for at the command line; wall time from start to end of the process."""
    maze_run = str(Path(sys.executable).with_name("maze-run"))
    app = scratch / "empty_hydra_app.py"
    app.write_text(EMPTY_HYDRA_APP)
    one_episode = ("env.name=CartPole-v1", "runner=sequential", "runner.n_episodes=1", "runner.max_episode_steps=0")
    measurements = (
        Measurement("four imports", command=(sys.executable, "-c", "import gymnasium, hydra, pyarrow.parquet, rich")),
        Measurement("one episode", command=(maze_run, *one_episode)),
        Measurement("empty Hydra app", command=(sys.executable, str(app))),
        Measurement("maze-run --help", command=(maze_run, "--help")),
    )
    return Group(
        measurements,
        (
            Row(
                "process-episode",
                "`maze-run`, 1 episode, sequential / importing gymnasium, hydra, pyarrow.parquet, rich",
                "one episode",
                "four imports",
                "seconds",
                at_most=1.5,
            ),
            Row(
                "process-help",
                "`maze-run --help` / an empty Hydra app",
                "maze-run --help",
                "empty Hydra app",
                "seconds",
                at_most=1.5,
            ),
        ),
        # Once before, so that byte code is compiled and files are in memory for both.
        preparations=measurements,
    )


def memory_and_disk(scale: float, scratch: Path) -> Group:
    """What a long run takes up."""
    few, many = max(2, int(500 * scale)), max(4, int(20_000 * scale))

    def measure(n_episodes: int, n_processes: int) -> Measurement:
        name = f"{n_episodes} episodes, {'sequential' if n_processes == 1 else 'two processes'}"
        work = Work("record", long=n_episodes, n_processes=n_processes, folder=str(scratch / "run"))
        return Measurement(name, work, watch=n_processes > 1)

    few_one, many_one, few_two, many_two = measure(few, 1), measure(many, 1), measure(few, 2), measure(many, 2)
    title = f"peak memory, CartPole-v1, {many:,} / {few:,} episodes"
    return Group(
        (few_one, many_one, few_two, many_two),
        (
            Row("memory-sequential", f"{title}: sequential", many_one.name, few_one.name, "peak_memory", at_most=1.1),
            Row(
                "memory-parallel",
                f"{title}: parent + fork server + two workers",
                many_two.name,
                few_two.name,
                "peak_memory",
                at_most=1.1,
            ),
            Row(
                "disk",
                "bytes on disk per step, CartPole-v1, trajectory_data",
                many_one.name,
                quantity="bytes_per_step",
                at_most=25,
            ),
        ),
    )


def reading(scale: float, scratch: Path) -> Group:
    """A recording of a million steps, as soon as it is recorded (its files are still in memory)."""
    folder = str(scratch / "million")
    n_episodes = max(2, int(46_000 * scale))
    return Group(
        (Measurement("read back", Work("read", folder=folder)),),
        (
            Row(
                "reading",
                "seconds to read 1,000,000 CartPole-v1 steps into arrays",
                "read back",
                quantity="seconds_per_million",
                # Fewer steps share what opening the files costs: no figure to be held against the target.
                at_most=1.5 if scale >= 1 else None,
            ),
        ),
        preparations=(Measurement("a million steps to read", Work("record", long=n_episodes, folder=folder)),),
    )


def structured(scale: float, scratch: Path) -> Group:
    """Actors and events: what they add, and an environment that has both."""
    length = int(20_000 * scale)
    decisions, events = (Work(name, long=length, folder=str(scratch)) for name in ("own_cost", "event_cost"))
    bare = "bare loop, CartPole, beside the cutting problem"
    return Group(
        (
            Measurement("own cost of decisions", decisions),
            Measurement("cost of events", events),
            Measurement(bare, steady_work("bare", CARTPOLE, 300_000, scale)),
            Measurement("cutting problem", steady_work("cutting", CUTTING, 100_000, scale)),
        ),
        (
            Row(
                "structured-same",
                "our own cost per decision: a trivial environment as a structured one / as a gymnasium one",
                "own cost of decisions",
                quantity="structured_ratio",
                at_most=1.25,
            ),
            Row(
                "structured-turns",
                "our own cost per decision: two actors by turns, two decisions per round / the gymnasium one",
                "own cost of decisions",
                quantity="turns_ratio",
                at_most=1.25,
            ),
            Row(
                "structured-event",
                "microseconds per event, with two fields and two metrics, from `emit` to the disk",
                "cost of events",
                quantity="event_microseconds",
                at_most=1.0,
            ),
            Row(
                "structured-cutting",
                "decisions of `cutting_2d_struct` by itself / bare loop, CartPole-v1",
                "cutting problem",
                bare,
                # 20,000 decisions/s where the bare loop makes 80,000 steps/s.
                at_least=0.25,
            ),
        ),
    )


def peers(scale: float) -> Group:
    """Other tools on CartPole-v1, random actions, nothing recorded to disk."""

    def contenders() -> Iterator[tuple[str, str, int, int, str | None, str]]:
        sb3 = "steps of the reported episodes; policy: one `Generator.integers` per batch; no `Monitor`"
        vector = "autoreset mode next step (the default), steps that only reset not counted"
        for vec_env, length in ("DummyVecEnv", 150_000), ("SubprocVecEnv", 40_000):
            contender = f"stable_baselines3_{'dummy' if vec_env == 'DummyVecEnv' else 'subproc'}"
            name = f"Stable-Baselines3 evaluate_policy, {vec_env}"
            yield name, contender, 8, length, "stable_baselines3", sb3
        for n_envs in 8, 16:
            yield "gymnasium SyncVectorEnv", "gymnasium_sync", n_envs, 200_000, None, vector
        for n_envs in 8, 16:
            yield "gymnasium AsyncVectorEnv", "gymnasium_async", n_envs, 50_000, None, vector
        yield (
            "Tianshou Collector",
            "tianshou",
            8,
            50_000,
            "tianshou",
            "DummyVectorEnv, `collect(n_step=..., random=True)`, its default replay buffer",
        )
        yield (
            "TorchRL Collector",
            "torchrl",
            8,
            24_000,
            "torchrl",
            "SerialEnv, no policy (random actions), 250 steps per environment and batch",
        )

    bare = "bare loop, beside the peers"
    measurements = [Measurement(bare, steady_work("bare", CARTPOLE, 300_000, scale))]
    rows = []
    for name, contender, n_envs, length, requires, note in contenders():
        title = f"{name} [{n_envs}]"
        measurements.append(
            Measurement(title, steady_work(contender, CARTPOLE, length, scale, n_envs=n_envs), requires=requires)
        )
        rows.append(Row(f"peer-{contender}-{n_envs}".replace("_", "-"), f"{title} / bare loop", title, bare, note=note))
    return Group(tuple(measurements), tuple(rows))


def steady_work(contender: str, env: str, length: int, scale: float, **settings: Any) -> Work:
    """Runs of two lengths, the short one a sixth of the long one, and neither shorter than two episodes."""
    long = max(int(length * scale), 12 * STEPS_PER_EPISODE[env])
    settings["folder"] = str(settings.get("folder", ""))
    return Work(contender, env, long // 6, long, **settings)
