"""A page as a browser would read it, and the rules that a self-contained, accessible page keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "link", "input"}
# What could load, run or send anything.
NEVER = {
    "script",
    "img",
    "iframe",
    "object",
    "embed",
    "link",
    "form",
    "input",
    "button",
    "video",
    "audio",
    "base",
    "image",
    "foreignobject",
}
LOADING = {"src", "srcset", "action", "data", "poster", "background", "formaction", "ping", "xlink:href"}


@dataclass
class Page(HTMLParser):
    """Tags with their attributes in order, and the text of the elements that are asked for."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    styles: str = ""
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1] if self.open else 'nothing'}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.styles += data
        for tag in set(self.open):
            self.texts[tag][-1] += data


def read(text: str) -> Page:
    """The page; every element is closed where it should be."""
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open
    return page


def check_contained(text: str) -> Page:
    """Nothing in the page loads, runs or sends anything: no such element, no event, no address but within the page."""
    page = read(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        assert tag not in NEVER, tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in LOADING, (tag, name)
            if name == "href":
                assert value.startswith("#") and value[1:] in ids, value
            for address in re.findall(r"url\(\s*['\"]?([^)]*)", value):
                assert address.startswith("#") and address.rstrip("'\"")[1:] in ids, value
    assert "url(" not in page.styles and "@import" not in page.styles and "http" not in page.styles
    return page


def check_accessible(page: Page) -> None:
    """Headings go down one step at a time from one h1, tables have captions and scopes, charts are named, lengthy boxes can be reached."""
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    count = {name: sum(tag == name for tag, _ in page.tags) for name in ("table", "caption", "svg", "th")}
    assert count["table"] == count["caption"] > 0
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th") and count["th"]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes["role"] == "img" and set(attributes["aria-labelledby"].split()) <= ids
        if attributes.get("class") == "scroll":
            assert attributes["tabindex"] == "0" and attributes["aria-label"]
    assert next(attributes for tag, attributes in page.tags if tag == "html")["lang"] == "en"
