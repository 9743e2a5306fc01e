"""Who may ask: this machine's own browser, opened by this program, on this very page.

A page that another site shows cannot get through: it does not know the token (a cookie that is
sent for this page's own requests only), it cannot claim the Host (DNS rebinding), and what it
sends bears its own Origin. What gets through anyway can run no script that is not ours.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
FOREIGN = ("cross-site", "same-site")  # another port of this machine is "same-site"
SAFE = ("GET", "HEAD")
# The page that sets the cookie goes on to the real one by itself: a redirect would still count as
# coming from the program that opened the link, and Strict cookies would not be sent with it.
OPENING = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>faceclust</title>'
    '<meta http-equiv="refresh" content="0; url=/"><p><a href="/">Open faceclust</a></p></html>'
)
LOCKED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>faceclust</title>'
    "<h1>This page is locked</h1><p>Open the address that <code>faceclust review</code> printed; "
    "it changes each time the command is run.</p></html>"
)
USED = LOCKED.replace(
    "<p>",
    "<p>This link has been used already; it works once. If it never showed you the page, another "
    "user of this machine was faster: end the command with Ctrl-C and run it again with "
    "<code>--no-browser</code>.</p><p>",
)
TOKEN_BYTES = 24
TICKET_SECONDS = 60.0


class Ticket:
    """Opens the page once, and soon: for the browser that this program starts.

    Every user of the machine can read a browser's command line, so what stands there must be
    worth nothing by the time that they have.

    Args:
        now: seconds on any clock that only goes forward.

    Attributes:
        text: what the browser is to show.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.text = secrets.token_urlsafe(TOKEN_BYTES)
        self._now, self._until = now, now() + TICKET_SECONDS
        self._used = False

    def use(self, given: str) -> bool:
        """Whether `given` is this ticket, and opens the page; it does not do so again."""
        if self._used or self._now() > self._until or not _same(given, self.text):
            return False
        self._used = True
        return True

    def is_used(self, given: str) -> bool:
        """Whether `given` is this ticket, and has opened the page before."""
        return self._used and _same(given, self.text)


class Guard:
    """ASGI middleware: refuses strangers and puts the security headers on every answer.

    Args:
        token: the secret of this run.
        port: where the page is served; part of the cookie's name, because cookies are shared by
            all ports of a host.
        ticket: is taken once in place of the token; None where no browser was given one.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, ticket: Ticket | None = None) -> None:
        self._app = app
        self._token = token
        self._ticket = ticket or Ticket()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.cookie = f"faceclust-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, open, or pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a closed connection: no web sockets here

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await (self._answer(scope) or self._app)(scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """What to say in place of the page, or None where the request may pass."""
        headers = Headers(scope=scope)
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return PlainTextResponse("This is not the address of this page.", 421)
        safe = scope["method"] in SAFE
        known = self._knows(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""))
        if safe and scope["path"] == "/" and scope["query_string"].startswith(b"token="):
            # A browser that is restored opens its first address again.
            return HTMLResponse(OPENING) if known else self._open(scope)
        if not known:
            return HTMLResponse(LOCKED, 403)
        if headers.get("sec-fetch-site") in FOREIGN:
            return PlainTextResponse("Another page may not ask for this.", 403)
        origin = headers.get("origin")
        if origin != f"http://{headers['host']}" and not (safe and origin is None):
            return PlainTextResponse("Another page may not ask for this.", 403)
        return None

    def _open(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self._ticket.is_used(given):
            return HTMLResponse(USED, 403)
        if not (self._knows(given) or self._ticket.use(given)):
            return HTMLResponse(LOCKED, 403)
        response = HTMLResponse(OPENING)
        response.set_cookie(self.cookie, self._token, httponly=True, samesite="strict")
        return response

    def _knows(self, given: str) -> bool:
        return _same(given, self._token)


def _same(given: str, secret: str) -> bool:
    """Compare in a time that tells nothing of the secret."""
    return secrets.compare_digest(given.encode(), secret.encode())
