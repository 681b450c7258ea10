"""Events, and the figures that they give."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import inf, nan
from types import ModuleType
from typing import Any, ClassVar, Optional, get_type_hints

import cloudpickle
import pytest

from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.event import EpisodeMetrics, Event, EventRecord, Metric, MetricValue


@dataclass(frozen=True)
class Cut(Event):
    size: float
    reason: Optional[str] = None  # noqa: UP045 - a name that has to be imported
    metrics = (
        Metric(),
        *(Metric("size", episode=reduction) for reduction in ("count", "sum", "mean", "min", "max", "last")),
        Metric("size", episode="sum", run="max", group_by="reason"),
    )


@dataclass(frozen=True)
class Plain(Event):
    pass


def figures(*events: Event) -> dict[str, Any]:
    metrics = EpisodeMetrics()
    for n, event in enumerate(events):
        metrics.add([EventRecord(n, n, FLAT_ACTOR, event)])
    return {key: metric.value for key, metric in metrics.figures().items()}


def test_reductions() -> None:
    assert figures(Cut(3.0), Cut(1.0, "a"), Cut(2.0, "a")) == {
        "Cut.count": 3,
        "Cut.size.count": 3,
        "Cut.size.sum": 6,
        "Cut.size.mean": 2,
        "Cut.size.min": 1,
        "Cut.size.max": 3,
        "Cut.size.last": 2,
        "Cut.size.sum[reason=None]": 3,
        "Cut.size.sum[reason=a]": 3,
    }


def test_an_event_is_counted_by_default() -> None:
    assert figures(Plain(), Plain()) == {"Plain.count": 2}
    assert figures() == {}


def test_figures_say_how_they_came_about() -> None:
    metrics = EpisodeMetrics()
    metrics.add([EventRecord(0, 0, FLAT_ACTOR, Cut(1.0))])
    assert metrics.figures()["Cut.size.sum[reason=None]"] == MetricValue(1.0, "sum", "max")


@pytest.mark.parametrize("value", [inf, -inf, nan])
def test_values_that_are_not_finite_pass(value: float) -> None:
    assert repr(figures(Cut(value))["Cut.size.last"]) == repr(value)


@pytest.mark.parametrize("metric", [{"field": "size", "episode": "median"}, {"run": "total"}, {"episode": "sum"}])
def test_metrics_that_make_no_sense_are_refused(metric: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"unknown reduction|needs the name of the event's field"):
        Metric(**metric)


def test_a_metric_of_a_field_that_is_not_there_names_it() -> None:
    @dataclass(frozen=True)
    class Wrong(Event):
        size: int
        metrics: ClassVar[Any] = (Metric("sise", episode="sum"),)

    with pytest.raises(ValueError, match="Wrong names the field 'sise', which the event does not have"):
        figures(Wrong(1))


def test_types_of_fields_are_known_where_their_names_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of a main module travel by value, without the names that their annotations are made of."""
    program = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from typing import Optional\n"
        "from maze.core.env.event import Event\n"
        "@dataclass(frozen=True)\n"
        "class Sold(Event):\n"
        "    price: Optional[float]\n"
    )
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(program, main.__dict__)
    pickled = cloudpickle.dumps(main.__dict__["Sold"])
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    sold = cloudpickle.loads(pickled)
    assert get_type_hints(sold)["price"] == Optional[float]  # noqa: UP045 - as above
    assert sold(2.5) == sold(price=2.5)


def test_local_types_stay_as_they_are_written() -> None:
    class Local:
        pass

    @dataclass(frozen=True)
    class Told(Event):
        what: Local

    assert Told(Local()).what is not None
    assert Told.__annotations__ == {"what": "Local"}
