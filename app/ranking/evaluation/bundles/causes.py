"""What differs between two bundles and could change an order: found in the data first, then in what they say of themselves.

Each finder gives a name, a sentence and the topics to which it applies. A setting that shapes the prompt applies where prompts differ on
the same passages; one that shapes the answer where the same prompt was answered otherwise, or where no prompt was the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .pairing import BAD, Pair
from .recomputing import Opened, file_order
from .settings import inner_seeds
from .values import Key

_SHOWN = 40  # characters of a value
# A cut makes texts shorter and never longer; of a few topics all texts may be shorter than it.
_MOST = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A difference with the topics to which it applies.

    A `setting` explains also what is left over elsewhere, since calls don't show everything; a `weak` one only what no other does.
    """

    name: str
    text: str
    keys: frozenset[Key]
    setting: bool = False
    weak: bool = False


def find(pair: Pair) -> list[Found]:
    """All that differs, another model first, then causes in the data before settings.

    Judgements, ties of the runs and missing topics are computed elsewhere.
    """
    found = [one for finder in _FINDERS for one in finder(pair) if one.keys or one.setting]
    return sorted(found, key=lambda one: one.name != "model") + list(_surroundings(pair))


def _lines(pair: Pair) -> Iterable[Found]:
    """Candidates that only one of the runs lists."""
    fewer = frozenset(key for key, step in pair.steps.items() if step.dropped or step.added)
    dropped = sum(len(pair.steps[key].dropped) for key in fewer)
    added = sum(len(pair.steps[key].added) for key in fewer)
    depth = pair.of_settings("depth")
    other = any(pair.steps[key].dropped and pair.steps[key].added and not _moved_up(pair, key) for key in fewer)
    name = "depth" if depth else "first stage" if other else "dropped lines"
    said = _either(dropped, "are listed by the first run only"), _either(added, "by the second run only")
    why = f"{_said(depth)}: " if depth else ""
    yield Found(name=name, keys=fewer, text=f"{why}candidates of {pair.counted(fewer)} differ, {' and '.join(filter(None, said))}")


def _moved_up(pair: Pair, key: Key) -> bool:
    """Whether lines of one first stage stand at its end alone, come up from below the cut into the room of those that were taken out."""
    if _candidates(pair.first, pair.second, key) is None:
        return False
    ours, theirs = (file_order(of.first[key]) for of in (pair.first, pair.second))
    step = pair.steps[key]
    return set(theirs[len(theirs) - len(step.added) :]) == step.added or set(ours[len(ours) - len(step.dropped) :]) == step.dropped


def _either(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""


def _first_stage(pair: Pair) -> Iterable[Found]:
    """The same candidates in another order: within equal scores, or otherwise."""
    tied, other = set[Key](), set[Key]()
    for key in pair.common:
        kind = _order(pair, key)
        if kind:
            (tied if kind == "ties" else other).add(key)
    yield Found(
        name="ties",
        keys=frozenset(tied),
        text=f"the first stage orders equal scores otherwise on {pair.counted(frozenset(tied))}",
    )
    yield Found(name="first stage", keys=frozenset(other), text=f"the first stage has another order on {pair.counted(frozenset(other))}")


def _order(pair: Pair, key: Key) -> str:
    """What differs in how the same candidates came in: "ties", "order", or nothing."""
    orders = _candidates(pair.first, pair.second, key)
    if orders is None:
        return ""
    ours, theirs = pair.first.first[key], pair.second.first[key]
    if orders[0] != orders[1]:
        return "ties" if _allows(theirs, orders[0]) or _allows(ours, orders[1]) else "order"
    # The file is the same: whoever read it may have put equal scores in another order, before a model saw them or instead of one.
    one, other = pair.rows(key)
    runs = [[id_ for id_ in file_order(of.run.get(key, {})) if id_ in ours] for of in (pair.first, pair.second)]
    if set(runs[0]) == set(runs[1]) and one.candidates_hash != other.candidates_hash and not _shuffled(pair):
        return "ties" if len(set(ours.values())) < len(ours) else "order"
    asked = one.calls or other.calls or len(set(ours.values())) == 1
    return "ties" if runs[0] != runs[1] and not asked and all(_allows(ours, run) for run in runs) else ""


def _shuffled(pair: Pair) -> bool:
    """Whether candidates were shuffled by two seeds before anybody was asked: then that is the cause, and not how they came in."""
    return bool(pair.of_settings("seed")) and any(
        "shuffle" in (of.bundle.manifest.get("strategy") or {}) for of in (pair.first, pair.second)
    )


def _candidates(first: Opened, second: Opened, key: Key) -> tuple[list[str], list[str]] | None:
    """The first stage's order of the passages of both runs, in both bundles; None where one has no first stage."""
    if not first.first.get(key) or not second.first.get(key):
        return None
    both = first.first[key].keys() & second.first[key].keys()
    ours, theirs = ([id_ for id_ in file_order(one.first[key]) if id_ in both] for one in (first, second))
    return ours, theirs


def _allows(scores: Any, order: list[str]) -> bool:
    """Whether scores never rise along an order."""
    return all(scores[one] >= scores[other] for one, other in zip(order, order[1:], strict=False))


def _query(pair: Pair) -> Iterable[Found]:
    keys = pair.where(lambda one, other: bool(one.query and other.query) and one.query != other.query)
    yield Found(name="query", keys=keys, text=f"the text of the query differs on {pair.counted(keys)}")


def _texts(pair: Pair) -> Iterable[Found]:
    """Passages whose texts differ, or that are cut at another length."""
    by_row = pair.where(
        lambda one, other: (
            one.candidates_hash == other.candidates_hash
            and bool(one.texts_hash and other.texts_hash)
            and one.texts_hash != other.texts_hash
        )
    )
    keys = by_row | {key for key in pair.common if pair.shown(key).other_texts}
    cut = pair.of_settings("passage_tokens")
    if keys:
        words = [(one.texts_words, other.texts_words) for one, other in map(pair.rows, keys)]
        shorter = max(sum(one > other for one, other in words), sum(one < other for one, other in words))
        means = [f"{sum(side) / len(keys):,.0f}" for side in zip(*words, strict=True)]
        how = f"{means[0]} words a topic in the first, {means[1]} in the second"
        name = "truncation" if shorter >= _MOST * len(keys) else "texts"
        yield Found(name=name, keys=keys, text=f"texts of candidates differ on {pair.counted(keys)}, {how}")
    if cut:
        at = frozenset(key for key in pair.common if pair.shown(key).other_prompt or pair.shown(key).blind)
        yield Found(name="truncation", keys=at, text=f"{_said(cut)}: passages are cut elsewhere on {pair.counted(at)}")
    elif _cut_unsaid(pair):
        at = frozenset(key for key in pair.common if pair.shown(key).other_prompt)
        text = f"prompts on the same passages differ in length on {pair.counted(at)} though no setting does: they are cut elsewhere"
        yield Found(name="truncation", keys=at, text=text)


def _cut_unsaid(pair: Pair) -> bool:
    """Whether prompts on the same passages differ by a number of words that is not the same for all, as that of a wording would be."""
    by_words = {words for one in pair.common for words in pair.shown(one).by_words}
    return len(by_words) > 1 and not pair.of_settings("profile", "model.name", "passage_tokens")


def _prompts(pair: Pair) -> Iterable[Found]:
    """Another profile, or the same one with other bytes."""
    keys = frozenset(key for key in pair.common if pair.shown(key).other_prompt) - _query_differs(pair)
    blind = frozenset(key for key in pair.common if pair.shown(key).blind) | _query_differs(pair)
    calls = sum(pair.shown(key).other_prompt for key in keys), sum(pair.shown(key).pairs for key in keys)
    names, hashes = pair.of_settings("profile.name"), pair.of_settings("profile.hash")
    if names:
        text = f"{_said(names)}: prompts differ on {pair.counted(keys | blind)}"
        yield Found(name="template", keys=keys | blind, text=text, setting=True)
    elif hashes:
        text = f"the profile has the same name and other bytes ({_said(hashes)}): prompts differ on {pair.counted(keys | blind)}"
        yield Found(name="prompt", keys=keys | blind, text=text, setting=True)
    elif keys and not pair.of_settings("model.name", "passage_tokens") and not _cut_unsaid(pair):
        text = f"{calls[0]} of {calls[1]} prompts on the same passages differ on {pair.counted(keys)}, though the profile is the same"
        yield Found(name="prompt", keys=keys, text=text)


def _query_differs(pair: Pair) -> frozenset[Key]:
    return pair.where(lambda one, other: one.query != other.query)


def _strategy(pair: Pair) -> Iterable[Found]:
    differs = pair.of_settings("strategy")
    if differs:
        keys = frozenset(key for key in pair.common if not pair.shown(key).both or not pair.shown(key).same_plan)
        windows = {"strategy.size", "strategy.step", "strategy.passes", "strategy.strategy.size", "strategy.strategy.step"}
        name = "window size" if set(differs) <= windows else "strategy"
        text = f"{_said(differs)}: the calls show other passages on {pair.counted(keys)}"
        yield Found(name=name, keys=keys, text=text, setting=True)


_ANSWERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("model revision", ("model.revision",)),
    ("seed", ("seed",)),
    ("sampling", ("sampling",)),
    ("thinking", ("thinking",)),
    ("fusion", ("fusion",)),
    ("engine", ("model.engine",)),
)


def _answers(pair: Pair) -> Iterable[Found]:
    """Settings that change what is said to the same prompt."""
    keys = frozenset(key for key in pair.common if not pair.shown(key).same_prompt or pair.shown(key).other_answer)
    # Seeds of shuffles change what is shown, not what is answered.
    shuffles = any(inner_seeds(of.bundle.manifest.get("strategy") or {}) for of in (pair.first, pair.second))
    planned = frozenset(key for key in pair.common if shuffles and pair.shown(key).unpaired)
    model = pair.of_settings("model.name")
    kinds = (("model", ("model",)), *_ANSWERS[1:-1]) if model else _ANSWERS
    for name, settings in kinds:
        differs = pair.of_settings(*settings)
        if differs:
            at = frozenset(pair.common) if name == "fusion" else keys | planned if name == "seed" else keys
            yield Found(name=name, keys=at, text=f"{_said(differs)}: can have changed answers on {pair.counted(at)}", setting=True)


def _outcomes(pair: Pair) -> Iterable[Found]:
    """Topics on which one of the two had no whole answer; a run file does not say how its orders came about."""
    known = pair.where(lambda one, other: bool((one.calls or one.error) and (other.calls or other.error)))
    keys = known & pair.where(lambda one, other: (one.outcome in BAD) != (other.outcome in BAD))
    if keys:
        sides = [Counter(row.outcome for row in (pair.rows(key)[side] for key in keys) if row.outcome in BAD) for side in (0, 1)]
        said = [", ".join(f"{count} {name}" for name, count in sorted(side.items())) or "none" for side in sides]
        yield Found(name="outcomes", keys=keys, text=f"answers of {pair.counted(keys)} were cut or lost: first {said[0]}, second {said[1]}")


def _surroundings(pair: Pair) -> Iterable[Found]:
    """Code and packages: named where nothing else explains a change."""
    differs = pair.of_settings("made")
    if differs:
        yield Found(name="code and packages", keys=frozenset(pair.common), text=_said(differs), weak=True)


def _said(differs: dict[str, tuple[Any, Any]]) -> str:
    """Settings with both values, at most three of them."""
    said = [f"{name} {_short(one)} against {_short(other)}" for name, (one, other) in list(differs.items())[:3]]
    return ", ".join(said) + f" and {len(differs) - 3} more" * (len(differs) > 3)


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_FINDERS: tuple[Callable[[Pair], Iterable[Found]], ...] = (
    _lines,
    _first_stage,
    _query,
    _texts,
    _prompts,
    _strategy,
    _answers,
    _outcomes,
)
