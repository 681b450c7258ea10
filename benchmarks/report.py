"""The table, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from results import Result
from rich.markup import escape
from rich.table import Table
from rich.text import Text

LEFT_OUT = ("RLlib is not among the peers: it pins a gymnasium version of its own, and cannot be installed beside.",)
HEADINGS = ("what", "median", "min – max", "target", "", "measured")


def table(title: str, results: Sequence[Result]) -> Table:
    """A table of results for the terminal."""
    shown = Table(*HEADINGS, title=title, title_justify="left")
    for result in results:
        style = {True: "green", False: "red", None: ""}[result.is_met]
        *cells, verdict, measured = cells_of(result)
        shown.add_row(*map(escape, cells), Text(verdict, style), escape(measured))
    return shown


def markdown(
    ours: Sequence[Result], others: Sequence[Result], references: Mapping[str, float], machine: Mapping[str, str]
) -> str:
    """All tables and what has to be known with them, as Markdown."""
    lines = [f"- {name}: {text}" for name, text in machine.items()]
    lines += [f"- {name}: {per_second(rate)}" for name, rate in references.items()]
    for title, results in ("Rollouts", ours), ("Peers, none of which records to disk", others):
        if results:
            lines += ["", f"### {title}", "", row_of(HEADINGS), row_of(["---", "---:", "---:", "---:", "---", "---:"])]
            lines += [row_of(cells_of(result)) for result in results]
    lines += ["", *(f"- {name}" for name in notes(others))]
    return "\n".join(lines) + "\n"


def notes(results: Sequence[Result]) -> list[str]:
    """With what settings the peers ran, and what is not in the table."""
    settings = {result.row.note: result.row.what.partition(" [")[0] for result in reversed(results) if result.row.note}
    return [*(f"{name}: {note}." for note, name in reversed(settings.items())), *LEFT_OUT]


def cells_of(result: Result) -> list[str]:
    """A line of the table."""
    row = result.row
    target = f"≥ {row.at_least:g}" if row.at_least is not None else f"≤ {row.at_most:g}" if row.at_most else ""
    verdict = {True: "met", False: "missed", None: ""}[result.is_met]
    if result.median is None:
        return [row.what, "–", "", target, verdict, result.why_none]
    spread = f"{figure(min(result.figures))} – {figure(max(result.figures))}"
    measured = "" if row.against is None else quantity(row.quantity, median(result.quantities))
    return [row.what, figure(result.median), spread, target, verdict, measured]


def figure(value: float) -> str:
    """Three significant digits, at most."""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def quantity(name: str, value: float) -> str:
    """What was measured, with its unit."""
    return {
        "rate": per_second(value),
        "seconds": f"{value:.2f} s",
        "peak_memory": f"{value / 2**20:,.0f} MiB",
    }[name]


def per_second(rate: float) -> str:
    """A speed."""
    return f"{rate:,.0f} steps/s"


def row_of(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
