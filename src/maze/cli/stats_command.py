"""`maze stats`: the table of a run again, from its files."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from maze.cli.recorded_run import open_run, state_of

if TYPE_CHECKING:
    from maze.core.recording.recording import Recording

MOST_NUMBERS = 30
"""Episodes that are listed of those that were chosen."""

EXAMPLES = """\
examples:
  maze stats outputs/RUN
  maze stats outputs/RUN --where "return < 50"
  maze stats outputs/RUN --where "truncated_by == 'env' and kpis.scrap > 0.1"
  maze stats outputs/RUN --where "error is not None" --json

A filter compares columns of episodes/: number, env_seed, agent_seed, length, n_decisions, return, terminated,
truncated, truncated_by, success, error, seconds, attempts, and all figures, as info.NAME, kpis.NAME, metrics.NAME
and actor_returns.NAME, or by their name alone; one that is no word as in metrics["Cut.area.sum"].
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "stats",
        help="the statistics of a run, from its files",
        description="Shows the statistics of a run, computed from its files: of all its episodes, or of some.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", metavar="RUN", help="directory of the run")
    parser.add_argument("--where", metavar="FILTER", help="only episodes for which this holds, as 'return < 50'")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(carry_out=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the statistics.

    Returns:
        0; 1 where parts of the run are damaged.

    Raises:
        ConfigurationError: If there is no such run, or the filter cannot be understood.
    """
    from maze.core.statistics.statistics import compute_statistics

    recording = open_run(arguments.run_dir)
    episodes = recording.episodes if arguments.where is None else _chosen(recording, arguments.where)
    statistics = compute_statistics(episodes)
    numbers = episodes["number"].to_pylist()
    for line in state_of(recording):
        print(f"maze: {line}", file=sys.stderr)
    if arguments.json:
        content = {
            "run": str(recording.run_dir),
            "status": recording.metadata.get("status"),
            "where": arguments.where,
            "n_selected": len(numbers),
            "statistics": statistics.to_json(),
        }
        if arguments.where is not None:
            content["episodes"] = numbers
        print(json.dumps(content, indent=2, allow_nan=False))
    else:
        _print_table(statistics, numbers if arguments.where is not None else None, len(recording.episodes))
    return 1 if recording.damaged_parts else 0


def _chosen(recording: Recording, expression: str) -> Any:
    from maze.core.arrow_arrays import number_array
    from maze.core.statistics.episode_columns import EpisodeColumns
    from maze.core.statistics.episode_filter import choose_episodes

    columns = EpisodeColumns(recording.episodes)
    return recording.episodes.filter(number_array(choose_episodes(expression, columns)))


def _print_table(statistics: Any, chosen: list[int] | None, n_all: int) -> None:
    from rich.console import Console

    from maze.cli.statistics_table import statistics_table

    console = Console()
    if statistics.n_episodes > statistics.n_failed:
        console.print(statistics_table(statistics))
    elif chosen is None:
        console.print("no episode has ended well" if statistics.n_episodes else "no episodes yet", highlight=False)
    if chosen is not None:
        shown = ", ".join(map(str, chosen[:MOST_NUMBERS])) + (", ..." if len(chosen) > MOST_NUMBERS else "")
        of_all = f"{len(chosen):,} of {n_all:,} episodes"
        console.print(f"{of_all}: {shown}" if chosen else of_all, highlight=False, soft_wrap=True)
