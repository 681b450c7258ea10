"""Who may ask the server: this machine's own browser, or one that has the token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "maze-viewer-token"


@dataclass(frozen=True)
class Access:
    """Decides about requests by their headers.

    Args:
        port: The server's.
        token: What a browser of another machine needs to have; None: the server listens to this machine alone, and only
            names of this machine are answered, so that no foreign name can be made to lead here.

    Example:
        >>> access = Access(8700)
        >>> access.refusal("GET", {"host": "127.0.0.1:8700"}, "") is None
        True
        >>> access.refusal("GET", {"host": "evil.example:8700"}, "")
        'this server answers to 127.0.0.1:8700 only'
    """

    port: int
    token: str | None = None

    def refusal(self, method: str, headers: Mapping[str, str], query: str) -> str | None:
        """Why a request is not answered; None: it is.

        Args:
            method: Of the request.
            headers: By name in small letters.
            query: Of its address.
        """
        host = headers.get("host", "")
        if self.token is None:
            if host not in {f"{name}:{self.port}" for name in LOOPBACK_HOSTS}:
                return f"this server answers to 127.0.0.1:{self.port} only"
        elif not self.has_token(headers, query):
            return "this page needs the address that `maze view` has printed, with its token"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "another page may not ask this server"
        is_followed_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} and not is_followed_link:
            return "another page may not ask this server"
        return None

    def has_token(self, headers: Mapping[str, str], query: str) -> bool:
        """Whether the token is in the address or in the cookie."""
        cookies = [entry.strip().partition("=") for entry in headers.get("cookie", "").split(";")]
        shown = [value for name, _, value in cookies if name == f"{COOKIE}-{self.port}"]
        shown += parse_qs(query).get("token", [])
        return any(hmac.compare_digest(value.encode(), (self.token or "").encode()) for value in shown)
