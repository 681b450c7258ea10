"""Rolls out any policy in any environment: reproducible, recorded, counted once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from maze.core.recording.recording import Recording
    from maze.core.rollout.env_wrapping import WrappersLike
    from maze.core.rollout.recipes import EnvLike, PolicyLike
    from maze.core.rollout.rollout_result import RolloutResult
    from maze.viewer.notebook import RunWidget

# Arrow's own allocator keeps 10 MB and more of what is given back to it. Arrow chooses when it is imported.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

__version__ = "0.1.0"
__all__ = ["load", "rollout", "view"]


def rollout(
    env: EnvLike, agent: PolicyLike = None, wrappers: WrappersLike = None, *, n_processes: int = 1, **arguments: Any
) -> RolloutResult:
    """Roll a policy out in an environment, in this process or in several, and record it.

    Args:
        env: A gymnasium id, a config with a `_target_`, a function or class that makes one, or an environment.
        agent: A config with a `_target_`, a policy or its class, or a function from observation to action; None:
            random actions.
        wrappers: From the inside out, as configs or as functions of the environment: gymnasium's around a flat
            environment, those of `maze.core.wrappers` around any.
        n_processes: Worker processes; 1 plays in this one.
        **arguments: Of the runner (`n_episodes`, `max_episode_steps`, ...) and of its `run_with` (`seeding`, `run_dir`,
            `resume`, `config`, `observer`).

    Returns:
        The statistics, the episodes, what failed, and where all that is recorded.

    Raises:
        ConfigurationError: If something cannot work, before any episode is played.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     result = rollout("CartPole-v1", n_episodes=5, seeding={"env_base_seed": 1}, run_dir=folder + "/run")
        >>> result.status, len(result.failures)
        ('completed', 0)
    """
    from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
    from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner

    for_run = {"seeding", "run_dir", "resume", "config", "observer"}
    settings = {key: value for key, value in arguments.items() if key not in for_run}
    runner = (
        SequentialRolloutRunner(**settings)
        if n_processes == 1
        else ParallelRolloutRunner(n_processes=n_processes, **settings)
    )
    return runner.run_with(env, wrappers, agent, **{key: arguments[key] for key in for_run & arguments.keys()})


def load(run_dir: str | PathLike[str]) -> Recording:
    """Read a recorded run back.

    Args:
        run_dir: The run directory.

    Raises:
        FileNotFoundError: If there is no run; the message names the nearest one.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = rollout("CartPole-v1", n_episodes=2, run_dir=folder + "/run")
        ...     len(load(folder + "/run"))
        2
    """
    from maze.core.recording.recording import Recording

    return Recording(run_dir)


def view(
    run: str | PathLike[str] | Recording | RolloutResult,
    other: str | PathLike[str] | Recording | RolloutResult | None = None,
    *,
    height: int = 720,
    episode: int | None = None,
    step: int = 0,
    render: bool = False,
    make: str | None = None,
    trusted: Sequence[str] = (),
) -> RunWidget:
    """Look at a recorded run in a notebook: what `maze view` shows, below the cell.

    Args:
        run: The run directory, or what `rollout` or `load` gave.
        other: A second run, to compare episodes of the same seeds.
        height: In pixels.
        episode: Number of the episode to begin with.
        step: The step to begin with.
        render: Whether episodes are played again for pictures without being asked; there is a button otherwise.
        make: `module:function` that makes the environment, for a run whose configuration does not tell.
        trusted: Packages whose environments may be imported although only the run names them.

    Raises:
        FileNotFoundError: If there is no run; the message names the nearest one.
        ModuleNotFoundError: If anywidget is not installed: `pip install 'maze-rollouts[viewer]'`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     widget = view(rollout("CartPole-v1", n_episodes=2, run_dir=folder + "/run"), height=600)
        >>> widget.height
        600
    """
    from maze.viewer.notebook import run_widget

    settings = {"height": height, "episode": episode, "step": step}
    return run_widget(run, other, render=render, make=make, trusted=trusted, **settings)
