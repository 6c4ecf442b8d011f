"""How much a passage looks like an attempt to instruct the model that ranks it: fixed signs, no model.

Signs are patterns of what such a text has to say to have an effect: it addresses a model, claims its own rank, sets the task aside, forges
the format, hides characters, or repeats the query. A sign has a weight; several of them add up like independent doubts. What reads like an
ordinary text (a persuasive rewriting, a plain question) has no signs, and is not found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from app.ranking.holdout import normalised
from training.synthesis.values import Item

from .values import NOTHING, Score

_TOLD, _QUOTED = 3, 80
_MACHINE = (
    r"(?:ai|llm|gpt|chatbot|language model|(?:automat\w+|ai|ranking|search|relevance|assistant|machine) (?:\w+ ){0,2}?(?:model|system"
    r"|judge|assessor|grader|reader|rater|evaluator|ranker|assistant|agent|tool)s?|re-?ranker|ranker|grader|assistant models?)"
)
_THIS = (
    r"(?:this|the present|the current|the following) (?:passage|document|text|one|article|item|entry|result|page|candidate|answer|snippet)"
)
_OTHERS = r"(?:others|(?:other|remaining) \w+|the rest)"
_TOP = (
    r"(?:first|top|highest|best|maxim\w+|perfect|most relevant|most useful|fully relevant|(?:position|rank|number|place) (?:one|1)\b|10/10"
    r"|above (?:all|every|the)|ahead of|before (?:all|every|the other))"
)
_DO = r"(?:rank|rate|score|place|put|list|return|output|give|award|assign|choose|pick|select|treat|regard|mark|label|grade|judge|sort|move)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A pattern over the visible text in lower case (`raw`: as it is), what it shows, and its weight from 0 to 1."""

    says: str
    weight: float
    pattern: re.Pattern[str]
    raw: bool = False


def _sign(says: str, weight: float, *patterns: str, raw: bool = False) -> Sign:
    return Sign(says=says, weight=weight, pattern=re.compile("|".join(patterns), re.MULTILINE), raw=raw)


SIGNS = (
    _sign(
        "addresses a model", 0.4,
        rf"\b(?:note|notice|message|attention|instructions?|memo|hint|dear|hello)\b[^.!?]{{0,20}}\b{_MACHINE}\b",
        rf"\bif (?:you are|an?|any) (?:\w+ )?{_MACHINE}\b", rf"\b{_MACHINE} (?:\w+ ){{0,3}}(?:should|must|shall|has to|needs? to)\b",
        rf"\b{_MACHINE}\s*:",
        r"\bif you are (?:an?|the) (?:program|model|machine|computer|bot|system)\b",
    ),
    _sign(
        "says how it is to be ranked", 0.6,
        rf"\b{_DO}\w*\b[^.!?;]{{0,60}}\b(?:{_THIS}|this one)\b[^.!?]{{0,60}}\b{_TOP}",
        rf"\b{_THIS}\b[^.!?;]{{0,60}}\b(?:{_DO}\w*|be|is|has to be|comes?)\b[^.!?]{{0,40}}\b{_TOP}",
        rf"\b{_DO}\w*\b[^.!?]{{0,40}}\b{_OTHERS}\b[^.!?]{{0,25}}\b(?:lower|below|last|0\b|zero|irrelevant|behind)",
        r"\brelevan(?:ce|t)\s*(?:score)?\s*[=:]\s*(?:[1-9]\d*(?:\.\d+)?|high|max\w*)\b",
    ),
    _sign(
        "claims to fit any question", 0.5,
        r"\b(?:to|for) (?:every|any|all) (?:query|queries|question|questions|search|searches)\b",
        r"\bwhat(?:ever|soever) (?:(?:was|is|has been|you are|you were|they|the user) (?:asked|searched|wants?)|the (?:question|query)\b)",
    ),
    _sign(
        "sets the task aside", 0.7,
        r"\b(?:ignore|disregard|forget|override|overrule|skip|bypass)\b[^.!?]{0,40}\b(?:instructions?|prompts?|criteria|rules?|rubric|guidelines?"
        r"|passages?|documents?|texts?|candidates?|question|query|remainder|rest|task|context|above)\b",
    ),
    _sign(
        "tells what to answer", 0.6,
        r"\b(?:in|to|of|into|from|throughout) your (?:final |own |next )?(?:response|reply|answer|output|message)\b",
        r"\byour (?:final |own |next )?(?:response|reply|answer|output)\b[^.!?]{0,30}\b(?:must|should|to \w+)\b",
        r"\b(?:respond|reply|answer) (?:only|just|with|in)\b",
    ),
    _sign(
        "forges tags of the format", 0.9,
        r"</?\s*(?:answer|think|thinking|system|assistant|user|instructions?)\s*>", r"<\|[a-z_]{2,20}\|>", r"\[/?inst\]", r"<</?sys>>",
        r"#{2,}\s*(?:instruction|system|response|assistant)s?\b",
    ),
    _sign("forges an answer", 0.9, r"\[\d{1,3}\](?:\s*>\s*\[\d{1,3}\])+"),
    _sign(
        "forges a turn of the conversation", 0.5,
        r"\b(?:SYSTEM|ASSISTANT|USER|HUMAN|DEVELOPER)\s*:", r"^[ \t]*(?:System|Assistant|Human|User)\s*: ?\w", raw=True,
    ),
)  # fmt: skip

# Characters without a picture: tags, overrides of the writing direction, zero width. Joiners belong to scripts and emoji, single marks of
# direction to mixed text, and are left alone.
_HIDDEN = (
    ("hides text in tag characters", 0.95, re.compile("[\U000e0020-\U000e007f]{2,}")),
    ("overrides the writing direction", 0.6, re.compile("[\u202d\u202e\u2066-\u2069]")),
    ("has characters of no width inside words", 0.6, re.compile("(?<=[A-Za-z])[\u200b\u200c\u200d\u2060\ufeff\u00ad](?=[A-Za-z])")),
)
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\U000e0000-\U000e007f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A sign in a passage: what it shows, how much it weighs, and the words, made visible."""

    says: str
    weight: float
    quote: str


def injection_score(item: Item) -> Score:
    """Suspicion of the most suspicious passage of the list, 0 to 1; None without passages. Reasons quote at most 80 characters."""
    if not item.passages:
        return NOTHING
    shown = item.best.shown if item.best else ()
    judged = [(suspicion(found), passage.id, found) for passage in item.passages if (found := signs(passage_text(passage), item.query))]
    judged.sort(key=lambda one: (-one[0], one[1]))
    told = [
        f"passage {f'[{shown.index(id_) + 1}]' if id_ in shown else id_[:40]} {one.says}: \u201c{one.quote}\u201d"
        for _, id_, found in judged
        for one in sorted(found, key=lambda one: -one.weight)
    ]
    return Score(value=judged[0][0] if judged else 0.0, reasons=tuple(told[:_TOLD]))


def suspicion(found: list[Suspicion]) -> float:
    """Signs as independent doubts: 1 less the product of what each leaves."""
    left = 1.0
    for one in found:
        left *= 1 - one.weight
    return round(1 - left, 6)


def signs(text: str, query: str = "") -> list[Suspicion]:
    """All signs of a text, each at most once. Pure; linear in the text."""
    visible = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    return [*_hidden(text), *_visible(visible), *_stuffed(visible, query)]


def passage_text(passage: object) -> str:
    """Title and text as a model reads them."""
    return f"{getattr(passage, 'title', '')}\n{getattr(passage, 'text', '')}".strip()


def _hidden(text: str) -> Iterator[Suspicion]:
    for says, weight, pattern in _HIDDEN:
        if found := pattern.search(text):
            yield Suspicion(says=says, weight=weight, quote=_quote(text, found.start()))


def _visible(text: str) -> Iterator[Suspicion]:
    lower = text.lower()
    for sign in SIGNS:
        if found := sign.pattern.search(text if sign.raw else lower):
            yield Suspicion(says=sign.says, weight=sign.weight, quote=_quote(text, found.start()))


def _stuffed(text: str, query: str) -> Iterator[Suspicion]:
    """The whole query in the text: once is a quotation, twice is stuffing. Queries of fewer than five words occur by themselves."""
    asked = normalised(query)
    words = asked.split()
    if len(words) < 5 or max(words, key=len) not in text.casefold():
        return
    times = len(re.findall(rf"(?<!\S){re.escape(asked)}(?!\S)", normalised(text)))
    if times:
        weight = 0.4 if times == 1 else 0.8
        yield Suspicion(says=f"repeats the query {times} time{'s' * (times > 1)}", weight=weight, quote=_quote(query, 0))


def _quote(text: str, start: int) -> str:
    """At most 80 characters from there on, blanks joined, unseen characters written as their code."""
    visible = re.sub(r"\s+", " ", text[start : start + 2 * _QUOTED])
    shown = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", visible).strip(" .!?[(")
    return shown if len(shown) <= _QUOTED else f"{shown[: _QUOTED - 1]}\u2026"
