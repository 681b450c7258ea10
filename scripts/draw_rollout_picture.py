"""Draws docs/assets/rollout.svg: how the pieces of a rollout fit together, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

TARGET = Path(__file__).parents[1] / "docs" / "assets" / "rollout.svg"
WIDTH, HEIGHT = 760, 372
BOX_WIDTH, BOX_HEIGHT = 216, 62
STYLE = """
    text { font-family: system-ui, sans-serif; font-size: 14px; fill: #24292f; text-anchor: middle; }
    text.soft { fill: #57606a; font-size: 12px; }
    rect { fill: #f6f8fa; stroke: #8c959f; }
    rect.accent { stroke: #3f51b5; stroke-width: 1.5; }
    path { stroke: #8c959f; stroke-width: 1.5; fill: none; }
    path.head { fill: #8c959f; stroke: none; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      text.soft { fill: #9da7b3; }
      rect { fill: #262b36; stroke: #6e7681; }
      rect.accent { stroke: #9fa8da; }
      path { stroke: #6e7681; }
      path.head { fill: #6e7681; }
    }
"""


class Box(NamedTuple):
    """A titled rectangle."""

    x: int
    y: int
    title: str
    subtitle: str
    style: str = ""
    height: int = BOX_HEIGHT

    def drawn(self) -> str:
        """Give it as SVG."""
        middle = self.x + BOX_WIDTH // 2
        css = f' class="{self.style}"' if self.style else ""
        return (
            f'<rect{css} x="{self.x}" y="{self.y}" width="{BOX_WIDTH}" height="{self.height}" rx="8"/>\n'
            f'  <text x="{middle}" y="{self.y + 27}">{escape(self.title)}</text>\n'
            f'  <text class="soft" x="{middle}" y="{self.y + 46}">{escape(self.subtitle)}</text>'
        )


LEFT, CENTRE, RIGHT = 8, 272, 536
BOXES = (
    Box(LEFT, 8, "maze-run · maze.rollout", "what you ask for"),
    Box(CENTRE, 8, "configuration", "checked before anything starts"),
    Box(RIGHT, 8, "environment and policy", "built in each worker"),
    Box(LEFT, 110, "two base seeds", "given, or drawn and recorded"),
    Box(CENTRE, 110, "episode specs", "number, env seed, agent seed"),
    Box(RIGHT, 110, "runner", "one process, several, or Ray", "accent", 164),
    Box(CENTRE, 212, "run directory", "episodes, trajectories, events", "accent"),
    Box(LEFT, 212, "statistics", "from the recorded episodes"),
    Box(LEFT, 302, "table, statistics.json", "TensorBoard"),
    Box(CENTRE, 302, "maze.load", "DuckDB, pandas, Polars"),
)
ARROWS = (
    f"M{LEFT + BOX_WIDTH} 39 H{CENTRE - 4}",
    f"M{CENTRE + BOX_WIDTH} 39 H{RIGHT - 4}",
    f"M{RIGHT + BOX_WIDTH // 2} 70 V106",
    f"M{LEFT + BOX_WIDTH} 141 H{CENTRE - 4}",
    f"M{CENTRE + BOX_WIDTH} 141 H{RIGHT - 4}",
    f"M{RIGHT} 243 H{CENTRE + BOX_WIDTH + 4}",
    f"M{CENTRE} 243 H{LEFT + BOX_WIDTH + 4}",
    f"M{LEFT + BOX_WIDTH // 2} 274 V298",
    f"M{CENTRE + BOX_WIDTH // 2} 274 V298",
)
WORKER_TOPS = (170, 204, 238)


def picture() -> str:
    """The whole picture, as SVG."""
    workers = [
        f'<rect x="{RIGHT + 20}" y="{top}" width="{BOX_WIDTH - 40}" height="28" rx="6"/>\n'
        f'  <text class="soft" x="{RIGHT + BOX_WIDTH // 2}" y="{top + 18}">worker: episode loop</text>'
        for top in WORKER_TOPS
    ]
    arrows = [f'<path d="{line}" marker-end="url(#head)"/>' for line in ARROWS]
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0 L8 4 L0 8 z"/></marker>'
    )
    parts = [f"<style>{STYLE}  </style>", f"<defs>{head}</defs>", *arrows, *(box.drawn() for box in BOXES), *workers]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="How a rollout fits together">\n  ' + "\n  ".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(picture(), encoding="utf-8")
    print(TARGET)
