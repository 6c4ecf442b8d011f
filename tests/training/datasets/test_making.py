"""Building and reading a version: the same bytes for the same items, a verdict for each, nothing for evaluation in it."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.ranking.holdout import normalised
from tests.training.datasets.made import Stored, held, item, query, stored, version
from training.datasets import load
from training.datasets.examples import example, example_id, people_order, stage_of
from training.datasets.making import version_id
from training.datasets.values import EXAMPLES, FILES, MANIFEST, TEXTS, VERDICTS
from training.datasets.version import Texts
from training.synthesis.values import Opinion


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_holds_examples_texts_verdicts_manifest_and_card_alone(tmp_path: Path) -> None:
    built = version(tmp_path / "v", [stored(0), stored(1)])
    assert sorted(files_of(tmp_path / "v")) == sorted(FILES) and [path.name for path in tmp_path.iterdir()] == ["v"]
    first = read(tmp_path / "v" / EXAMPLES)[0]
    assert [one["id"] for one in first["passages"]] == ["p4", "p3", "p2", "p1"]  # as the chosen sample showed them
    assert first["order"] == ["p2", "p1", "p3", "p4"] and first["grades"] == {"p4": 0, "p3": 0, "p2": 1, "p1": 0}
    assert first["order_by"] == "teacher" and first["labelled_by"] == "teacher" and first["licence"] == "CC0-1.0"
    assert [one["passage_ids"] for one in first["claims"]] == [["p2"], ["p4"]]
    hashes = [one["hash"] for one in read(tmp_path / "v" / TEXTS)]
    assert hashes == sorted(hashes) and len(hashes) == 7  # 2 x 4, one text of both
    assert all(one["hash"] == hashlib.sha256(one["text"].encode()).hexdigest() for one in read(tmp_path / "v" / TEXTS))
    assert built.counts["examples"] == 2 and built.counts["domain"] == {"cooking": 1, "physics": 1}
    assert built.manifest["licences"] == {"CC0-1.0": 2} and "created" not in json.dumps(built.manifest)


def test_the_same_items_in_any_order_give_the_same_bytes_and_other_names_the_same_id(tmp_path: Path) -> None:
    items = [stored(number) for number in range(9)]
    one, other = version(tmp_path / "a", items), version(tmp_path / "b", reversed(items))
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b") and one == other
    elsewhere = version(tmp_path / "c", items, name="other", code="abc", recipe_text="x = 1", teacher="t", revision="2")
    assert elsewhere.id == one.id
    assert version(tmp_path / "d", items[:8]).id != one.id
    assert version(tmp_path / "e", items, stages={"sft": 1.0}).id != one.id
    assert version(tmp_path / "f", items, thresholds={"consistency": 0.5}).id != one.id


def test_the_id_is_a_hash_of_identity_and_files(tmp_path: Path) -> None:
    built = version(tmp_path / "v", [stored(0)])
    files = {name: hashlib.sha256((tmp_path / "v" / name).read_bytes()).hexdigest() for name in (EXAMPLES, TEXTS, VERDICTS)}
    identity = {key: built.manifest[key] for key in ("schema", "thresholds", "stages")}
    assert version_id(identity, files) == built.id == json.loads((tmp_path / "v" / MANIFEST).read_text())["id"]


def test_every_item_has_a_verdict(tmp_path: Path) -> None:
    items = [
        stored(0), stored(1, {"consistency": 0.1, "injection": 0.9}), Stored(item(2, samples=(), error="none of it"), {}, {}, "empty"),
        Stored(item(3), {}, {}, "failed"), stored(4, query=held(4)), stored(5, samples=()),
        Stored(item(6), {"consistency": None}, {"faithful": ["[4] is praised and last"], "people": []}),
    ]  # fmt: skip
    built = version(tmp_path / "v", items)
    verdicts = read(tmp_path / "v" / VERDICTS)
    assert [one["number"] for one in verdicts] == list(range(7))
    assert [one["dropped_by"] for one in verdicts] == [[], ["consistency", "injection"], [], [], ["holdout"], ["no_order"], []]
    assert [one["example"] is not None for one in verdicts] == [True, False, False, False, False, False, True]
    assert verdicts[6]["reasons"] == {"faithful": ["[4] is praised and last"]} and verdicts[6]["scores"] == {"consistency": None}
    assert verdicts[0]["query"] == hashlib.sha256(query(0).encode()).hexdigest()
    counts = built.counts
    assert (counts["items"], counts["examples"], counts["empty"], counts["failed"]) == (7, 2, 1, 1)
    assert counts["dropped_by"] == {"consistency": 1, "holdout": 1, "injection": 1, "no_order": 1}
    assert counts["dropped_by_one"] == {"holdout": 1, "no_order": 1} and built.manifest["holdout_refused"] == 1
    texts = {one["text"] for one in read(tmp_path / "v" / TEXTS)}
    assert "Text 1 of 0." in texts and "Text 1 of 4." not in texts and "Text 1 of 1." not in texts  # texts of what was kept alone


def test_thresholds_decide_and_holdout_can_not_be_moved(tmp_path: Path) -> None:
    low = [stored(0, {"consistency": 0.45})]
    assert version(tmp_path / "a", low).counts["examples"] == 1
    assert version(tmp_path / "b", low, thresholds={"consistency": 0.5}).counts["examples"] == 0
    with pytest.raises(SettingsError):
        version(tmp_path / "c", low, thresholds={"holdout": 1.0})
    with pytest.raises(SettingsError):
        version(tmp_path / "d", low, thresholds={"taste": 1.0})


@pytest.mark.parametrize("stages", [{}, {"sft": 0.0}, {"sft": 0.5, "dpo": 0.5}, {"sft": -1.0, "rl": 2.0}])
def test_shares_that_can_not_be_are_refused(tmp_path: Path, stages: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="shares of the stages"):
        version(tmp_path / "v", [stored(0)], stages=stages)


def test_an_item_can_not_come_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="item 0 came twice"):
        version(tmp_path / "v", [stored(0), stored(0)])


def test_the_embedded_teacher_is_marked_on_the_card(tmp_path: Path) -> None:
    version(tmp_path / "a", [stored(0)], embedded=True)
    version(tmp_path / "b", [stored(0)])
    assert "Made with the embedded teacher" in (tmp_path / "a" / "README.md").read_text()
    assert "embedded" not in (tmp_path / "b" / "README.md").read_text()


def test_hostile_names_stay_text_on_the_card(tmp_path: Path) -> None:
    version(tmp_path / "v", [stored(0, licence="<script>|[x](y)\n# z")], name="# <img src=x>\n- [a](b)")
    card = (tmp_path / "v" / "README.md").read_text()
    assert not re.search(r"(?<!\\)[<|]script|(?<!\\)<|(?<!\\)\[", card) and "\n# z" not in card and "\n- \\[a" not in card


@given(
    st.floats(0, 1),
    st.lists(st.text(max_size=20), max_size=30),
    st.sampled_from([str.upper, str.title, lambda text: f"  {text} ?! ", lambda text: text.replace(" ", "  -  ")]),
)
@settings(max_examples=50, deadline=None)
def test_no_query_is_in_two_stages(share: float, queries: list[str], changed: Any) -> None:
    stages = {"sft": share, "rl": 1 - share}
    for one in queries:
        other = changed(one)
        if normalised(one) == normalised(other):
            assert stage_of(one, stages) == stage_of(other, stages)


def test_shares_of_the_stages_are_kept() -> None:
    drawn = [stage_of(f"query number {number}", {"sft": 3.0, "rl": 1.0}) for number in range(4000)]
    # 4,000 draws of 3/4: six standard deviations are 164.
    assert abs(drawn.count("sft") - 3000) < 165
    assert {stage_of(query(number), {"sft": 1.0}) for number in range(50)} == {"sft"}
    assert {stage_of(query(number), {"rl": 1.0}) for number in range(50)} == {"rl"}


def test_the_id_of_an_example_changes_with_all_that_is_learned() -> None:
    made = example(item(0), {"sft": 1.0})
    assert example_id(made) == made["id"]
    best = item(0).samples[0]
    others = [
        item(0, query=query(99)), item(0, grades={"p1": 1, "p2": 1, "p3": 0, "p4": 0}), item(1, query=query(0)),
        item(0, samples=(replace(best, order=best.order[::-1]),)), item(0, samples=(replace(best, reasoning="[1]"),)),
        item(0, samples=(replace(best, shown=best.shown[::-1]),)),
    ]  # fmt: skip
    assert len({made["id"], *(example(one, {"sft": 1.0})["id"] for one in others)}) == 7
    same = [replace(item(0), number=7), item(0, licence="x"), item(0, domain="y"), item(0, trust=0.5), item(0, source_id="z")]
    assert {example(one, {"sft": 1.0})["id"] for one in same} == {made["id"]}


def test_people_s_order_trains_where_their_labels_count() -> None:
    theirs = Opinion(person="ann", order=(("p3",), ("p1", "p2")), not_relevant=("p4",))
    made = example(item(0, labelled_by="people", opinions=(theirs,)), {"sft": 1.0})
    # p3 first; p2 before p1 as the teacher had them; p4 last.
    assert made["order"] == ["p3", "p2", "p1", "p4"] and made["order_by"] == "people" and made["trace"] == "" and made["claims"] == []
    agreed = Opinion(person="ann", order=(("p2",),))
    made = example(item(0, labelled_by="people", opinions=(agreed,)), {"sft": 1.0})
    assert made["order"] == ["p2", "p1", "p3", "p4"] and made["order_by"] == "people" and made["trace"].startswith("Passage [3]")
    made = example(item(0, labelled_by="source", opinions=(theirs,)), {"sft": 1.0})
    assert made["order_by"] == "teacher" and made["order"] == ["p2", "p1", "p3", "p4"]
    alone = example(item(0, labelled_by="people", opinions=(theirs,), samples=()), {"sft": 1.0})
    assert alone["order"] == ["p3", "p1", "p2", "p4"] and [one["id"] for one in alone["passages"]] == ["p1", "p2", "p3", "p4"]


def test_the_most_trusted_people_decide_together() -> None:
    base = ("a", "b", "c")
    one, two, three = (Opinion(person=name, order=order) for name, order in (("1", (("c",),)), ("2", (("b",),)), ("3", (("c",),))))
    assert people_order([one], base) == ("c", "a", "b")
    assert people_order([one, two, three], base) == ("c", "a", "b")  # the central order of cab, bac, cab
    assert people_order([replace(two, trust=2.0), one, three], base) == ("b", "a", "c")


def test_hostile_text_survives_as_far_as_text_can(tmp_path: Path) -> None:
    listed = tuple(replace(one, text="\x00 \ud800 \u2028 ünï", title="\ud800") for one in item(0).passages)
    version(tmp_path / "v", [stored(0, passages=listed, query=query(0) + " \ud800\x00\n")])
    found = load(tmp_path / "v")
    one = next(found.examples())
    with Texts(found.folder) as texts:
        assert {passage.text for passage in texts.passages(one)} == {"\ufffd ? \u2028 ünï"}
    assert one["query"].endswith(" ?\ufffd\n")


def test_a_version_is_read_back(tmp_path: Path) -> None:
    built = version(tmp_path / "v", [stored(number) for number in range(12)])
    found = load(tmp_path / "v")
    assert found.id == built.id and len(list(found.verdicts())) == 12
    assert [*found.examples("sft"), *found.examples("rl")] != list(found.examples()) or built.counts["stage"].keys() != {"sft", "rl"}
    assert sorted(one["id"] for stage in ("sft", "rl") for one in found.examples(stage)) == sorted(one["id"] for one in found.examples())
    with Texts(found.folder) as texts:
        shown = texts.passages(next(found.examples()))
        assert [one.text for one in shown] == ["Text 4 of 0.", "Text 3 of 0.", "Text 2 of 0.", "Text 1 of 0."]
        with pytest.raises(InputError, match="has no text"):
            texts.get("0" * 64)


def doctor(folder: Path, **changes: Any) -> None:
    """Change the first example and mend its id, as somebody would who wants to smuggle something in."""
    rows = read(folder / EXAMPLES)
    rows[0] |= changes
    rows[0]["id"] = example_id(rows[0])
    (folder / EXAMPLES).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_holdout_queries_are_refused_again_when_a_version_is_loaded(tmp_path: Path) -> None:
    version(tmp_path / "v", [stored(0)])
    doctor(tmp_path / "v", query=held())
    with pytest.raises(InputError, match="1 examples have queries that are for evaluation only.*what is thing"):
        load(tmp_path / "v")


def test_a_version_that_was_changed_is_refused(tmp_path: Path) -> None:
    version(tmp_path / "v", [stored(0), stored(1)])
    doctor(tmp_path / "v", query=query(77))
    with pytest.raises(InputError, match="not what its manifest says .*examples.jsonl differs"):
        load(tmp_path / "v")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (EXAMPLES, b"{", "examples.jsonl line 1 is no JSON"), (EXAMPLES, b"[]\n", "line 1 is no object"),
        (EXAMPLES, b'{"query": "x"}\n', "line 1 is no example"), (TEXTS, b'{"hash": "x", "text": "y"}\n', "texts.jsonl line 1"),
        (TEXTS, b"", "texts.jsonl has no text"), (MANIFEST, b"{", "can't be read as JSON"), (MANIFEST, b"[]", "schema None"),
        (MANIFEST, b'{"schema": "reasonrank-dataset-1"}', "lacks id, name"), (VERDICTS, b"", "verdicts.jsonl differs"),
    ],
)  # fmt: skip
def test_a_damaged_version_is_refused_with_a_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    version(tmp_path / "v", [stored(0)])
    (tmp_path / "v" / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        load(tmp_path / "v")


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        version(tmp_path / str(count), (stored(number) for number in range(count)))
        load(tmp_path / str(count))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(20)  # what is imported and cached the first time
    small, large = peak(60), peak(360)
    assert large < small + 150_000  # 300 items are 750 kB of lines
