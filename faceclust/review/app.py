"""Routes: one page, what it shows as JSON, pictures by id, and one address for answers."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from faceclust import pipeline
from faceclust.errors import FaceclustError, OptionError, PersonError, PhotoError, UserError
from faceclust.pipeline import Gallery, Library
from faceclust.pipeline.gallery import Order, Show
from faceclust.review import answers, views
from faceclust.review.guard import Guard, Ticket
from faceclust.review.session import Session

if TYPE_CHECKING:
    from starlette.types import ExceptionHandler

HERE = Path(__file__).parent
MOST_BODY = 1 << 20
MOST_LISTED = 500
MOST_LOGGED = 300
MOST_FOUND = 120
MOST_DIGITS = 4
LONGEST_TEXT = 300
# Pictures stay in this browser's memory and disk cache, and nobody else's; a later scan may cut a
# face anew, so not for long.
PICTURE = {"Cache-Control": "private, max-age=600"}
Look = Callable[[Request, Library, Gallery], object]
Draw = Callable[[Session, Library, int], bytes]


def create_app(session: Session, token: str, port: int, ticket: Ticket | None = None) -> Starlette:
    """The application; `session` is the caller's to close, the rest is `Guard`'s."""
    for media, end in (("text/javascript", ".js"), ("text/css", ".css")):
        mimetypes.add_type(media, end)  # Windows reads them from where any program may set them
    templates = Jinja2Templates(HERE / "templates")
    modules = sorted(path.name for path in (HERE / "static").glob("*.js") if path.stem != "theme")

    def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html", {"modules": modules})

    def look(path: str, view: Look) -> Route:
        def endpoint(request: Request) -> Response:
            with session.library() as library:
                return JSONResponse(view(request, library, pipeline.gallery(library)))

        return Route(path, endpoint, methods=["GET"])

    def draw(path: str, make: Draw) -> Route:
        def endpoint(request: Request) -> Response:
            with session.library() as library:
                data = make(session, library, _id(request))
            return Response(data, media_type="image/jpeg", headers=PICTURE)

        return Route(path, endpoint, methods=["GET"])

    async def answer(request: Request) -> Response:
        given = answers.parse(await _json(request))
        return JSONResponse(await run_in_threadpool(_give, session, given))

    return Starlette(
        routes=[
            *(Route(path, page, methods=["GET"]) for path in PAGES),
            look("/api/state", lambda _, library, now: views.state(library, now, session.steps)),
            look("/api/people", _people),
            look("/api/names", _names),
            look("/api/people/{number:int}", _person),
            look("/api/photos/{number:int}", _photo),
            look("/api/suggestions", _suggestions),
            look("/api/search", _search),
            look("/api/log", _log),
            look("/api/errors", lambda _, library, __: pipeline.unreadable(library)),
            draw("/faces/{number:int}.jpg", lambda _, lib, n: pipeline.thumbnail(lib, n)),
            draw("/faces/{number:int}/large.jpg", lambda s, lib, n: s.pictures.face(lib, n)),
            draw("/photos/{number:int}.jpg", lambda s, lib, n: s.pictures.photo(lib, n)),
            Route("/api/answers", answer, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard, token=token, port=port, ticket=ticket)],
        exception_handlers=_HANDLERS,
    )


PAGES = (
    "/",
    "/search",
    "/suggestions",
    "/people/{number:int}",
    "/photos/{number:int}",
    "/log",
    "/errors",
)


def _people(request: Request, _: Library, gallery: Gallery) -> object:
    """One stretch of a list, so that the page can show thousands without loading them all."""
    query = request.query_params
    show, order = query.get("show", "everyone"), query.get("order", "faces")
    if show not in get_args(Show) or order not in get_args(Order):
        raise OptionError("There is no such list.")
    found = gallery.listed(show, order, query.get("words", ""))  # type: ignore[arg-type]
    start, count = _number(query.get("start", "0")), _number(query.get("count", "100"))
    stretch = found[start : start + min(count, MOST_LISTED)]
    return {"total": len(found), "people": [views.person(each) for each in stretch]}


def _names(request: Request, _: Library, gallery: Gallery) -> object:
    return views.completions(gallery, request.query_params.get("typed", ""))


def _person(request: Request, _: Library, gallery: Gallery) -> object:
    return views.portrait(gallery, _id(request))


def _photo(request: Request, library: Library, gallery: Gallery) -> object:
    return views.photo(library, gallery, _id(request))


def _search(request: Request, library: Library, gallery: Gallery) -> object:
    """Faces that look as a text says, best first."""
    text = request.query_params.get("text", "")[:LONGEST_TEXT]
    found = pipeline.search(library, text, limit=MOST_FOUND)
    return [views.match(each, gallery) for each in found if each.person in gallery.people]


def _suggestions(request: Request, library: Library, gallery: Gallery) -> object:
    asked = library.memo.get("asked", gallery.stamp, lambda: pipeline.suggestions(library))
    skipped = request.query_params.get("skipped", "")[:MOST_DIGITS]
    return views.suggestions(gallery, asked, int(skipped) if skipped.isdecimal() else 0)


def _log(_: Request, library: Library, gallery: Gallery) -> object:
    return [views.entry(each, gallery) for each in pipeline.log(library, MOST_LOGGED)]


def _give(session: Session, given: answers.Given) -> object:
    with session.library() as library:

        def now() -> dict[str, object]:
            before = pipeline.gallery(library)
            done = answers.give(library, before, given, session.steps)
            after = pipeline.gallery(library)
            made = [d for d in after.standing if d.id > before.stamp.decision]
            steps = len({decision.batch or -decision.id for decision in made})
            if steps > 1:
                session.steps[made[-1].id] = steps
            state = views.state(library, after, session.steps)
            return {"done": done.what, "person": done.person, "state": state}

        return session.answer(given.key, now)


def _id(request: Request) -> int:
    """The number in an address, as long as the database could hold it."""
    number: int = request.path_params["number"]
    if number >= 1 << 63:
        raise PersonError("There is nothing with so large a number.")
    return number


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise OptionError(f"{text[:20]!r} is not a number.")
    return int(text)


async def _json(request: Request) -> object:
    """The body of a request.

    Raises:
        OptionError: it is no JSON. HTTPException: it is too long or says that it is none.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "Answers must be application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise HTTPException(413, "The answer is too long.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise OptionError("The answer is not JSON.") from error


def _refusal(request: Request, error: Exception) -> Response:
    """An expected failure as a sentence: 404 nothing there, 409 changed meanwhile, 400, 500."""
    match error:
        case PersonError():
            status = 404 if request.method == "GET" else 409
        case PhotoError():
            status = 404
        case UserError():
            status = 400
        case _:
            status = 500
    return JSONResponse({"error": str(error)}, status)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))


_HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    FaceclustError: _refusal,
    HTTPException: _http,
}
