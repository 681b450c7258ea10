"""Measures policies on the 2D cutting problem for docs/snippets/cutting_2d_table.md; the same figures each time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import OmegaConf

import maze
import maze_envs.logistics.cutting_2d

TARGET = Path(__file__).parents[1] / "docs" / "snippets" / "cutting_2d_table.md"
CONF = Path(maze_envs.logistics.cutting_2d.__file__).parent / "conf"
RANDOM = "maze.core.agent.random_policy.RandomPolicy"
GREEDY = "maze_envs.logistics.cutting_2d.cutting_2d_greedy_policy.Cutting2DGreedyPolicy"
RUNS = [
    (f"{problem}_{variant}", name, target)
    for problem in ("tutorial_cutting_2d", "cutting_2d")
    for variant, name, target in (
        ("flat", "random", RANDOM),
        ("struct", "random", RANDOM),
        ("struct_masked", "masked random", RANDOM),
        ("flat", "greedy", GREEDY),
        ("struct", "greedy", GREEDY),
        ("struct_masked", "greedy", GREEDY),
    )
]
HEAD = """\
| environment | policy | mean return | invalid actions | orders served | raw pieces | raw pieces per 100 orders |
|---|---|--:|--:|--:|--:|--:|
"""


def table() -> str:
    """Roll out every policy, and give its row of a table."""
    return HEAD + "".join(row(*run) for run in RUNS)


def row(variant: str, name: str, policy: str) -> str:
    """Means of 20 episodes of 200 rounds."""
    env: Any = OmegaConf.to_container(OmegaConf.load(CONF / "env" / f"{variant}.yaml"))
    with TemporaryDirectory() as folder:
        statistics = maze.rollout(
            env,
            {"_target_": policy},
            n_episodes=20,
            max_episode_steps=200,
            seeding={"env_base_seed": 1, "agent_base_seed": 2},
            record_trajectory=False,
            record_event_logs=False,
            run_dir=Path(folder, "run"),
        ).statistics
    mean = {name: metric.summary.mean for name, metric in statistics.metrics.items()}
    served, used = mean["ValidCut.count"] or 0.0, mean["PieceReplenished.count"] or 0.0
    invalid = sum(mean.get(f"{event}.count") or 0.0 for event in ("InvalidPieceSelected", "InvalidCut"))
    figures = (statistics.episode_return.mean or 0.0, invalid, served, used, 100 * used / served)
    return f"| `{variant}` | {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |\n"


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
    print(TARGET.read_text(encoding="utf-8"))
