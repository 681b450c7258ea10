"""Checks of what wrappers are configured with."""

from __future__ import annotations

from maze.factory import ConfigurationError


def check_whole_number(name: str, value: object, least: int) -> None:
    """Refuse what is no whole number, or a smaller one.

    Raises:
        ConfigurationError: In one line.

    Example:
        >>> check_whole_number("n_steps", 0, 1)
        Traceback (most recent call last):
        maze.factory.ConfigurationError: n_steps=0: give a whole number of at least 1
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name}={value!r}: give a whole number of at least {least}")
