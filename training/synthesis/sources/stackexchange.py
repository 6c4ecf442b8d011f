"""Questions of a Stack Exchange site with the pages that their accepted answers link to, from Posts.xml of the site's dump.

Options: `posts` (Posts.xml; an archive must be unpacked), `crawl` (folder of pages, see crawl.py), `site` (host name, for the note of where
a question stands, as its licence asks for), `query` (title, body or both, the default), `min_score` (of the question), `passage_least` and
`passage_most` (characters), `page_passages` (of one page, 40), `passages` (of one question, 200), `share` and `share_seed`. Pages that the
folder lacks are fetched where `fetch` is true: then `allow` (host names), `max_bytes`, `seconds` and `pause` bound it, see fetch.py.

Only questions whose accepted answer links to a page are taken. The file is read twice: first accepted answers go to the disk, then
questions come in the file's order. Malformed XML and rows without an Id are refused. Skipped and counted, because dumps are full of them:
questions without an accepted answer, those whose answer is not in the file or links to nothing, those none of whose pages is there, and
each page that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from app.ranking.errors import InputError, SettingsError
from app.ranking.values import Passage
from training.synthesis.fetch import Fetcher
from training.synthesis.sources import pages
from training.synthesis.sources.crawl import Crawl, name_of
from training.synthesis.sources.disk import Disk
from training.synthesis.sources.options import Keep, Options
from training.synthesis.sources.where import Where
from training.synthesis.sources.xml import elements
from training.synthesis.values import SourceItem

LICENCE = "CC BY-SA"
PAGES_NOTE = "linked pages keep the licences of their owners"
_QUESTION, _ANSWER = "1", "2"
_TABLES = (
    "asked(id INTEGER PRIMARY KEY)",
    "accepted(id INTEGER PRIMARY KEY)",
    "answers(id INTEGER PRIMARY KEY, licence TEXT, body TEXT)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to read, and how much of it."""

    posts: Path
    crawl: Path
    site: str
    query: str
    min_score: int
    size: pages.Size
    page_passages: int
    passages: int
    keep: Keep
    fetcher: Fetcher | None


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Questions in the order of the dump. Raises SettingsError for fetching without a list of hosts."""
    given = Options("stackexchange", options, where)
    crawl = given.folder("crawl")
    least, most = given.whole("passage_least", 200, 1), given.whole("passage_most", 2_000, 200)
    made = Plan(
        posts=given.path("posts"), crawl=crawl or where.folder / "crawl", site=given.text("site", ""),
        query=given.one_of("query", ("title", "body", "both"), "both"), min_score=given.whole("min_score", -1_000, -1_000),
        size=pages.Size(least=min(least, most), most=most), page_passages=given.whole("page_passages", 40, 1),
        passages=given.whole("passages", 200, 1), keep=given.share(), fetcher=_fetcher(given),
    )  # fmt: skip
    given.done()
    if made.fetcher is None and not made.crawl.is_dir():
        raise SettingsError(f"'crawl' of source stackexchange names {made.crawl.name!r}, which is no folder: put pages there, or set fetch")
    return _items(made, where)


def _fetcher(given: Options) -> Fetcher | None:
    fetch, allow = given.yes("fetch", False), given.names("allow", ())
    found = Fetcher(
        allow=allow, max_bytes=given.whole("max_bytes", 2_000_000, 1), seconds=given.number("seconds", 20.0, 0.1, 600.0),
        pause=given.number("pause", 1.0, 0.0, 3600.0),
    )  # fmt: skip
    if fetch and not allow:
        raise SettingsError("source stackexchange may fetch and 'allow' names no host: list the hosts whose pages may be fetched")
    return found if fetch else None


def _items(made: Plan, where: Where) -> Iterator[SourceItem]:
    with Disk(*_TABLES) as disk, Crawl(made.crawl, made.fetcher) as crawl:
        _keep_answers(disk, made)
        for row in elements(made.posts, "row"):
            if row.get("PostTypeId") != _QUESTION or not made.keep(str(_id(row, made))):
                continue
            found = _item(row, disk, crawl, made, where)
            if isinstance(found, str):
                where.skipped.add(found, f"{made.posts.name} Id {_id(row, made)}")
            else:
                yield found


def _keep_answers(disk: Disk, made: Plan) -> None:
    """Put accepted answers that may hold a link on the disk; one that precedes its question is kept to be sure, which is rare."""
    for row in elements(made.posts, "row"):
        kind, id_ = row.get("PostTypeId"), _id(row, made)
        if kind == _QUESTION:
            disk.put("INSERT OR IGNORE INTO asked VALUES (?)", (id_,))
            if accepted := _whole(row, "AcceptedAnswerId", made):
                disk.put("INSERT OR IGNORE INTO accepted VALUES (?)", (accepted,))
        elif kind == _ANSWER and "http" in (body := row.get("Body") or ""):
            follows = disk.one("SELECT 1 FROM asked WHERE id = ?", _whole(row, "ParentId", made))
            if not follows or disk.one("SELECT 1 FROM accepted WHERE id = ?", id_):
                disk.put("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (id_, row.get("ContentLicense") or "", body))


def _item(row: Element, disk: Disk, crawl: Crawl, made: Plan, where: Where) -> SourceItem | str:
    """The item of a question, or why there is none."""
    accepted = _whole(row, "AcceptedAnswerId", made)
    if not accepted:
        return "no accepted answer"
    if (_whole(row, "Score", made) or 0) < made.min_score:
        return "a score below min_score"
    answer = disk.one("SELECT licence, body FROM answers WHERE id = ?", accepted)
    addresses = pages.links(answer[1]) if answer else []
    if answer is None or not addresses:
        return "the accepted answer is not in the file, or links to no page"
    query = "\n\n".join(part for part in _query(row, made.query) if part)
    if not query:
        return "no text"
    passages = _linked(addresses, crawl, made, where)
    if not passages:
        return "none of the linked pages is there"
    id_ = str(_id(row, made))
    licences = sorted({row.get("ContentLicense") or "", answer[0]} - {""})
    where_it_stands = (f"https://{made.site}/q/{id_}",) if made.site else ()
    return SourceItem(
        id=f"{made.site}/{id_}" if made.site else id_, source="stackexchange", domain=where.domain, query=query,
        answer=pages.text(answer[1]), passages=passages, linked=True, licence=", ".join(licences) or where.licence or LICENCE,
        notes=(*where_it_stands, PAGES_NOTE),
    )  # fmt: skip


def _query(row: Element, parts: str) -> tuple[str, ...]:
    title, body = " ".join((row.get("Title") or "").split()), pages.text(row.get("Body") or "")
    return {"title": (title,), "body": (body,)}.get(parts, (title, body))


def _linked(addresses: list[str], crawl: Crawl, made: Plan, where: Where) -> tuple[Passage, ...]:
    """Passages of the linked pages in the answer's order, a text that comes again left out."""
    found: dict[str, Passage] = {}
    for address in addresses:
        page = crawl.page(address)
        if isinstance(page, str):
            where.skipped.add(f"page: {page}", name_of(address))
            continue
        for number, text in enumerate(pages.cut(page.blocks, made.size)[: made.page_passages], start=1):
            if len(found) < made.passages:
                found.setdefault(text, Passage(id=f"{name_of(address)[:16]}-{number}", title=page.title, text=text))
    return tuple(found.values())


def _id(row: Element, made: Plan) -> int:
    id_ = _whole(row, "Id", made)
    if id_ is None:
        raise InputError(f"{made.posts.name}: a row has no Id: this is no Posts.xml of a Stack Exchange dump")
    return id_


def _whole(row: Element, name: str, made: Plan) -> int | None:
    """An attribute as a whole number; None where it is missing or empty."""
    value = row.get(name) or ""
    try:
        number = int(value) if value else None
        if number is not None and abs(number) >= 1 << 63:
            raise ValueError(value)
        return number
    except ValueError as error:
        raise InputError(f"{made.posts.name}: row {row.get('Id')!r} has {name} {value[:40]!r}, which is no whole number") from error
