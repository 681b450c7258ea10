"""Garbage collection that does not search what was imported.

While packages are imported memory is filled with what stays. To search it again and again for garbage takes a tenth of
the time that a command needs to start.
"""

from __future__ import annotations

import gc


def postpone_collecting() -> None:
    """Collect no garbage while packages are imported."""
    gc.disable()


def begin_collecting() -> None:
    """Collect garbage, but among what is made from now on."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
