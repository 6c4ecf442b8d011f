"""HTML to text and texts to passages, and the folder of pages: nothing is invented, sizes hold, and hostile pages cost no time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from training.synthesis.fetch import Fetched, Refused
from training.synthesis.sources import pages
from training.synthesis.sources.crawl import Crawl, Page, name_of
from training.synthesis.sources.pages import Block, Size, cut

WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=400)
KINDS = st.sampled_from(["text", "heading", "item", "code"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(lambda text, kind: Block(text=text, kind=kind), WORDS.filter(str.strip), KINDS), max_size=12))
def test_passages_keep_every_word_in_its_order_and_their_size(blocks: list[Block]) -> None:
    passages = cut(blocks, Size(least=50, most=120))
    assert all(0 < len(passage) <= 120 for passage in passages)
    while blocks and blocks[-1].kind == "heading":
        blocks = blocks[:-1]  # a heading with nothing below it says nothing
    said = re.sub(r"\s", "", "".join(block.text for block in blocks))
    assert re.sub(r"\s", "", "".join(passages)) == said


def test_small_blocks_stand_together_and_headings_with_what_follows() -> None:
    blocks = [
        Block(text="Title", kind="heading"), Block(text="a" * 30), Block(text="b" * 30), Block(text="Next", kind="heading"),
        Block(text="one", kind="item"), Block(text="two", kind="item"), Block(text="c" * 70), Block(text="end"),
    ]  # fmt: skip
    a, b, c = "a" * 30, "b" * 30, "c" * 70
    assert cut(blocks, Size(least=40, most=100)) == [f"Title\n\n{a}\n\n{b}", f"Next\n\none\ntwo\n\n{c}\n\nend"]
    sentences = Block(text="One sentence here. Another one there! " * 3)
    assert cut([sentences], Size(least=1, most=40)) == ["One sentence here. Another one there!"] * 3


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_markup_can_be_read(markup: str) -> None:
    assert "\0" not in pages.text(markup) and isinstance(pages.links(markup), list)
    _, blocks = pages.page(markup.encode("utf-8", "surrogatepass"))
    assert all(block.text.strip() for block in blocks)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Z"], include_characters="<>&\"'"), min_size=1, max_size=60))
def test_escaped_text_comes_back_as_it_was(said: str) -> None:
    from html import escape

    assert pages.text(f"<p>{escape(said)}</p><script>alert(1)</script>") == said
    assert pages.text(f"<pre>  {escape(said)}\n    x</pre>") == f"  {said}\n    x"


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<!", "&", "<?", "</a", "<script>", "<div>", "<table><td>", "<a<"])
def test_a_page_of_broken_tags_is_read_at_once(piece: str) -> None:
    # 600 kB of "<a " take Python's own parser hours; pytest's limit of time is what fails here.
    _, blocks = pages.page((piece * (600_000 // len(piece))).encode())
    assert len(blocks) <= 1


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("\ufeff<p>Wärme</p>".encode(), "latin-1"),
        ("<p>Wärme</p>".encode("latin-1"), "iso-8859-1"),
        ("<meta http-equiv=x content='text/html; charset=iso-8859-1'><p>Wärme</p>".encode("latin-1"), ""),
        ("<p>Wärme</p>".encode(), ""),
        ("<p>Wärme</p>".encode("cp1252"), ""),
        ("<p>Wärme</p>".encode("utf-16"), "nonsense"),
        ("<meta charset=no-such-thing><p>Wärme</p>".encode(), "idna"),
    ],
)
def test_a_page_is_decoded_as_it_says(data: bytes, charset: str) -> None:
    assert "Wärme" in pages.decoded(data, charset)


def test_links_are_of_pages_alone_and_come_once() -> None:
    markup = """<a href="https://a.test/x#1">1</a><a href="https://a.test/x#2">2</a><a href="ftp://a.test/">3</a><a href="/local">4</a>
        <a href="javascript:alert(1)">5</a><a href="http://b.test/p.PNG">6</a><a>7</a><a href="http://[::1">8</a>
        <a href=" http://c.test ">9</a>"""
    assert pages.links(markup) == ["https://a.test/x", "http://c.test"]


class Web:
    """A fetcher that has some pages and counts what it was asked for."""

    def __init__(self, **answers: Fetched | Refused) -> None:
        self.answers, self.asked = answers, 0

    def get(self, url: str) -> Fetched:
        self.asked += 1
        found = self.answers[url]
        if isinstance(found, Refused):
            raise found
        return found


def test_a_fetched_page_is_kept_and_found_again(tmp_path: Path) -> None:
    page = Fetched(
        url="u", kind="text/html", charset="latin-1", data="<meta charset=ascii><p>Wärme geht von warm zu kalt.</p>".encode("latin-1")
    )
    web = Web(u=page, t=Fetched(url="t", kind="text/plain", charset="", data=b"one\r\n\r\ntwo"))
    with Crawl(tmp_path / "new", web) as crawl:  # type: ignore[arg-type]
        first, plain = crawl.page("u"), crawl.page("t")
        assert isinstance(first, Page) and [block.text for block in first.blocks] == ["Wärme geht von warm zu kalt."]
        assert isinstance(plain, Page) and [block.text for block in plain.blocks] == ["one", "two"]
        assert crawl.page("u") == first and web.asked == 2
    with Crawl(tmp_path / "new") as crawl:
        assert crawl.page("u") == first and crawl.page("other") == "a linked page is not in the crawl folder"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted([name_of("u") + ".html", name_of("t") + ".txt"])


def test_a_final_refusal_is_remembered_and_another_is_not(tmp_path: Path) -> None:
    web = Web(gone=Refused("gone", "the server answered 404"), slow=Refused("slow", "it took too long", final=False))
    with Crawl(tmp_path, web) as crawl:  # type: ignore[arg-type]
        assert [crawl.page("gone"), crawl.page("gone"), crawl.page("slow"), crawl.page("slow")] == [
            "the server answered 404", "the server answered 404", "it took too long", "it took too long",
        ]  # fmt: skip
    assert web.asked == 3 and (tmp_path / f"{name_of('gone')}.none").read_text() == "the server answered 404"


def test_an_index_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("<p>secret</p>")
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "index.jsonl").write_text('{"url": "u", "file": "../secret.html"}\n')
    with pytest.raises(InputError, match="index.jsonl: line 1: .*outside"):
        Crawl(tmp_path / "crawl")
