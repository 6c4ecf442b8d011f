"""What a stream of the OpenAI chat protocol says: text on two channels, how it ended, tokens and log-probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..parsing import CLOSE_THINK, OPEN_THINK, ThinkSplitter
from ..tokens import WordTokenizer
from ..values import Channel, Completion, Delta, Finish, Prompt

# The protocol's reasons and the ones that known servers give instead; any other reason ends a call as `cut`.
_FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refused",
    "refusal": "refused",
}


class Reply:
    """What the stream of one call has said so far, on two channels. `requests` counts what was sent for it.

    After a prefix that closed the thinking, all that comes is answer, whichever field the server puts it in: vLLM's reasoning parsers take
    a text without a think tag for reasoning.
    """

    def __init__(self, prompt: Prompt) -> None:
        self.chunks = self.requests = 0
        self._trace, closed, self._begun = prompt.prefix.removeprefix(OPEN_THINK).partition(CLOSE_THINK)
        self._answers_only = bool(closed)
        self._echo = prompt.prefix
        self._in_fields = False
        self._seen = ""
        self._logprobs: list[Mapping[str, float]] = []
        self._text: dict[Channel, list[str]] = {"reasoning": [], "answer": []}
        self._splitter = ThinkSplitter()
        self._finish: Finish = "cut"
        self._refused = False
        self._tokens: tuple[int, int] | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return any(self._text.values())

    def feed(self, chunk: Mapping[str, Any]) -> list[Delta]:
        """The new text of one chunk of the protocol."""
        self.chunks += 1
        usage = chunk.get("usage")
        if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int) and isinstance(usage.get("completion_tokens"), int):
            self._tokens = usage["prompt_tokens"], usage["completion_tokens"]
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        if choice.get("finish_reason"):
            self._finish = _FINISH.get(str(choice["finish_reason"]), "cut")
        delta = choice.get("delta")
        fresh = self._read(delta) if isinstance(delta, dict) else []
        if any(one.channel == "answer" for one in fresh):
            self._logprobs += _logprobs(choice.get("logprobs"))
        return fresh

    def close(self) -> list[Delta]:
        """What was still held back."""
        held, self._echo = self._echo, ""
        echoed = self._kept([("answer", self._seen)]) if held and self._seen else []
        return echoed + self._kept(self._splitter.close())

    def completion(self, prompt: Prompt, tokenizer: WordTokenizer, seconds: float) -> Completion:
        """The whole call; tokens from the server, or estimated where it gave none."""
        reasoning, answer = "".join(self._text["reasoning"]), "".join(self._text["answer"])
        if self._answers_only:
            reasoning, answer = self._trace, self._begun.lstrip() + answer
        elif not (self._in_fields or self._refused):
            # Only the whole text tells whether the chat template had opened the thinking.
            reasoning, answer = self._splitter.whole
        guess = sum(tokenizer.count(message.content) for message in prompt.messages), tokenizer.count(f"{reasoning} {answer}")
        tokens_in, tokens_out = self._tokens or guess
        return Completion(
            answer=answer,
            reasoning=reasoning,
            finish="refused" if self._refused else self._finish,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            counted=self._tokens is not None,
            seconds=seconds,
            logprobs=tuple(self._logprobs),
            requests=max(1, self.requests),
        )

    def _read(self, delta: Mapping[str, Any]) -> list[Delta]:
        pairs: list[tuple[Channel, str]] = []
        thought, content = delta.get("reasoning") or delta.get("reasoning_content"), delta.get("content")
        if self._answers_only:
            pairs += [("answer", self._new(text)) for text in (thought, content) if isinstance(text, str)]
        else:
            if isinstance(thought, str):
                self._in_fields = True
                pairs.append(("reasoning", thought))
            if isinstance(content, str):
                pairs += [("answer", content)] if self._in_fields else self._splitter.feed(content)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._refused = True
            pairs.append(("answer", refusal))
        return self._kept(pairs)

    def _new(self, text: str) -> str:
        """Text beyond the prefix, for servers that say the prefix again."""
        if not self._echo:
            return text
        self._seen += text
        if self._echo.startswith(self._seen) and len(self._seen) < len(self._echo):
            return ""  # it may be an echo so far
        fresh = self._seen.removeprefix(self._echo)
        self._echo = ""
        return fresh

    def _kept(self, pairs: list[tuple[Channel, str]]) -> list[Delta]:
        said = [(channel, text) for channel, text in pairs if text]
        for channel, text in said:
            self._text[channel].append(text)
        return [Delta(channel=channel, text=text) for channel, text in said]


def _logprobs(data: Any) -> list[dict[str, float]]:
    """Log-probabilities by token for each token of a chunk: the likeliest ones and the one that was taken."""
    places = data.get("content") if isinstance(data, dict) else None
    out: list[dict[str, float]] = []
    for place in places if isinstance(places, list) else []:
        offered = [place, *(place.get("top_logprobs") or [])] if isinstance(place, dict) else []
        known = {one["token"]: float(one["logprob"]) for one in offered if isinstance(one, dict) and _is_place(one)}
        if known:
            out.append(known)
    return out


def _is_place(one: Mapping[str, Any]) -> bool:
    return isinstance(one.get("token"), str) and isinstance(one.get("logprob"), int | float)
