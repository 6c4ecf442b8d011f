"""What `evaluate` may be asked: flags of its own, and those of `rank` that say how a model is asked, taken from there."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from app.cli.evaluate_pair import Pair
from app.cli.rank_request import Request
from app.ranking.errors import SettingsError
from app.ranking.evaluation.suites.declared import SUITES
from app.ranking.evaluation.suites.values import Place

_RUN, _SUITE, _OUT = "A run and judgements", "A suite", "What comes out"
# Flags that go with one of the two ways only.
_OF_A_RUN = ("qrels", "against", "judged_only")
_OF_A_SUITE = ("data", "retrieval", "retriever", "passage_tokens", "download", "paper", "out", "keep", "data_dir")
# Flags of `rank` that say what is to be ranked and where it goes: `evaluate` has its own.
_NOT_SHARED = frozenset(("query", "query_file", "passages", "run", "topics", "corpus", "skip_missing", "out", "traces", "tag"))


def _flag(text: str, panel: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """A whole command line. `ranking` is how a model is asked, as `rank` reads it; a model of "" asks none."""

    run: Annotated[list[Path], _flag("TREC run, .gz too; several times to compare", _RUN)] = field(default_factory=list)
    qrels: Annotated[Path | None, _flag("judgements: TREC or BEIR", _RUN)] = None
    metrics: Annotated[str, _flag("measures by commas (nDCG@10,R@100); a suite: its own", _RUN)] = ""
    against: Annotated[Path | None, _flag("run that differences and RBO are against (the first)", _RUN)] = None
    per_topic: Annotated[bool, _flag("every topic too; a suite: in --json", _RUN, "--per-topic")] = False
    judged_only: Annotated[bool, _flag("mean over the topics that the run has, not all that are judged", _RUN, "--judged-only")] = False
    suite: Annotated[str, _flag(f"{', '.join(SUITES)}, or a folder in BEIR's layout", _SUITE)] = ""
    data: Annotated[Path | None, _flag("folder with qrels, topics, corpora", _SUITE)] = None
    retrieval: Annotated[Path | None, _flag("folder with first-stage runs (the data folder)", _SUITE)] = None
    retriever: Annotated[str, _flag("part of a run's name, where a set has several", _SUITE)] = ""
    passage_tokens: Annotated[int | None, _flag("tokens of a passage that are shown (the suite's rule)", _SUITE, min=1)] = None
    download: Annotated[bool, _flag("get what is missing in the data folder from the public hub", _SUITE, "--download")] = False
    paper: Annotated[bool, _flag("print published rows only; needs no data", _SUITE, "--paper")] = False
    out: Annotated[Path | None, _flag("folder of the bundle (evaluations/SUITE-MODEL-TIME)", _OUT)] = None
    keep: Annotated[bool, _flag("keep the bundle in the studio too", _OUT, "--keep")] = False
    data_dir: Annotated[Path | None, _flag("the studio's data folder", _OUT)] = None
    ranking: Request = field(default_factory=lambda: Request(model=""))

    def check(self) -> None:
        """Raises SettingsError where it is not said what to evaluate, or a flag belongs to the other way."""
        if bool(self.run) == bool(self.suite):
            raise SettingsError("say what to evaluate: a --run with --qrels, or a --suite, not both")
        other, way = (_OF_A_RUN, "--run") if self.suite else (_OF_A_SUITE, "--suite")
        plain = Evaluate()
        odd = [name for name in other if getattr(self, name) != getattr(plain, name)]
        odd += ["model"] if self.run and self.ranking.model else []
        if odd:
            raise SettingsError(f"--{odd[0].replace('_', '-')} is a flag of {way}: leave it out")

    @property
    def place(self) -> Place:
        """Where a suite's files are: a folder that is a suite of its own has them itself."""
        folder = Path(self.suite) if self.suite not in SUITES and Path(self.suite).is_dir() else None
        return Place(
            data=self.data or folder,
            retrieval=self.retrieval,
            depth=self.ranking.depth,
            limit=self.ranking.limit,
            retriever=self.retriever,
        )

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures that were named."""
        return tuple(name.strip() for name in self.metrics.split(",") if name.strip())

    @property
    def pair(self) -> Pair:
        """The way of a run and judgements. Raises SettingsError where the judgements are not named."""
        if self.qrels is None:
            raise SettingsError("a run is measured by judgements: name the file with --qrels")
        return Pair(
            runs=tuple(self.run),
            qrels=self.qrels,
            metrics=self.measures or ("nDCG@10", "R@100"),
            per_topic=self.per_topic,
            json=self.ranking.json,
            judged_only=self.judged_only,
            against=self.against,
        )


def with_flags(body: Callable[[Evaluate], None]) -> Callable[..., None]:
    """A function that typer can read: a keyword parameter per flag, ours first, then those shared with `rank`."""
    own = [item for item in dataclasses.fields(Evaluate) if item.name != "ranking"]
    shared = [item for item in dataclasses.fields(Request) if item.name not in _NOT_SHARED]
    hints = {**get_type_hints(Request, include_extras=True), **get_type_hints(Evaluate, include_extras=True)}
    hints["json"] = Annotated[bool, _flag("print JSON", _OUT, "--json")]
    hints["model"] = Annotated[
        str, _flag("as for rank: nano, signals, first_stage, or a name of the models file; none asks no model", _SUITE)
    ]

    def command(**given: Any) -> None:
        asked = {item.name: given.pop(item.name) for item in own}
        body(Evaluate(**asked, ranking=Request(**given)))

    parameters = [
        inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=_default(item), annotation=hints[item.name])
        for item in (*own, *shared)
    ]
    command.__doc__ = body.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: hints[item.name] for item in (*own, *shared)}
    return command


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.name == "model":
        return ""
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
