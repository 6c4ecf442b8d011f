"""What people of this studio said of lists: never of holdout queries or tutorials, and withdrawn judgements never.

Options: `project` (id), `min_trust` (0-1; a judgement that nobody weighed has 1), `until` (a place in the sealed log, 0 for its end: a
recipe that names one finds the same judgements again, but for those withdrawn since), `withdrawn` (how many had been withdrawn then;
nothing is done with it but to tell two such recipes apart).

One item per candidate list, in the order in which lists were first judged. Labels are what a reviewer decided, else the lower median of
people's grades; somebody who gave no grades but set passages aside says 1 of what they ranked and 0 of what they set aside, as exports
say. The ready ranking is the decision's, or that of the most trusted person (see `_chosen` for equals), laid over the order that the
model gave; the model's trace comes along only where that changed nothing. Notes hold the consent's version and no text of a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median_low
from typing import Any

from app.exports.trainer import corrected
from app.ranking.errors import SettingsError
from db.session import Database
from db.store import exports, labelled
from db.store.labelled import Labelled, LabelledList, Told
from training.synthesis.sources.options import Options
from training.synthesis.sources.where import Where
from training.synthesis.values import Opinion, Ready, SourceItem

DECIDED = "adjudicated"
"""The rater of a ranking that a reviewer decided."""


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Judged lists. Raises SettingsError where there is no database."""
    given = Options("judgements", options, where)
    until = given.whole("until", 0)
    given.whole("withdrawn", 0)
    wanted = Labelled(project=given.text("project", "") or None, min_trust=given.number("min_trust", 0.0, 0.0, 1.0), until=until or None)
    given.done()
    if where.database is None:
        raise SettingsError("source judgements reads the studio's database and there is none: give --database-url or --data-dir")
    return _items(where.database, wanted, where)


def _items(database: Database, wanted: Labelled, where: Where) -> Iterator[SourceItem]:
    place = ""
    while True:
        with database.read() as session:
            nameless = labelled.nameless(session, wanted)
        if nameless:
            with database.write() as session:
                exports.ensure_pseudonyms(session)
        with database.read() as session:
            page = labelled.page(session, wanted, place, labelled.PAGE)
        for _, list_id in page:
            with database.read() as session:
                found = labelled.one(session, wanted, list_id)
            if found.told:  # withdrawn between the page and now
                yield _item(found, where)
        if len(page) < labelled.PAGE:
            return
        place = page[-1][0]


def _item(found: LabelledList, where: Where) -> SourceItem:
    chosen = _chosen(found)
    licences = sorted({told.licence or where.licence or "none stated" for told in found.told})
    consents = sorted({told.consent_version for told in found.told if told.consent_version})
    return SourceItem(
        id=found.list_id,
        source="judgements",
        domain=where.domain,
        query=found.candidates.query,
        passages=found.candidates.passages,
        labels=_labels(found) or None,
        opinions=tuple(_opinion(told) for told in found.told),
        ready=_ready(found, chosen),
        licence="" if licences == ["none stated"] else ", ".join(licences),
        trust=1.0 if found.decided else chosen.trust,
        notes=tuple(f"consent {version}" for version in consents),
    )


def _chosen(found: LabelledList) -> Told:
    """Whose order trains: the most trusted; among equals (after a decision all are) one who judged a run, and then the most recent."""

    def key(place: int) -> tuple[float, bool, int]:
        told = found.told[place]
        return (0.0 if found.decided else told.trust, _usable(found, told), -place)

    return found.told[max(range(len(found.told)), key=key)]


def _opinion(told: Told) -> Opinion:
    return Opinion(
        person=told.person,
        order=tuple(tuple(group) for group in told.order),
        not_relevant=tuple(told.not_relevant),
        grades=dict(told.grades),
        trust=told.trust,
    )


def _labels(found: LabelledList) -> dict[str, int]:
    """Grades by id of the passages that anybody graded, in the order of the list."""
    people = [_grades(told.grades, told.order, told.not_relevant) for told in found.told]
    decided = _grades(found.decided.grades, found.decided.order, found.decided.not_relevant) if found.decided else {}
    labels = {}
    for passage in found.candidates.passages:
        said = [grades[passage.id] for grades in people if passage.id in grades]
        if passage.id in decided:
            labels[passage.id] = decided[passage.id]
        elif said:
            labels[passage.id] = median_low(said)
    return labels


def _grades(grades: Mapping[str, int], order: Sequence[Sequence[str]], not_relevant: Sequence[str]) -> dict[str, int]:
    """Grades as given, 0 for what was set aside; without any given, 1 for what was ranked where something was set aside."""
    ranked = {passage: 1 for group in order for passage in group} if not_relevant and not grades else {}
    return {**ranked, **dict.fromkeys(not_relevant, 0), **grades}


def _ready(found: LabelledList, chosen: Told) -> Ready | None:
    known = {passage.id for passage in found.candidates.passages}
    call = chosen.call if _usable(found, chosen) else None
    shown = tuple(call.passages) if call else tuple(one for one in chosen.shown_order if one in known)
    order = [shown[place] for place in call.order] if call else list(shown)
    said: Any = found.decided or chosen
    mine = corrected({"order": said.order, "not_relevant": said.not_relevant}, order)
    if len(mine) < 2:
        return None
    return Ready(
        shown=shown,
        order=tuple(mine),
        reasoning=call.reasoning if call and mine == order else "",
        rater=DECIDED if found.decided else chosen.person,
        template=call.template if call else "",
    )


def _usable(found: LabelledList, told: Told) -> bool:
    """Whether the judgement is about a run that ranked all that the person was shown in one clean call."""
    call = told.call
    if call is None or call.outcome != "clean":
        return False
    known = {passage.id for passage in found.candidates.passages}
    return sorted(call.order) == list(range(len(call.passages))) and set(call.passages) == set(told.shown_order) <= known
