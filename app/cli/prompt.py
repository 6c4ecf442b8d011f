"""`prompt`: what a model would be sent, message by message, byte for byte."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import sentences

if TYPE_CHECKING:
    from app.ranking.protocols import Tokenizer
    from app.ranking.values import Prompt


def command(
    profile: Annotated[str, typer.Option(help="built-in profile, or a profile file (ours, RankLLM's YAML, the official TOML)")],
    query_file: Annotated[Path, typer.Option(help="file with the query, taken whole")],
    passages: Annotated[Path, typer.Option(help="file of passages: JSON lines, TSV, CSV or text")],
    tokenizer: Annotated[str, typer.Option(help="folder or hub id of the model, to cut passages by its own tokens")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object with messages, sha256, tokens and notes")] = False,
) -> None:
    """Print the exact messages of one window; remarks about how they were made go to standard error."""
    with sentences():
        prompt, words = _rendered(profile, query_file, passages, tokenizer)
        typer.echo(_as_json(prompt, words) if as_json else _as_text(prompt))
        for note in prompt.notes:
            typer.echo(note, err=True)


def _rendered(profile: str, query_file: Path, passages: Path, tokenizer: str) -> tuple[Prompt, Tokenizer]:
    """The prompt, with evidence for profiles that show it, and the tokenizer that cut it."""
    from app.ranking.formats.collections import read_collection
    from app.ranking.prompts import template_for
    from app.ranking.retrieval.embedder import default_embedder
    from app.ranking.signals import EvidenceSignals

    template = template_for(profile)
    query = query_file.read_text(encoding="utf-8")
    window = list(read_collection(passages))
    if getattr(template, "reads_evidence", False):
        window = EvidenceSignals(default_embedder()).annotate(query, window)
    words = _tokenizer(tokenizer)
    return template.render(query, window, words), words


def _tokenizer(path: str) -> Tokenizer:
    """A model's own tokenizer, or the estimate by words. Raises BackendUnavailable where the model's can't be loaded."""
    from app.ranking.backends.transformers import TransformersBackend
    from app.ranking.tokens import WordTokenizer

    return TransformersBackend(path, name=path).load_tokenizer() if path else WordTokenizer()


def _as_text(prompt: Prompt) -> str:
    return "\n".join(f"--- {message.role}\n{message.content}" for message in prompt.messages)


def _as_json(prompt: Prompt, words: Tokenizer) -> str:
    import json

    from app.ranking.prompts import prompt_hash

    data = {
        "profile": prompt.template,
        "messages": [asdict(message) for message in prompt.messages],
        "sha256": prompt_hash(prompt),
        "passages": prompt.size,
        "tokens": sum(words.count(message.content) for message in prompt.messages),
        "tokens_exact": words.exact,
        "notes": list(prompt.notes),
    }
    return json.dumps(data, ensure_ascii=False, indent=1)
