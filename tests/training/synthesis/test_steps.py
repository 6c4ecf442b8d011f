"""From a source item to an item, with a teacher that answers by rule: what is asked, what is never shown, and what comes out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.ranking.errors import SettingsError
from app.ranking.kemeny import disagreements
from app.ranking.prompts import prompt_text
from app.ranking.values import Passage, Prompt
from training.datasets.examples import target
from training.synthesis.recipe import Recipe
from training.synthesis.steps import Synthesizer
from training.synthesis.stored import state_of
from training.synthesis.values import Item, Opinion, Ready, SourceItem, item_json, read_item

from .teachers import RuleCaller, Words, by_words, items, recipe, teaching


def make(found: Sequence[SourceItem], of: Recipe, caller: RuleCaller | None = None, at_once: bool = True) -> list[Item]:
    search = Words()
    made = Synthesizer(of, {"words": search, "": search}, caller or RuleCaller(), teaching(of))

    async def all_of_them() -> list[Item]:
        if at_once:
            return list(await asyncio.gather(*(made.item(number, one) for number, one in enumerate(found))))
        return [await made.item(number, one) for number, one in enumerate(found)]

    return asyncio.run(all_of_them())


def asked(caller: RuleCaller, step: str) -> Counter[tuple[str, int]]:
    return Counter((prompt_text(prompt), sample) for prompt, _, sample in caller.prompts(step))


def test_thirty_items_have_whole_lists_valid_orders_and_labels_by_the_rule() -> None:
    caller = RuleCaller()
    made = make(list(items()), recipe(), caller)
    assert [item.number for item in made] == list(range(30))
    for item, found in zip(made, items(), strict=True):
        assert item.error == "" and state_of(item) == "made"
        assert 2 <= len(item.passages) <= 8
        ids = {passage.id for passage in item.passages}
        assert set(item.grades) == set(item.origins) == ids
        for passage in item.passages:
            assert item.grades[passage.id] == int("good" in passage.text)
            origin = "linked" if "linked" in passage.text else "hard" if "tricky" in passage.text else "retrieved"
            assert item.origins[passage.id] == origin
        for sample in item.samples:
            assert sorted(sample.order) == sorted(sample.shown) == sorted(ids)
        assert all("good" in passage.text for passage in found.passages if passage.id in ids and item.grades[passage.id])
        assert len(item.samples) == 3 and item.samples[0].shown == tuple(passage.id for passage in item.passages)
        assert len({sample.shown for sample in item.samples}) == 3
        assert item.cost.calls == len(item.mined) + 3
        assert item.cost.tokens_in == 100 * item.cost.calls
        assert item.cost.cost == pytest.approx((item.cost.tokens_in * 1.0 + item.cost.tokens_out * 2.0) / 1e6)
        assert (item.teacher, item.template, item.licence, item.labelled_by) == ("rule", "studio", "CC0-1.0", "teacher")
        assert read_item(item_json(item)) == item


def test_every_positive_is_in_the_list_and_hard_negatives_come_before_others() -> None:
    for item, found in zip(make(list(items()), recipe()), items(), strict=True):
        good = {passage.id for passage in found.passages if "good" in passage.text}
        assert good <= set(item.grades)
        hard = sum(origin == "hard" for origin in item.origins.values())
        assert hard == min(3, 8 - len(good))


def test_the_gold_answer_is_shown_when_mining_and_never_when_ranking() -> None:
    caller = RuleCaller()
    make(list(items()), recipe(), caller)

    def texts(step: str) -> list[str]:
        return ["".join(message.content for message in prompt.messages) for prompt, _, _ in caller.prompts(step)]

    mined, ranked = texts("mine"), texts("rank")
    assert len(ranked) == 90 and len(mined) > 90
    assert all("GOLDANSWER" in text for text in mined)
    assert not any("GOLDANSWER" in text or "the expert" in text for text in ranked)


def test_bracketed_numbers_of_query_and_passages_are_made_round_and_braces_stay() -> None:
    caller = RuleCaller()
    make(list(items(1)), recipe(), caller)
    for step in ("mine", "rank"):
        text = caller.prompts(step)[0][0].messages[-1].content
        assert "of (12) numbers {answer}" in text and "[12]" not in text
    assert "see (4) there" in caller.prompts("mine")[0][0].messages[-1].content


def test_items_depend_on_the_seed_and_not_on_the_order_in_which_they_are_made() -> None:
    found = list(items(8))
    first = make(found, recipe())
    assert make(found, recipe(), at_once=False) == first
    alone = make(found[5:6], recipe())[0]
    assert replace(alone, number=5) == first[5]
    other = make(found, recipe(("seed = 3", "seed = 4")))
    assert any([p.id for p in a.passages] != [p.id for p in b.passages] for a, b in zip(first, other, strict=True))


def test_a_changed_listwise_profile_leaves_all_mining_prompts_as_they_are() -> None:
    one, other = RuleCaller(), RuleCaller()
    found = list(items(10))
    make(found, recipe(), one)
    make(found, recipe(('template = "studio"', 'template = "direct"')), other)
    assert sorted(map(str, one.prompts("mine"))) == sorted(map(str, other.prompts("mine")))
    assert not asked(one, "rank") & asked(other, "rank")


def test_more_samples_leave_the_earlier_ones_as_they_are() -> None:
    few, many = RuleCaller(), RuleCaller()
    found = list(items(10))
    make(found, recipe(('template = "studio"\nsamples = 3', 'template = "studio"\nsamples = 2')), few)
    make(found, recipe(), many)
    assert asked(few, "rank") <= asked(many, "rank") and asked(few, "rank").total() == 20
    fewer = RuleCaller()
    make(found, recipe(('over = "linked"\nsamples = 3', 'over = "linked"\nsamples = 1')), fewer)
    assert asked(fewer, "mine") <= asked(many, "mine")


def test_labels_are_the_majority_of_the_samples_and_every_sample_is_kept() -> None:
    def rule(step: str, number: str, prompt: Prompt, sample: int) -> str:
        # The second sample calls everything relevant, the third nothing.
        if prompt.template != "mining/qa-positive" or sample == 0:
            return by_words(step, number, prompt, sample)
        return "None" if sample == 2 else " ".join(f"[{place}]" for place in range(1, prompt.size + 1))

    item = make(list(items(1)), recipe(), RuleCaller(rule))[0]
    assert {id_ for id_, grade in item.grades.items() if grade} == {"l0-0", "l0-5"}
    helps = [one for one in item.mined if one.prompt == "qa-positive"]
    assert Counter(one.sample for one in helps) == {0: 2, 1: 2, 2: 2}
    assert sum(sum(one.grades.values()) for one in helps) == 2 + 6
    assert all(len(one.grades) <= 4 for one in helps)


def test_a_query_without_positives_is_empty_and_is_not_ranked() -> None:
    caller = RuleCaller(lambda step, number, prompt, sample: "None")
    item = make(list(items(1)), recipe(), caller)[0]
    assert item.samples == () and item.passages == () and state_of(item) == "empty"
    assert item.error == "there is nothing to rank: the teacher found none of 17 candidates relevant"
    assert item.mined and not caller.prompts("rank")


def test_passages_about_which_no_answer_could_be_read_are_no_negatives() -> None:
    def rule(step: str, number: str, prompt: Prompt, sample: int) -> str:
        unreadable = prompt.template == "mining/qa-positive" and "linked 0 1," in prompt.messages[-1].content
        return "Passages 1 and 3 look helpful." if unreadable else by_words(step, number, prompt, sample)

    item = make(list(items(1)), recipe(('over = "linked"\nsamples = 3', 'over = "linked"\nsamples = 1')), RuleCaller(rule))[0]
    assert not {"l0-0", "l0-1", "l0-2"} & set(item.grades) and "l0-5" in item.grades
    assert [one.outcome for one in item.mined] == ["no_answer", "clean", "clean"] and item.mined[0].grades == {}
    assert item.notes == ("3 passages were left out: no answer of the teacher about them could be read",)


@pytest.mark.parametrize("step", ["mine", "rank"])
def test_a_call_without_an_answer_is_a_failed_item_whose_other_answers_are_counted(step: str) -> None:
    def rule(found: str, number: str, prompt: Prompt, sample: int) -> str:
        return "ERROR the server is gone" if found == step and sample == 1 else by_words(found, number, prompt, sample)

    first, again = (make(list(items(1)), recipe(), RuleCaller(rule))[0] for _ in range(2))
    assert first == again and first.error == "ERROR the server is gone" and first.samples == ()
    assert state_of(first) == "failed"
    lost = 2 if step == "mine" else 1
    assert first.cost.calls == {"mine": 7 - lost, "rank": 7 + 3 - lost}[step]
    assert sum(one.outcome == "error" for one in first.mined) == (lost if step == "mine" else 0)


def test_rankings_that_cannot_be_read_make_no_item_but_one_that_can_is_enough() -> None:
    def rule(keep: int) -> RuleCaller:
        return RuleCaller(lambda s, n, p, sample: by_words(s, n, p, sample) if s == "mine" or sample == keep else "I can't rank these.")

    none = make(list(items(1)), recipe(), rule(9))[0]
    assert none.samples == () and "no_answer, no_answer, no_answer" in none.error and none.grades and state_of(none) == "failed"
    one = make(list(items(1)), recipe(), rule(2))[0]
    assert one.chosen == 2 and [sample.outcome for sample in one.samples] == ["no_answer", "no_answer", "clean"]
    assert one.samples[0].order == one.samples[0].shown


def test_the_chosen_ranking_disagrees_least_with_the_others() -> None:
    def rule(step: str, number: str, prompt: Prompt, sample: int) -> str:
        said = by_words(step, number, prompt, sample)
        if step == "mine" or sample:
            return said
        inner = said.removeprefix("<answer>").removesuffix("</answer>").split(" > ")
        return "<answer>" + " > ".join(reversed(inner)) + "</answer>"

    item = make(list(items(1)), recipe(), RuleCaller(rule))[0]
    assert item.chosen == 1 and item.best is item.samples[1]
    places = {id_: place for place, id_ in enumerate(item.samples[0].shown)}
    orders = [[places[id_] for id_ in sample.order] for sample in item.samples]
    assert disagreements(orders[1], orders) <= min(disagreements(order, orders) for order in orders)


def test_temperature_gives_every_sample_its_own_seed_and_greedy_decoding_none() -> None:
    greedy, warm = RuleCaller(), RuleCaller()
    make(list(items(2)), recipe(), greedy)
    make(list(items(2)), recipe(('model = "rule"', 'model = "rule"\ntemperature = 0.6')), warm)
    assert {sampling.seed for _, _, sampling, _ in greedy.asked} == {None}
    seeds = [sampling.seed for _, _, sampling, _ in warm.asked]
    assert len(set(seeds)) == len(seeds) and all(seed is not None and 0 <= seed < 1 << 31 for seed in seeds)


def test_labels_of_people_count_before_the_teachers_and_mining_can_be_left_out() -> None:
    found = next(items(1))
    labelled = replace(found, labels={"l0-1": 2, "l0-2": 0})
    asked_too = make([labelled], recipe())[0]
    assert (asked_too.labelled_by, asked_too.grades["l0-1"], asked_too.grades.get("l0-0", 0)) == ("source", 2, 0) and asked_too.mined
    caller = RuleCaller()
    alone = make([labelled], recipe(('mining = ["helps", "misleads"]', "")), caller)[0]
    assert not caller.prompts("mine") and alone.mined == () and alone.grades["l0-1"] == 2
    told = (Opinion(person="a", grades={"l0-3": 3}), Opinion(person="b", grades={"l0-3": 1, "l0-4": 2}))
    people = make([replace(found, opinions=told)], recipe())[0]
    assert (people.labelled_by, people.grades["l0-3"], people.grades["l0-4"], people.opinions) == ("people", 1, 2, told)


def test_a_ranking_that_the_source_brings_is_taken_as_it_is() -> None:
    found = next(items(1))
    shown = tuple(passage.id for passage in found.passages)
    ready = Ready(shown=shown, order=shown[::-1], reasoning="I said so", rater="expert", template="reasonrank")
    caller = RuleCaller()
    of = recipe(('mining = ["helps", "misleads"]', ""))
    item = make([replace(found, ready=ready)], of, caller)[0]
    assert caller.asked == [] and item.error == ""
    assert item.best is not None and (item.best.order, item.best.reasoning) == (shown[::-1], "I said so")
    assert (item.teacher, item.template) == ("expert", "reasonrank") and tuple(p.id for p in item.passages) == shown
    assert item.labelled_by == "teacher"
    told = (Opinion(person="a", order=((shown[-1],), shown[:-1])),)
    ordered = make([replace(found, ready=ready, opinions=told)], of)[0]
    assert ordered.labelled_by == "people" and target(ordered)[1:3] == ((shown[-1], *shown[-2::-1]), "people")
    useless = make([replace(found, ready=ready, labels={shown[0]: 0})], of)[0]
    assert useless.samples == () and state_of(useless) == "empty"
    wrong = make([replace(found, ready=replace(ready, order=shown[:-1]))], of)[0]
    assert wrong.samples == () and "leave the ranking out" in wrong.error
    large = make([replace(found, ready=ready)], recipe(("size = 8", "size = 5")))[0]
    assert "raise size" in large.error


def test_evidence_is_measured_against_the_query_where_the_recipe_keeps_it() -> None:
    found = next(items(1))
    item = make([found], recipe(("size = 8", "size = 8\nevidence = true")))[0]
    assert {passage.features["asked"] for passage in item.passages} == {float(len(found.query))}


def test_a_source_that_the_recipe_does_not_have_ends_the_run_and_one_without_passages_does_not() -> None:
    found = next(items(1))
    with pytest.raises(SettingsError, match="no such"):
        make([replace(found, source="other")], recipe())
    nothing = make([replace(found, passages=())], recipe(("k = 12", "k = 0"), ('"helps", "misleads"', '"helps"')))[0]
    assert "no passage" in nothing.error and state_of(nothing) == "empty"
    lonely = replace(found, passages=(Passage(id="l0-0", text="good"),))
    assert "one passage" in make([lonely], recipe(("k = 12", "k = 0"), ('"helps", "misleads"', '"helps"')))[0].error
