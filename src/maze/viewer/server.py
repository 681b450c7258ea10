"""The web server of the page, for this machine alone unless it is told otherwise."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from html import escape
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from maze.factory import ConfigurationError
from maze.viewer.access import COOKIE, LOOPBACK_HOSTS, Access
from maze.viewer.page import html_page, static_file
from maze.viewer.viewer_api import ViewerApi

DEFAULT_PORT = 8700
_PORTS_TO_TRY, _LAST_PORT = 20, 65535
_MEDIA_TYPES = {"viewer.js": "text/javascript", "viewer.css": "text/css", "icon.svg": "image/svg+xml"}
_SECURITY = {
    # Videos come through JavaScript, as blobs.
    "content-security-policy": "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def viewer_app(api: ViewerApi, access: Access, title: str = "maze") -> Starlette:
    """The page and its questions as an ASGI application.

    Args:
        api: Answers the questions.
        access: Decides who may ask.
        title: Of the page.
    """

    async def page(request: Request) -> Response:
        if "token" in request.query_params and access.token is not None:
            # The token leaves the address, which people copy.
            redirect = RedirectResponse("/", 303)
            redirect.set_cookie(f"{COOKIE}-{access.port}", access.token, httponly=True, samesite="strict")
            return redirect
        return HTMLResponse(_page(title))

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _MEDIA_TYPES:
            return PlainTextResponse("not found", 404)
        return Response(static_file(name), media_type=_MEDIA_TYPES[name])

    async def ask(request: Request) -> Response:
        query = dict(request.query_params)
        answer = await run_in_threadpool(api.answer, request.method, request.path_params["path"], query)
        return Response(answer.body, answer.status, media_type=answer.media_type)

    routes = [
        Route("/", page),
        Route("/static/{name}", static),
        Route("/api/{path:path}", ask, methods=["GET", "POST"]),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(_Guard, access=access)
    return app


class _Guard:
    """Refuses who may not ask, and tells browsers what the page may do."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = dict(Headers(scope=scope))
        refusal = self._access.refusal(scope["method"], headers, scope["query_string"].decode("latin-1"))
        app: ASGIApp = self._app if refusal is None else PlainTextResponse(refusal, 403)

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _SECURITY.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await app(scope, receive, send_guarded)


@dataclass(frozen=True)
class Listening:
    """A socket that browsers can connect to already."""

    socket: socket.socket
    host: str
    port: int
    token: str | None

    @property
    def url(self) -> str:
        """What to open."""
        host = "127.0.0.1" if self.token is None else _named(self.host)
        return f"http://{host}:{self.port}/" + ("" if self.token is None else f"?token={self.token}")


def listen(host: str = "127.0.0.1", port: int | None = None) -> Listening:
    """Open a socket.

    Args:
        host: Address to listen at; any but this machine's own gets a token.
        port: None: the first free one from 8700 on, else any; 0: any.

    Raises:
        ConfigurationError: If the port is taken or none, or the address is not this machine's.
    """
    if port is not None and not 0 <= port <= _LAST_PORT:
        raise ConfigurationError(f"--port {port}: ports are from 0, which is any free one, to {_LAST_PORT}")
    choices = [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TO_TRY), 0]
    reason, advice = "", ""
    for choice in choices:
        try:
            opened = socket.create_server((host, choice), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            number = error.errno or 0
            reason = os.strerror(number) if number in errno.errorcode else str(error.strerror)
            advice = "--port" if number in {errno.EADDRINUSE, errno.EACCES} else "--host"
            continue
        is_loopback = host in {*LOOPBACK_HOSTS, "::1"}
        token = None if is_loopback else secrets.token_urlsafe(24)
        return Listening(opened, host, opened.getsockname()[1], token)
    raise ConfigurationError(f"cannot listen at {host}:{choices[0]}: {reason}: try another {advice}")


def serve(api: ViewerApi, listening: Listening, title: str, on_ready: Callable[[], None] | None = None) -> None:
    """Answer browsers until Ctrl-C.

    Args:
        api: Answers the questions.
        listening: Where.
        title: Of the page.
        on_ready: Called once browsers can connect.
    """
    app = viewer_app(api, Access(listening.port, listening.token), title)
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with closing(listening.socket):
        if on_ready is not None:
            on_ready()
        server.run(sockets=[listening.socket])


def _page(title: str) -> str:
    head = (
        '<link rel="icon" href="/static/icon.svg">\n'
        '<link rel="stylesheet" href="/static/viewer.css">\n'
        '<script type="module" src="/static/viewer.js"></script>\n'
    )
    return html_page(title, head, f'<main id="maze-viewer" data-api="/api" aria-label="{escape(title)}"></main>\n')


def _named(host: str) -> str:
    """A name for the address in a browser on another machine."""
    return socket.gethostname() if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104


__all__: Sequence[str] = ["Listening", "listen", "serve", "viewer_app"]
