"""The table beside the paper: means worked by hand, published rows checked against themselves, subsets compared with the same subsets."""

from __future__ import annotations

from statistics import fmean

import pytest

from app.ranking.errors import InputError
from app.ranking.evaluation.statistic import Resampling
from app.ranking.evaluation.suites.declared import suite
from app.ranking.evaluation.suites.published import PublishedRow, rows
from app.ranking.evaluation.tables import Key, Ours, PaperTable, paper_table

FEW = Resampling(samples=200)
DEMO = suite("demo")


def of(name: str, label: str) -> PublishedRow:
    return next(row for row in rows(name) if row.label == label)


def means(table: PaperTable, label: str) -> dict[str, float | None]:
    return dict(next(row for row in table.rows if row.label == label).means)


@pytest.mark.parametrize(("name", "count", "sets"), [("bright", 16, 12), ("r2med", 11, 8), ("beir", 11, 7)])
def test_every_published_average_is_the_mean_of_its_row(name: str, count: int, sets: int) -> None:
    """The papers print means of numbers that they did not round."""
    found = rows(name)
    assert len(found) == count
    for row in found:
        assert len(row.values) == sets and set(row.values) == {one.name for one in suite(name).sets}
        assert row.average == pytest.approx(fmean(row.values.values()), abs=0.0101), row.label
        assert row.source


def test_published_rows_are_the_printed_ones() -> None:
    assert of("bright", "ReasonRank 7B").average == 35.74
    assert of("bright", "ReasonRank 32B, w10 s5, on RaDeR+BM25").average == 40.80
    assert of("bright", "ReasonRank on Qwen3-8B").values["biology"] == 55.16
    assert of("r2med", "ReasonRank 32B").values["MedQA-Diag"] == 30.60
    assert of("beir", "RankZephyr 7B").values["trec-news"] == 52.80
    assert [row.label for row in rows("bright") if row.first_stage] == ["ReasonIR-8B", "RaDeR with BM25"]
    assert len({(row.label) for row in rows("bright")}) == 16


def test_nothing_is_published_of_other_judgements_or_texts() -> None:
    assert rows("bright-fixed") == rows("bright-long") == rows("demo") == ()


@pytest.mark.parametrize(("label", "by_topic"), [("ReasonRank 7B", 35.37), ("ReasonRank 32B", 37.40), ("ReasonIR-8B", 30.62)])
def test_published_rows_are_averaged_over_topics_by_the_sizes_of_the_sets(label: str, by_topic: float) -> None:
    found = means(paper_table(suite("bright")), label)
    assert found["topics"] == pytest.approx(by_topic, abs=0.005)
    assert found["printed"] == of("bright", label).average == pytest.approx(found["sets"], abs=0.0101)


def test_sets_in_source_and_unseen_ones_are_apart() -> None:
    values = of("bright", "ReasonRank 7B").values
    found = means(paper_table(suite("bright")), "ReasonRank 7B")
    unseen = {"psychology", "pony", "aops"}
    assert found["unseen"] == pytest.approx(fmean(values[name] for name in unseen))
    assert found["in source"] == pytest.approx(fmean(value for name, value in values.items() if name not in unseen))


def test_ours_has_both_means_and_is_compared_with_its_first_stage() -> None:
    """train: .2 and .4 from .1 and .3; dev: .9 from .5. Sets .3 and .9: .6 over sets, .5 over topics."""
    first: dict[Key, float] = {("train", "a"): 0.1, ("train", "b"): 0.3, ("dev", "c"): 0.5}
    ours = {("train", "a"): 0.2, ("train", "b"): 0.4, ("dev", "c"): 0.9}
    table = paper_table(DEMO, [Ours(label="first stage", values=first), Ours(label="mine", values=ours, first=first)], FEW)
    assert means(table, "mine") == pytest.approx({"sets": 60.0, "topics": 50.0, "in source": 30.0, "unseen": 90.0, "printed": None})
    (one,) = table.against
    assert (one.gain.all.sets.mean, one.gain.all.topics.mean) == pytest.approx((0.25, 0.2))
    assert one.gain.unseen is not None and one.gain.unseen.topics.mean == pytest.approx(0.4)
    assert (one.difference.wins, one.difference.losses) == (3, 0)
    assert {name: gain.mean for name, gain in one.by_set.items()} == pytest.approx({"train": 0.1, "dev": 0.4})
    assert "by set     train +10.00 [+10.00, +10.00], dev +40.00 [+40.00, +40.00]" in table.text
    assert "difference +25.00" in table.text and "difference +20.00" in table.text


def test_p_is_corrected_for_as_many_rows_as_share_a_first_stage() -> None:
    first: dict[Key, float] = {("train", str(number)): 0.1 for number in range(8)}
    better = {key: 0.2 for key in first}
    table = paper_table(DEMO, [Ours(label=name, values=better, first=first) for name in ("x", "y")], FEW)
    assert [one.difference.family for one in table.against] == [2, 2]
    assert all(one.difference.p_corrected == pytest.approx(2 * one.difference.p) for one in table.against)


def test_means_are_over_the_sets_that_ours_has() -> None:
    values = of("bright", "ReasonRank 7B").values
    table = paper_table(suite("bright"), [Ours(label="mine", values={("biology", "0"): 0.5, ("pony", "0"): 0.1})], FEW)
    assert table.over == ("biology", "pony")
    assert means(table, "ReasonRank 7B")["sets"] == pytest.approx((values["biology"] + values["pony"]) / 2)
    assert means(table, "ReasonRank 7B")["printed"] == 35.74
    assert "means are over 2 sets: biology, pony" in table.text


def test_every_line_of_the_text_is_as_long_as_its_head() -> None:
    lines = paper_table(suite("bright")).text.rstrip("\n").split("\n")
    table = [line for line in lines[1:] if not line.startswith("--")]
    assert len({len(line) for line in table}) == 1 and len(table) == 17
    assert max(map(len, lines)) <= 170


def test_a_set_that_the_suite_lacks_and_a_row_without_values_are_refused() -> None:
    with pytest.raises(InputError, match="no set 'nowhere'"):
        paper_table(DEMO, [Ours(label="mine", values={("nowhere", "t"): 0.5})], FEW)
    with pytest.raises(InputError, match="has no value"):
        paper_table(DEMO, [Ours(label="mine", values={})], FEW)


def test_frame_and_plain_have_every_row() -> None:
    table = paper_table(suite("r2med"))
    assert table.to_frame().loc["ReasonRank 7B", "Biology"] == 46.80
    assert [row["label"] for row in table.plain["rows"]] == [row.label for row in table.rows]
