"""How far the people of an export agree: a table beside every file, over a bounded part of it."""

from __future__ import annotations

from typing import Any

from app.exports.records import JudgementRecord, query_id

MOST_GRADES = 20_000
MOST_ORDERS = 2_000


class Ratings:
    """Collects grades and orders of judgements that count, the first ones up to a bound, so that memory stays bounded too."""

    def __init__(self) -> None:
        self._grades: dict[tuple[str, ...], dict[str, str]] = {}
        self._orders: dict[str, dict[str, JudgementRecord]] = {}
        self._taken = self._ordered = self._seen = 0

    def add(self, record: JudgementRecord) -> None:
        """Take a judgement in, where it counts."""
        if not record.counts:
            return
        self._seen += 1
        if self._ordered < MOST_ORDERS and record.fields.get("order"):
            self._orders.setdefault(record.list_id, {})[record.person] = record
            self._ordered += 1
        if self._taken < MOST_GRADES:
            for passage, grade in grades_of(record.fields).items():
                self._grades.setdefault((query_id(record.query), passage), {})[record.person] = str(grade)
                self._taken += 1

    def table(self) -> dict[str, Any]:
        """`statistics` [{name, value or null, n, why}], and what they are over. No intervals: those are in the page's agreement view."""
        from app.ranking.evaluation.label_agreement import agreement
        from app.ranking.evaluation.labels import Labels
        from app.ranking.evaluation.panels import MEASURES, of_panel
        from app.ranking.evaluation.weak_orders import WeakOrder

        if not self._seen:
            return {"over": "no judgements", "statistics": []}
        found = [*agreement(Labels.of(self._grades)).overall] if self._grades else []
        panel = {
            list_id: {
                person: WeakOrder.of(one.fields["order"], one.fields.get("not_relevant", ()), one.fields.get("unranked", ()))
                for person, one in judges.items()
            }
            for list_id, judges in self._orders.items()
            if len(judges) > 1
        }
        if panel:
            found.append(of_panel(MEASURES[0], panel))
        return {
            "over": f"the first {self._taken:,} grades and {self._ordered:,} orders of {self._seen:,} judgements that count",
            "statistics": [{"name": one.name, "value": one.value, "n": one.n, "why": one.why} for one in found],
        }


def grades_of(fields: Any) -> dict[str, int]:
    """Grades by passage id; a passage put under "not relevant" counts as 0 where it has no grade of its own."""
    return {**dict.fromkeys(fields.get("not_relevant", ()), 0), **fields.get("grades", {})}
