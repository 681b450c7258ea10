import pytest

from maze.viewer.access import Access

LOCAL = {"host": "127.0.0.1:8700"}


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost:8700", "[::1]:8700"])
def test_this_machine_is_answered(host: str) -> None:
    assert Access(8700).refusal("GET", {"host": host}, "") is None


@pytest.mark.parametrize("host", ["", "127.0.0.1", "127.0.0.1:8701", "attacker.example:8700", "127.0.0.1.example:8700"])
def test_other_names_are_not(host: str) -> None:
    assert Access(8700).refusal("GET", {"host": host}, "") is not None


@pytest.mark.parametrize(
    "origin", ["https://attacker.example", "null", "http://127.0.0.1:8701", "http://localhost:8700"]
)
def test_other_pages_are_not(origin: str) -> None:
    assert Access(8700).refusal("GET", {**LOCAL, "origin": origin}, "") is not None
    assert Access(8700).refusal("POST", {**LOCAL, "sec-fetch-site": "cross-site"}, "") is not None


def test_a_link_on_another_page_may_be_followed() -> None:
    foreign = {**LOCAL, "sec-fetch-site": "cross-site"}
    assert Access(8700).refusal("GET", {**foreign, "sec-fetch-mode": "no-cors"}, "") is not None
    assert Access(8700).refusal("GET", {**foreign, "sec-fetch-mode": "navigate"}, "") is None
    assert Access(8700).refusal("POST", {**foreign, "sec-fetch-mode": "navigate"}, "") is not None


def test_the_own_page_may_start_something() -> None:
    assert Access(8700).refusal("POST", {**LOCAL, "origin": "http://127.0.0.1:8700"}, "") is None


def test_other_machines_need_the_token() -> None:
    access, host = Access(8700, "secret"), {"host": "far.example:8700"}
    assert access.refusal("GET", host, "") is not None
    assert access.refusal("GET", host, "token=wrong") is not None
    assert access.refusal("GET", host, "token=secret") is None
    assert access.refusal("GET", {**host, "cookie": "a=b; maze-viewer-token-8700=secret"}, "") is None
    assert access.refusal("GET", {**host, "cookie": "maze-viewer-token-8700=secrets"}, "") is not None
