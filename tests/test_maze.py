"""The front door: `maze.rollout` and `maze.load`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.rollout.sample_envs import Walk

import maze
from maze.factory import ConfigurationError


def test_one_line_rolls_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = maze.rollout("CartPole-v1", n_episodes=3)
    assert result.run_dir.parent.parent == tmp_path / "outputs"
    assert [episode.number for episode in maze.load(result.run_dir)] == [0, 1, 2]
    assert maze.load(str(result.run_dir)).content_hash == result.hash
    assert maze.load(result.run_dir).trajectories().num_rows == result.n_steps + 3


def test_one_process_or_two(tmp_path: Path) -> None:
    seeding = {"env_base_seed": 1, "agent_base_seed": 2}
    one = maze.rollout(Walk, n_episodes=4, seeding=seeding, run_dir=tmp_path / "one")
    two = maze.rollout(Walk, n_episodes=4, seeding=seeding, run_dir=tmp_path / "two", n_processes=2)
    assert one.hash == two.hash


def test_bad_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'CartPole-v1'"):
        maze.rollout("CartPol-v1", run_dir=tmp_path / "run")
    with pytest.raises(ConfigurationError, match="n_processes=0: give a number of at least 1"):
        maze.rollout("CartPole-v1", n_processes=0)
    with pytest.raises(TypeError, match="n_episode"):
        maze.rollout("CartPole-v1", n_episode=1)


def test_a_mistyped_run_names_the_nearest(tmp_path: Path) -> None:
    result = maze.rollout(Walk, n_episodes=1, run_dir=tmp_path / "day" / "run")
    with pytest.raises(FileNotFoundError, match=f"did you mean {result.run_dir}"):
        maze.load(tmp_path / "day")


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = ["numpy", "pyarrow", "gymnasium", "hydra", "torch", "ray", "rich"]
    script = f"import sys, maze; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_rollout_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    script = (
        "import sys, maze\n"
        f"maze.rollout('CartPole-v1', n_episodes=1, run_dir={str(tmp_path / 'run')!r})\n"
        "print([name for name in ('hydra', 'omegaconf', 'torch', 'ray', 'rich', 'av') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert maze.__version__ == version("maze-rollouts")
