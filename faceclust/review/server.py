"""Serves the page on the loopback interface until Ctrl-C."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faceclust import pipeline
from faceclust.errors import OptionError, SystemFailure
from faceclust.review.app import create_app
from faceclust.review.guard import TOKEN_BYTES, Ticket
from faceclust.review.session import Session

LOOPBACK = "127.0.0.1"
SECONDS_TO_END = 3


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the page is.

    Attributes:
        lasting: for the user to open, in any browser and as often as they like.
        once: for a browser that is started with it: all users of the machine can read that.
    """

    lasting: str
    once: str


def serve(database: Path, port: int, on_ready: Callable[[Addresses], None]) -> None:
    """Serve the review page of a library; returns after Ctrl-C or a termination signal.

    Args:
        port: 0 for any free one.
        on_ready: called with the page's addresses once it answers.

    Raises:
        OptionError: the port cannot be had.
    """
    import uvicorn

    class Announced(uvicorn.Server):
        """Says where it is once Ctrl-C ends it in good order."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            page = f"http://{LOOPBACK}:{port}/?token="
            on_ready(Addresses(page + token, page + ticket.text))

    listener = _listen(port)
    port = listener.getsockname()[1]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session = Session(database)
    with session.library() as library:
        pipeline.gallery(library)  # read before the browser asks
    ticket = Ticket()
    config = uvicorn.Config(
        create_app(session, token, port, ticket),
        http="h11", ws="none", loop="asyncio", lifespan="off", log_level="critical",
        access_log=False, server_header=False, date_header=False, proxy_headers=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )  # fmt: skip
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends it as Ctrl-C does
    try:
        # uvicorn ends in good order on a signal and then raises it again, for its caller to see.
        with contextlib.suppress(KeyboardInterrupt):
            Announced(config).run(sockets=[listener])
    finally:
        session.close()
        listener.close()


def _listen(port: int) -> socket.socket:
    """A socket that listens on the loopback interface and takes connections from now on."""
    listener = socket.socket()
    try:
        # On Windows SO_REUSEADDR would let any other program listen there as well.
        option = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        if port:
            raise OptionError(
                f"Port {port} cannot be used ({error}); pass --port another, or leave it out."
            ) from error
        raise SystemFailure(f"No page can be served on {LOOPBACK} ({error}).") from error
    return listener
