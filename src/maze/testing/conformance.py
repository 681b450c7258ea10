"""How a conformance check says what it found, and the calls and comparisons that all of them need."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")


class ConformanceError(AssertionError):
    """An environment or a policy breaks a rule; the message says which one, where, and what to do."""


class ConformanceWarning(UserWarning):
    """Something that is allowed, and probably not meant."""


class Moment(NamedTuple):
    """What was there at one step of an episode, as bytes, so that nothing can change it any more."""

    where: str
    contents: Mapping[str, bytes]


def call(what: str, where: str, function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Call a method of what is checked.

    Raises:
        ConformanceError: If it raises anything.

    Example:
        >>> call("close()", "after an episode", int, "7")
        7
    """
    try:
        return function(*arguments, **named)
    except Exception as error:
        message = " ".join(str(error).split())
        raise ConformanceError(f"{what} raised {type(error).__name__}: {message} ({where})") from error


def check_signature(function: Callable[..., Any], what: str, *arguments: Any, **named: Any) -> None:
    """See that a function can be called with these arguments.

    Raises:
        ConformanceError: If it cannot.

    Example:
        >>> check_signature(lambda action: None, "step(action)", 0)
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        name = what.partition("(")[0]
        raise ConformanceError(f"{name}{signature} cannot be called as {what}: {error}: change its signature") from None


def first_difference(one: Sequence[Moment], other: Sequence[Moment]) -> str | None:
    """Where and in what two plays of an episode differ first; None if they are equal, bit for bit.

    Example:
        >>> first_difference([Moment("step 0", {"reward": b"1"})], [Moment("step 0", {"reward": b"2"})])
        'the reward differs first, step 0'
    """
    for ours, theirs in zip(one, other, strict=False):
        for name in ours.contents:
            if ours.contents[name] != theirs.contents.get(name):
                return f"the {name} differs first, {ours.where}"
    return None if len(one) == len(other) else f"one has {len(one)} steps, the other {len(other)}"
