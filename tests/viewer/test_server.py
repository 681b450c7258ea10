"""The server as other programs see it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from maze.viewer.column_bundle import unpack

View = Callable[..., str]


def ask(address: str, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=20)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()


def test_the_page_may_use_itself_only(runs: Path, view: View) -> None:
    response, body = ask(view(runs / "careful"), "/")
    assert response.status == 200
    assert b"viewer.js" in body
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers", [{"Host": "attacker.example"}, {"Origin": "http://attacker.example"}, {"Sec_Fetch_Site": "cross-site"}]
)
def test_strangers_are_refused(runs: Path, view: View, headers: dict[str, str]) -> None:
    response, body = ask(view(runs / "careful"), "/api/runs/0/episodes/0/frames", "POST", **headers)
    assert response.status == 403
    assert b"state" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/0/../../etc/passwd",
        "/api/runs/7/episodes",
        "/api/runs/-1/episodes",
        "/api/runs/0/episodes/1e3",
        "/static/../server.py",
        "/static/%2e%2e%2fserver.py",
        "/api/runs/0/episodes/0/video/..",
    ],
)
def test_paths_lead_nowhere(runs: Path, view: View, path: str) -> None:
    response, body = ask(view(runs / "careful"), path)
    assert response.status == 404 or "$problem" in unpack(body)


def test_what_starts_something_has_to_be_posted(runs: Path, view: View) -> None:
    response, _ = ask(view(runs / "careless"), "/api/runs/0/episodes", "POST")
    assert response.status == 404
    response, body = ask(view(runs / "careless"), "/api/runs/0/episodes/0/frames")
    assert unpack(body)["state"] == "none"


def test_another_machine_needs_the_printed_address(runs: Path, view: View) -> None:
    address = view("--host", "0.0.0.0", runs / "careful")
    parts = urlsplit(address)
    local = f"http://127.0.0.1:{parts.port}"
    assert ask(local, "/")[0].status == 403
    assert ask(local, "/api/runs")[0].status == 403
    response, _ = ask(local, f"/?{parts.query}")
    assert response.status == 303
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert ask(local, "/api/runs", Cookie=cookie.split(";")[0])[0].status == 200
