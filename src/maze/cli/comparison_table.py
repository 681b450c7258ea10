"""A comparison of two runs as text: for the console, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from maze.cli.number_format import NONE, short_number
from maze.core.statistics.comparison import Comparison, Difference, Pair

MOST_WINS = 5
"""Pairs shown of those that a run wins."""

Row = tuple[str, ...]
HEADER = ("", "A", "B", "B − A", "95% interval", "pairs")  # noqa: RUF001 - a minus sign, as typeset
WIN_HEADER = ("seed", "episode of A", "episode of B", "return of A", "return of B", "B − A")  # noqa: RUF001 - likewise


def comparison_table(comparison: Comparison, name_a: str, name_b: str) -> RenderableType:
    """Show a comparison on the console.

    Args:
        comparison: Of the runs.
        name_a: How A is called.
        name_b: How B is called.
    """
    parts: list[RenderableType] = [
        Text.assemble(("A  ", "bold"), f"{name_a}: {_counted(comparison.n_episodes_a)}"),
        Text.assemble(("B  ", "bold"), f"{name_b}: {_counted(comparison.n_episodes_b)}"),
        Text(),
        _table(HEADER, difference_rows(comparison)),
        Text(),
        *map(Text, verdict(comparison)),
    ]
    for title, pairs in _wins(comparison):
        parts += [Text(), Text(title, style="dim"), _table(WIN_HEADER, [_win_row(pair) for pair in pairs])]
    return Group(*parts)


def comparison_markdown(comparison: Comparison, name_a: str, name_b: str) -> str:
    """A comparison as Markdown, to be pasted into an issue or a report."""
    lines = [f"**A** `{name_a}`, {_counted(comparison.n_episodes_a)}  "]
    lines += [f"**B** `{name_b}`, {_counted(comparison.n_episodes_b)}", ""]
    lines += [*_markdown_table(HEADER, difference_rows(comparison)), "", *verdict(comparison)]
    for title, pairs in _wins(comparison):
        lines += ["", f"{title}:", "", *_markdown_table(WIN_HEADER, [_win_row(pair) for pair in pairs])]
    return "\n".join(lines)


def verdict(comparison: Comparison) -> list[str]:
    """What there is to say about the returns, in sentences."""
    if not comparison.is_paired:
        lines = ["not paired: the runs have no environment seed in common, so that their means were compared"]
        return [*lines, _difference_sentence(comparison)]
    n, wins_a, wins_b = len(comparison.pairs), comparison.wins_a, comparison.wins_b
    ties = n - wins_a - wins_b
    low, high = comparison.win_rate_interval or (0.0, 1.0)
    same = f", {comparison.n_same:,} of them the same in every step" if comparison.n_same else ""
    return [
        f"{n:,} pairs of episodes with the same environment seed{same}",
        f"B wins {wins_b:,}, A wins {wins_a:,}, {ties:,} equal; B's win rate: {wins_b / n:.1%} [{low:.1%}, {high:.1%}]",
        _difference_sentence(comparison),
    ]


def difference_rows(comparison: Comparison) -> list[Row]:
    """One row per quantity, the return first."""
    return [_difference_row(name, each, comparison.is_paired) for name, each in comparison.differences.items()]


def _difference_sentence(comparison: Comparison) -> str:
    returns = comparison.differences.get("return")
    if returns is None or returns.confidence_interval is None:
        return "too few episodes to say which has the higher return"
    low, high = returns.confidence_interval
    if low == high == 0:
        return "both have the same returns"
    if low > 0:
        return "B has the higher return: the interval of the difference is above 0"
    if high < 0:
        return "A has the higher return: the interval of the difference is below 0"
    return "which has the higher return cannot be told: the interval of the difference has 0 in it"


def _difference_row(name: str, each: Difference, is_paired: bool) -> Row:
    low, high = each.confidence_interval or (None, None)
    interval = NONE if low is None else f"[{_number(low)}, {_number(high)}]"
    numbers = (_number(each.mean_a), _number(each.mean_b), _signed(each.difference))
    return (name, *numbers, interval, f"{each.n:,}" if is_paired else NONE)


def _wins(comparison: Comparison) -> Iterator[tuple[str, list[Pair]]]:
    for name, of_b in (("B", True), ("A", False)):
        pairs = comparison.best(MOST_WINS, of_b=of_b)
        if pairs:
            yield f"where {name} wins by most", pairs


def _win_row(pair: Pair) -> Row:
    numbers = (_number(pair.return_a), _number(pair.return_b), _signed(pair.difference))
    return (str(pair.env_seed), str(pair.number_a), str(pair.number_b), *numbers)


def _number(value: float | None) -> str:
    return NONE if value is None else short_number(value)


def _signed(value: float | None) -> str:
    return NONE if value is None else f"{'+' if value > 0 else ''}{_number(value)}"


def _table(header: Row, rows: Sequence[Row]) -> Table:
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    for position, title in enumerate(header):
        table.add_column(title, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _markdown_table(header: Row, rows: Sequence[Row]) -> list[str]:
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _counted(n_episodes: int) -> str:
    return f"{n_episodes:,} episode{'' if n_episodes == 1 else 's'}"
