"""The code blocks of a documentation page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r'^(?:<!-- (?P<skip>not run: [^>]*) -->\n)?^```(?P<language>\w*)(?: title="(?P<title>[^"]*)")?\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block of code."""

    language: str
    title: str | None
    """The file that it is."""

    code: str
    is_run: bool
    output: str | None
    """What a `text` block right behind it shows."""

    @property
    def commands(self) -> list[str]:
        """What is typed in a console block."""
        return [line[2:] for line in self.code.splitlines() if line.startswith("$ ")]

    @property
    def shown(self) -> list[str]:
        """What a console block shows of the output."""
        return [line.rstrip() for line in self.code.splitlines() if line.strip() and not line.startswith("$ ")]


def blocks(page: str) -> list[Block]:
    """Blocks of a page, by its path from the root."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    return [
        Block(match["language"], match["title"], match["code"], match["skip"] is None, _output(text, match, follower))
        for match, follower in zip(found, [*found[1:], None], strict=True)
    ]


def _output(text: str, match: re.Match[str], follower: re.Match[str] | None) -> str | None:
    if follower is None or follower["language"] != "text" or text[match.end() : follower.start()].strip():
        return None
    return follower["code"]


def write_files(page: str, folder: Path) -> None:
    """Write the blocks of a page that are files."""
    for block in blocks(page):
        if block.title is not None and "--8<--" not in block.code:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
