"""Theorems of ProofWiki as passages of a corpus: from a NaturalProofs file (JSON) or an export of the wiki's pages (XML).

A passage is a theorem's statement, without its proof. Pages that are no theorem, redirects, and theorems without a statement are left out
and counted in `skipped`; what can't be read is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import ijson  # type: ignore[import-untyped]

from app.ranking.errors import InputError
from app.ranking.formats.topics import naming
from app.ranking.values import Passage
from training.synthesis.sources.files import opened, whole_text
from training.synthesis.sources.where import Skipped
from training.synthesis.sources.xml import elements, local

_THEOREMS = "dataset.theorems.item"
# No brackets inside of brackets: a text of brackets alone takes no longer than another.
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_TAG = re.compile(r"</?(?:onlyinclude|noinclude|includeonly|section|ref|br)\b[^<>]*>")
_STATEMENTS = ("theorem", "statement", "lemma", "corollary", "identity", "law", "proposition")


def passages(path: Path, skipped: Skipped | None = None) -> Iterator[Passage]:
    """Theorems in the order of the file, which is XML where its first character says so. Raises InputError naming the file."""
    skipped = Skipped() if skipped is None else skipped
    with naming(path), opened(path) as file:
        start = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n")
    return _wiki(path, skipped) if start.startswith(b"<") else _natural(path, skipped)


def _natural(path: Path, skipped: Skipped) -> Iterator[Passage]:
    with naming(path), opened(path) as file:
        count = 0
        try:
            for count, row in enumerate(ijson.items(file, _THEOREMS), start=1):
                if not isinstance(row, dict) or not isinstance(row.get("contents", []), list) or row.get("id") is None:
                    raise InputError(f"theorem {count} is not an object with id, title and contents: this is no file of NaturalProofs")
                passage = _theorem(row, path, count)
                if passage.text:
                    yield passage
                else:
                    skipped.add("a theorem without a statement", f"{path.name} theorem {count}")
        except ijson.JSONError as error:
            raise InputError(f"is not whole JSON behind theorem {count} ({error}): load it again") from error
        if not count:
            raise InputError('has no {"dataset": {"theorems": [...]}}: give a file of NaturalProofs, or an XML export of the wiki')


def _theorem(row: Mapping[str, Any], path: Path, number: int) -> Passage:
    title = whole_text(str(row.get("title") or row.get("label") or ""), "the title", path, number)
    text = whole_text("\n".join(str(line) for line in row.get("contents") or ()), "the statement", path, number)
    return Passage(id=str(row["id"]), title=title, text=plain(text))


def _wiki(path: Path, skipped: Skipped) -> Iterator[Passage]:
    for page in elements(path, "page"):
        parts = {local(part): part for part in page.iter()}
        title, place = _said(parts, "title"), f"{path.name} page {_said(parts, 'id')}"
        if "redirect" in parts or _said(parts, "ns") not in ("", "0"):
            skipped.add("a page that is no theorem", place)
            continue
        text = statement(_said(parts, "text"))
        if not text or not title:
            skipped.add("a page without a statement", place)
            continue
        yield Passage(id=title, title=title, text=text)


def _said(parts: Mapping[str, Element], name: str) -> str:
    return (parts[name].text or "").strip() if name in parts else ""


def statement(wikitext: str) -> str:
    """What stands below the first heading that announces a statement; empty where there is none."""
    lines: list[str] | None = None
    for line in wikitext.split("\n"):
        heading = line.strip()
        if not (heading.startswith("==") and heading.endswith("==") and heading.strip("= ")):
            if lines is not None:
                lines.append(line)
        elif lines is not None:
            break
        elif heading.strip("= ").split()[0].lower() in _STATEMENTS:
            lines = []
    return plain("\n".join(lines or ()))


def plain(wikitext: str) -> str:
    """Wiki text as a reader sees it: links by their words, templates and tags left out, mathematics kept as it is written."""
    first, *commented = wikitext.split("<!--")
    text = _TAG.sub("", first + "".join(piece.partition("-->")[2] for piece in commented))
    for _ in range(3):  # templates in templates
        text = _TEMPLATE.sub("", text)
    text = _LINK.sub(r"\1", text).replace("'''", "").replace("''", "")
    lines = (line.strip().lstrip(":*#").strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
