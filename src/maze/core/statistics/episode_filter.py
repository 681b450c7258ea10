"""Chooses episodes by an expression over their columns, such as `return < 50 and kpis.scrap > 0.1`."""

from __future__ import annotations

import ast
import io
import operator
import tokenize
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maze.factory import ConfigurationError

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_RETURN = "return_"
"""Stands for `return`, which Python's grammar keeps for itself."""

_LONGEST = 2000
_ADVICE = "write it as in 'return < 50 and length > 10', 'error is None', 'truncated_by == \"env\"'"


def choose_episodes(expression: str, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Find the episodes for which an expression holds.

    It may compare (`<`, `==`, `in`, `is None`), calculate (`+ - * / %`, `abs`) and combine (`and`, `or`, `not`)
    columns, numbers and strings. A comparison with a value that is missing does not hold. Names that are none in
    Python are written `kpis["two words"]`. The expression is parsed, and nothing is executed.

    Args:
        expression: Over names of columns.
        columns: One entry per episode each, shape (n,).

    Returns:
        Whether it holds, shape (n,).

    Raises:
        ConfigurationError: If it cannot be understood, or there is no such column.

    Example:
        >>> choose_episodes("10 < return <= 30", {"return": np.array([10.0, 20.0, 30.0, np.nan])}).tolist()
        [False, True, True, False]
    """
    if len(expression) > _LONGEST:
        raise ConfigurationError(f"the filter has {len(expression):,} characters: write it in at most {_LONGEST:,}")
    n = len(next(iter(columns.values()), ()))
    try:
        tree = ast.parse(_without_return(expression.strip()), mode="eval")
        chosen = _Evaluation(columns, n).truth(tree.body)
    except (SyntaxError, tokenize.TokenError, RecursionError, MemoryError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"cannot read the filter {expression!r}: {_ADVICE}") from None
    except KeyError as error:
        raise ConfigurationError(str(error.args[0])) from None
    return chosen


class _Evaluation:
    """Evaluates the few kinds of expression that a filter may have, and refuses all others."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], n: int) -> None:
        self._columns, self._n = columns, n

    def truth(self, node: ast.expr) -> NDArray[np.bool_]:
        """Whether an expression holds, for each episode."""
        match node:
            case ast.BoolOp(op=operation, values=parts):
                combine = np.logical_and if isinstance(operation, ast.And) else np.logical_or
                result: NDArray[np.bool_] = combine.reduce([self.truth(part) for part in parts])
                return result
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self.truth(operand)
            case ast.Compare(left=left, ops=operators, comparators=others):
                sides = [left, *others]
                pairs = zip(operators, sides, others, strict=False)
                compared = [self._comparison(kind, one, two) for kind, one, two in pairs]
                return np.asarray(np.logical_and.reduce(compared), np.bool_)
        value = self._whole(self.value(node))
        if value.dtype == object:
            return np.array([bool(item) for item in value], np.bool_)
        return np.asarray(np.nan_to_num(value.astype(np.float64)) != 0)

    def value(self, node: ast.expr) -> Any:
        """What an expression stands for: an array with an entry per episode, or a constant."""
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as constant):
                return constant
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._columns[self._name(node)]
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                return -self._number(operand) if isinstance(sign, ast.USub) else self._number(operand)
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
                with np.errstate(all="ignore"):
                    return _OPERATIONS[type(operation)](self._number(left), self._number(right))
            case ast.Call(func=ast.Name(id="abs"), args=[argument], keywords=[]):
                return np.abs(self._number(argument))
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return self.truth(node).astype(np.float64)
        raise ConfigurationError(f"a filter cannot have {ast.unparse(node)!r}: {_ADVICE}")

    def _comparison(self, kind: ast.cmpop, left: ast.expr, right: ast.expr) -> NDArray[np.bool_]:
        if isinstance(kind, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise ConfigurationError(f"{ast.unparse(right)!r} is no list: write it as in 'number in [3, 17]'")
            held = [self._compared(ast.Eq(), left, item) for item in right.elts]
            among = np.logical_or.reduce([np.zeros(self._n, np.bool_), *held])
            found = among if isinstance(kind, ast.In) else ~among & ~self._missing(self.value(left))
            return np.asarray(found, np.bool_)
        if isinstance(right, ast.Constant) and right.value is None:
            missing = self._missing(self.value(left))
            return missing if isinstance(kind, ast.Is | ast.Eq) else ~missing
        return self._compared(kind, left, right)

    def _compared(self, kind: ast.cmpop, left: ast.expr, right: ast.expr) -> NDArray[np.bool_]:
        compare = _COMPARISONS.get(type(kind))
        if compare is None:
            raise ConfigurationError(f"a filter cannot compare by 'is', but with None: {_ADVICE}")
        one, two = self._whole(self.value(left)), self._whole(self.value(right))
        if (one.dtype == object) != (two.dtype == object):
            sides = f"{ast.unparse(left)} and {ast.unparse(right)}".replace(_RETURN, "return")
            raise ConfigurationError(f"{sides} cannot be compared: one is a text, the other a number")
        if one.dtype != object:
            result: NDArray[np.bool_] = compare(one, two) & ~np.isnan(one) & ~np.isnan(two)
            return result
        pairs = zip(one, two, strict=True)
        return np.array([a is not None and b is not None and compare(a, b) for a, b in pairs], np.bool_)

    def _missing(self, value: Any) -> NDArray[np.bool_]:
        whole = self._whole(value)
        return np.array([item is None for item in whole], np.bool_) if whole.dtype == object else np.isnan(whole)

    def _number(self, node: ast.expr) -> Any:
        value = self.value(node)
        if value is None or np.asarray(value).dtype.kind not in "biuf":
            text = ast.unparse(node).replace(_RETURN, "return")
            raise ConfigurationError(f"{text} is no number, so nothing can be calculated with it")
        return np.asarray(value, np.float64)

    def _whole(self, value: Any) -> NDArray[Any]:
        """One entry per episode; a constant is the same for all."""
        if isinstance(value, str) or value is None:
            return np.array([value] * self._n, object)
        array = np.asarray(value)
        return array if array.dtype == object else np.broadcast_to(array, (self._n,))

    def _name(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name):
                return "return" if name == _RETURN else name
            case ast.Attribute(value=of, attr=name):
                return f"{self._name(of)}.{'return' if name == _RETURN else name}"
            case ast.Subscript(value=of, slice=ast.Constant(value=str() as name)):
                return f"{self._name(of)}.{name}"
        raise ConfigurationError(f"a filter cannot have {ast.unparse(node)!r}: {_ADVICE}")


def _without_return(expression: str) -> str:
    """The expression with `return` as a name; in strings it stays."""
    tokens = tokenize.generate_tokens(io.StringIO(expression).readline)
    renamed = [
        (token.type, _RETURN if (token.type, token.string) == (tokenize.NAME, "return") else token.string)
        for token in tokens
    ]
    return tokenize.untokenize(renamed).strip()
