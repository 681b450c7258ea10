"""What a training run says of itself, in `training.json`: enough to build its model again elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.core.recording.space_json import space_from_json
from maze.factory import ConfigurationError
from maze.train.models.observation_layout import ObservationLayout

TRAINING_FILE = "training.json"
FORMAT_VERSION = 1
BEST, LAST = "best", "last"


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
    def action_masks(self) -> ActionMasks:
        """What the environment declared."""
        return {key: dict(masks) for key, masks in self.metadata["action_masks"]}

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


def _form(space: gymnasium.Space[Any]) -> list[tuple[Any, ...]]:
    """What a network's shape depends on."""
    return [
        (leaf.path, type(leaf.space), leaf.shape, leaf.dtype, str(leaf.space) if leaf.dtype.kind == "i" else "")
        for leaf in ObservationLayout(space).leaves
    ]
