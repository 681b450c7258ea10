"""Which environment in a stack of wrappers answers for a member of the interface."""

from __future__ import annotations

from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.structured_wrapper import StructuredWrapper


def owner_of(env: StructuredEnv, member: str) -> StructuredEnv | None:
    """The outermost environment of a stack that answers for a member itself; None where none does.

    Whoever asks often can ask it at once, past the wrappers that only pass the question on, or not ask at all.

    Args:
        env: The outermost one.
        member: Name of a method or property of `StructuredEnv`.

    Example:
        >>> class Clocked(StructuredEnv):
        ...     time = 3
        >>> env = StructuredWrapper(Clocked())
        >>> owner_of(env, "time").time, owner_of(env, "actor_rewards")
        (3, None)
    """
    passing_on, default = getattr(StructuredWrapper, member), getattr(StructuredEnv, member)
    while True:
        given = getattr(type(env), member)
        if member in vars(env):
            return env
        if given is passing_on and isinstance(env, StructuredWrapper):
            env = env.env
        else:
            return None if given is default else env
