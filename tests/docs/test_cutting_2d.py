"""What the page on the 2D cutting problem shows is what its scripts make."""

from __future__ import annotations

import runpy
import zlib

import pytest
from tests.docs.doc_blocks import ROOT


def pixels(png: bytes) -> bytes:
    """The lines of a picture with one chunk of data; compression may differ from version to version."""
    start = png.index(b"IDAT") + 4
    length = int.from_bytes(png[start - 8 : start - 4])
    return zlib.decompress(png[start : start + length])


def test_the_picture_is_the_one_that_its_script_draws() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "draw_cutting_2d_picture.py"))
    drawn = script["png"](script["picture"]())
    assert pixels(drawn) == pixels((ROOT / "docs" / "assets" / "cutting_2d.png").read_bytes())


@pytest.mark.slow
def test_the_table_is_the_one_that_its_script_measures() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "measure_cutting_2d.py"))
    measured = script["table"]()
    assert measured == (ROOT / "docs" / "snippets" / "cutting_2d_table.md").read_text(encoding="utf-8")
