"""What stands in a header without anybody writing it: how a ranker is set up, which code and which packages were at work."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...options import strategy_args
from ...prompts import ProfileTemplate, template_hash
from ...protocols import PromptTemplate, Strategy
from ...ranker import Ranker
from ...thinking import Thinking
from .hashing import file_hash
from .values import Header

# Packages that can change an order, an evidence card, a token count or a score.
PACKAGES = (
    "bm25s", "ftfy", "ir-measures", "numpy", "openai", "openvino", "pyarrow", "PyStemmer", "pytrec-eval-terrier", "reasonrank",
    "sentence-transformers", "tokenizers", "torch", "transformers", "vllm",
)  # fmt: skip
_SECONDS = 20


def made_now() -> dict[str, Any]:
    """Date (UTC, seconds), code revision, Python and packages, as a header has them."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": code_revision(),
        "python": platform.python_version(),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Versions of the packages of PACKAGES that are installed here."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code_revision(folder: Path = Path(__file__).parent) -> str:
    """Commit of the checkout that this code runs from, "-dirty" behind it where files differ from it; "" where it is no checkout."""
    # The folder may lie in somebody else's checkout (a virtual environment): then git does not know this file.
    for command in (["ls-files", "--error-unmatch", Path(__file__).name], ["describe", "--always", "--dirty", "--abbrev=40", "--match="]):
        try:
            done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if done.returncode:
            return ""
    return done.stdout.strip()


def header_of(about: Header, ranker: Ranker | None) -> Header:
    """A header completed by what the ranker says of itself; what the caller has filled in stays.

    The seed is the strategy's where it has one, else that of the decoding.
    """
    made = about.made or made_now()
    if ranker is None:
        return replace(about, made=made, model=about.model or {"name": about.name})
    strategy = _strategy(ranker.strategy)
    sampling = asdict(ranker.effective_sampling)
    return replace(
        about,
        made=made,
        model={**_model(ranker), **about.model},
        profile=about.profile or {"name": ranker.template.name, "hash": template_hash(ranker.template)},
        strategy=about.strategy or strategy,
        thinking=about.thinking or _thinking(ranker.thinking),
        fusion=about.fusion or (asdict(ranker.fusion) if ranker.fusion else None),
        sampling=about.sampling or sampling,
        passage_tokens=about.passage_tokens if about.passage_tokens is not None else _passage_tokens(ranker.template),
        seed=about.seed if about.seed is not None else strategy.get("seed", sampling["seed"]),
    )


def _model(ranker: Ranker) -> Mapping[str, Any]:
    backend = ranker.backend
    engine = {"backend": type(backend).__name__, "exact_tokens": backend.tokenizer.exact}
    return {"name": backend.name, "revision": backend.revision, "engine": engine}


def _thinking(thinking: Thinking) -> dict[str, Any]:
    """The controls; a router by its file's name and hash, as where it lies is nobody's business."""
    router = f"{Path(thinking.router).name} {file_hash(Path(thinking.router))[:16]}" if thinking.router else ""
    return {**asdict(thinking), "router": router}


def _strategy(strategy: Strategy) -> dict[str, Any]:
    return {"name": strategy.name, **strategy_args(strategy)}


def _passage_tokens(template: PromptTemplate) -> int | None:
    """Tokens after which the profile cuts a passage; None where it cuts by words or shows no text."""
    if not isinstance(template, ProfileTemplate) or template.profile.passages.words:
        return None
    return template.profile.passages.tokens
