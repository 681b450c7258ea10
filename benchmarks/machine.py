"""Where the numbers come from: machine, versions, and what else was running."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "maze-rollouts",
    "gymnasium",
    "hydra-core",
    "numpy",
    "pyarrow",
    "rich",
    "Box2D",
    "torch",
    "stable-baselines3",
    "tianshou",
    "torchrl",
)


def describe_machine(folder: Path) -> dict[str, str]:
    """Describe it, each thing under its name.

    Args:
        folder: On the disk that is recorded to.
    """
    return {
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day of whoever runs it
        "machine": f"{processor()}, {n_cores()} cores, {memory()}",
        "system": f"{platform.system()} {platform.release()}, recording to {file_system(folder)}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name))),
    }


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed(package: str) -> str | None:
    """Version of a distribution; None if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory() -> str:
    """Size of the memory."""
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def file_system(folder: Path) -> str:
    """Type of the file system that holds a folder."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "an unknown file system"
    above = [(len(mount[1]), mount[2]) for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    return max(above)[1] if above else "an unknown file system"


def load() -> float:
    """Processes that wanted to run in the last minute, on average."""
    return os.getloadavg()[0]
