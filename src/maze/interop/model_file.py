"""The file of a model that somebody trained elsewhere."""

from __future__ import annotations

from pathlib import Path

from maze.factory import ConfigurationError


def find_model_file(key: str, path: str | None, input_dir: str | Path | None = None, suffix: str = "") -> Path:
    """Find a file that the configuration names: from where the user is, else in the directory of `input_dir`.

    Args:
        key: Of the configuration, for the message.
        path: What it says.
        input_dir: An earlier run, if one was named.
        suffix: What may be left out at the end, such as `.zip`.

    Raises:
        ConfigurationError: If nothing is named, or there is no such file.

    Example:
        >>> find_model_file("policy.path", "model.onxx")
        Traceback (most recent call last):
        maze.factory.ConfigurationError: policy.path=model.onxx: there is no such file in ...
    """
    if not path:
        raise ConfigurationError(f"the policy needs the file of a model: add {key}=")
    folders = [Path.cwd(), *([Path(input_dir).absolute()] if input_dir is not None else [])]
    for folder in folders:
        for name in (path, f"{path}{suffix}"):
            if (folder / name).is_file():
                return folder / name
    where = "" if Path(path).is_absolute() else f" in {' or '.join(map(str, folders))}"
    raise ConfigurationError(f"{key}={path}: there is no such file{where}")
