"""Whether an environment sums an episode up in a form that can be recorded and shown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from maze.core.env.event import EpisodeFigures, EpisodeMetrics, EventRecord
from maze.core.env.structured_env import StructuredEnv
from maze.testing.conformance import ConformanceError, call


def check_kpis(env: StructuredEnv, records: Sequence[EventRecord], where: str) -> None:
    """See that the KPIs of these events are numbers, and that there are KPIs of an episode without events too.

    Raises:
        ConformanceError: If not.

    Example:
        >>> class Careless(StructuredEnv):
        ...     def kpis(self, events, metrics): return {"first": events[0].step}
        >>> check_kpis(Careless(), [], "at the end")
        Traceback (most recent call last):
        maze.testing.conformance.ConformanceError: kpis() raised IndexError: list index out of range (at the end)
    """
    for chosen, place in ((records, where), ([], "of an episode without events")):
        metrics = EpisodeMetrics()
        metrics.add(chosen)
        figures = EpisodeFigures({name: figure.value for name, figure in metrics.figures().items()})
        kpis = call("kpis()", place, env.kpis, chosen, figures)
        if not isinstance(kpis, Mapping):
            raise ConformanceError(f"kpis gave a {type(kpis).__name__} ({place}): return a dict of numbers by name")
        for name, value in kpis.items():
            number: object = value
            if not isinstance(number, int | float | np.integer | np.floating) or math.isinf(number):
                raise ConformanceError(f"the KPI {name!r} is {value!r} ({place}): return a finite float, NaN for none")


def check_state(env: StructuredEnv, where: str) -> None:
    """See that the snapshot for rendering holds numbers, strings, lists and dicts only.

    Raises:
        ConformanceError: If not.

    Example:
        >>> class Opaque(StructuredEnv):
        ...     def state(self): return {"board": object()}
        >>> check_state(Opaque(), "after reset")
        Traceback (most recent call last):
        maze.testing.conformance.ConformanceError: state() holds what JSON does not (Object of type object is not ...
    """
    state = call("state()", where, env.state)
    try:
        json.dumps(state, allow_nan=True)
    except (TypeError, ValueError) as error:
        raise ConformanceError(
            f"state() holds what JSON does not ({error}) ({where}): give numbers, strings, lists and dicts"
        ) from None
