"""What `rank` may be asked: one field per flag, read by typer from the annotations."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from app.ranking.errors import SettingsError
from app.ranking.options import Options

_ONE, _MANY, _MODEL, _ASK, _OUT = "One query", "A batch", "Model and strategy", "How to ask", "What comes out"


def _flag(text: str, panel: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole command line. Raises SettingsError from `options` only; files are looked at by those who read them."""

    query: Annotated[str, _flag("the question", _ONE)] = ""
    query_file: Annotated[Path | None, _flag("file with the question", _ONE)] = None
    passages: Annotated[Path | None, _flag("passages: JSON lines, CSV, TSV, or text with blank lines between", _ONE)] = None
    run: Annotated[Path | None, _flag("TREC run with the candidates of each topic, .gz too", _MANY)] = None
    topics: Annotated[Path | None, _flag("topics: JSON lines, id<TAB>text, parquet, or a folder; default: beside the corpus", _MANY)] = None
    corpus: Annotated[Path | None, _flag("texts of the passages: the same formats, or a BEIR folder", _MANY)] = None
    limit: Annotated[int, _flag("only the first so many topics", _MANY, min=0)] = 0
    at_once: Annotated[int, _flag("topics walked together (8)", _MANY, min=1)] = 8
    skip_missing: Annotated[bool, _flag("leave out what has no text, and say so", _MANY, "--skip-missing")] = False
    depth: Annotated[int, _flag("candidates per topic (100)", _ASK, min=1)] = 100
    model: Annotated[str, _flag("built-in (nano, signals, first_stage), or a name of the models file", _MODEL)] = "nano"
    models: Annotated[Path | None, _flag("TOML file naming further models", _MODEL, envvar="REASONRANK_MODELS")] = None
    profile: Annotated[str, _flag("another prompt profile: a built-in name or a file", _MODEL)] = ""
    strategy: Annotated[str, _flag("which windows to ask about (sliding)", _MODEL)] = "sliding"
    window: Annotated[int | None, _flag("passages shown at once (20)", _MODEL)] = None
    step: Annotated[int | None, _flag("places by which the window moves (10)", _MODEL)] = None
    passes: Annotated[int | None, _flag("times over the list (1)", _MODEL)] = None
    set: Annotated[list[str], _flag("any argument of the strategy, key=value with the value in JSON", _MODEL)] = field(default_factory=list)
    thinking: Annotated[str, _flag("profile, reasoned, direct, or auto: a router decides for each query", _ASK)] = "profile"
    router: Annotated[Path | None, _flag("file of the router of thinking auto; default: the model's own in the models file", _ASK)] = None
    budget: Annotated[int, _flag("most tokens of a trace, 0 for no bound", _ASK)] = 0
    settle_top: Annotated[int | None, _flag("end a trace once so many places at its top stand still (10)", _ASK)] = None
    settle_after: Annotated[int | None, _flag("... for so many tokens (200)", _ASK)] = None
    audit: Annotated[bool, _flag("measure what ending traces early would change, instead of doing it", _ASK, "--audit")] = False
    fuse: Annotated[float | None, _flag("fuse with the first stage: weight of the model, 0 to 1", _ASK)] = None
    cache: Annotated[Path | None, _flag("file of answers: what is in it is not asked again (a batch: OUT.answers)", _ASK)] = None
    yes: Annotated[bool, _flag("don't ask before a batch that costs money", _ASK, "--yes")] = False
    dry_run: Annotated[bool, _flag("say what it would cost and ask nothing", _ASK, "--dry-run")] = False
    out: Annotated[Path | None, _flag("TREC run to write", _OUT)] = None
    traces: Annotated[Path | None, _flag("JSON lines to write: one per topic, with every call", _OUT)] = None
    tag: Annotated[str, _flag("last column of the run; default: the model's name", _OUT)] = ""
    json: Annotated[bool, _flag("print JSON: the ranking of one query, the report of a batch", _OUT, "--json")] = False
    quiet: Annotated[bool, _flag("no progress and no prediction, only what came out", _OUT, "--quiet")] = False

    @property
    def is_batch(self) -> bool:
        """Whether topics come from a run."""
        return self.run is not None

    @property
    def options(self) -> Options:
        """Strategy, thinking and fusion. Raises SettingsError naming what is unknown or wrong."""
        settle = {"top": self.settle_top, "patience": self.settle_after}
        settle = {name: value for name, value in settle.items() if value is not None}
        thinking = {"mode": self.thinking, "budget": self.budget, "audit": self.audit, **({"settle": settle} if settle else {})}
        if self.router is not None:
            thinking["router"] = str(self.router)
        fusion = {"fusion": {"weight": self.fuse}} if self.fuse is not None else {}
        return Options.of({"strategy": {"name": self.strategy, **self._arguments()}, "thinking": thinking, **fusion})

    def _arguments(self) -> dict[str, Any]:
        """Arguments of the strategy, from the three flags of their own and from `--set`."""
        flags = {"size": self.window, "step": self.step, "passes": self.passes}
        return {**{name: value for name, value in flags.items() if value is not None}, **dict(_setting(text) for text in self.set)}


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"--set {text!r} sets nothing: write key=value")
    try:
        return name.strip(), json.loads(value)
    except ValueError:  # a word needs no quotation marks
        return name.strip(), value


def with_flags(body: Callable[[Request], None]) -> Callable[..., None]:
    """A function that typer can read: one keyword parameter per field of `Request`."""

    def command(**given: Any) -> None:
        body(Request(**given))

    hints = get_type_hints(Request, include_extras=True)
    parameters = [
        inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=_default(item), annotation=hints[item.name])
        for item in dataclasses.fields(Request)
    ]
    command.__doc__ = body.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = hints
    return command


def _default(item: dataclasses.Field[Any]) -> Any:
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
