"""The report as one HTML file that needs nothing else: no script, no request, no font.

Its Content-Security-Policy forbids whatever the page does not use, and Jinja2 escapes every text.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from faceclust.export.report.figures import PersonFigures, ReportOptions, months_of

Thumbnail = Callable[[int], bytes | None]

# A wrong clock makes dates of every year there is; more rows than this tell nobody anything.
_MOST_YEARS = 150
_SHADES = 4


@dataclass(frozen=True, slots=True)
class Year:
    """A row of the timeline: faces in each month, and how dark each is drawn, 0 to 4."""

    year: str
    total: int
    months: tuple[tuple[str, int, int], ...]


def page(
    people: Sequence[PersonFigures],
    title: str,
    counts: Mapping[str, int],
    thumbnail: Thumbnail,
    options: ReportOptions,
) -> Iterator[str]:
    """The page, piece by piece, so that its pictures are never in memory together.

    Args:
        people: in the order to show.
        title: of the page: the library's name.
        counts: "photos", "faces", "people" (all, shown or not) and "named".
        thumbnail: the JPEG of a face, or None.
        options: how many faces to show.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("faceclust.export.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def picture(face: int) -> str | None:
        jpeg = thumbnail(face)
        return None if jpeg is None else base64.b64encode(jpeg).decode()

    shown = options.sheets + options.portraits
    return environment.get_template("page.html.j2").generate(
        title=title,
        counts=counts,
        sheets=people[: options.sheets],
        portraits=people[options.sheets : shown],
        others=people[shown:],
        years=years(months_of(people)),
        years_of=lambda person: bars(person.months),
        picture=picture,
    )


def years(months: Counter[str]) -> list[Year]:
    """The timeline, the newest year first; only years with faces."""
    most = max(months.values(), default=0)
    by_year = Counter[str]()
    for month, count in months.items():
        by_year[month[:4]] += count
    rows = []
    for year in sorted(by_year, reverse=True)[:_MOST_YEARS]:
        keys = [f"{year}-{number:02}" for number in range(1, 13)]
        cells = tuple((key, months[key], -(-months[key] * _SHADES // most)) for key in keys)
        rows.append(Year(year, by_year[year], cells))
    return rows


def bars(months: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """A person's years with the number of faces and the height of a bar, up to 1."""
    by_year = Counter[str]()
    for month, count in months.items():
        by_year[month[:4]] += count
    most = max(by_year.values(), default=0)
    return [(year, by_year[year], by_year[year] / most) for year in sorted(by_year)][-_MOST_YEARS:]
