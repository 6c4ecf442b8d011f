"""HTML to plain text: posts whole, web pages without what stands around their content; and texts cut into passages.

libxml2 reads any HTML in time that grows with its length, which Python's own html.parser does not: a page of 60 kB of "<a " takes it
minutes. Elements deeper than 255 are cut off.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from lxml import etree, html  # type: ignore[import-untyped]

Kind = Literal["text", "heading", "item", "code"]

_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "button", "textarea", "head"})
_AROUND = frozenset({"nav", "header", "footer", "aside", "form", "dialog", "menu"})
_MAIN = frozenset({"main", "article"})
_KINDS: dict[str, Kind] = {**dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"), "li": "item", "tr": "item", "pre": "code"}
_BREAKS = frozenset(_KINDS) | {
    "p", "div", "ul", "ol", "table", "blockquote", "section", "article", "main", "dl", "dt", "dd", "figure", "figcaption", "hr", "body",
    "header", "footer", "aside", "nav", "address", "details", "summary", "tbody", "thead", "caption",
}  # fmt: skip
_BLANKS = re.compile(r"[^\S\n]*\n\s*|\s+")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".mp3", ".mp4", ".webm", ".zip", ".gz", ".exe", ".dmg", ".pdf")

_ENDED = tuple(".!?:;\u2026\u3002")
LINKED_SHARE = 0.5
"""A block with a greater share of its characters in links is a menu or a list of links."""
SHORT = 40
"""A block with fewer characters that ends like no sentence is a label."""
MAIN_SHARE = 0.4
"""Content that a page marks as main or article counts alone where it has at least this share of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph, heading, list item or piece of code. `linked` counts its characters inside links."""

    text: str
    kind: Kind = "text"
    linked: int = 0
    main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Characters of a passage: at least, where the page has as many, and at most."""

    least: int = 200
    most: int = 2_000


def text(markup: str) -> str:
    """The text of a post, all but its pictures: blocks apart by blank lines, list items by line ends."""
    root = _parsed(markup)
    return "" if root is None else _joined(_Walk(frozenset()).blocks(root))


def links(markup: str) -> list[str]:
    """Addresses of web pages that a post links to, in its order, each once, without fragments; pictures and files left out."""
    root = _parsed(markup)
    found: dict[str, None] = {}
    for anchor in () if root is None else root.iter("a"):
        address = (anchor.get("href") or "").strip().partition("#")[0]
        try:
            parts = urlsplit(address)
        except ValueError:
            continue
        if parts.scheme in ("http", "https") and parts.netloc and not parts.path.lower().endswith(_MEDIA):
            found[address] = None
    return list(found)


def page(data: bytes, charset: str = "") -> tuple[str, list[Block]]:
    """(title, blocks) of a web page's own content: without navigation, forms, lists of links and labels."""
    root = _parsed(decoded(data, charset))
    if root is None:
        return "", []
    title = _BLANKS.sub(" ", "".join(root.xpath("//head/title[1]//text()"))).strip()
    blocks = [block for block in _Walk(_AROUND).blocks(root) if _is_content(block)]
    main = [block for block in blocks if block.main]
    if sum(len(block.text) for block in main) >= MAIN_SHARE * sum(len(block.text) for block in blocks):
        blocks = main or blocks
    return title, blocks


def paragraphs(plain: str) -> list[Block]:
    """Blocks of a plain text: what stands between blank lines."""
    return [Block(text=piece.strip()) for piece in _PARAGRAPH.split(plain) if piece.strip()]


def decoded(data: bytes, charset: str = "") -> str:
    """The text of a page's bytes: by byte order mark, the server's charset, the page's own, else UTF-8, else Windows-1252."""
    if data.startswith(codecs.BOM_UTF8):
        return data.decode("utf-8-sig", "replace")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    named = _CHARSET.search(data[:4096])
    for name in (charset, named[1].decode("ascii") if named else "", "utf-8"):
        try:
            if name:
                return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def cut(blocks: Iterable[Block], size: Size) -> list[str]:
    """Passages of blocks in their order: small blocks together, big ones apart at sentences; headings go with what follows them."""
    passages: list[str] = []
    held: list[Block] = []
    for block in _small(blocks, size.most):
        if held and (len(_joined([*held, block])) > size.most or (len(_joined(held)) >= size.least and held[-1].kind != "heading")):
            passages.append(_joined(held))
            held = []
        held.append(block)
    while held and held[-1].kind == "heading":
        held.pop()
    if held:
        rest = _joined(held)
        if passages and len(rest) < size.least and len(passages[-1]) + len(rest) + 2 <= size.most:
            passages[-1] += "\n\n" + rest
        else:
            passages.append(rest)
    return passages


def _small(blocks: Iterable[Block], most: int) -> Iterator[Block]:
    """Blocks of at most so many characters."""
    for block in blocks:
        if len(block.text) <= most:
            yield block
            continue
        held = ""
        for sentence in _SENTENCE.split(block.text):
            for piece in _hard(sentence, most):
                if held and len(held) + 1 + len(piece) > most:
                    yield replace(block, text=held)
                    held = ""
                held = f"{held} {piece}" if held else piece
        if held:
            yield replace(block, text=held)


def _hard(sentence: str, most: int) -> Iterator[str]:
    """A sentence in pieces, at blanks where there are any."""
    while len(sentence) > most:
        at = sentence.rfind(" ", most // 2, most + 1)
        at = at if at > 0 else most
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence


def _joined(blocks: Iterable[Block]) -> str:
    parts: list[str] = []
    before: Block | None = None
    for block in blocks:
        if before is not None:
            parts.append("\n" if before.kind == block.kind == "item" else "\n\n")
        parts.append(block.text)
        before = block
    return "".join(parts)


def _is_content(block: Block) -> bool:
    if block.kind == "code":
        return True
    if block.linked > LINKED_SHARE * len(block.text):
        return False
    return block.kind == "heading" or len(block.text) >= SHORT or block.text.endswith(_ENDED)


def _parsed(markup: str) -> Any:
    """The root of a document; None where there is nothing in it."""
    data = markup.replace("\0", "").encode("utf-8", "replace")
    if not data.strip():
        return None
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return html.document_fromstring(data, parser=parser)
    except etree.ParserError:
        return None


class _Walk:
    """Walks a document once and gathers blocks."""

    def __init__(self, around: frozenset[str]) -> None:
        self._left_out = _UNSEEN | around
        self._found: list[Block] = []
        self._parts: list[str] = []
        self._linked = self._in_link = self._in_main = self._in_code = 0
        self._kind: Kind = "text"

    def blocks(self, root: Any) -> list[Block]:
        """All blocks of a document."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "start":
                if tag in self._left_out:
                    walk.skip_subtree()
                    continue
                self._enter(tag, 1)
                self._add(element.text)
            else:
                if tag not in self._left_out:
                    self._enter(tag, -1)
                self._add(element.tail)
        self._flush()
        return self._found

    def _enter(self, tag: str, step: int) -> None:
        """Go into an element (1) or out of it (-1)."""
        if tag in _BREAKS:
            self._flush()
        if tag in _KINDS and step > 0:
            self._kind = _KINDS[tag]
        elif tag in _KINDS:
            self._kind = "text"
        self._in_link += step * (tag == "a")
        self._in_code += step * (tag == "pre")
        self._in_main += step * (tag in _MAIN)
        if tag == "br" and step > 0:
            self._parts.append("\n")
        elif tag in ("td", "th") and step < 0:
            self._parts.append(" ")

    def _add(self, found: str | None) -> None:
        if found:
            self._parts.append(found if self._in_code else _BLANKS.sub(" ", found))
            self._linked += len(found.strip()) if self._in_link else 0

    def _flush(self) -> None:
        joined = "".join(self._parts)
        whole = joined.strip("\n").rstrip() if self._in_code else re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[ \t]+", " ", joined)).strip()
        if whole.strip():
            self._found.append(Block(text=whole, kind=self._kind, linked=self._linked, main=self._in_main > 0))
        self._parts, self._linked = [], 0
