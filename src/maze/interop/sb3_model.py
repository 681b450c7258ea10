"""A model of Stable-Baselines3 or sb3-contrib: found, loaded, and held against the spaces of an environment."""

from __future__ import annotations

import importlib
import pickle
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium import spaces

from maze.core.env.actor_id import StepKey
from maze.factory import ConfigurationError, suggest
from maze.interop.model_file import find_model_file

PACKAGES = {
    "stable_baselines3": ("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3"),
    "sb3_contrib": ("ARS", "CrossQ", "MaskablePPO", "QRDQN", "RecurrentPPO", "TQC", "TRPO"),
}


def find_sb3_files(
    path: str | None, algorithm: str, normalization: str | None, trust: bool, input_dir: str | Path | None
) -> list[Path]:
    """Find the files of a model, and see that they may be loaded; nothing is loaded yet.

    Returns:
        The model, and the statistics of normalisation if there are some.

    Raises:
        ConfigurationError: If the algorithm is not known, a package or a file is missing, or nobody vouches for it.
    """
    _package_of(algorithm)
    files = [find_model_file("policy.path", path, input_dir, ".zip")]
    if not _is_model(files[0]):
        raise ConfigurationError(f"policy.path={path} is no model that Stable-Baselines3 has saved: name its .zip file")
    if normalization is not None:
        files.append(find_model_file("policy.normalization", normalization, input_dir))
    if not trust:
        raise ConfigurationError(
            f"policy.path={path}: to load a model of Stable-Baselines3 is to execute what its file says: "
            "add policy.trust=true if you trust where it is from"
        )
    return files


def load_sb3_model(file: Path, algorithm: str, device: str) -> Any:
    """Load a model, to decide by it: without what only training needs, and with torch's global generator left alone.

    Args:
        file: It is executed.
        algorithm: What has trained it.
        device: Where it computes.

    Returns:
        The algorithm's object.

    Raises:
        ConfigurationError: If it cannot be loaded, or there is no such device.
    """
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigurationError(f"policy.device={device}: torch finds no such device here; choose policy.device=cpu")
    algorithm_class = getattr(importlib.import_module(_package_of(algorithm)), algorithm)
    # Schedules are pickled functions, which other versions of Python cannot read.
    schedules = {"learning_rate": 0.0, "lr_schedule": _nothing, "clip_range": 0.0}
    # Seeds would be set for the whole process; buffers take memory, or an environment.
    unneeded: dict[str, Any] = {"seed": None, "buffer_size": 1, "replay_buffer_class": None, "replay_buffer_kwargs": {}}
    try:
        with torch.random.fork_rng(devices=[]):
            model = algorithm_class.load(file, device=device, custom_objects=schedules, **unneeded)
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigurationError(
            f"{file.name} cannot be loaded as {algorithm} ({line:.200}): name the algorithm that has trained it by "
            "policy.algorithm=, and see that its packages are installed in the versions of then"
        ) from error
    model.policy.set_training_mode(False)
    return model


def load_vec_normalize(file: Path) -> Any:
    """Load the statistics that observations were normalised by in training; the file is executed.

    Raises:
        ConfigurationError: If they are none.
    """
    from stable_baselines3.common.vec_env import VecNormalize

    try:
        found = pickle.loads(file.read_bytes())  # noqa: S301 - the user trusts it
    except Exception as error:
        raise ConfigurationError(f"{file.name} cannot be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(found, VecNormalize):
        raise ConfigurationError(
            f"policy.normalization={file.name} is a {type(found).__name__}: name what VecNormalize.save has written"
        )
    return found


def check_sb3_spaces(
    trained: Mapping[str, gymnasium.Space[Any]],
    trained_actions: gymnasium.Space[Any],
    step_key: StepKey,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
) -> None:
    """See that a model was trained for the spaces of an environment; bounds of observations may differ.

    Args:
        trained: Observation space of the model, and of the statistics if there are some, by the names of their files.
        trained_actions: Action space of the model.
        step_key: Kind of decision that it is held against.
        observation_space: Of that step key.
        action_space: Of that step key.

    Raises:
        ConfigurationError: If it was not.
    """
    advice = "choose the environment and wrappers that it was trained with"
    # Statistics turn all numbers into float32.
    with_dtype = len(trained) == 1
    for name, space in trained.items():
        if _form(observation_space, with_dtype) != _form(space, with_dtype):
            raise ConfigurationError(
                f"step key {step_key!r} observes {observation_space}, {name} was trained for {space}: {advice}"
            )
    if action_space != trained_actions:
        raise ConfigurationError(
            f"step key {step_key!r} has the actions {action_space}, {next(iter(trained))} was trained for "
            f"{trained_actions}: {advice}"
        )


def _is_model(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return "data" in archive.namelist()


def _package_of(algorithm: str) -> str:
    known = [name for names in PACKAGES.values() for name in names]
    package = next((package for package, names in PACKAGES.items() if algorithm in names), None)
    if package is None:
        hint = suggest(algorithm, known) or f": choose {', '.join(known)}"
        raise ConfigurationError(f"policy.algorithm={algorithm}: there is no such algorithm{hint}")
    for needed in ("stable_baselines3", package):
        if find_spec(needed) is None:
            raise ConfigurationError(
                f"policy.algorithm={algorithm} needs the package {needed}: pip install 'maze-rollouts[sb3]'"
            )
    return package


def _form(space: gymnasium.Space[Any], with_dtype: bool) -> Any:
    """What a network's shape depends on; of pictures, whose channels Stable-Baselines3 puts first, in that order."""
    if isinstance(space, spaces.Dict):
        return {key: _form(child, with_dtype) for key, child in space.spaces.items()}
    if isinstance(space, spaces.Box):
        from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first

        shape = tuple(space.shape)
        is_transposed = is_image_space(space) and not is_image_space_channels_first(space)
        return ((shape[-1], *shape[:-1]) if is_transposed else shape, str(space.dtype) if with_dtype else "")
    return space


def _nothing(_: float) -> float:
    return 0.0
