"""Recipes of the data pipeline: what is read, what is refused by name, and what changes a recipe's identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.errors import RankingError, SettingsError
from app.settings import ModelEntry
from training.synthesis.recipe import Recipe, load_synthesis_recipe, read_synthesis_recipe, recipe_id, synthesis_recipes
from training.synthesis.recipe_checks import confine
from training.synthesis.sources import SOURCES, Where, read
from training.synthesis.teaching import entry_for, resolved, teaching_for

from .teachers import RECIPE, recipe


@pytest.mark.parametrize("name", synthesis_recipes())
def test_shipped_recipes_load_and_name_sources_and_corpora_that_exist(name: str) -> None:
    from training.synthesis.search import CORPORA

    found = load_synthesis_recipe(name)
    assert found.name == name and found.about
    assert found.folder.name == "synthesis" and found.text.startswith("#")
    assert {source.kind for source in found.sources} <= set(SOURCES)
    assert {corpus.kind for corpus in found.corpora.values()} <= {"demo", *CORPORA}


def test_the_papers_recipe_has_its_published_numbers() -> None:
    found = load_synthesis_recipe("reasonrank")
    assert found.list.size == 20 and found.filters["consistency"] == 0.4
    by_domain = {source.domain: source for source in found.sources}
    assert {by_domain[name].k for name in ("coding", "math-qa", "math-theorem")} == {40}
    assert by_domain["web"].options["depth"] == 20 and by_domain["web"].mining == ()
    assert {source.kind for source in found.sources} == {"stackexchange", "leetcode", "math", "msmarco"}


@pytest.mark.parametrize("name", synthesis_recipes())
def test_options_of_shipped_recipes_are_ones_that_their_sources_know(name: str, tmp_path: Path) -> None:
    for source in load_synthesis_recipe(name).sources:
        if source.kind in ("judgements", "beir"):  # these look into database and folder at once
            continue
        for key, value in source.options.items():
            path = tmp_path / str(value)
            if key in ("crawl", "path") and not path.suffix:
                path.mkdir(parents=True, exist_ok=True)
            elif isinstance(value, str) and path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        where = Where(folder=tmp_path, database=None, domain=source.domain, licence=source.licence)
        read(source.kind, source.options, where)
        with pytest.raises(SettingsError, match="unheard"):
            read(source.kind, {**source.options, "unheard": 1}, where)


def test_everything_is_read() -> None:
    found = recipe(
        ("seed = 3", 'about = "x"\nseed = 3\nbenchmarks = ["b.txt"]'),
        ('domain = "numbers"', 'domain = "numbers"\npath = "posts"\nlevels = [1, 2]'),
        ('model = "rule"', 'model = "rule"\ntemperature = 1\n[budget]\ncost = 2\n[filters]\nconsistency = 1'),
        ("[list]", '[dataset]\nname = "d"\nstages = { sft = 1 }\n[list]'),
    )  # fmt: skip
    assert found.sources[0].options == {"path": "posts", "levels": [1, 2]} and found.sources[0].mining == ("helps", "misleads")
    assert (found.mining["helps"].name, found.mining["helps"].samples, found.corpora["words"].path) == ("helps", 3, "words.jsonl")
    assert (found.teacher.temperature, found.budget.cost, found.filters, found.benchmarks) == (1.0, 2.0, {"consistency": 1.0}, ("b.txt",))
    assert (found.dataset.name, found.dataset.stages, found.about) == ("d", {"sft": 1.0}, "x")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sede = 3", "'rule': unknown key sede"),
        ("seed = 3", 'seed = "3"', "seed must be int"),
        ("[list]", "[liste]", "unknown key liste"),
        ("size = 8", "sise = 8", r"\[list\]: unknown key sise"),
        ("size = 8", "size = 1", r"\[list\] size is 1"),
        ("window = 4", "windows = 4", r"\[mining.helps\]: unknown key windows"),
        ("window = 4", "window = 0", r"\[mining.helps\]: window is 0"),
        ("window = 4", "graded = true", r"\[mining.helps\]: prompt 'qa-positive' asks for no grades"),
        ('over = "linked"', 'over = "found"', r"\[mining.helps\]: over is 'found'"),
        ('marks = "hard"', 'marks = "positive"', r"\[mining.misleads\]: prompt 'qa-hard' looks for hard"),
        ('prompt = "qa-positive"', 'prompt = "qa"', "no mining prompt 'qa'"),
        ('template = "studio"', 'template = "stu"', "no profile 'stu'"),
        ('template = "studio"', 'shuffle = false', "asks the same question again"),
        ('path = "words.jsonl"', 'file = "words.jsonl"', r"\[corpora.words\]: unknown key file"),
        ('corpus = "words"', 'corpus = "word"', r"\[\[source\]\] 1: corpus 'word' is not there"),
        ('corpus = "words"\n', "", "no corpus to retrieve from"),
        ('retriever = "bm25"', 'retriever = "elastic"', "retriever 'elastic' is unknown"),
        ('"misleads"]', '"mislead"]', "mining 'mislead' is not there"),
        ("k = 12", "k = 0", "asks about retrieved passages and k is 0"),
        ('mining = ["helps", "misleads"]', 'mining = "helps"', "mining must be a list of texts"),
        ('model = "rule"', 'model = "rule"\n[dataset]\nstages = { sft = 0.5 }', "must be 0 or more and add up to 1"),
        ('model = "rule"', 'model = "rule"\n[filters]\nconsistency = "high"', "must give a number for each name"),
        ("[[source]]", '[[source]]\nkind = "thirty"\ndomain = "numbers"\n[[source]]', "two .*source.* of kind 'thirty'"),
        ("[list]", "[list", "not valid TOML"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused_by_table_and_key(old: str, new: str, message: str) -> None:
    with pytest.raises(RankingError, match=message):
        recipe((old, new))


def test_a_recipe_without_sources_and_one_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match=r"no \[\[source\]\]"):
        read_synthesis_recipe('name = "x"', Path())
    with pytest.raises(SettingsError, match="choose one of .*demo"):
        load_synthesis_recipe("dema")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 3", "seed = 4"),
        ("k = 12", "k = 11"),
        ('domain = "numbers"', 'domain = "numbers"\npath = "elsewhere"'),
        ("words.jsonl", "others.jsonl"),
        ("window = 4", "window = 5"),
        ('prompt = "qa-positive"', 'prompt = "coding"'),
        ("size = 8", "size = 9"),
        ('template = "studio"', 'template = "direct"'),
        ("\nsamples = 3\n[teacher]", "\nsamples = 4\n[teacher]"),
        ('model = "rule"', 'model = "rule"\ntop_p = 0.9'),
    ],
)
def test_what_can_change_an_item_changes_the_identity(old: str, new: str) -> None:
    assert recipe_id(recipe(), "1") != recipe_id(recipe((old, new)), "1")


@pytest.mark.parametrize(
    "new",
    [
        "concurrency = 3",
        "[budget]\ntokens = 5",
        '[executor]\nkind = "ray"',
        "[filters]\nconsistency = 0.2",
        '[dataset]\nname = "d"',
    ],
)
def test_what_cannot_change_an_item_does_not(new: str) -> None:
    assert recipe_id(recipe(), "1") == recipe_id(recipe(('model = "rule"', f'model = "rule"\n{new}')), "1")
    assert recipe_id(recipe(), "1") == recipe_id(recipe(("seed = 3", 'seed = 3\nabout = "x"\nbenchmarks = ["y"]')), "1")
    assert recipe_id(recipe(), "1") != recipe_id(recipe(), "2")


def test_identity_is_the_text_of_prompts_and_not_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.synthesis import prompts
    from training.synthesis import recipe as module

    before = recipe_id(recipe(), "1")
    monkeypatch.setattr(module, "mining_prompt", lambda name: replace(prompts.mining_prompt(name), text="changed"))
    assert recipe_id(recipe(), "1") != before


ENTRY = ModelEntry(name="rule", backend="openai", address="http://127.0.0.1:1", profile="rankgpt", max_tokens=99, price_in=3.0)


def unnamed() -> Recipe:
    return read_synthesis_recipe(RECIPE.replace('template = "studio"\n', ""), Path())


def test_what_the_recipe_leaves_open_is_the_teachers() -> None:
    entry = entry_for((ENTRY,), unnamed())
    assert entry is ENTRY
    made = teaching_for(entry, unnamed())
    assert (made.name, made.template.name, made.sampling.max_tokens, made.price_in, made.embedded) == ("rule", "rankgpt", 99, 3.0, False)
    assert made.synthesis_id == recipe_id(resolved(unnamed(), ENTRY), made.revision)
    assert made.synthesis_id != teaching_for(replace(ENTRY, profile="studio"), unnamed()).synthesis_id
    own = teaching_for(entry, recipe(('model = "rule"', 'model = "rule"\nmax_tokens = 7\ntemperature = 0.5')))
    assert (own.template.name, own.sampling.max_tokens, own.sampling.temperature) == ("studio", 7, 0.5)


def test_the_embedded_teacher_needs_no_models_file_and_reads_its_own_profile_only() -> None:
    nano = replace(unnamed(), teacher=replace(unnamed().teacher, model="nano"))
    assert entry_for((), nano) is None
    made = teaching_for(None, nano)
    assert (made.name, made.embedded, made.template.name) == ("nano", True, "nano") and made.revision == made.backend.revision != ""
    with pytest.raises(SettingsError, match="leave template empty"):
        teaching_for(None, replace(nano, ranking=replace(nano.ranking, template="studio")))
    with pytest.raises(SettingsError, match="'rule' can't read"):
        teaching_for(ENTRY, replace(unnamed(), ranking=replace(unnamed().ranking, template="nano")))


def test_a_teacher_that_cannot_be_used_is_refused_before_any_call() -> None:
    with pytest.raises(SettingsError, match="use one of nano, other"):
        entry_for((replace(ENTRY, name="other"),), recipe())
    with pytest.raises(SettingsError, match="REASONRANK_NO_SUCH_KEY is not set"):
        teaching_for(replace(ENTRY, key_env="REASONRANK_NO_SUCH_KEY"), recipe())
    with pytest.raises(SettingsError, match="backend 'other' is unknown"):
        teaching_for(replace(ENTRY, backend="other"), recipe())
    with pytest.raises(RankingError, match="choose a listwise profile"):
        teaching_for(ENTRY, replace(recipe(), ranking=replace(recipe().ranking, template="pointwise")))


@pytest.mark.parametrize(
    "changes",
    [
        ('domain = "numbers"', 'domain = "numbers"\npath = "/etc/passwd"'),
        ('domain = "numbers"', 'domain = "numbers"\nposts = ["a.xml", "../b.xml"]'),
        ("seed = 3", 'seed = 3\nbenchmarks = ["../../secret.txt"]'),
    ],
)
def test_a_recipe_that_came_from_a_page_names_no_file_outside_its_folder(changes: tuple[str, str]) -> None:
    confine(recipe(("seed = 3", 'seed = 3\nbenchmarks = ["inside/b.txt"]')))
    with pytest.raises(SettingsError, match="of the folder 'sources'"):
        confine(recipe(changes))
