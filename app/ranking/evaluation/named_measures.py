"""Measures by the names of ir_measures, computed by trec_eval's own code (ir_measures over pytrec-eval-terrier, and nothing else).

ir_measures would hand a measure to whichever of its providers knows it; they differ in ties and missing topics. Here one provider does all
of them. RR@k, which it does not know, is its RR where that is 1/k or more. IPrec is ours: the code there looks for r * R + 0.9 of R
relevant passages, rounded down, while trec_eval's own reference output has r * R rounded to the nearest whole number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import SettingsError
from .metrics import ordered

Qrels = Mapping[str, Mapping[str, int]]  # topic -> passage id -> grade
Run = Mapping[str, Mapping[str, float]]  # topic -> passage id -> score
Values = dict[str, dict[str, float]]  # measure -> topic -> value

WORK = "nDCG@k, R@k, P@k, RR, RR@k, AP, AP@k, Success@k, Rprec, Bpref, infAP, IPrec@r, SetP, SetR, SetF, SetAP, or RBO against another run"
# No means, but sums over topics: no number that stands for a run.
_COUNTS = ("NumQ", "NumRel", "NumRet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A measure that works: its name as ir_measures prints it, the one that is asked for, RR's cut (0: none), IPrec's recall."""

    name: str
    asked: Any
    cut: int = 0
    recall: float | None = None


def split_names(text: str) -> tuple[str, ...]:
    """Names between commas, but not those inside brackets: `nDCG@10,AP(rel=2,judged_only=True)` are two."""
    names, depth = [""], 0
    for sign in text:
        depth += (sign in "({[") - (sign in ")}]")
        if sign == "," and not depth:
            names.append("")
        else:
            names[-1] += sign
    return tuple(name.strip() for name in names if name.strip())


def named(name: str) -> Named:
    """The measure of a name. Raises SettingsError for one that is unknown, incomplete, or that trec_eval's code doesn't have."""
    import ir_measures

    try:
        measure = ir_measures.parse_measure(name)
        measure.validate_params()
        cut = measure.params.get("cutoff") if measure.NAME == "RR" else None
        asked = ir_measures.RR(**{key: value for key, value in measure.params.items() if key != "cutoff"}) if cut else measure
        fits = _fits(measure.params) and measure.NAME not in _COUNTS and _provider().supports(asked)
    except (ValueError, NameError, AssertionError, TypeError, KeyError, AttributeError, RecursionError, MemoryError):
        fits = False
    if not fits:
        raise SettingsError(f"measure {name!r} is unknown: use {WORK}, with a whole number k above 0 and a recall r from 0 to 1")
    return Named(name=str(measure), asked=asked, cut=cut or 0, recall=measure.params["recall"] if measure.NAME == "IPrec" else None)


def evaluate(measures: Sequence[Named], qrels: Qrels, run: Run) -> Values:
    """Values of the topics of the qrels, 0 where the run lacks one: measure -> topic -> value."""
    found: Values = {measure.name: {} for measure in measures}
    asked = {repr(measure.asked): measure.asked for measure in measures if measure.recall is None}
    by: dict[int, list[tuple[dict[str, float], int]]] = {id(one): [] for one in asked.values()}
    for measure in measures:
        if measure.recall is None:
            by[id(asked[repr(measure.asked)])].append((found[measure.name], measure.cut))
        else:
            found[measure.name] = {topic: _interpolated(measure, grades, run.get(topic, {})) for topic, grades in qrels.items()}
    # A grade below 0 means unjudged to trec_eval; its code here never comes back from a topic that has no other.
    judged = {topic: {id_: grade for id_, grade in grades.items() if grade >= 0} for topic, grades in qrels.items()}
    for metric in _provider().iter_calc(list(asked.values()), judged, run) if asked else ():
        # By identity: the hash of a measure is that of its name, written anew for every value.
        for values, cut in by[id(metric.measure)]:
            values[metric.query_id] = metric.value if not cut or metric.value >= 1.0 / cut else 0.0
    return found


def _interpolated(measure: Named, grades: Mapping[str, int], scores: Mapping[str, float]) -> float:
    """The best precision at any rank where the share of the relevant passages that is asked for has been found, 0 where it never is."""
    rel, judged_only = measure.asked["rel"], measure.asked["judged_only"]
    relevant = {id_ for id_, grade in grades.items() if grade >= rel}
    needed, found, best = int((measure.recall or 0.0) * len(relevant) + 0.5), 0, 0.0
    for rank, id_ in enumerate((one for one in ordered(scores) if not judged_only or grades.get(one, -1) >= 0), start=1):
        if id_ in relevant:
            found += 1
            if found >= needed:
                best = max(best, found / rank)
    return best


def _provider() -> Any:
    from ir_measures import providers

    return providers.registry["pytrec_eval"]


def _fits(params: Mapping[str, Any]) -> bool:
    """What ir_measures lets pass and trec_eval's code answers with nonsense: cuts, grades and parameters out of range."""
    cut, rel, recall, beta = (params.get(key) for key in ("cutoff", "rel", "recall", "beta"))
    whole = all(one is None or (type(one) is int and one > 0) for one in (cut, rel))
    whole = whole and all(type(one) is int and one >= 0 for pair in (params.get("gains") or {}).items() for one in pair)
    return whole and (recall is None or 0.0 <= recall <= 1.0) and (beta is None or beta > 0.0)
