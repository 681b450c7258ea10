"""Policies of single actors, and environments of several agents, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maze.cli.maze_run import main

FEW = ["env=pettingzoo_env", "runner=sequential", "runner.n_episodes=4"]
RANDOM = "maze.core.agent.random_policy.RandomPolicy"


pytestmark = pytest.mark.usefixtures("here")


def last_run(here: Path) -> dict[str, Any]:
    run_json = max(here.rglob("run.json"), key=lambda path: path.stat().st_ctime_ns)
    content: dict[str, Any] = json.loads(run_json.read_text())
    return content


@pytest.mark.parametrize("policy", ["masked_random_policy", "random_policy"])
def test_a_board_game(here: Path, policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FEW, "env.name=classic/connect_four_v3", f"policy={policy}"]) == 0
    assert last_run(here)["env"]["name"] == "classic/connect_four_v3"
    assert "player_1" in capsys.readouterr().out


def test_policies_by_agent_and_step_key(here: Path) -> None:
    masked = "maze.core.agent.masked_random_policy.MaskedRandomPolicy"
    typed = [f"policy.mapping.player_1._target_={masked}", "policy@policy.mapping.player=random_policy"]
    assert main([*FEW, "policy=default_policy", *typed]) == 0
    mapping = last_run(here)["config"]["policy"]["mapping"]
    assert mapping == {"player_1": {"_target_": masked}, "player": {"_target_": RANDOM}}


def test_a_step_key_that_is_a_number() -> None:
    typed = ["runner=sequential", "runner.n_episodes=1", "policy=default_policy", f"policy.mapping.0._target_={RANDOM}"]
    assert main(typed) == 0


def test_environment_and_policies_are_taken_from_an_earlier_run(here: Path) -> None:
    typed = ["policy=default_policy", f"policy.mapping.player._target_={RANDOM}", "hydra.run.dir=first"]
    assert main([*FEW, "env.name=classic/tictactoe_v3", *typed]) == 0
    assert main(["runner=sequential", "runner.n_episodes=1", "input_dir=first", "hydra.run.dir=second"]) == 0
    assert last_run(here)["env"]["name"] == "classic/tictactoe_v3"


WRONG = {
    "env.name=classic/conect_four_v3": (
        "there is no environment 'classic/conect_four_v3' in PettingZoo: did you mean 'classic/connect_four_v3'?"
    ),
    "env.kwargs.screen_scalin=3": "has no argument 'screen_scalin': did you mean 'screen_scaling'?",
    "env.parallel=true": "the agents of classic/connect_four_v3 cannot act at once: leave `parallel` null",
    "policy=default_policy": "default_policy has no policy: add one for each step key",
    f"policy.mapping.player._target_={RANDOM}": "policy.mapping belongs to policy=default_policy: add that",
}


@pytest.mark.parametrize(("typed", "line"), WRONG.items(), ids=list(WRONG))
def test_wrong_input_gets_one_line(here: Path, capsys: pytest.CaptureFixture[str], typed: str, line: str) -> None:
    assert main([*FEW, typed]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert not list(here.rglob("run.json"))
