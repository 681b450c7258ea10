"""Check that a wheel holds every file of `src/`: code, configuration and type markers.

Use: python scripts/check_wheel.py WHEEL
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def missing_from(wheel: Path, source: Path) -> list[str]:
    """Name the files of `source` that `wheel` lacks, in order."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = (path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted(name for name in (path.relative_to(source).as_posix() for path in wanted) if name not in packed)


def main() -> None:
    """Exit with a message that names the missing files, if there are any."""
    wheel = Path(sys.argv[1])
    missing = missing_from(wheel, Path(__file__).parents[1] / "src")
    if missing:
        sys.exit(f"{wheel.name} lacks {', '.join(missing)}: see [tool.hatch.build] in pyproject.toml")
    print(f"{wheel.name} holds every file of src/")


if __name__ == "__main__":
    main()
