"""What a sentence of a trace says of the passages it cites: for, against, or neither. A small lexical rule, no model.

Passages cited side by side ("[2], [3] and [5]") are one group. A comparison ("[3] is better than [1]", "unlike [1], ...") takes both sides
at once. Elsewhere the cues of a clause, each turned round by a negation shortly before it, are added up and go to the groups of the clause,
or to those of the clause before where it cites none. After `but` only what follows counts, of `although ..., ...` only the main clause, and
of `while ..., ...` a side without a cue is the opposite of the other. Questions and chains "[2] > [1]" take no side; what would be useful
"if" the question were another one is of no use. Without a cue a passage is neutral. docs/experiments.md has precision and recall.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .values import Polarity

_CITE = r"\[\d{1,4}\]"
_AND = r"(?:\s*,\s*(?:and |or |nor )?|\s+(?:and|or|nor|&|as well as)\s+)"
_GROUP = re.compile(rf"{_CITE}(?:{_AND}(?:passages? )?{_CITE})*")
_NUMBER = re.compile(r"\[(\d{1,4})\]")
_CHAIN = re.compile(rf"{_CITE}\s*[>=]+\s*{_CITE}")
# Groups are replaced by one character each, so that patterns need not look into them.
_FIRST, _G, _MANY = 0xE000, "[\ue000-\uf8ff]", 6_000


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})", re.IGNORECASE)


_FOR = _words(
    r"relevan(?:t|ce)|answer(?:s|ed|ing)?\b|address(?:es|ing)?\b|explain(?:s|ing)?\b|explanation|support(?:s|ing)?\b|help(?:s|ful\w*)?\b"
    r"|useful|of use\b|usable|usefulness|best\b|better\b|good\b|great\b|excellent|perfect|ideal|strong(?:er|est)?\b"
    r"|clear(?:er|est|ly)?\b|complete\b"
    r"|comprehensive|thorough|precise|exact(?:ly)?\b|essential|crucial|key\b|valuable|convincing|concrete|specific\b|on point"
    r"|spot on|right\b"
    r"|correct(?:ly)?\b|first\b|top\b|high(?:er|est|ly)?\b|ahead\b|provid(?:es?|ing)\b|suppl(?:y|ies)\b|offers?\b|gives?\b"
    r"|derives?\b|proves?\b"
    r"|solves?\b|match(?:es)?\b|fits?\b|what (?:the (?:user|question|query)|we) |matters?\b|deserv\w+|directly|the very\b"
    r"|fully\b|backs\b|merit"
    r"|the only one|most important|promising|needed\b|principle\b"
)
_AGAINST = _words(
    r"irrelevan\w+|unrelated|off[- ]topic|(?:another|different|other) (?:topic|question|species|country|subject|matter"
    r"|problem|thing|field|kind)"
    r"|lack(?:s|ing)?\b|miss(?:es|ing)\b|omits?\b|fails?\b|ignor(?:es?|ing)\b|wrong(?:ly)?\b|mistake\w*|confus\w+"
    r"|contradict\w*|misleading|incorrect"
    r"|inaccurate|outdated|tangential\w*|superficial\w*|weak(?:er|est)?\b|worse\b|worst\b|poor(?:ly)?\b|vague\w*|generic\b"
    r"|in passing|useless|unhelpful"
    r"|little use|low(?:er|est)?\b|last\b|bottom\b|short of\b|beside the point|noise\b|spam\b|distract\w+|too \w+"
    r"|(?:only|merely|just|simply) (?:repeat|mention|list|touch|name|say|refer)\w*|myth\b|leaves? (?:\w+ ){1,3}open|not about|nothing to do"
)
# Say what a passage is about: no praise, but where denied.
_CONTENT = _words(
    r"say(?:s|ing)?\b|mention\w*|touch(?:es)?\b|deals?\b|cover(?:s|ing)?\b|discuss\w*|contain(?:s|ing)?\b|bears?\b"
    r"|includ(?:es?|ing)\b|concerns?\b"
    r"|describ(?:es?|ing)\b|appl(?:y|ies)\b|talks?\b|about\b|relat(?:es?|ed)\b|used\b"
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|neither|nor|hardly|barely|scarcely|cannot|without|nothing|less|least|lack(?:s|ing)?|miss(?:es"
    r"|ing)|fails?|ignores?"
    r"|short of|contradicts?|mistake|far from|little)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|merely)\b|n['\u2019]t (?:only|just|merely)\b|\b(?:no|without(?: a)?|beyond) (?:doubt|question)\b"
    r"|\bno other\b|\bnothing to add\b",
    re.IGNORECASE,
)
_REACH = 5  # words between a negation and its cue
_AFTERWARDS = re.compile(r"\W+(?:no|nothing|little|neither|none)\b", re.IGNORECASE)
_NONE_OF = re.compile(rf"\b(?:none of|neither(?: of)?)\s+(?:the )?(?:passages? )?{_G}", re.IGNORECASE)
_ONLY = re.compile(rf"^\W*only (?:passage )?{_G}", re.IGNORECASE)
_ELIDED = re.compile(r"(?:\bnot|n['\u2019]t)\W*$", re.IGNORECASE)  # "[3] helps, [4] doesn't"
_UNREAL = re.compile(r"\bwould (?:have been|be|help|fit)\b.*\b(?:if|had|were|in case)\b", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:might|may|could|perhaps|maybe|somewhat|part(?:ly|ially)|not sure|unsure|to some extent|moderately|loosely)\b", re.IGNORECASE
)

_THAN = re.compile(
    r"\b(?:than|above|below|ahead of|behind|over|outranks?|beats?|outperforms?|surpass\w*|trumps?|(?:superior|inferior|preferable) to"
    r"|(?:outranked|beaten) by)\s*(?:the |that of |those of |both |either |passages? |in )*$|n['\u2019]t as \w+ as\s*$|\bnot as \w+ as\s*$",
    re.IGNORECASE,
)
_DOWN = re.compile(r"\b(?:worse|weaker|lower|less|below|behind|inferior|outranked|beaten|not|fewer|poorer)\b|n['\u2019]t\b", re.IGNORECASE)
_BESIDE = r"(?:compared (?:to|with)|in contrast (?:to|with)|unlike|as opposed to)"
_ASIDE = re.compile(rf"({_BESIDE}\s+(?:passages? )?{_CITE})\s*,", re.IGNORECASE)  # its comma ends it, and is none of a group's
_BESIDE_FIRST = re.compile(rf"\b{_BESIDE}\s*(?:both |passages? )*$", re.IGNORECASE)
_CLAUSES = re.compile(
    rf"\s*;\s*|\s*:\s+|\s*[,\u2014]\s*|\s+(?=(?:but|however|yet|whereas|while|although|though|because|since|which|who)\b)"
    rf"|\s+and\s+(?=(?:passage )?{_G})",
    re.IGNORECASE,
)
_TURN = re.compile(r"^\W*(?:but|however|yet|nevertheless)\b", re.IGNORECASE)
_THOUGH = re.compile(r"^\W*(?:although|though|even though|despite)\b", re.IGNORECASE)
_WHILE = re.compile(r"^\W*(?:while|whereas)\b", re.IGNORECASE)


def polarities(sentence: str) -> dict[int, Polarity]:
    """What a sentence says of each number it cites, in the order of the first citations. Pure; any text will do."""
    found = {number: 0.0 for number in map(int, _NUMBER.findall(sentence))}
    if found and not sentence.rstrip().endswith("?") and not _CHAIN.search(sentence):
        for members, value in _values(sentence):
            for number in members:
                found[number] = value
    return {number: "for" if value > 0 else "against" if value < 0 else "neutral" for number, value in found.items()}


@dataclass(slots=True)
class _Clause:
    """A clause with its groups; `value` is the sum of its cues."""

    text: str
    groups: tuple[str, ...]
    value: float = 0.0


@dataclass(slots=True)
class _Reading:
    """What has been read of a sentence: values by group, and groups that a comparison has settled."""

    values: dict[str, float] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)


def _values(sentence: str) -> Iterator[tuple[list[int], float]]:
    """Numbers of each group with their value; later groups win where a number is cited twice, unless they say nothing."""
    groups: list[list[int]] = []

    def keep(found: re.Match[str]) -> str:
        groups.append([int(number) for number in _NUMBER.findall(found[0])])
        return chr(_FIRST + len(groups) - 1) if len(groups) <= _MANY else " "

    text = _NO_NEGATION.sub(" ", _GROUP.sub(keep, _ASIDE.sub("\\1 \u2014", sentence)))
    reading = _Reading()
    _by_clauses(text, reading)
    _by_comparison(text, reading)
    for group, value in reading.values.items():
        if value:
            yield groups[ord(group) - _FIRST], value


def _by_clauses(text: str, reading: _Reading) -> None:
    """Cues, clause by clause."""
    before: tuple[str, ...] = ()
    contrast: list[_Clause] = []
    weak: set[str] = set()  # groups whose value comes from a concession
    for piece in _CLAUSES.split(text):
        clause = _Clause(text=piece, groups=tuple(dict.fromkeys(re.findall(_G, piece))), value=_cues(piece))
        groups = clause.groups or before
        for group in groups:
            old = reading.values.get(group, 0.0)
            turned = bool(_TURN.match(piece)) or group in weak
            reading.values[group] = clause.value if clause.value and turned else old + clause.value
            weak.discard(group)
            if _THOUGH.match(piece):
                weak.add(group)
        if clause.groups:
            contrast.append(clause)
            if len(contrast) > 1 and (_WHILE.match(piece) or _WHILE.match(contrast[-2].text)):
                _opposite(reading, contrast[-2].groups, clause.groups)
        before = groups


def _opposite(reading: _Reading, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Of two contrasted sides, one without a value gets the other's, turned round."""
    a, b = (next((reading.values.get(group, 0.0) for group in side), 0.0) for side in (one, other))
    for side, mine, theirs in ((one, a, b), (other, b, a)):
        if not mine and theirs:
            reading.values.update(dict.fromkeys(side, -theirs))


def _by_comparison(text: str, reading: _Reading) -> None:
    """Neighbouring groups with words between them that set one above the other."""
    places = list(re.finditer(_G, text))
    for left, right in zip(places, places[1:], strict=False):
        between, lead = text[left.end() : right.start()], text[: left.start()]
        if _THAN.search(between) and ";" not in between:
            sign = -1.0 if _DOWN.search(between) else 1.0
            reading.values[left[0]], reading.values[right[0]] = sign, -sign
        elif _BESIDE_FIRST.search(lead):
            sign = -1.0 if reading.values.get(right[0], 0.0) < 0 else 1.0
            reading.values[left[0]], reading.values[right[0]] = -sign, sign
        elif _BESIDE_FIRST.search(between):
            sign = -1.0 if reading.values.get(left[0], 0.0) < 0 else 1.0
            reading.values[left[0]], reading.values[right[0]] = sign, -sign


def _cues(clause: str) -> float:
    """Sum of a clause's cues; a double negation counts a half."""
    if _UNREAL.search(clause):
        return -1.0
    if _HEDGE.search(clause):
        return 0.0
    total = float(bool(_ONLY.match(clause))) - float(bool(_NONE_OF.search(clause))) - float(bool(_ELIDED.search(clause)))
    for pattern, worth in ((_FOR, 1.0), (_AGAINST, -1.0), (_CONTENT, 0.0)):
        for found in pattern.finditer(clause):
            denied = _denied(clause, found)
            if pattern is _CONTENT:
                total -= float(denied)
            else:
                total += -worth * (0.5 if worth < 0 else 1.0) if denied else worth
    return total


def _denied(clause: str, cue: re.Match[str]) -> bool:
    """An odd number of negations among the words shortly before a cue, or one right after it ("offers no evidence")."""
    near = " ".join(clause[: cue.start()].split()[-_REACH:])
    count = len(_NEGATION.findall(near)) + bool(_AFTERWARDS.match(clause, cue.end()))
    return count % 2 == 1
