"""One training run as the command line runs it: shown, logged and reported."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from maze.cli.command_line import override_key, shown_path
from maze.cli.composition import Composition
from maze.cli.config_check import check_run_dir, check_target
from maze.cli.garbage import begin_collecting
from maze.cli.input_dir import TAKEN_GROUPS, take_normalization, with_input_dir
from maze.cli.lasting_console import LastingConsole
from maze.cli.number_format import short_number
from maze.cli.rollout_command import prepared
from maze.cli.run_log import run_log, told_in_one_line
from maze.cli.saved_config import write_saved_config
from maze.core.rollout.recipes import EnvRecipe
from maze.factory import ConfigurationError, build

if TYPE_CHECKING:
    from maze.train.training_result import TrainingResult
    from maze.train.training_runner import TrainingRunner

GROUPS = ("runner", "env", "policy", "algorithm")
NEEDED = ("torch", "torchrl", "tensordict", "safetensors")

logger = getLogger(__name__)


def train(composition: Composition, overrides: Sequence[str]) -> int:
    """Train as a configuration says.

    Args:
        composition: What was composed.
        overrides: What was typed.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If training cannot begin.
        RolloutError: If anything else goes wrong.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise ConfigurationError(f"training needs {package}: pip install 'maze-rollouts[train]'")
    config, run_dir = composition.config, composition.run_dir
    if config.get("input_dir") is not None:
        config = with_input_dir(config, overrides, (*TAKEN_GROUPS, "algorithm"))
        if _goes_on(config, overrides):
            config = with_input_dir(config, overrides, ("runner",))
    runner = check_training(config)
    check_run_dir(run_dir)
    with prepared(run_dir, composition.hydra_files):
        if config is not composition.config:
            write_saved_config(run_dir, config)
            take_normalization(config, overrides, run_dir)
        return _train(runner, config, run_dir)


def _goes_on(config: Mapping[str, Any], overrides: Sequence[str]) -> bool:
    """Whether the training run that `input_dir` names has not come to its end, and is to be gone on with."""
    from maze.train.training_record import read_training_record

    return "algorithm" not in map(override_key, overrides) and read_training_record(config["input_dir"]).is_unfinished


def check_training(config: Mapping[str, Any]) -> TrainingRunner:
    """Build the runner of a configuration, and see that everything that it will need can be built.

    Raises:
        ConfigurationError: If a target, an argument or a value is wrong.
    """
    from maze.train.models.build_model import check_model
    from maze.train.torch_policy import TorchPolicy
    from maze.train.training_runner import TrainingRunner

    for group in GROUPS:
        check_target(group, config.get(group))
    runner = build(config["runner"])
    if not isinstance(runner, TrainingRunner):
        raise ConfigurationError(
            f"runner._target_={config['runner']['_target_']} does not train: choose runner=local or runner=dev"
        )
    if config["policy"]["_target_"] != f"{TorchPolicy.__module__}.{TorchPolicy.__qualname__}":
        raise ConfigurationError(f"{config['policy']['_target_']} does not learn: leave policy=... out")
    if config.get("model") is not None:
        check_model(config["model"])
    EnvRecipe(config["env"], config.get("wrappers")).check()
    return runner


def _train(runner: TrainingRunner, config: Mapping[str, Any], run_dir: Path) -> int:
    from maze.cli.training_progress import ConsoleTraining

    console = LastingConsole()
    begin_collecting()
    with run_log(run_dir):
        with told_in_one_line(run_dir), ConsoleTraining(console, run_dir) as progress:
            result = runner.run_with(
                env=config["env"],
                wrappers=config.get("wrappers"),
                model=config.get("model"),
                algorithm=config["algorithm"],
                device=config["policy"].get("device", "cpu"),
                n_envs=config["policy"]["n_envs"],
                seeding=config.get("seeding"),
                run_dir=run_dir,
                input_dir=config.get("input_dir"),
                trusted=config.get("trusted") or (),
                config=config,
                observer=progress,
            )
        console.print()
        for line in _lines(result):
            console.print(line, soft_wrap=True, highlight=False)
            logger.info(line.plain)
        if result.traceback:
            logger.error(result.traceback)
        return result.exit_code


def _lines(result: TrainingResult) -> Iterator[Text]:
    yield _field("ended", result.reason, "" if result.status == "completed" else "yellow")
    if result.best_return is not None:
        yield _field(
            "best",
            f"mean return {short_number(result.best_return)} in evaluation, after iteration {result.best_iteration}",
        )
    yield _field(
        "work",
        f"{result.n_iterations:,} iterations, {result.n_decisions:,} decisions in {result.n_episodes:,} episodes, "
        f"{result.seconds:,.1f} s",
    )
    seeding = result.seeding
    seeds = f"seeding.env_base_seed={seeding.env_base_seed} seeding.agent_base_seed={seeding.agent_base_seed}"
    yield _field("seeds", seeds)
    shown = shown_path(result.run_dir)
    yield _field("kept in", shown)
    if result.status == "interrupted":
        yield _field("to go on", f"maze-run -cn conf_train input_dir={shown}")
    yield _field("to play it", f"maze-run policy=torch_policy input_dir={shown}")


def _field(name: str, value: str, style: str = "") -> Text:
    return Text.assemble((f"{name:<13}", "dim"), (" ".join(value.split()), style))
