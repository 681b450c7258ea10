"""Which code a run directory may name."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from maze.core.rollout.trust import TRUSTED, check_trusted
from maze.factory import ConfigurationError

WRAPPER = {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 1}


@pytest.mark.parametrize(
    "settings",
    [
        {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"},
        {"_target_": "maze.interop.onnx_policy.OnnxPolicy", "path": "model.onnx"},
        {"clip": WRAPPER, "none": None},
        [WRAPPER],
        {},
        None,
    ],
)
def test_that_our_own_and_gymnasiums_are_trusted(settings: Any) -> None:
    check_trusted(settings, TRUSTED)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"_target_": "antigravity.fly"}, "antigravity.fly"),
        ({"first": {**WRAPPER, "inner": [{"_target_": "antigravity.fly"}]}}, "antigravity.fly"),
        ({"_target_": "maze.core.env.gym_env.make_gym_env", "name": "antigravity:Fly-v0"}, "antigravity"),
        ({"_target_": "maze_envsx.fly"}, "maze_envsx.fly"),
    ],
)
def test_that_all_else_is_named_and_not_imported(settings: Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is named by a run directory alone.*add --trust {name}$"):
        check_trusted(settings, TRUSTED, "add --trust {name}")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["maze.interop.python_policy.python_policy", "maze.interop.sb3_policy.SB3Policy"])
def test_that_what_executes_anything_is_trusted_by_its_module(name: str) -> None:
    module = name.rpartition(".")[0]
    with pytest.raises(ConfigurationError, match=f"^{name} is named by a run directory alone.*add --trust {module}$"):
        check_trusted({"_target_": name}, TRUSTED, "add --trust {name}")
    check_trusted({"_target_": name}, [*TRUSTED, module])


def test_that_what_a_trusted_module_imports_is_not_its_own() -> None:
    with pytest.raises(ConfigurationError, match="is not built, for it comes from a run directory"):
        check_trusted({"_target_": "maze.core.env.gym_env.importlib.import_module"}, TRUSTED)
