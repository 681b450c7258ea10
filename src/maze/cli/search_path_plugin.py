"""Makes the configuration of installed packages, and the user's own, known to Hydra."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from maze.cli.config_folders import ENTRY_POINT_GROUP, installed_folders

# Hydra makes its plugins itself, without arguments.
_config_dir: ContextVar[Path | None] = ContextVar("config_dir", default=None)


class FurtherFolders(SearchPathPlugin):
    """Puts the folders of the entry-point group `maze.configs`, and then the user's own, behind ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders."""
        for folder in installed_folders():
            search_path.append(ENTRY_POINT_GROUP, f"file://{folder}")
        config_dir = _config_dir.get()
        if config_dir is not None:
            search_path.append("command-line", f"file://{config_dir}")


@contextmanager
def further_folders(config_dir: Path | None) -> Iterator[None]:
    """Let Hydra look into them meanwhile, in all its versions.

    Args:
        config_dir: The user's own folder.
    """
    Plugins.instance().register(FurtherFolders)
    token = _config_dir.set(config_dir)
    try:
        with warnings.catch_warnings():
            # Hydra 1.4 says so; Hydra 1.3 behaves like 1.1 without it.
            warnings.filterwarnings("ignore", "The version_base parameter is deprecated")
            yield
    finally:
        _config_dir.reset(token)
