"""The account of a run: run.json before, during and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Alternating, Trade, Walk

from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError


def content(run_dir: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((run_dir / "run.json").read_text())
    return read


def runner(**settings: Any) -> RolloutRunner:
    return SequentialRolloutRunner(**{"n_episodes": 3, **settings})


def test_while_it_goes_on_run_json_says_so(tmp_path: Path) -> None:
    statuses: list[str] = []

    class Looking(RolloutObserver):
        def episode_done(self, number: int, episode_return: float, length: int) -> None:
            statuses.append(content(tmp_path / "run")["status"])

    runner().run_with(Walk, run_dir=tmp_path / "run", observer=Looking())
    assert statuses == ["running"] * 3
    assert content(tmp_path / "run")["status"] == "completed"


def test_the_run_is_described(tmp_path: Path) -> None:
    config = {"env": {"name": "walk"}}
    result = runner(episodes=[4, 2], deterministic=True).run_with(
        Walk, run_dir=tmp_path / "run", config=config, seeding={"env_base_seed": 5}
    )
    run = content(tmp_path / "run")
    assert run["config"] == config
    assert (run["episodes"], run["n_episodes_requested"], run["deterministic"]) == ([4, 2], 2, True)
    assert run["versions"].keys() >= {"python", "gymnasium", "numpy", "pyarrow"}
    assert run["host"].keys() == {"name", "platform", "cores"}
    assert run["n_steps"] == result.n_steps > 0
    assert run["seconds"] == result.seconds > 0
    assert run["traits"]["reproducible"] is run["reproducible"] is True


def test_policies_are_told_apart(tmp_path: Path) -> None:
    def policy_hash(name: str, agent: Any) -> str:
        runner().run_with(Walk, agent=agent, run_dir=tmp_path / name)
        found: str = content(tmp_path / name)["policy_hash"]
        return found

    config = {"_target_": "maze.core.agent.random_policy.RandomPolicy"}
    hashes = [policy_hash("a", config), policy_hash("b", dict(config)), policy_hash("c", None), policy_hash("d", len)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_run_that_cannot_go_on_says_why(tmp_path: Path) -> None:
    def broken() -> Any:
        raise OSError("no simulator")

    result = runner().run_with(broken, run_dir=tmp_path / "run")
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result.stopped_because == "OSError: no simulator (while the environment was built)"
    assert (result.failures, result.missing) == ([], [0, 1, 2])
    assert "in broken" in result.traceback
    run = content(tmp_path / "run")
    assert (run["status"], run["n_missing"], run["stopped_because"]) == ("failed", 3, result.stopped_because)
    assert run["traceback"] == result.traceback


def test_resuming_takes_seeds_and_config_of_the_run(tmp_path: Path) -> None:
    first = runner(n_episodes=2).run_with(Walk, run_dir=tmp_path / "run", config={"a": 1})
    whole = runner(n_episodes=5).run_with(Walk, run_dir=tmp_path / "whole", seeding=first.seeding)
    created = content(tmp_path / "run")["created"]
    second = runner(n_episodes=5).run_with(Walk, run_dir=tmp_path / "run", resume=True, seeding={"env_base_seed": 77})
    assert second.hash == whole.hash
    assert second.seeding == first.seeding
    assert (content(tmp_path / "run")["config"], content(tmp_path / "run")["created"]) == ({"a": 1}, created)


def test_resuming_a_complete_run_plays_nothing(tmp_path: Path) -> None:
    first = runner().run_with(Trade, agent=Alternating, run_dir=tmp_path / "run")
    played: list[int] = []

    class Counting(RolloutObserver):
        def episode_done(self, number: int, episode_return: float, length: int) -> None:
            played.append(number)

    second = runner().run_with(Trade, agent=Alternating, run_dir=tmp_path / "run", resume=True, observer=Counting())
    assert (second.status, second.hash, played) == ("completed", first.hash, [])


def test_resuming_with_another_env_is_refused(tmp_path: Path) -> None:
    class Wider(Walk):
        observation_space = spaces.Box(-99, 99, (2,))

    runner(n_episodes=2).run_with(Walk, run_dir=tmp_path / "run")
    before = content(tmp_path / "run")
    result_or_error: Any
    try:
        result_or_error = runner().run_with(Wider, run_dir=tmp_path / "run", resume=True).stopped_because
    except ConfigurationError as error:
        result_or_error = str(error)
    assert "observation_spaces are not those of the run" in result_or_error
    assert content(tmp_path / "run")["observation_spaces"] == before["observation_spaces"]


def test_there_has_to_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no run to resume in"):
        runner().run_with(Walk, run_dir=tmp_path / "nothing", resume=True)
