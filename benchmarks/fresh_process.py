"""A command in a process of its own: how long it took, what it printed, and how much memory it and its workers had."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter, sleep

PROC = Path("/proc")
POLL_INTERVAL = 0.01
KIBIBYTE = 1024


class ProcessFailedError(Exception):
    """A process that ended with an error; the message is the last line that it wrote."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended well."""

    seconds: float
    """From its start to its end."""

    peak_memory: int
    """Bytes: the largest resident size of the process; if watched, of it and its descendants, added up."""

    output: str


def environment() -> dict[str, str]:
    """The environment's variables, but for one that lets every process compile what is not installed anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_fresh(command: Sequence[str], folder: Path, *, watch: bool = False) -> Finished:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        folder: Its working directory.
        watch: Whether to look at the memory of its descendants too, again and again; where there is no `/proc`, only
            the memory of the process itself is known.

    Raises:
        ProcessFailedError: If it ends with an error.
    """
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        began = perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment()
        )
        try:
            peaks = watch_memory(process.pid) if watch and PROC.is_dir() else {}
            _, status, usage = os.wait4(process.pid, 0)
            seconds = perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            lines = errors.read().strip().splitlines() or ["it wrote nothing"]
            raise ProcessFailedError(f"exit code {process.returncode}: {lines[-1]}")
        own = usage.ru_maxrss * (1 if sys.platform == "darwin" else KIBIBYTE)
        return Finished(seconds, sum(peaks.values()) if len(peaks) > 1 else own, output.read())


def watch_memory(pid: int) -> dict[int, int]:
    """Look at a process and its descendants until it ends.

    Returns:
        The largest resident size of each, in bytes, by process id.
    """
    peaks: dict[int, int] = {}
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        for each in family(pid):
            peak = peak_memory(each)
            if peak is not None:
                peaks[each] = peak
        sleep(POLL_INTERVAL)
    return peaks


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                # After the name, which is in parentheses and may hold anything: state, parent.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    members = [pid]
    for member in members:
        members += children.get(member, [])
    return members


def peak_memory(pid: int) -> int | None:
    """The largest resident size of a process so far, in bytes; None if it has ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * KIBIBYTE for line in lines if line.startswith("VmHWM:")), None)
