"""faceclust review: a page in the browser for naming people and answering questions."""

from __future__ import annotations

from typing import Annotated

import typer

from faceclust.cli.console import console, err
from faceclust.cli.options import Db, Json, LibraryFolder


def review(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to serve; 0: any free port.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Review people in the browser, on this machine only; with --json print what it would ask."""
    import threading
    import webbrowser

    from faceclust import pipeline
    from faceclust.review.server import serve

    def ready(address: str) -> None:
        err.print(console.escape(address), style="bold", highlight=False)
        console.say("Open this address to review; only this machine can. Ctrl-C ends it.")
        if browser:
            # In a thread: a browser that runs in the terminal returns only when it is closed.
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

    with pipeline.find_library(library, db) as found:
        serve(found.db.path, port, ready)
    console.say("Ended. Every answer is kept.")
