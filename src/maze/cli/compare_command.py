"""`maze compare`: which of two runs is better, by how much, and where."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from maze.cli.recorded_run import open_run, state_of

EXAMPLES = """\
examples:
  maze compare outputs/A outputs/B
  maze compare outputs/A outputs/B --markdown > comparison.md
  maze compare outputs/A outputs/B --json | jq .win_rate_b

Episodes that began with the same environment seed are compared with each other, as runs with the same
seeding.env_base_seed have them. Differences are those of B from A; the intervals are 95% confidence intervals.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "compare",
        help="two runs: which is better, by how much, and where",
        description="Compares two runs, episode by episode where they have the same seeds.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", metavar="RUN", help="directory of run A")
    parser.add_argument("other_run_dir", metavar="OTHER", help="directory of run B")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, with all pairs")
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.set_defaults(carry_out=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison.

    Returns:
        0; 1 where parts of a run are damaged.

    Raises:
        ConfigurationError: If one of the runs cannot be read, or has no episode to compare.
    """
    from maze.core.statistics.comparison import compare
    from maze.factory import ConfigurationError

    recordings = [open_run(arguments.run_dir), open_run(arguments.other_run_dir)]
    for recording in recordings:
        for line in state_of(recording):
            print(f"maze: {line}", file=sys.stderr)
        if len(recording) == 0:
            raise ConfigurationError(f"{recording.run_dir} has no successful episode: there is nothing to compare")
    environments = [(recording.metadata.get("env") or {}).get("name") for recording in recordings]
    if environments[0] != environments[1]:
        print(f"maze: these are runs of two environments, {environments[0]} and {environments[1]}", file=sys.stderr)
    comparison = compare(recordings[0].episodes, recordings[1].episodes)
    names = [str(recording.run_dir) for recording in recordings]
    if arguments.json:
        print(json.dumps({"a": names[0], "b": names[1], **comparison.to_json()}, indent=2, allow_nan=False))
    elif arguments.markdown:
        from maze.cli.comparison_table import comparison_markdown

        print(comparison_markdown(comparison, *names))
    else:
        from rich.console import Console

        from maze.cli.comparison_table import comparison_table

        Console().print(comparison_table(comparison, *names))
    return 1 if any(recording.damaged_parts for recording in recordings) else 0
