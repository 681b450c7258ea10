"""Numbers as people read them."""

from __future__ import annotations

import math
from decimal import Decimal

NONE = "–"
LARGEST_PLAIN, SMALLEST_PLAIN = 1e6, 1e-4
"""Numbers outside are written with an exponent."""


def format_number(value: float | None, decimals: int) -> str:
    """Write a number rounded to so many decimals, negative ones for tens and hundreds; very large or small ones short.

    Example:
        >>> [format_number(value, 2) for value in (-1234.5, 0.004, 0.0, 2.5e7, None)]
        ['-1,234.50', '0.00', '0', '2.500e7', '–']
        >>> format_number(2.5e7, -6), format_number(0.000012345, 6)
        ('2.5e7', '1.2e-5')
    """
    if value is None:
        return NONE
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if abs(value) >= LARGEST_PLAIN or (abs(value) < SMALLEST_PLAIN and decimals + exponent >= 0):
        mantissa, _, power = f"{value:.{min(max(decimals + exponent, 0), 3)}e}".partition("e")
        return f"{mantissa}e{int(power)}"
    text = f"{value:,.{max(decimals, 0)}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def own_decimals(value: float, digits: int) -> int:
    """Decimals that a number has, when rounded to so many digits."""
    return -int(Decimal(f"{value:.{digits}g}").as_tuple().exponent)


def short_number(value: float) -> str:
    """Write a number with four digits, and never fewer than it has before the point.

    Example:
        >>> [short_number(value) for value in (0.123456, -12.0, 30_000, 12_345.6, 2.5e7, float("nan"))]
        ['0.1235', '-12', '30,000', '12,346', '2.5e7', 'nan']
    """
    return format_number(value, own_decimals(value, 4)) if math.isfinite(value) else str(value)
