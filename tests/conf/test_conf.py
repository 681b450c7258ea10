"""Every key of the configuration is explained, and taken by what it configures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from maze.cli.config_check import check_rollout
from maze.cli.config_folders import OWN_FOLDER
from maze.cli.help_page import KEY_LINE, config_keys
from maze.cli.value_check import check_values
from maze.core.rollout.seeding import Seeding
from maze.factory import check

FILES = sorted(OWN_FOLDER.rglob("*.yaml"))
BUILT = [file for file in FILES if "_target_: " in re.sub(r"#.*", "", file.read_text(encoding="utf-8"))]
SUPPLIED = ("observation_spaces", "action_spaces", "action_masks", "deterministic", "render_mode", "env")
ALL_RUNNERS = (
    "n_episodes",
    "max_episode_steps",
    "record_trajectory",
    "record_event_logs",
    "record_policy_outputs",
    "deterministic",
    "episodes",
    "fresh_env",
    "on_error",
    "max_attempts",
    "grace_time",
)


def named(file: Path) -> str:
    return file.relative_to(OWN_FOLDER).as_posix()


def read(name: str) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(OmegaConf.load(OWN_FOLDER / name))
    return dict(config)


@pytest.mark.parametrize("file", FILES, ids=named)
def test_every_key_has_a_comment(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    body = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "- ", "_target_"))]
    values = [line for line in body if not line.endswith(":") and line != "{}"]
    assert lines[0].startswith("# ")
    assert [line for line in values if KEY_LINE.fullmatch(line.strip()) is None] == []


@pytest.mark.parametrize("file", BUILT, ids=named)
def test_every_key_is_taken_by_its_target(file: Path) -> None:
    config = read(named(file))
    for part in config.values() if file.parent.name == "wrappers" else [config]:
        target = check(part, supplied=SUPPLIED)
        check_values(file.parent.name, part, target)


def test_seeding_takes_every_key() -> None:
    config = read("seeding/default.yaml")
    check_values("seeding", config, Seeding)
    seeding = Seeding(**config)
    assert seeding.explicit_env_seeds is None


@pytest.mark.parametrize(("name", "own"), [("parallel", {"n_processes": 5}), ("sequential", {"render": False})])
def test_runner_has_the_documented_defaults(name: str, own: dict[str, object]) -> None:
    config = read(f"runner/{name}.yaml")
    documented = {
        "n_episodes": 50,
        "max_episode_steps": 200,
        "record_trajectory": True,
        "record_event_logs": True,
        "record_policy_outputs": False,
        "episodes": None,
        **own,
    }
    assert {key: config[key] for key in documented} == documented


def test_runners_share_their_keys() -> None:
    files = [OWN_FOLDER / "runner" / f"{name}.yaml" for name in ("parallel", "sequential", "ray")]
    shared = [[key for key in config_keys(file) if key.name in ALL_RUNNERS] for file in files]
    assert [key.name for key in shared[0]] == [*ALL_RUNNERS]
    assert shared[0] == shared[1] == shared[2]


def test_the_defaults_are_a_rollout() -> None:
    config = {name: read(f"{name}/{choice}.yaml") for name, choice in [
        ("runner", "parallel"), ("env", "gym_env"), ("policy", "random_policy"), ("seeding", "default"),
    ]}  # fmt: skip
    runner = check_rollout(config)
    assert (runner.n_episodes, runner.max_episode_steps) == (50, 200)
