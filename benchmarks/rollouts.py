"""Our rollouts beside the bare loop and the peers, measured in one go and printed as ratios.

python benchmarks/rollouts.py            everything, in about a quarter of an hour on two cores
python benchmarks/rollouts.py --quick    a few minutes, to see that it works
python benchmarks/rollouts.py --only cartpole --only disk
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, gettempdir
from time import monotonic
from typing import Any

from fresh_process import ProcessFailedError, run_fresh
from groups import all_groups
from machine import describe_machine, load, n_cores
from report import markdown, notes, per_second, table
from results import Repetition, Result, Sample, mean_of, result_of
from rich.console import Console
from rows import Group, Measurement, Row

CONTENDERS = Path(__file__).with_name("contenders.py")
BUSY = 0.5
"""Load of the machine from which on something else is running."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table.

    Returns:
        Exit code: 1 if one of our own rows has no figures. A missed target is a figure like any other.
    """
    options = parse(arguments)
    with TemporaryDirectory(prefix="rollout-benchmark-", dir=options.folder) as folder:
        scratch = Path(folder)
        groups = chosen(all_groups(options.scale, scratch), options.only)
        if options.list:
            print("\n".join(row.key for group in groups for row in group.rows))
            return 0
        machine = describe_machine(scratch) | {"runs": runs_line(options)}
        if (before := load()) > BUSY:
            say(f"the load of this machine is {before:.1f}: what else runs on it spoils the figures")
        machine["load before"] = f"{before:.1f}"
        repetitions = measure(groups, options.repetitions, scratch)
    machine["load after"] = f"{load():.1f}"
    results = [result_of(row, repetitions) for group in groups for row in group.rows]
    publish(results, repetitions, machine, options)
    return int(any(result.median is None for result in results if not is_peer(result.row)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs, twice: it works, but the figures are rough")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="rows whose name contains NAME")
    parser.add_argument("--list", action="store_true", help="list the names of the rows")
    parser.add_argument("--repetitions", type=int, metavar="N", help="default: 5, with --quick 2")
    parser.add_argument("--scale", type=float, metavar="X", help="factor of all lengths; default: 1, with --quick 0.1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as the documentation has it")
    parser.add_argument("--folder", type=Path, default=disk(), help="on the disk to record to; default: %(default)s")
    options = parser.parse_args(arguments)
    options.repetitions = options.repetitions or (2 if options.quick else 5)
    options.scale = options.scale or (0.1 if options.quick else 1.0)
    return options


def disk() -> Path:
    """A folder that lasts: `/tmp` is often memory, which would make recording look cheap."""
    lasting = Path("/var/tmp")
    return lasting if os.access(lasting, os.W_OK) else Path(gettempdir())


def chosen(groups: Sequence[Group], names: Sequence[str]) -> list[Group]:
    """What is left of the groups when only some rows are wanted."""
    if not names:
        return list(groups)
    kept = [group.only([row for row in group.rows if any(name in row.key for name in names)]) for group in groups]
    kept = [group for group in kept if group.rows]
    if not kept:
        raise SystemExit(f"no row's name contains {' or '.join(names)}: --list shows them")
    return kept


def measure(groups: Sequence[Group], n_repetitions: int, scratch: Path) -> list[Repetition]:
    """Take all measurements once, then again, so that a slow hour of the machine touches all rows alike.

    Every other repetition goes through a group backwards: what comes after what makes no difference on average.
    """
    began = monotonic()
    for group in groups:
        for measurement in group.preparations:
            say(f"[{monotonic() - began:4.0f} s] preparing: {measurement.name}")
            take(measurement, scratch)
    repetitions: list[Repetition] = []
    try:
        for number in range(n_repetitions):
            samples: dict[str, Sample] = {}
            for group in groups:
                there = group.measurements[:: 1 if number % 2 == 0 else -1]
                taken: dict[str, list[Sample]] = {measurement.name: [] for measurement in there}
                for measurement in (*there, *there[::-1]) if group.there_and_back else there:
                    sample = take(measurement, scratch)
                    taken[measurement.name].append(sample)
                    name = f"{number + 1}/{n_repetitions} {measurement.name}"
                    say(f"[{monotonic() - began:4.0f} s] {name}: {in_short(sample)}")
                samples |= {name: mean_of(some) for name, some in taken.items()}
            repetitions.append(samples)
    except KeyboardInterrupt:
        say(f"interrupted: the table is of {len(repetitions)} repetitions")
    return repetitions


def take(measurement: Measurement, scratch: Path) -> Sample:
    """Take one measurement, in a fresh process."""
    if measurement.requires is not None and find_spec(measurement.requires) is None:
        return {"absent": f"{measurement.requires} is not installed"}
    work = measurement.work
    command = measurement.command
    if work is not None:
        command = (sys.executable, str(CONTENDERS), json.dumps(asdict(work)))
        if work.contender == "record":
            shutil.rmtree(work.folder, ignore_errors=True)
    try:
        finished = run_fresh(command, scratch, watch=measurement.watch)
    except ProcessFailedError as error:
        return {"failed": str(error)}
    found: dict[str, Any] = {"seconds": finished.seconds, "peak_memory": finished.peak_memory}
    return found if work is None else found | json.loads(finished.output.splitlines()[-1])


def publish(
    results: Sequence[Result], repetitions: Sequence[Repetition], machine: dict[str, str], options: argparse.Namespace
) -> None:
    """Print the tables, and write the files that were asked for."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    ours = [result for result in results if not is_peer(result.row)]
    others = [result for result in results if is_peer(result.row)]
    references = {
        name: median(rates)
        for name in dict.fromkeys(name for repetition in repetitions for name in repetition if name.startswith("bare"))
        if (rates := [rate for repetition in repetitions if (rate := repetition[name].get("rate"))])
    }
    for title, some in ("Rollouts", ours), ("Peers, none of which records to disk", others):
        if some:
            console.print(table(title, some))
    for name, rate in references.items():
        console.print(f"{name}: {per_second(rate)}", highlight=False)
    for name, text in machine.items():
        console.print(f"{name}: {text}", highlight=False, markup=False)
    for note in notes(others):
        console.print(note, highlight=False, markup=False)
    if options.markdown:
        options.markdown.write_text(markdown(ours, others, references, machine), encoding="utf-8")
    if options.json:
        found = {"machine": machine, "rows": [result.as_json() for result in results], "repetitions": repetitions}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def runs_line(options: argparse.Namespace) -> str:
    """With what settings it was measured."""
    return f"{options.repetitions} repetitions, lengths × {options.scale:g}, on {n_cores()} cores"


def is_peer(row: Row) -> bool:
    """Whether a row is about another tool."""
    return row.key.startswith("peer-")


def in_short(sample: Sample) -> str:
    """A sample in a few words."""
    for why in ("absent", "failed"):
        if why in sample:
            return f"{why}: {sample[why]}"
    if sample.get("rate"):
        return per_second(sample["rate"])
    for name in ("structured_ratio", "event_microseconds"):
        if name in sample:
            return f"{name}: {sample[name]:.2f}"
    if "seconds_per_million" in sample:
        return f"{sample['seconds_per_million']:.2f} s per million steps"
    return f"{sample['seconds']:.2f} s, {sample['peak_memory'] / 2**20:,.0f} MiB at most"


def say(line: str) -> None:
    """Tell how it gets on; results alone go to stdout."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
