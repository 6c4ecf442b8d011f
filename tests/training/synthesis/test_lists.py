"""Lists: never more than their size, all positives first, hard negatives next, the rest drawn by seed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.values import Passage
from training.synthesis.lists import Labels, choose, seed_of, shuffled


def passages(count: int) -> list[Passage]:
    return [Passage(id=f"p{at}", text=f"text {at}") for at in range(count)]


@given(
    st.integers(0, 60),
    st.dictionaries(st.integers(0, 59).map("p{}".format), st.integers(0, 3)),
    st.sets(st.integers(0, 59).map("p{}".format)),
    st.sets(st.integers(0, 59).map("p{}".format)),
    st.integers(2, 20),
    st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_a_list_keeps_its_promises(count: int, grades: dict[str, int], hard: set[str], unknown: set[str], size: int, seed: int) -> None:
    pool = passages(count)
    labels = Labels(grades=grades, by="teacher", hard=frozenset(hard), unknown=frozenset(unknown))
    chosen = choose(pool, {passage.id: "retrieved" for passage in pool}, labels, size=size, seed=seed)
    ids = [passage.id for passage in chosen.passages]
    known = {passage.id for passage in pool if labels.positive(passage.id) or passage.id not in unknown}
    positives, negatives = {id_ for id_ in known if labels.positive(id_)}, {id_ for id_ in known if not labels.positive(id_)}
    assert len(set(ids)) == len(ids) == min(size, len(known)) or (len(positives) >= size and len(ids) == size)
    assert set(ids) <= known and set(chosen.origins) == set(ids)
    room = size - 1 if negatives else size
    kept = positives & set(ids)
    assert len(kept) == min(len(positives), room)
    if kept != positives:
        assert min(grades[id_] for id_ in kept) >= max(grades[id_] for id_ in positives - kept)
    if (negatives - hard) & set(ids):
        assert negatives & hard <= set(ids)
    assert all((origin == "hard") == (id_ in hard and id_ in negatives) for id_, origin in chosen.origins.items())


def test_the_seed_decides_and_one_more_candidate_moves_no_other() -> None:
    labels = Labels(grades={"p0": 1}, by="teacher")
    first, again, other = (
        [p.id for p in choose(passages(40), {f"p{at}": "retrieved" for at in range(41)}, labels, size=20, seed=seed).passages]
        for seed in (1, 1, 2)
    )
    assert first == again != other and "p0" in first
    more = [p.id for p in choose(passages(41), {f"p{at}": "retrieved" for at in range(41)}, labels, size=20, seed=1).passages]
    assert len(set(first) & set(more)) >= 19


def test_what_was_left_out_is_said() -> None:
    origins = {f"p{at}": "given" for at in range(6)}
    every = Labels(grades={f"p{at}": at + 1 for at in range(6)}, by="source")
    full = choose(passages(6), origins, every, size=4, seed=0)  # type: ignore[arg-type]
    assert {p.id for p in full.passages} == {"p2", "p3", "p4", "p5"}
    assert full.notes == ("2 relevant passages were left out: the list holds 4", "every passage of the list is relevant")
    unknown = Labels(grades={"p0": 1}, by="teacher", unknown=frozenset({"p1"}))
    assert choose(passages(3), origins, unknown, size=4, seed=0).notes[0].startswith("1 passages were left out")  # type: ignore[arg-type]


def test_seeds_are_of_their_parts_and_fit() -> None:
    assert seed_of("a", 1) == seed_of("a", 1) != seed_of("a", 2) != seed_of("a1", "")
    assert all(0 <= seed_of("x", at, bits=31) < 1 << 31 for at in range(200))
    assert max(seed_of("x", at, bits=31) for at in range(200)) > 1 << 30 and seed_of("x") < 1 << 48
    assert shuffled("abcdefgh", 1, "one") != shuffled("abcdefgh", 1, "two") and sorted(shuffled("hgfedcba", 1, "one")) == list("abcdefgh")
    assert shuffled("abcdefgh", 1, "one") == shuffled("hgfedcba", 1, "one")
