"""Where configuration comes from: the package's own folder, those of installed packages, and the user's."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from maze.factory import ConfigurationError

OWN_FOLDER = Path(__file__).parents[1] / "conf"
ENTRY_POINT_GROUP = "maze.configs"


def installed_folders() -> list[Path]:
    """Configuration folders that installed packages announce in the entry-point group `maze.configs`.

    Raises:
        ConfigurationError: If a package announces a folder that does not exist.
    """
    folders = []
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP)):
        found = _folders_of_module(entry_point.value)
        if not found:
            raise ConfigurationError(
                f"the entry point {entry_point.name!r} of {ENTRY_POINT_GROUP} names {entry_point.value}, which is no "
                "folder with configuration: install its package again, or uninstall it"
            )
        folders += found
    return folders


def choices(config_dir: Path | None = None) -> dict[str, list[str]]:
    """Groups of the configuration, each with its choices.

    Args:
        config_dir: The user's own folder.

    Example:
        >>> choices()["runner"]
        ['dev', 'local', 'parallel', 'ray', 'sequential']
    """
    groups: dict[str, set[str]] = {}
    for folder in _all_folders(config_dir):
        for file in folder.rglob("*.yaml"):
            if file.parent != folder:
                groups.setdefault(file.parent.relative_to(folder).as_posix(), set()).add(file.stem)
    return {group: sorted(groups[group]) for group in sorted(groups)}


def root_configs(config_dir: Path | None = None) -> list[str]:
    """Names that `-cn` takes.

    Example:
        >>> root_configs()
        ['conf_rollout', 'conf_train']
    """
    return sorted({file.stem for folder in _all_folders(config_dir) for file in folder.glob("*.yaml")})


def _all_folders(config_dir: Path | None) -> list[Path]:
    return [OWN_FOLDER, *installed_folders(), *([] if config_dir is None else [config_dir])]


def _folders_of_module(module: str) -> list[Path]:
    """Folders of a package, found without importing what is above it, which may be slow to import."""
    top, *rest = module.split(".")
    folders = [Path(place, *rest) for place in _locations(top)]
    # Some editable installs map the inner package alone; only an import of what is above it finds those.
    return [folder for folder in folders if folder.is_dir()] or [Path(place) for place in _locations(module)]


def _locations(module: str) -> Sequence[str]:
    try:
        specification = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return ()
    return list(specification.submodule_search_locations or ()) if specification else ()
