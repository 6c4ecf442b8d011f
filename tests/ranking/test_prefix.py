"""Going on with a begun answer: the embedded model under its grammar, and servers in the three ways they do it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from app.ranking.backends.nano import NanoBackend
from app.ranking.backends.openai import Endpoint, Limits, OpenAIBackend
from app.ranking.errors import BackendError
from app.ranking.evidence import SIGNALS
from app.ranking.models.nano.grammar import grammar, whole_verdicts
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.models.nano.vocabulary import IDS, WORDS
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.strategies import Pointwise, Setwise, Sliding
from app.ranking.thinking import Settle, Thinking
from app.ranking.units import template_for_unit
from app.ranking.values import Completion, Delta, Message, Passage, Prompt, Sampling
from tests.faults.server import DONE, HEAD, Step, Wire, delta, event
from tests.ranking.thinker import list_of


def cards(n: int) -> list[Passage]:
    rng = random.Random(3)
    return [Passage(id=f"p{i}", text="t", features={name: rng.random() for name in SIGNALS}) for i in range(1, n + 1)]


def words(text: str) -> list[int]:
    return [IDS[word] for word in text.split()]


TRACE = "weigh first:all then:meaning [1] g10 +words -none [2] g40 +none -meaning [3] g20 +words -none"


def test_a_cut_verdict_is_left_out() -> None:
    whole, grades = whole_verdicts(words(TRACE), (1, 2, 3, 4))
    assert whole == words(TRACE) and {card: WORDS[token] for card, token in grades.items()} == {1: "g10", 2: "g40", 3: "g20"}
    for cut in ("", " [4]", " [4] g40", " [4] g40 +none"):
        assert whole_verdicts(words(TRACE + cut), (1, 2, 3, 4))[0] == words(TRACE)
    assert whole_verdicts(words("weigh first:all"), (1, 2)) == ([], {})
    assert whole_verdicts(words("weigh first:all then:meaning"), (1, 2)) == (words("weigh first:all then:meaning"), {})
    with pytest.raises(ValueError, match="can't stand"):
        whole_verdicts(words("weigh first:all then:meaning [2]"), (1, 2))


def test_after_a_begun_trace_cards_without_a_verdict_come_last() -> None:
    walk, said = grammar((1, 2, 3, 4, 5), {2: IDS["g40"], 4: IDS["g05"]}), list[str]()
    try:
        allowed = next(walk)
        while True:
            assert len(allowed) == 1, "nothing is left to the model where grades differ"
            said.append(WORDS[allowed[0]])
            allowed = walk.send(allowed[0])
    except StopIteration:
        assert said == ["[2]", ">[4]", ">[1]", ">[3]", ">[5]", "</answer>", "<end>"]


@pytest.mark.model
@pytest.mark.parametrize("verdicts", [0, 1, 3, 5])
def test_the_embedded_model_goes_on_after_any_part_of_a_trace(verdicts: int) -> None:
    template, backend = NanoTemplate(), NanoBackend()
    prompt = template.render("why", cards(5), backend.tokenizer)
    trace = "weigh first:all then:meaning" + "".join(f" [{i}] g{i * 7:02d} +words -none" for i in range(1, verdicts + 1))
    begun = Prompt(messages=prompt.messages, template="nano", size=5, prefix=template.begin(trace))

    async def pieces() -> list[Delta | Completion]:
        return [piece async for piece in backend.stream(begun, Sampling(max_tokens=template.answer_tokens(5)))]

    *deltas, last = asyncio.run(pieces())
    assert isinstance(last, Completion) and last.reasoning == trace and last.finish == "stop"
    parsed = template.parse(last, 5)
    judged = list(range(verdicts - 1, -1, -1))
    assert parsed.outcome == "clean" and list(parsed.order) == judged + list(range(verdicts, 5))
    assert all(isinstance(one, Delta) and one.channel == "answer" for one in deltas)
    assert last.answer == "<answer>" + "".join(one.text for one in deltas if isinstance(one, Delta))
    asyncio.run(backend.aclose())


@pytest.mark.model
def test_early_exit_with_the_embedded_model_saves_tokens_and_stays_a_permutation() -> None:
    backend = NanoBackend()
    used = Ranker(backend=backend, template=NanoTemplate(), strategy=Sliding(), thinking=Thinking(settle=Settle(top=2, patience=12)))
    ranking = used.rank("why", cards(20))
    forced = ranking.calls[0].completion.forced
    assert ranking.outcome == "clean" and sorted(ranking.ids) == sorted(passage.id for passage in cards(20))
    assert forced is not None and forced.reason == "settled" and forced.kept == 1.0, "the answer follows from the grades"
    whole = Ranker(backend=backend, template=NanoTemplate(), strategy=Sliding()).rank("why", cards(20))
    assert ranking.tokens[1] < whole.tokens[1]
    asyncio.run(backend.aclose())


@pytest.mark.model
def test_the_embedded_model_serves_strategies_of_other_units() -> None:
    backend, listed = NanoBackend(), cards(30)
    one = Ranker(backend=backend, template=template_for_unit(NanoTemplate(), "passage"), strategy=Pointwise()).rank("why", listed)
    best = Ranker(backend=backend, template=template_for_unit(NanoTemplate(), "best"), strategy=Setwise(top=5)).rank("why", listed)
    assert one.outcome == best.outcome == "clean" and len(one.calls) == 30
    scores = [call.parsed.scores for call in one.calls]
    assert all(score and 0 <= score[0] <= 49 for score in scores)
    assert best.ids[0] in one.ids[:5], "the same evidence, the same model"
    asyncio.run(backend.aclose())


@pytest.mark.parametrize(
    "prefix",
    ["<answer>", "<think> </think> <answer>", "<think> weigh </think>", "<think> weigh first:all then:meaning [2] </think> <answer>"],
)
def test_what_the_embedded_model_can_not_go_on_with_is_refused(prefix: str) -> None:
    prompt = NanoTemplate().render("why", cards(3), NanoBackend().tokenizer)
    begun = Prompt(messages=prompt.messages, template="nano", size=3, prefix=prefix)

    async def ask() -> None:
        async for _ in NanoBackend().stream(begun, Sampling()):
            pass

    with pytest.raises(BackendError):
        asyncio.run(ask())


# Servers.

PROMPT = Prompt(
    messages=(Message(role="user", content="rank"),), template="t", size=2, prefix="<think>so [2] wins</think>\n<answer>"
)  # fmt: skip


def ask(steps: Sequence[Step], continues: str, prompt: Prompt = PROMPT) -> tuple[list[Delta | Completion], dict[str, object]]:
    with Wire(lambda number, body: steps) as wire:
        backend = OpenAIBackend(Endpoint(name="t", address=wire.address, model="m", continues=continues), Limits(tries=1))  # type: ignore[arg-type]

        async def pieces() -> list[Delta | Completion]:
            return [piece async for piece in backend.stream(prompt, Sampling())]

        return asyncio.run(pieces()), wire.asked[0]


@pytest.mark.parametrize(
    "chunks",
    [
        [delta(content="[2] > "), delta(content="[1]</answer>")],
        # vLLM's reasoning parsers take a text without a think tag for reasoning.
        [delta(reasoning="[2] > "), delta(reasoning="[1]</answer>")],
        # A server that says the prefix again.
        [delta(content="<think>so [2] wins</th"), delta(content="ink>\n<answer>[2] > [1]</answer>")],
    ],
    ids=["content", "reasoning", "echo"],
)
def test_whatever_comes_after_a_closed_trace_is_answer(chunks: list[Step]) -> None:
    pieces, body = ask([HEAD, *chunks, delta("stop"), DONE], "final_message")
    last = pieces[-1]
    assert isinstance(last, Completion)
    assert (last.reasoning, last.answer) == ("so [2] wins", "<answer>[2] > [1]</answer>")
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == "[2] > [1]</answer>"
    assert {piece.channel for piece in pieces if isinstance(piece, Delta)} == {"answer"}
    assert builtin_profile("studio").parse(last, 2).outcome == "clean"
    assert body["continue_final_message"] is True and body["add_generation_prompt"] is False
    assert body["messages"] == [{"role": "user", "content": "rank"}, {"role": "assistant", "content": PROMPT.prefix}]


def test_a_flag_on_the_last_message_is_the_other_way() -> None:
    _, body = ask([HEAD, delta(content="[2] > [1]</answer>"), delta("stop"), DONE], "prefix")
    messages = body["messages"]
    assert isinstance(messages, list) and messages[-1] == {"role": "assistant", "content": PROMPT.prefix, "prefix": True}
    assert "continue_final_message" not in body


def test_a_truncated_trace_gets_one_forced_answer_from_a_server_that_can() -> None:
    def script(number: int, body: dict[str, object]) -> Sequence[Step]:
        if number == 1:
            return [HEAD, delta(content="<think>[2] is good, and"), delta("length"), DONE]
        return [HEAD, delta(content="[2] > [1]</answer>"), delta("stop"), DONE]

    with Wire(script) as wire:
        endpoint = Endpoint(name="t", address=wire.address, model="m", continues="final_message")
        used = Ranker(backend=OpenAIBackend(endpoint, Limits(tries=1)), template=builtin_profile("studio"), strategy=Sliding())
        ranking = used.rank("why", [Passage(id="a", text="1"), Passage(id="b", text="2")])
    assert (ranking.ids, ranking.outcome, ranking.requests) == (("b", "a"), "clean", 2)
    assert wire.asked[1]["messages"][-1]["content"] == "<think>[2] is good, and</think>\n<answer>"


def test_log_probabilities_of_the_answer_are_kept() -> None:
    def token(text: str, value: float, **others: float) -> dict[str, object]:
        return {"token": text, "logprob": value, "top_logprobs": [{"token": name, "logprob": one} for name, one in others.items()]}

    def chunk(text: str, *tokens: dict[str, object]) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, "logprobs": {"content": list(tokens)}}
        return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})

    steps: list[Step] = [
        HEAD,
        chunk("<think>it is false", token("x", -1.0, true=-0.1)),
        chunk("</think>", token("</think>", 0.0)),
        chunk("true", token("true", -0.2, true=-0.2, false=-1.7)),
        delta("stop"),
        DONE,
    ]
    with Wire(lambda number, body: steps) as wire:
        backend = OpenAIBackend(Endpoint(name="t", address=wire.address, model="m", logprobs=True), Limits(tries=1))
        used = Ranker(backend=backend, template=builtin_profile("pointwise"), strategy=Pointwise())
        call = used.rank("why", [Passage(id="a", text="1")]).calls[0]
    assert wire.asked[0]["logprobs"] is True and wire.asked[0]["top_logprobs"] == 10
    assert call.completion.logprobs == ({"true": -0.2, "false": -1.7},)
    assert call.parsed.scores is not None and call.parsed.scores[0] == pytest.approx(1 / (1 + 2.718281828 ** (-1.5)))


def test_without_log_probabilities_scores_are_words_and_a_note_says_so() -> None:
    with Wire(lambda number, body: [HEAD, delta(content="<think>x</think>true"), delta("stop"), DONE]) as wire:
        backend = OpenAIBackend(Endpoint(name="t", address=wire.address, model="m"), Limits(tries=1))
        ranking = Ranker(backend=backend, template=builtin_profile("pointwise"), strategy=Pointwise()).rank(
            "why", [Passage(id="a", text="1")]
        )
    assert "logprobs" not in wire.asked[0] and ranking.calls[0].parsed.scores == (1.0,)
    assert any("not probabilities" in note for note in ranking.notes)


def test_arguments_of_the_chat_template_are_handed_on() -> None:
    with Wire(lambda number, body: [HEAD, delta(content=list_of(2, 1)), delta("stop"), DONE]) as wire:
        endpoint = Endpoint(name="t", address=wire.address, model="m", template_args={"enable_thinking": False})
        used = Ranker(backend=OpenAIBackend(endpoint), template=builtin_profile("reasonrank-qwen3"), strategy=Sliding())
        assert used.rank("why", [Passage(id="a", text="1"), Passage(id="b", text="2")]).ids == ("b", "a")
    assert wire.asked[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert (wire.asked[0]["top_k"], wire.asked[0]["temperature"], wire.asked[0]["top_p"]) == (20, 0.6, 0.95)


def test_requests_begin_no_faster_than_allowed() -> None:
    """Two a minute: two begin at once, the third has to wait longer than the test does."""
    with Wire(lambda number, body: [HEAD, delta(content=list_of(1)), delta("stop"), DONE]) as wire:
        backend = OpenAIBackend(Endpoint(name="t", address=wire.address, model="m"), Limits(per_minute=2))

        async def work() -> int:
            async def one() -> None:
                async for _ in backend.stream(Prompt(messages=PROMPT.messages, template="t"), Sampling()):
                    pass

            tasks = [asyncio.create_task(one()) for _ in range(3)]
            await asyncio.wait(tasks, timeout=1.0)
            waiting = backend.waiting
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return waiting

        assert asyncio.run(work()) == 1 and len(wire.asked) == 2 and backend.waiting == 0


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "x"}]}', ""),
        (
            b'{"object": "list", "data": [{"id": "other", "object": "model", "created": 1, "owned_by": "x"}]}',
            "offers 1 models and not this",
        ),
        (b'{"detail": "Not Found"}', ""),
    ],
)
def test_a_server_can_be_asked_before_the_first_call(reply: bytes, says: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(reply)
    with Wire(lambda number, body: [head + reply]) as wire:
        found = asyncio.run(OpenAIBackend(Endpoint(name="t", address=wire.address, model="m")).check())
    assert (says in found) if says else not found


def test_an_unreachable_server_is_said_before_the_first_call() -> None:
    found = asyncio.run(OpenAIBackend(Endpoint(name="t", address="http://127.0.0.1:1/v1", model="m")).check())
    assert "can't be reached" in found and "127.0.0.1" not in found
