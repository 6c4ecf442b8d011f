"""The model that recites writes as much as was laid down, in a form that the profiles read."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ranking.prompts import builtin_profile
from app.ranking.strategies import Sliding
from app.ranking.values import Call, Completion, Parsed, Prompt, Ranking, Window
from benchmarks.latency import Timed, figures, topics
from benchmarks.reciting import WINDOW, Size, chains, make_model
from tests.conftest import passages

SIZE = Size(hidden=192, layers=1, list_tokens=60, point_tokens=12)


def test_each_token_of_the_chains_is_used_once() -> None:
    found = chains(SIZE)
    assert {manner: len(chain) + 1 for manner, chain in found.items()} == {"list": 60, "point": 12}, "and the end"
    tokens = [*found["list"], *found["point"]]
    assert len(set(tokens)) == len(tokens), "the next token follows from the last one alone"


@pytest.mark.parametrize("manner", ["list", "point"])
def test_the_profiles_read_what_is_recited(manner: str) -> None:
    trace, closed, rest = "".join(chains(SIZE)[manner]).partition("</think>")
    said = Completion(answer=rest.strip(), reasoning=trace.removeprefix("<think>"))
    assert closed and said.reasoning.strip()
    if manner == "list":
        parsed = builtin_profile("reasonrank").parse(said, WINDOW)
        assert (parsed.outcome, parsed.order) == ("clean", tuple(range(WINDOW)))
    else:
        assert builtin_profile("pointwise").parse(said, 1).scores == (1.0,)


def test_the_made_model_recites(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    make_model(tmp_path, ["a few words about bread and rye, and no more than that"], SIZE)
    words, model = AutoTokenizer.from_pretrained(tmp_path), AutoModelForCausalLM.from_pretrained(tmp_path)
    for manner, chain in chains(SIZE).items():
        asked = words.apply_chat_template(
            [{"role": "user", "content": "rank [1], true"}],
            add_generation_prompt=True,
            manner=manner,
            return_tensors="pt",
            return_dict=True,
        )
        written = model.generate(**asked, max_new_tokens=100, do_sample=False)[0][asked["input_ids"].shape[1] :]
        assert words.decode(written) == "".join(chain) + "<|im_end|>" and len(written) == len(chain) + 1


def test_figures_are_per_query() -> None:
    window = Window(id="w1", passages=tuple(passages(2)))
    call = Call(
        window=window,
        depth=1,
        prompt=Prompt(messages=(), template="x"),
        completion=Completion(answer="", tokens_in=30, tokens_out=6),
        parsed=Parsed(order=(0, 1), outcome="clean"),
    )
    ranking = Ranking(query="q", passages=window.passages, calls=(call, call), seconds=3.0)
    found = figures(Sliding(), 2, [Timed(seconds=4.0, rankings=(ranking, ranking)), Timed(seconds=8.0, rankings=(ranking, ranking))])
    assert (found["n"], found["seconds_per_query"], found["least"], found["most"], found["waited"]) == (4, 3.0, 2.0, 4.0, 3.0)
    assert (found["calls"], found["depth"], found["tokens_in"], found["tokens_out"]) == (2, 1, 60, 12)


def test_no_two_batches_share_a_prompt() -> None:
    first, second = topics(1, 2), topics(2, 2)
    assert len({topic.query for topic in (*first, *second)}) == 4
    assert all(len(topic.passages) == 100 == len({passage.id for passage in topic.passages}) for topic in first)


def test_passages_shrink_as_traces_do() -> None:
    whole, quarter = topics(1, 1)[0], topics(1, 1, 0.25)[0]
    assert [passage.id for passage in whole.passages] == [passage.id for passage in quarter.passages]
    counts = [(len(one.text.split()), len(other.text.split())) for one, other in zip(whole.passages, quarter.passages, strict=True)]
    assert all(short == round(0.25 * long) for long, short in counts)
