"""faceclust review: a page in the browser for naming people and answering questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import console, err, print_json
from faceclust.cli.options import Db, Json, LibraryFolder

if TYPE_CHECKING:
    from faceclust.pipeline import Library
    from faceclust.review.server import Addresses


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
    from faceclust import pipeline

    def ready(addresses: Addresses) -> None:
        err.print(console.escape(addresses.lasting), style="bold", highlight=False)
        console.say("Open this address to review; only this machine can. Ctrl-C ends it.")
        if browser:
            _open(addresses.once)

    with pipeline.find_library(library, db) as found:
        if json:
            print_json(_queue(found))
            return
        # The server's packages are loaded only for the page.
        from faceclust.review.server import serve

        serve(found.db.path, port, ready)
    console.say("Ended. Every answer is kept.")


def _open(address: str) -> None:
    # In a thread: a browser that runs in the terminal returns only when it is closed.
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()


def _queue(library: Library) -> list[dict[str, object]]:
    """The questions, most worth a click first."""
    from faceclust import pipeline

    people = {person.id: person for person in pipeline.all_people(library)}

    def who(number: int) -> dict[str, object]:
        return {"id": number, "name": people[number].name, "faces": len(people[number].faces)}

    return [
        {
            "person": who(question.person),
            "candidates": [
                {**who(each.person), "probability": round(each.probability, 4)}
                for each in question.candidates
            ],
            "faces_per_click": round(question.value, 2),
        }
        for question in pipeline.suggestions(library)
    ]
