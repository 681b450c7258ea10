"""Checks a whole configuration before any process starts."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maze.cli.input_dir import TRAINING_FILE
from maze.cli.policy_model import with_model
from maze.cli.value_check import check_values
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.seeding import Seeding
from maze.factory import RESERVED, ConfigurationError, accepted_arguments, build, resolve
from maze.interop.pettingzoo_env import check_pettingzoo_env, make_pettingzoo_env

POLICY_MODULES = ("maze.interop.onnx_policy", "maze.interop.python_policy", "maze.interop.sb3_policy")
"""Of policies that are loaded from elsewhere, each with a function `check_settings`."""


def check_rollout(config: Mapping[str, Any]) -> RolloutRunner:
    """Build the runner of a configuration, and see that everything that it will need can be built.

    Raises:
        ConfigurationError: If a target, an argument or a value is wrong.
    """
    for group in ("runner", "env", "policy"):
        check_target(group, config.get(group))
    for group in ("wrappers", "model", "seeding"):
        if isinstance(config.get(group), str):
            file = f"{group}/{config[group]}.yaml"
            raise ConfigurationError(f"there is no {file}: put it into a folder of your own and add -cd FOLDER")
    wrappers = config.get("wrappers") or {}
    for name, wrapper in wrappers.items():
        if wrapper is not None:
            check_target(f"wrappers.{name}", wrapper)
    runner = build(config["runner"])
    if not isinstance(runner, RolloutRunner):
        raise ConfigurationError(
            f"runner._target_={config['runner']['_target_']} plays no rollouts: choose runner=parallel or "
            "runner=sequential, or train with maze-run -cn conf_train"
        )
    EnvRecipe(config["env"], wrappers).check()
    _check_pettingzoo(config["env"])
    policy = with_model(config)["policy"]
    PolicyRecipe(policy).check()
    _check_files_and_functions(policy)
    seeding = config.get("seeding") or {}
    check_values("seeding", seeding, Seeding)
    Seeding(**seeding)
    _check_tensorboard(config.get("tensorboard", False))
    return runner


def check_run_dir(run_dir: Path) -> None:
    """See that a run can be recorded in a directory that may not exist yet.

    Raises:
        ConfigurationError: If it holds a run, or nothing can be written there.
    """
    if (run_dir / "run.json").exists():
        raise ConfigurationError(f"{run_dir} holds a run already: name another directory, or type resume={run_dir}")
    if (run_dir / TRAINING_FILE).exists():
        raise ConfigurationError(f"{run_dir} holds a training already: name another directory")
    existing = next(place for place in (run_dir, *run_dir.parents) if place.exists())
    if not existing.is_dir():
        raise ConfigurationError(f"{run_dir} cannot be written, for {existing} is a file: set hydra.run.dir")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{run_dir} cannot be written, for {existing} is read-only: set hydra.run.dir")


def check_target(place: str, config: Any) -> None:
    """See that a part of the configuration can be built: its target, and its values.

    Args:
        place: Where it is.
        config: What is there.

    Raises:
        ConfigurationError: If something is wrong, in one line.
    """
    group = place.partition(".")[0]
    if not isinstance(config, Mapping):
        raise ConfigurationError(f"the configuration has no {place}: choose one with {group}=...")
    if "_target_" not in config:
        raise ConfigurationError(f"{place} says nothing to build: add {place}._target_=, the dotted path of a class")
    target = resolve(str(config["_target_"]))
    if place == "policy" and "mapping" in config and "mapping" not in (accepted_arguments(target) or ["mapping"]):
        raise ConfigurationError(
            "policy.mapping belongs to policy=default_policy: add that, or leave policy.mapping out"
        )
    check_values(place, config, target)


def _check_pettingzoo(env: Mapping[str, Any]) -> None:
    if env["_target_"] == f"{make_pettingzoo_env.__module__}.{make_pettingzoo_env.__name__}":
        check_pettingzoo_env(str(env.get("name")), env.get("kwargs"), env.get("parallel"))


def _check_files_and_functions(settings: Any) -> None:
    """See that there is what policies are loaded from, wherever they are in the configuration of a policy."""
    if isinstance(settings, list | tuple):
        for item in settings:
            _check_files_and_functions(item)
    if not isinstance(settings, Mapping):
        return
    _check_files_and_functions(list(settings.values()))
    module = str(settings.get("_target_")).rpartition(".")[0]
    if module in POLICY_MODULES:
        arguments = {key: value for key, value in settings.items() if key not in RESERVED}
        importlib.import_module(module).check_settings(**arguments)


def _check_tensorboard(wanted: Any) -> None:
    if not isinstance(wanted, bool):
        raise ConfigurationError(f"tensorboard={wanted}: it must be true or false")
    if wanted and importlib.util.find_spec("tensorboard") is None:
        raise ConfigurationError("tensorboard=true needs a package: pip install 'maze-rollouts[tensorboard]'")
