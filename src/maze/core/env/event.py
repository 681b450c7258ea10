"""What happens in an environment, and what it says about an episode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from inspect import get_annotations
from itertools import repeat
from math import inf, nan
from operator import add, attrgetter
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args, get_type_hints

from maze.core.env.actor_id import ActorID

Reduction: TypeAlias = Literal["count", "sum", "mean", "min", "max", "last"]


@dataclass(frozen=True)
class Metric:
    """How one field of an event becomes a figure of the episode, and that a figure of the run.

    Args:
        field: Field of the event to reduce; None only for `episode="count"`.
        episode: How the values of one episode become one figure.
        run: How the figures of the episodes become one figure of the run.
        group_by: Field of the event whose values keep their figures apart.

    Raises:
        ValueError: If a reduction is unknown, or one other than "count" has no field.

    Example:
        >>> Metric("size", episode="sum").key("PieceCut")
        'PieceCut.size.sum'
        >>> Metric(group_by="reason").key("PieceCut", "too small")
        'PieceCut.count[reason=too small]'
    """

    field: str | None = None
    episode: Reduction = "count"
    run: Reduction = "mean"
    group_by: str | None = None

    def __post_init__(self) -> None:
        """Refuse a reduction that does not exist or has nothing to reduce."""
        for reduction in (self.episode, self.run):
            if reduction not in get_args(Reduction):
                raise ValueError(f"unknown reduction {reduction!r}: choose one of {', '.join(get_args(Reduction))}")
        if self.field is None and self.episode != "count":
            raise ValueError(f"a metric with episode={self.episode!r} needs the name of the event's field to reduce")

    def key(self, event_name: str, group: object = None) -> str:
        """Name of the figure in recordings and tables."""
        name = f"{event_name}.{self.episode}" if self.field is None else f"{event_name}.{self.field}.{self.episode}"
        return name if self.group_by is None else f"{name}[{self.group_by}={group}]"


class Event:
    """One kind of thing that happens: subclass it as a frozen dataclass, one class per kind.

    Fields are numbers, strings, bools, or (nested lists of) these; they become the columns of the event's log.

    Example:
        >>> @dataclass(frozen=True)
        ... class PieceCut(Event):
        ...     size: float
        ...     metrics = (Metric(), Metric("size", episode="sum"))
        >>> PieceCut(size=2.0)
        PieceCut(size=2.0)
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric(),)
    """The figures that recordings and tables show; by default how often it happened in an episode."""

    def __init_subclass__(cls) -> None:
        """Resolve annotations that are strings while their names are known: by value, events travel without them."""
        super().__init_subclass__()
        with suppress(NameError):  # in a function they may be local; the event's log will say what it cannot resolve
            types = get_type_hints(cls, include_extras=True)
            cls.__annotations__ = {name: types[name] for name in get_annotations(cls)}


@dataclass(frozen=True)
class EpisodeEnded(Event):
    """The episode is over; emitted by the episode loop itself, once in every episode."""

    length: int
    """Rounds that the environment completed."""

    episode_return: float
    """Sum of the rewards."""

    terminated: bool
    """The environment reached an end of its own."""

    truncated: bool
    """The episode was cut."""

    metrics: ClassVar[tuple[Metric, ...]] = ()


class EpisodeFigures(dict[str, float]):
    """The figures of an episode by the names of their metrics; counts and sums of what never happened are 0.

    Example:
        >>> figures = EpisodeFigures({"Sold.price.sum": 3.5})
        >>> figures["Sold.price.sum"], figures["Returned.count"]
        (3.5, 0.0)
    """

    def __missing__(self, name: str) -> float:
        """Give 0 for a count or a sum.

        Raises:
            KeyError: For any other figure, which does not exist where nothing happened.
        """
        if name.partition("[")[0].endswith((".count", ".sum")):
            return 0.0
        raise KeyError(name)


class EventRecord(NamedTuple):
    """An event, and the decision in which it happened."""

    step: int
    """Index of the decision in its episode; -1 for what happened in reset."""

    time: int
    """Rounds completed when the decision was taken."""

    actor_id: ActorID
    """Who had acted."""

    event: Event
    """What happened."""


@dataclass(frozen=True)
class MetricValue:
    """The figure that a metric gives for one episode."""

    value: float
    episode: Reduction
    run: Reduction


_NO_NUMBERS: Mapping[str, Sequence[float]] = MappingProxyType({})


class EpisodeMetrics:
    """The figures of one episode, gathered from its events as they happen; memory does not grow with their number.

    Example:
        >>> @dataclass(frozen=True)
        ... class Sold(Event):
        ...     price: float
        ...     metrics = (Metric("price", episode="mean"),)
        >>> from maze.core.env.actor_id import FLAT_ACTOR
        >>> metrics = EpisodeMetrics()
        >>> metrics.add([EventRecord(i, i, FLAT_ACTOR, Sold(price)) for i, price in enumerate((2.0, 4.0))])
        >>> metrics.figures()
        {'Sold.price.mean': MetricValue(value=3.0, episode='mean', run='mean')}
    """

    def __init__(self) -> None:
        """Begin with no event."""
        self._gathered: dict[str, tuple[Metric, _Gathered]] = {}

    def add(self, records: Iterable[EventRecord]) -> None:
        """Take more events in.

        Raises:
            ValueError: If a metric names a field that its event does not have, or one that is no number.
        """
        by_class: dict[type[Event], list[Event]] = {}
        for record in records:
            by_class.setdefault(type(record.event), []).append(record.event)
        for event_class, events in by_class.items():
            self.add_kind(event_class, events)

    def add_kind(
        self, event_class: type[Event], events: Sequence[Event], numbers: Mapping[str, Sequence[float]] = _NO_NUMBERS
    ) -> None:
        """Take more events of one class in: as `add`, and faster where they are sorted already.

        Args:
            event_class: What they are.
            events: In order.
            numbers: By field, one per event: those that have been taken out of the events before.
        """
        name = event_class.__name__
        for metric in event_class.metrics:
            if metric.field is None:
                values: Iterable[float] = repeat(1.0, len(events))
            else:
                values = numbers[metric.field] if metric.field in numbers else _numbers(events, metric.field)
            if metric.group_by is None:
                self._reduce(metric.key(name), metric, values, len(events))
                continue
            by_group: dict[str, list[float]] = {}
            for group, value in zip(map(str, _fields(events, metric.group_by)), values, strict=True):
                by_group.setdefault(group, []).append(value)
            for group, its_values in by_group.items():
                self._reduce(metric.key(name, group), metric, its_values, len(its_values))

    def figures(self) -> dict[str, MetricValue]:
        """One figure for each metric, and for each group where it has groups."""
        return {
            key: MetricValue(float(getattr(gathered, metric.episode)), metric.episode, metric.run)
            for key, (metric, gathered) in self._gathered.items()
        }

    def _reduce(self, key: str, metric: Metric, values: Iterable[float], n: int) -> None:
        """Reduce n values, as far as the metric needs it."""
        if key not in self._gathered:
            self._gathered[key] = (metric, _Gathered())
        gathered = self._gathered[key][1]
        gathered.count += n
        match metric.episode:
            case "sum" | "mean":
                gathered.sum = reduce(add, values, gathered.sum)  # `sum` rounds differently from Python 3.12 on
            case "min":
                gathered.min = min(gathered.min, *values)
            case "max":
                gathered.max = max(gathered.max, *values)
            case "last":
                *_, gathered.last = values


@dataclass(slots=True)
class _Gathered:
    count: float = 0.0
    sum: float = 0.0
    min: float = inf
    max: float = -inf
    last: float = nan

    @property
    def mean(self) -> float:
        return self.sum / self.count


def _numbers(events: Sequence[Event], name: str) -> list[float]:
    values = _fields(events, name)
    try:
        return list(map(float, values))
    except (TypeError, ValueError):
        raise ValueError(
            f"a metric of event {type(events[0]).__name__} reduces the field {name!r}, which is not always a number: "
            "reduce another field, or group by this one"
        ) from None


def _fields(events: Sequence[Event], name: str) -> list[Any]:
    try:
        return list(map(attrgetter(name), events))
    except AttributeError:
        raise ValueError(
            f"a metric of event {type(events[0]).__name__} names the field {name!r}, which the event does not have"
        ) from None
