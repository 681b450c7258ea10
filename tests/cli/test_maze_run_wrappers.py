"""Wrappers as they are typed, and their statistics from one run to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from maze.cli.config_folders import OWN_FOLDER
from maze.cli.help_page import config_keys
from maze.cli.maze_run import main

PACKAGE = "maze.core.wrappers"
NORMALIZED = ["env.name=Pendulum-v1", "wrappers=vector_obs", "wrappers.normalization.n_samples=100"]
FEW = ["runner=sequential", "runner.n_episodes=3", "runner.max_episode_steps=15"]
SEEDS = ["seeding.env_base_seed=1", "seeding.agent_base_seed=2"]


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; what `main` changes in this process is undone."""
    monkeypatch.setenv("COLUMNS", "120")
    return here


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def complaint(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    assert main(list(typed)) == 2
    line = capsys.readouterr().err
    assert line.startswith("maze-run: ")
    assert line.count("\n") == 1
    return line.removeprefix("maze-run: ").strip()


def test_observations_are_normalised_alike_in_every_runner(here: Path) -> None:
    assert main([*NORMALIZED, *FEW, *SEEDS, "hydra.run.dir=one"]) == 0
    two = ["runner=parallel", "runner.n_processes=2", *FEW[1:]]
    assert main([*NORMALIZED, *two, *SEEDS, "hydra.run.dir=two"]) == 0
    assert read(here / "one" / "run.json")["hash"] == read(here / "two" / "run.json")["hash"]
    assert read(here / "one" / "normalization.json") == read(here / "two" / "normalization.json")
    ((statistics,),) = read(here / "one" / "normalization.json")["wrappers"]
    assert (statistics["count"], len(statistics["mean"])) == (100, 3)


def test_wrappers_of_all_kinds_are_typed_by_their_target(here: Path) -> None:
    clip = "wrappers.clip._target_=gymnasium.wrappers.ClipReward"
    skip = f"wrappers.skip._target_={PACKAGE}.step_skipping_wrapper.StepSkippingWrapper"
    limit = f"wrappers.limit._target_={PACKAGE}.time_limit_wrapper.TimeLimitWrapper"
    typed = [clip, "wrappers.clip.max_reward=0.5", skip, "wrappers.skip.n_steps=2", limit]
    assert main([*typed, "wrappers.limit.max_episode_steps=4", *FEW, "hydra.run.dir=run"]) == 0
    rows = read(here / "run" / "statistics.json")
    assert rows["length"]["max"] <= 4
    assert rows["return"]["max"] <= 4


def test_statistics_are_taken_from_an_input_dir(here: Path) -> None:
    assert main([*NORMALIZED, *FEW, *SEEDS, "hydra.run.dir=one"]) == 0
    again = ["input_dir=one", *FEW, "seeding.env_base_seed=9"]
    assert main([*again, "hydra.run.dir=again"]) == 0
    assert (here / "again" / "normalization.json").read_bytes() == (here / "one" / "normalization.json").read_bytes()
    saved = OmegaConf.load(here / "again" / ".hydra" / "config.yaml")
    assert saved.wrappers.normalization.n_samples == 100
    assert main([*again, "wrappers=vector_obs", "hydra.run.dir=anew"]) == 0
    assert read(here / "anew" / "normalization.json")["wrappers"][0][0]["count"] == 10000
    assert main([*again, "--multirun", "runner.deterministic=true", "hydra.sweep.dir=sweep"]) == 0
    assert (here / "sweep" / "0" / "normalization.json").read_bytes() == (
        here / "one" / "normalization.json"
    ).read_bytes()


def test_statistics_of_another_env_are_refused_in_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NORMALIZED, *FEW, "hydra.run.dir=one"]) == 0
    capsys.readouterr()
    for runner in ("sequential", "parallel"):
        line = complaint(capsys, "input_dir=one", "env.name=CartPole-v1", f"runner={runner}", "hydra.run.dir=two")
        assert line == (
            "statistics that do not fit this environment: normalization.json, the observation of step key 0: mean has "
            "the shape (3,), the environment's observation (4,); choose wrappers=... anew, not by input_dir alone, to "
            "have them estimated"
        )
        assert not (here / "two").exists()
    (here / "one" / "normalization.json").write_text("{", encoding="utf-8")
    assert "normalization.json cannot be read" in complaint(capsys, "input_dir=one", "runner=sequential")


WRONG = {
    f"wrappers.x._target_={PACKAGE}.time_limit_wrapper.TimeLimitWrapper": (
        f"{PACKAGE}.time_limit_wrapper.TimeLimitWrapper needs the argument 'max_episode_steps': add"
    ),
    "wrappers.normalization.n_samples=many wrappers=vector_obs": (
        "wrappers.normalization.n_samples=many: it must be a whole number"
    ),
    "wrappers.normalization.n_sample=5 wrappers=vector_obs": "there is no key 'wrappers.normalization.n_sample'",
    "wrappers.normalization.strategy=mean wrappers=vector_obs": "wrappers.normalization.strategy=mean: did you",
    "env.name=FrozenLake-v1 wrappers=vector_obs": "there is nothing to normalize in {0: Discrete(16)}: leave",
    "wrappers=vector_ob": "there is no wrappers 'vector_ob': did you mean 'vector_obs'?",
    f"wrappers.a._target_={PACKAGE}.reward_scaling_wrapper.RewardScalingWrapper wrappers.a.scale=2.0 "
    "wrappers.b._target_=gymnasium.wrappers.FlattenObservation": (
        "gymnasium's wrappers hide who acts in RewardScalingWrapper: leave FlattenObservation out and take one of"
    ),
    f"wrappers.a._target_={PACKAGE}.step_skipping_wrapper.StepSkippingWrapper wrappers.a.n_steps=0": (
        "n_steps=0: give a whole number of at least 1"
    ),
}


@pytest.mark.parametrize(("typed", "line"), WRONG.items(), ids=list(WRONG))
@pytest.mark.parametrize("runner", ["sequential", "parallel"])
def test_wrong_wrappers_get_one_line_and_leave_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], typed: str, line: str, runner: str
) -> None:
    assert complaint(capsys, *typed.split(), f"runner={runner}", "hydra.run.dir=run").startswith(line)
    assert list(here.iterdir()) == []


def test_the_help_shows_the_keys_of_wrappers() -> None:
    names = [key.name for key in config_keys(OWN_FOLDER / "wrappers" / "vector_obs.yaml")]
    assert names[0] == "normalization.strategy"
    assert "normalization.n_samples" in names
