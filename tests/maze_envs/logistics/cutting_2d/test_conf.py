"""Every key of the configuration is explained, and taken by what it configures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.maze_envs.logistics.cutting_2d.variants import CONF, VARIANTS, read

from maze.cli.config_folders import choices, installed_folders
from maze.cli.help_page import config_keys
from maze.cli.value_check import check_values
from maze.core.rollout.env_wrapping import SUPPLIED_TO_WRAPPERS
from maze.factory import check

FILES = sorted(CONF.rglob("*.yaml"))
SUPPLIED = (*SUPPLIED_TO_WRAPPERS, "render_mode")


def named(file: Path) -> str:
    return file.relative_to(CONF).with_suffix("").as_posix()


def test_the_folder_is_found_by_its_entry_point() -> None:
    assert CONF in installed_folders()
    assert set(VARIANTS) <= set(choices()["env"])


@pytest.mark.parametrize("file", FILES, ids=named)
def test_every_key_has_a_comment(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    values = [line for line in lines[1:] if not line.endswith(":") and "_target_" not in line]
    assert lines[0].startswith("# ")
    assert len(config_keys(file)) == len(values)


@pytest.mark.parametrize("file", FILES, ids=named)
def test_every_key_is_taken_by_its_target(file: Path) -> None:
    config = read(named(file))
    built = config  # every wrapper, or what has a target itself and of its parts those that have one
    if "_target_" in config:
        parts = {name: part for name, part in config.items() if isinstance(part, dict) and "_target_" in part}
        built = {file.parent.name: config, **parts}
    for name, part in built.items():
        check_values(name, part, check(part, supplied=SUPPLIED))


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_differ_in_what_their_names_say(variant: str) -> None:
    config = read(f"env/{variant}")
    other = read("env/tutorial_cutting_2d_flat" if variant.startswith("tutorial") else "env/cutting_2d_flat")
    masked = {"masked": variant.endswith("masked")} if "struct" in variant else {}
    kind = "flat" if variant.endswith("flat") else "struct"
    assert config == other | masked | {"_target_": config["_target_"]}
    assert re.fullmatch(rf".*\.cutting_2d_{kind}_env\.\w+", config["_target_"])


def test_the_tutorial_is_the_documented_problem() -> None:
    config = read("env/tutorial_cutting_2d_flat")
    assert config["raw_piece"] == [4, 3]
    assert config["demand"]["sizes"] == [[1, 2], [1, 2], [1, 1], [2, 2], [1, 2], [1, 1]]
    assert read("wrappers/tutorial_cutting_2d")["time_limit"]["max_episode_steps"] == 180


def test_the_alias_is_the_same_policy() -> None:
    assert read("policy/cutting_2d_greedy_policy") == read("policy/tutorial_cutting_2d_greedy_policy")
