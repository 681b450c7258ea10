"""Conformance checks for environments and policies, to be called in the tests of whoever writes one.

Example:
    >>> check_env("CartPole-v1")
    >>> check_policy(lambda observation: int(observation[2] > 0), "CartPole-v1")
"""

from maze.testing.conformance import ConformanceError, ConformanceWarning
from maze.testing.env_check import check_env
from maze.testing.policy_check import check_policy

__all__ = ["ConformanceError", "ConformanceWarning", "check_env", "check_policy"]
