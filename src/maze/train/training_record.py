"""What a training run says of itself, in `training.json`: enough to build its model again elsewhere."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import isclose
from pathlib import Path
from typing import Any

import gymnasium

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.part import publish
from maze.core.recording.space_json import space_from_json
from maze.core.rollout.normalization import NORMALIZATION_FILE, normalization_wrappers
from maze.core.rollout.scout import Scouted
from maze.core.rollout.seeding import Seeding
from maze.factory import ConfigurationError
from maze.train.models.observation_layout import ObservationLayout

TRAINING_FILE = "training.json"
FORMAT_VERSION = 1
BEST, LAST = "best", "last"
DESCRIBED = ("env", "observation_spaces", "action_spaces", "action_masks")
PACKAGES = ("maze-rollouts", "gymnasium", "numpy", "tensordict", "torch", "torchrl")


@dataclass(frozen=True)
class TrainingRecord:
    """A training run, as another run needs it."""

    run_dir: Path
    metadata: Mapping[str, Any]
    observation_spaces: Mapping[StepKey, gymnasium.Space[Any]]
    action_spaces: Mapping[StepKey, gymnasium.Space[Any]]

    @property
    def model(self) -> Mapping[str, Any]:
        """Configuration of the model."""
        config: Mapping[str, Any] = self.metadata["model"]
        return config

    @property
    def seeding(self) -> Seeding:
        """With the base seeds.

        Raises:
            ConfigurationError: If `training.json` does not say it.
        """
        try:
            return Seeding(**self.metadata["seeding"])
        except (KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{self.run_dir / TRAINING_FILE} is damaged ({error!r}): restore it from a copy"
            ) from None

    @property
    def normalization(self) -> Path:
        """File of the statistics that wrappers normalised by; there may be none."""
        return self.run_dir / NORMALIZATION_FILE

    @property
    def is_unfinished(self) -> bool:
        """Whether it has not come to its end: it was interrupted, killed, has failed, or still goes on."""
        return self.metadata.get("status") != "completed"

    def can_resume(self, algorithm: str) -> bool:
        """Whether it has not come to its end, and it was an algorithm of this class that learned."""
        return self.is_unfinished and self.metadata.get("algorithm") == algorithm

    def weights(self, which: str) -> Path:
        """File of the weights, `best` or `last`; before the first evaluation there is no best."""
        file = self.run_dir / f"{which}.safetensors"
        return self.run_dir / f"{LAST}.safetensors" if which == BEST and not file.exists() else file

    def check_spaces(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
    ) -> None:
        """See that an environment has the spaces that the model was trained for; bounds of observations may differ.

        Raises:
            ConfigurationError: If it has not; in one line.
        """
        advice = "choose the environment and wrappers of the training run, by leaving env=... and wrappers=... out"
        if list(observation_spaces) != list(self.observation_spaces):
            raise ConfigurationError(
                f"the environment has the step keys {list(observation_spaces)}, {self.run_dir} was trained for "
                f"{list(self.observation_spaces)}: {advice}"
            )
        for step_key, space in observation_spaces.items():
            trained = self.observation_spaces[step_key]
            if _form(space) != _form(trained):
                raise ConfigurationError(
                    f"step key {step_key!r} observes {space}, {self.run_dir} was trained for {trained}: {advice}"
                )
            if action_spaces[step_key] != self.action_spaces[step_key]:
                raise ConfigurationError(
                    f"step key {step_key!r} has the actions {action_spaces[step_key]}, {self.run_dir} was trained for "
                    f"{self.action_spaces[step_key]}: {advice}"
                )

    def check_normalization(self, env: StructuredEnv) -> None:
        """See that an environment normalises by the statistics that the model was trained with.

        Raises:
            ConfigurationError: If it does not; in one line.
        """
        trained = json.loads(self.normalization.read_bytes())["wrappers"] if self.normalization.is_file() else []
        if not _is_close([wrapper.statistics_to_json() for wrapper in normalization_wrappers(env)], trained):
            raise ConfigurationError(
                f"the environment does not normalise as that of {self.run_dir} did: choose its wrappers, and copy its "
                f"{NORMALIZATION_FILE} into the run directory before, as maze-run input_dir={self.run_dir} does"
            )


def read_training_record(run_dir: str | Path) -> TrainingRecord:
    """Read what a training run says of itself.

    Raises:
        ConfigurationError: If it is no training run, is damaged, or of a newer version.
    """
    folder = Path(run_dir)
    file = folder / TRAINING_FILE
    try:
        metadata = json.loads(file.read_bytes())
    except FileNotFoundError:
        what = "holds a rollout, not a training" if (folder / "run.json").exists() else f"has no {TRAINING_FILE}"
        raise ConfigurationError(
            f"input_dir={run_dir} {what}: name the directory of a maze-run -cn conf_train"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read ({error}): restore it from a copy") from None
    version = metadata.get("format_version") if isinstance(metadata, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ConfigurationError(f"{file} has format {version}, this version of maze reads {FORMAT_VERSION}: update it")
    try:
        return TrainingRecord(
            folder,
            metadata,
            {key: space_from_json(space) for key, space in metadata["observation_spaces"]},
            {key: space_from_json(space) for key, space in metadata["action_spaces"]},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{file} is damaged ({error!r}): restore it from a copy") from None


def training_metadata(
    scouted: Scouted,
    *,
    seeding: Seeding,
    model: Mapping[str, Any],
    algorithm: str,
    config: Mapping[str, Any],
    n_parameters: int,
    input_dir: str | Path | None,
) -> dict[str, Any]:
    """What `training.json` says from the beginning.

    Args:
        scouted: What was found out about the environment.
        seeding: With the base seeds.
        model: Its configuration.
        algorithm: Class of what learns.
        config: Of the whole run.
        n_parameters: Numbers that the model learns.
        input_dir: The run that this one goes on from.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "host": {"name": socket.gethostname(), "platform": platform.platform(), "cores": os.cpu_count()},
        "command": sys.argv,
        "config": dict(config),
        "seeding": seeding.to_json(),
        **{name: scouted.description[name] for name in DESCRIBED},
        "traits": asdict(scouted.traits),
        "reproducible": scouted.traits.reproducible,
        "model": dict(model),
        "algorithm": algorithm,
        "n_parameters": n_parameters,
        "input_dir": None if input_dir is None else str(input_dir),
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of a training run, whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    publish(temporary, path)


def _form(space: gymnasium.Space[Any]) -> list[tuple[Any, ...]]:
    """What a network's shape depends on."""
    return [
        (leaf.path, type(leaf.space), leaf.shape, leaf.dtype, str(leaf.space) if leaf.dtype.kind == "i" else "")
        for leaf in ObservationLayout(space).leaves
    ]


def _is_close(one: Any, other: Any) -> bool:
    """Whether two pieces of JSON are the same up to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_close, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)
