"""Rewards: the paper's worked by hand, what it must not pay for, and what holds for any answer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.ranking.errors import InputError, SettingsError
from app.ranking.values import Target
from training.__main__ import app
from training.rewards import Faithful, Overlap, Recall, paper, read, reward, studio

SHOWN = tuple(f"p{number}" for number in range(1, 21))
GOLD = SHOWN  # the teacher's order is the order shown
THREE = Target(grades={"p1": 1, "p2": 1, "p3": 1}, teacher_order=GOLD)
PAPER, STUDIO = paper(), studio()


def answer(order: list[int] | tuple[int, ...], trace: str = "it follows", separator: str = " > ") -> str:
    return f"<think>{trace}</think>\n<answer>{separator.join(f'[{number}]' for number in order)}</answer>"


def placed(ranks: tuple[int, ...]) -> list[int]:
    """An order that puts p1, p2, ... at these ranks, the others in their order."""
    rest = iter(number for number in range(len(ranks) + 1, 21))
    at = {rank: number for number, rank in enumerate(ranks, start=1)}
    return [at[rank] if rank in at else next(rest) for rank in range(1, 21)]


def test_the_teachers_order_gets_everything() -> None:
    got = PAPER(answer(range(1, 21)), SHOWN, THREE)  # type: ignore[arg-type]
    assert got.total == pytest.approx(1.3) and got.parts == {"ndcg": 1.0, "recall": 1.0, "rbo": 1.0}


def test_the_reversed_order_gets_a_tenth_of_its_average_overlap() -> None:
    """Depth d > 10 shares 2d - 20 of d: 1/20 of the sum over 11..20 of 2 - 20/d, 0.331."""
    overlap = sum((2 * d - 20) / d for d in range(11, 21)) / 20
    got = PAPER(answer(list(range(20, 0, -1))), SHOWN, THREE)
    assert overlap == pytest.approx(0.331, abs=0.001)
    assert got.total == pytest.approx(0.1 * overlap) and got.parts["ndcg"] == got.parts["recall"] == 0.0


@pytest.mark.parametrize(("ranks", "total"), [((1, 2, 11), 0.9915), ((8, 9, 10), 0.6968)])
def test_published_values_of_the_released_reward(ranks: tuple[int, ...], total: float) -> None:
    """As the released code was seen to pay, with the relevant ones of 20 at these ranks and the others in the teacher's order."""
    got = PAPER(answer(placed(ranks)), SHOWN, THREE)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert got.parts["ndcg"] == pytest.approx(sum(1 / math.log2(rank + 1) for rank in ranks if rank <= 10) / ideal)
    assert got.total == pytest.approx(total, abs=0.002)


@pytest.mark.parametrize(
    "text",
    [
        "<answer>[1] > [2]</answer>",
        "[1] > [2]",
        "<think>a</think> and so <answer>[1] > [2]</answer>",
        "so <think>a</think><answer>[1] > [2]</answer>",
        "<think>a</think><answer>[1] > [2]</answer> done",
        "<think>a <answer>[1] > [2]</answer>",
        "<think>a</think><answer>[1] > [2]",
        "<think>a</think><answer>[1] > [2]</answer><answer>[1] > [2]</answer>",
        "<think>a <answer>[2] > [1]</answer></think><answer>[1] > [2]</answer>",
        "<THINK>a</THINK><ANSWER>[1] > [2]</ANSWER>",
        "",
    ],
)
def test_a_broken_frame_costs_one(text: str) -> None:
    assert PAPER(text, ("a", "b"), Target(grades={"a": 1}, teacher_order=("a", "b"))).total == -1.0


@pytest.mark.parametrize(
    "text",
    [
        answer([*range(1, 20), 25]),
        answer([*range(1, 20), 0]),
        answer([number + 100 for number in range(1, 21)]),
        answer(list(range(1, 21)), separator=", "),
        answer(list(range(1, 21)), separator=" "),
        answer(range(1, 20)),  # type: ignore[arg-type]
        answer([*range(1, 20), 19]),
        f"<think>a</think><answer>The order is {' > '.join(f'[{n}]' for n in range(1, 21))}</answer>",
        "<think>a</think><answer></answer>",
    ],
)
def test_what_the_released_code_lets_through_is_worth_nothing(text: str) -> None:
    assert PAPER(text, SHOWN, THREE).total == 0.0
    assert STUDIO(text, SHOWN, THREE).total < 0


def test_the_studio_prefers_what_survives_the_window() -> None:
    """The paper's own example: relevant at 9 and 10 must beat 1 and 11, which the paper's weight of 0.2 does not bring about."""
    two = Target(grades={"p1": 1, "p2": 1})
    early, late = answer(placed((1, 11))), answer(placed((9, 10)))
    assert PAPER(early, SHOWN, two).total > PAPER(late, SHOWN, two).total
    assert STUDIO(late, SHOWN, two).total > STUDIO(early, SHOWN, two).total


def test_a_trace_that_is_contradicted_costs() -> None:
    trace = "[1] directly answers the query. [2] is unrelated to it."
    target = Target(grades={"a": 1, "b": 1})
    right, wrong = (STUDIO(answer(order, trace), ("a", "b"), target) for order in ([1, 2], [2, 1]))
    assert (right.parts["faithful"], wrong.parts["faithful"]) == (1.0, 0.0) and right.total > wrong.total
    assert STUDIO(answer([1, 2], "no citation"), ("a", "b"), target).parts["faithful"] is None


def test_chance_is_nought_and_the_teachers_order_one() -> None:
    """The mean over all orders of four is 0 for the rescaled overlap."""
    from itertools import permutations

    shown, view = ("a", "b", "c", "d"), Overlap(p=0.9, rescaled=True)
    target = Target(grades={}, teacher_order=shown)
    scores = [view.score(*read(answer(order), 4), shown, target) for order in permutations(range(1, 5))]
    assert sum(score or 0.0 for score in scores) / 24 == pytest.approx(0.0, abs=1e-12)
    assert max(score or 0.0 for score in scores) == pytest.approx(1.0)


def test_nothing_to_reward_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to reward"):
        PAPER(answer([1, 2]), ("a", "b"), Target(grades={"a": 0}))
    with pytest.raises(InputError, match="each passage"):
        PAPER(answer([1, 2]), ("a", "a"), Target(grades={"a": 1}))
    with pytest.raises(SettingsError, match="paper, studio"):
        reward("best")


ORDERS = st.integers(2, 20).flatmap(
    lambda n: st.tuples(st.permutations(range(1, n + 1)), st.lists(st.integers(0, 3), min_size=n, max_size=n))
)


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.text(max_size=60))
def test_bounds_and_no_answer_beats_the_worst_valid_one(case: tuple[list[int], list[int]], noise: str) -> None:
    order, grades = case
    shown = tuple(f"p{number}" for number in range(1, len(order) + 1))
    target = Target(grades={**dict(zip(shown, grades, strict=True)), "p1": 1}, teacher_order=shown)
    for made, most in ((PAPER, 1.3), (STUDIO, 2.05)):
        valid, other = made(answer(order), shown, target), made(noise, shown, target)
        assert valid.outcome == "clean" and valid.total <= most + 1e-9
        if other.outcome != "clean":
            assert other.total <= valid.total


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.data())
def test_moving_a_relevant_passage_up_past_an_irrelevant_one_never_costs(case: tuple[list[int], list[int]], data: st.DataObject) -> None:
    order, grades = list(case[0]), case[1]
    shown = tuple(f"p{number}" for number in range(1, len(order) + 1))
    target = Target(grades={**dict(zip(shown, grades, strict=True)), "p1": 1})
    at = data.draw(st.integers(0, len(order) - 2))
    before = [target.grades[f"p{number}"] for number in order]
    if before[at] >= before[at + 1]:
        return
    better = order[:at] + [order[at + 1], order[at]] + order[at + 2 :]
    for made in (PAPER, STUDIO):
        assert made(answer(better), shown, target).total >= made(answer(order), shown, target).total - 1e-12


@settings(max_examples=40, deadline=None)
@given(ORDERS)
def test_ids_are_names_and_no_more(case: tuple[list[int], list[int]]) -> None:
    order, grades = case
    totals = []
    for name in ("p{}", "a b/{}"):
        shown = tuple(name.format(number) for number in range(1, len(order) + 1))
        target = Target(grades={**dict(zip(shown, grades, strict=True)), shown[0]: 1}, teacher_order=shown[::-1])
        totals.append((PAPER(answer(order), shown, target).total, STUDIO(answer(order), shown, target).total))
    assert totals[0] == totals[1]


def test_views_say_nothing_where_there_is_nothing() -> None:
    completion, parsed = read(answer([1, 2]), 2)
    bare = Target(grades={})
    assert Recall().score(completion, parsed, ("a", "b"), bare) is None
    assert Overlap().score(completion, parsed, ("a", "b"), bare) is None
    from app.ranking.prompts import builtin_profile

    assert Faithful(builtin_profile("studio")).score(completion, parsed, ("a", "b"), bare) is None


def test_the_command_scores_a_file_line_by_line(tmp_path: Path) -> None:
    rows = [
        {"answer": answer([2, 1]), "shown": ["a", "b"], "relevant": ["b"], "teacher_order": ["b", "a"]},
        {"answer": answer([1, 0]), "shown": ["a", "b"], "grades": {"a": 3}},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    done = CliRunner().invoke(app, ["reward", str(path), "--json"])
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["line"], first["total"], first["parts"]) == (1, pytest.approx(1.3), {"ndcg": 1.0, "recall": 1.0, "rbo": 1.0})
    assert (second["total"], second["outcome"], second["parts"]) == (0.0, "repaired", {})
    assert "line 1: 1.3000  clean" in CliRunner().invoke(app, ["reward", str(path)]).stdout


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 1 is no JSON"),
        ('{"shown": ["a"]}', "no text 'answer'"),
        ('{"answer": "x", "shown": "ab", "relevant": ["a"]}', "'shown' must be a list"),
        ('{"answer": "x", "shown": ["a"], "grades": {"a": 1.5}}', "whole numbers"),
        ('{"answer": "x", "shown": ["a"]}', "nothing to reward"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line + "\n")
    done = CliRunner().invoke(app, ["reward", str(path)])
    assert done.exit_code == 2 and says in done.stderr and "Traceback" not in done.output
