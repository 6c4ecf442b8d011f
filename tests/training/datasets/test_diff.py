"""Two versions compared: what came, what went and by which filter, what changed, and that equal ones do not differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.exports.dataset_diff import diff
from app.exports.sorting import Sorter, number_key
from app.ranking.errors import InputError
from tests.training.datasets.made import Stored, item, query, stored, version


def both(tmp_path: Path, first: list[Stored], second: list[Stored], **changes: Any) -> dict[str, Any]:
    version(tmp_path / "a", first)
    version(tmp_path / "b", second, **changes)
    return diff(tmp_path / "a", tmp_path / "b")


def test_a_version_does_not_differ_from_itself(tmp_path: Path) -> None:
    items = [stored(number, {"consistency": 0.1 * number}) for number in range(9)]
    found = both(tmp_path, items, items)
    assert found["counts"] == {"added": 0, "removed": 0, "changed": 0, "same": 9, "labels": 0, "order": 0}
    assert found["added"] == found["removed"] == found["changed"] == []


def test_a_threshold_that_moved_names_the_filter_and_the_scores(tmp_path: Path) -> None:
    items = [stored(0, {"consistency": 0.45}), stored(1, {"consistency": 0.9})]
    version(tmp_path / "loose", items)
    version(tmp_path / "strict", items, thresholds={"consistency": 0.5})
    (gone,) = diff(tmp_path / "loose", tmp_path / "strict")["removed"]
    assert (gone["source"], gone["source_id"], gone["domain"], gone["number"]) == ("demo", "s0", "cooking", 0)
    assert gone["query"] == query(0) and gone["dropped"] == {"from": [], "to": ["consistency"]}
    assert gone["filters"] == [{"name": "consistency", "from": 0.45, "to": 0.45}]
    back = diff(tmp_path / "strict", tmp_path / "loose")
    assert back["counts"]["added"] == 1 and back["added"][0]["dropped"] == {"from": ["consistency"], "to": []}


def test_items_are_matched_by_source_domain_and_id_whatever_their_number(tmp_path: Path) -> None:
    moved = [Stored(replace(item(number), number=9 - number), {"consistency": 1.0}) for number in range(4)]
    found = both(tmp_path, [stored(number) for number in range(4)], [*moved, stored(20)])
    assert found["counts"]["same"] == 4 and [one["source_id"] for one in found["added"]] == ["s20"]
    assert found["added"][0]["dropped"] == {"from": None, "to": []} and found["counts"]["removed"] == 0
    assert found["added"][0]["filters"] == []


def test_changed_labels_orders_traces_and_verdicts_are_told_apart(tmp_path: Path) -> None:
    best = item(0).samples[0]
    after = [
        stored(0, grades={"p1": 1, "p2": 1, "p3": 0, "p4": 0}), stored(1, samples=(replace(best, order=("p1", "p2", "p3", "p4")),)),
        stored(2, samples=(replace(best, reasoning="Because."),)),
        stored(3, {"consistency": 0.2}), stored(4, {"injection": 0.9}), stored(5),
    ]  # fmt: skip
    before = [stored(0), stored(1), stored(2), stored(3, {"consistency": 0.3}), stored(4, {"consistency": 0.3}), stored(5)]
    found = both(tmp_path, before, after)
    assert [(one["source_id"], one["what"]) for one in found["changed"]] == [
        ("s0", ["labels"]), ("s2", ["trace"]), ("s4", ["verdict"]), ("s1", ["order"]),
    ]  # fmt: skip
    counts = found["counts"]
    assert (counts["changed"], counts["same"], counts["labels"], counts["order"], counts["trace"], counts["verdict"]) == (4, 2, 1, 1, 1, 1)
    assert found["changed"][0]["labels"]["to"]["p1"] == 1
    assert found["changed"][3]["orders"] == {"from": ["p2", "p1", "p3", "p4"], "to": ["p1", "p2", "p3", "p4"]}
    assert found["changed"][2]["filters"] == [
        {"name": "consistency", "from": 0.3, "to": None},
        {"name": "injection", "from": None, "to": 0.9},
    ]


def test_lists_are_bounded_and_counts_are_not(tmp_path: Path) -> None:
    version(tmp_path / "a", [stored(number) for number in range(12)])
    version(tmp_path / "b", [stored(99)])
    found = diff(tmp_path / "a", tmp_path / "b", limit=5)
    assert len(found["removed"]) == 5 and found["counts"]["removed"] == 12 and len(found["added"]) == 1


def test_queries_that_a_source_names_alike_are_matched_in_turn(tmp_path: Path) -> None:
    twins = [stored(0, source_id="x", domain="d"), stored(1, source_id="x", domain="d")]
    assert both(tmp_path, twins, twins)["counts"]["same"] == 2


def test_what_is_no_version_is_refused(tmp_path: Path) -> None:
    version(tmp_path / "a", [stored(0)])
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="can't be read"):
        diff(tmp_path / "a", tmp_path / "b")
    version(tmp_path / "c", [stored(0)])
    (tmp_path / "c" / "examples.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="does not fit"):
        diff(tmp_path / "a", tmp_path / "c")


def test_lines_come_out_sorted_and_the_first_of_a_key_stays(tmp_path: Path) -> None:
    with Sorter(tmp_path) as sorter:
        assert [sorter.put("n", number_key(number), str(number).encode()) for number in (10, 9, 100, 9)] == [True, True, True, False]
        sorter.put("other", number_key(1), b"x")
        assert [line for _, line in sorter.sorted("n")] == [b"9", b"10", b"100"]
        assert sorter.get("n", number_key(9)) == b"9" and sorter.get("n", "no") is None
    assert list(tmp_path.iterdir()) == []
