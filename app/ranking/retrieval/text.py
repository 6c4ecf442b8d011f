"""From text to terms, the same way for passages and queries: words with their places, stems, bigrams, sentences.

A term is what the word index counts. Words are folded (compatibility forms, case, accents) and stemmed with Snowball's English stemmer.
Scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) give overlapping pairs of characters instead,
which find such text without a dictionary; mixed text gives both.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from ..values import Passage

# Changes whenever the terms or sentences of an unchanged text change: it is part of every cache key.
TEXT_VERSION = "text2"

# A passage has about six; a pasted book must not keep the embedding model busy for minutes.
MAX_SENTENCES = 40

_STOP = """
a an and any are as at be been being but by can could did do does doing don't for from had has have having he her hers him his how i if
in into is isn't it its it's just let's me more my no nor not of on once or our ours own she should so some such than that that's the
their theirs them then there these they this those to too us very was we were what what's when where which while who whom whose why
will with would you your yours
"""
STOP_WORDS: frozenset[str] = frozenset(_STOP.split())

# Han, kana, Bopomofo, Thai, Lao, Burmese, Khmer: written without blanks between words. Hangul is not: Korean has blanks.
_NO_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003134f"
)
_ACCENTS = re.compile("[\u0300-\u036f]")
# A sentence ends at . ! ? (and closing marks) before a blank and something that does not go on in lower case, at 。！？, or at a line end.
_SHORT = "".join(rf"(?<!\b{word})" for word in (r"e\.g", r"i\.e", "cf", "vs", "Dr", "Mr", "Mrs", "St"))
_SENTENCE = re.compile(rf"\S.*?(?:(?:{_SHORT}\.|[!?…])[.!?…]*[\"'”’)\]]*(?=\s+[^\sa-z]|\s*\Z)|[。！？]+[」』”’]*|(?=\s*\n)|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Term:
    """One counted term: its stem (or pair of characters), where it stands in the text, and which word of the text it is."""

    stem: str
    start: int
    end: int
    place: int


@cache
def _word() -> re.Pattern[str]:
    """Words: letters, digits and the marks that combine with them (Python's \\w leaves the marks out), apostrophes inside."""
    marks = "".join(chr(code) for code in range(0x300, 0x1E000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    part = rf"(?:(?![{_NO_BLANKS}])[\w{marks}])+"
    return re.compile(rf"(?P<run>[{_NO_BLANKS}]+)|{part}(?:['’]{part})*")


def fold(word: str) -> str:
    """A word in the form in which it is compared: compatibility forms, case and Latin accents removed."""
    if word.isascii():
        return word.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", word.casefold()))
    return unicodedata.normalize("NFC", plain).replace("’", "'")


_local = threading.local()


@lru_cache(maxsize=1 << 16)
def stem(folded: str) -> str:
    """Snowball English stem of a folded word. A stemmer object must not be shared between threads."""
    stemmer: Any = getattr(_local, "stemmer", None)
    if stemmer is None:
        import Stemmer

        stemmer = _local.stemmer = Stemmer.Stemmer("english")
    return str(stemmer.stemWord(folded))


def terms(text: str) -> Iterator[Term]:
    """The terms of a text in their order, stop words left out (their places are counted)."""
    place = -1
    for match in _word().finditer(text):
        place += 1
        if match["run"] is None:
            folded = fold(match[0])
            if folded not in STOP_WORDS:
                yield Term(stem(folded), match.start(), match.end(), place)
            continue
        run, start = match[0], match.start()
        if len(run) == 1:
            yield Term(fold(run), start, start + 1, place)
        for offset in range(len(run) - 1):
            yield Term(fold(run[offset : offset + 2]), start + offset, start + offset + 2, place)
            place += 1


# Longer texts are not remembered, so that the memory of a process stays bounded (about 100 bytes a word).
_REMEMBER_UNDER = 2_000


def known_terms(text: str) -> tuple[Term, ...]:
    """`terms`, remembered for short texts: evidence, highlights and every piece of a live trace ask for the same few passages."""
    return _remembered(text) if len(text) <= _REMEMBER_UNDER else tuple(terms(text))


@lru_cache(maxsize=4096)
def _remembered(text: str) -> tuple[Term, ...]:
    return tuple(terms(text))


def stems(text: str) -> list[str]:
    """Only the stems of `terms`, as BM25 counts them."""
    return [term.stem for term in known_terms(text)]


def full_text(passage: Passage) -> str:
    """What is indexed of a passage: its title on a line of its own, then its text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the first sentences of a text, in code points, at most MAX_SENTENCES; at least one for a text that is not blank."""
    return [match.span() for match in islice(_SENTENCE.finditer(text), MAX_SENTENCES)]


def unknown_share(text: str) -> float:
    """Share of the letters that belong to no Latin script, 0..1: what a model trained on English can't read."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return 0.0
    return sum(1 for letter in letters if not _is_latin(letter)) / len(letters)


@lru_cache(maxsize=1 << 12)
def _is_latin(letter: str) -> bool:
    return letter.isascii() or "LATIN" in unicodedata.name(letter, "")
