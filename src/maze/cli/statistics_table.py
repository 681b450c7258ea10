"""The statistics of a run as a table for the console."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.box import SIMPLE
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from maze.cli.number_format import NONE, format_number, own_decimals
from maze.core.recording.actor_returns import actor_labels
from maze.core.statistics.statistics import MetricSummary, Statistics
from maze.core.statistics.summary import Summary

INDENT, CONTINUATION = "  ", "    "
MOST_ACTIONS = 5
"""Actions shown per step key, the most frequent ones."""
MOST_ACTORS = 12
"""Actors whose returns are shown."""


def statistics_table(statistics: Statistics) -> RenderableType:
    """Show the statistics of a run: a table of quantities, how often which action was taken, and the episodes.

    Args:
        statistics: Of a run that is over, or read back from its `statistics.json`.

    Example:
        >>> nothing = Summary(0, 0, None, None, None, None, None, None, None)
        >>> empty = Statistics(0, 0, 0, 0, 0, nothing, nothing, None, {}, {}, {}, {})
        >>> Console(width=60).print(statistics_table(empty))  # doctest: +ELLIPSIS
                mean  95% interval  IQM  median  min  max
        ...
        0 episodes, 0 failed, 0 cut by the runner's max_episode_steps
    """
    parts: list[RenderableType] = [_quantities(statistics)]
    if statistics.action_counts:
        parts += [Text(), _actions(statistics.action_counts)]
    return Group(*parts, Text(), _episodes_line(statistics))


@dataclass(frozen=True)
class _Label:
    """Name of a quantity, broken after its own punctuation where the column is narrow."""

    name: str
    notes: str = ""
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        lines = [""]
        for piece in self._pieces():
            if len(lines[-1]) + len(piece.rstrip()) > options.max_width and lines[-1]:
                lines.append(CONTINUATION)
            lines[-1] += piece
        text = Text("\n".join(lines), style=self.style, overflow="fold")
        text.highlight_regex(re.escape(self.notes) or "$^", "dim")
        yield text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(map(len, self._pieces()))
        return Measurement(longest, max(longest, len(self.name) + len(self.notes))).with_maximum(options.max_width)

    def _pieces(self) -> list[str]:
        return re.split(r"(?<=[^\w])|(?<=_)", self.name + self.notes)


def _quantities(statistics: Statistics) -> Table:
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("")
    for name in ("mean", "95% interval", "IQM", "median", "min", "max"):
        # Only names and intervals may wrap, so that no number is cut or broken.
        table.add_column(name, justify="right", no_wrap=name != "95% interval", style="bold" if name == "mean" else "")
    n = statistics.n_episodes - statistics.n_failed
    _add_rows(table, {"return": statistics.episode_return, "length": statistics.length}, n)
    if statistics.actor_returns:
        table.add_section()
        _add_actor_returns(table, statistics.actor_returns, n)
    if statistics.success is not None:
        table.add_section()
        table.add_row(_label("success rate", statistics.success, n), *_rate(statistics.success))
    for title, summaries in (("info", statistics.info), ("KPIs", statistics.kpis)):
        if summaries:
            table.add_section()
            table.add_row(_Label(title, style="dim"))
            _add_rows(table, summaries, n, INDENT)
    if statistics.metrics:
        table.add_section()
        _add_metrics(table, statistics.metrics, n)
    return table


def _add_rows(table: Table, summaries: Mapping[str, Summary], n_episodes: int, indent: str = "") -> None:
    for name, summary in summaries.items():
        table.add_row(_label(indent + name, summary, n_episodes), *_figures(summary))


def _add_actor_returns(table: Table, summaries: Mapping[str, Summary], n_episodes: int) -> None:
    """Add who earned what; of many actors those who earned most, and those who earned least."""
    labels = actor_labels(summaries)
    labelled = {labels[name]: summary for name, summary in summaries.items()}
    most, least = list(labelled), list[str]()
    if len(labelled) > MOST_ACTORS:
        ranked = sorted(labelled, key=lambda label: -(labelled[label].mean or 0.0))
        most, least = ranked[: MOST_ACTORS // 2], ranked[-MOST_ACTORS // 2 :]
    table.add_row(_Label("return of", style="dim"))
    _add_rows(table, {label: labelled[label] for label in most}, n_episodes, INDENT)
    if least:
        n_others = len(labelled) - len(most) - len(least)
        table.add_row(_Label(f"{INDENT}{n_others:,} others, in statistics.json", style="dim"))
        _add_rows(table, {label: labelled[label] for label in least}, n_episodes, INDENT)


def _add_metrics(table: Table, metrics: Mapping[str, MetricSummary], n_episodes: int) -> None:
    """Add the metrics event by event: their names are long, and the first half the same."""
    for event, keys in groupby(metrics, key=lambda key: key.partition(".")[0]):
        table.add_row(_Label(event, style="dim"))
        for key in keys:
            metric = metrics[key]
            label = _label(INDENT + key.partition(".")[2], metric.summary, n_episodes)
            table.add_row(label, *_figures(metric.summary))
            if metric.run != "mean" and metric.run_value is not None:
                run_value = format_number(metric.run_value, own_decimals(metric.run_value, 6))
                table.add_row(_Label(f"{CONTINUATION}{metric.run} over the run: {run_value}", style="dim"))


def _label(name: str, summary: Summary, n_episodes: int) -> _Label:
    """Name of a quantity, and how many episodes it is about where that is not all."""
    notes = f" n={summary.n}" if summary.n < n_episodes else ""
    return _Label(name, f"{notes}, {summary.n_not_finite} not finite" if summary.n_not_finite else notes)


def _figures(summary: Summary) -> Iterator[RenderableType]:
    decimals = _decimals(summary)
    yield format_number(summary.mean, decimals)
    yield _interval([format_number(end, decimals) for end in summary.confidence_interval or ()])
    yield format_number(summary.interquartile_mean, decimals)
    for value in (summary.median, summary.min, summary.max):
        # Mostly values of single episodes, such as a whole number of steps: exact if that is short.
        own = own_decimals(value or 0.0, 4)
        yield format_number(value, own if own <= 1 else min(own, max(decimals, 1)))


def _decimals(summary: Summary) -> int:
    """As many decimals as the mean deserves: two digits of its interval's width, else its own."""
    low, high = summary.confidence_interval or (0.0, 0.0)
    return 1 - math.floor(math.log10(high - low)) if high > low else own_decimals(summary.mean or 0.0, 4)


def _rate(success: Summary) -> tuple[RenderableType, RenderableType]:
    return f"{success.mean:.1%}", _interval([f"{end:.1%}" for end in success.confidence_interval or ()])


def _interval(ends: Sequence[str]) -> Text:
    return Text(f"[{ends[0]}, {ends[1]}]" if ends else NONE)


def _actions(action_counts: Mapping[str, tuple[int, ...]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for step_key, counts in action_counts.items():
        name = f"key {step_key}" if step_key.isdecimal() else step_key
        title = "actions" if len(action_counts) == 1 else f"actions of {name}"
        grid.add_row(Text(title), _frequencies(counts))
    return grid


def _frequencies(counts: Sequence[int]) -> Text:
    total = sum(counts)
    if total == 0:
        return Text("none taken")
    ranked = sorted(range(len(counts)), key=lambda action: (-counts[action], action))
    shown, others = ranked[:MOST_ACTIONS], ranked[MOST_ACTIONS:]
    text = Text("   ").join(
        Text.assemble((f"{action}", "bold"), f" {counts[action] / total:.1%}".replace(" ", "\N{NO-BREAK SPACE}"))
        for action in shown
    )
    if others:
        share = f"{sum(counts[action] for action in others) / total:.1%}"
        text.append(f"   {len(others)}\N{NO-BREAK SPACE}more\N{NO-BREAK SPACE}{share}", style="dim")
    return text


def _episodes_line(statistics: Statistics) -> Text:
    n_failed, n_cut = statistics.n_failed, statistics.n_truncated_by_runner
    return Text.assemble(
        f"{statistics.n_episodes:,} episode{'' if statistics.n_episodes == 1 else 's'}, ",
        (f"{n_failed:,} failed", "bold red" if n_failed else ""),
        ", ",
        (f"{n_cut:,} cut by the runner's max_episode_steps", "yellow" if n_cut else ""),
    )
