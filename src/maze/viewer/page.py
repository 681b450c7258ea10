"""The page: its text, and the static files that it consists of."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>$title</title>
$head</head>
<body>
<noscript>This page draws recorded episodes with JavaScript: please allow it here.</noscript>
$body</body>
</html>
"""
)


@cache
def static_file(name: str) -> bytes:
    """One of the files that the page consists of.

    Example:
        >>> b"export" in static_file("viewer.js")
        True
    """
    return files("maze.viewer").joinpath("static", name).read_bytes()


def html_page(title: str, head: str, body: str) -> str:
    """The page around given elements.

    Args:
        title: Plain text.
        head: Elements for the head, already escaped.
        body: Elements for the body, already escaped.
    """
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    return _PAGE.substitute(title=escaped, head=head, body=body)
