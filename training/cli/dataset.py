"""`python -m training dataset <verb>`: versions of training data, looked at, compared, rendered, and exchanged with others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.ranking.protocols import Tokenizer
    from app.settings import Settings
    from db.session import Database
    from training.datasets import Version
    from training.datasets.rendering import Rendering

group = typer.Typer(no_args_is_help=True, add_completion=False, help="Versions of training data.")

Named = Annotated[str, typer.Argument(help="A version: its id or the first six digits of it, its name, or a folder.")]
DataDir = Annotated[Path | None, typer.Option(help="The studio's data folder; default: var.")]
DatabaseUrl = Annotated[str, typer.Option(help="The studio's database; default: SQLite in the data folder.")]
Artifacts = Annotated[Path | None, typer.Option(help="Where data sets are kept; default: artifacts in the data folder.")]
Template = Annotated[str, typer.Option(help="Prompt profile of the model to train: reasonrank, studio, nano, ... or a profile's file.")]
MostTokens = Annotated[int, typer.Option(min=0, help="Leave out rows of more tokens, prompt and answer together; 0: none.")]
Words = Annotated[str, typer.Option("--tokenizer", help="Folder or hub id of the model's own tokenizer; default: an estimate by words.")]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the studio's data lies, as it was typed."""

    data_dir: Path | None
    database_url: str
    artifacts: Path | None

    def settings(self) -> Settings:
        from app.settings import Settings

        paths = {"--data-dir": self.data_dir, "--artifacts": self.artifacts}
        flags = [part for name, path in paths.items() if path is not None for part in (name, str(path))]
        return Settings.load([*flags, *(["--database-url", self.database_url] if self.database_url else [])])

    @contextmanager
    def database(self) -> Iterator[Database]:
        from training.store import open_database

        database = open_database(self.settings())
        try:
            yield database
        finally:
            database.close()

    def folder(self, named: str) -> Path:
        """The folder of a version, in the artifact store or as it was named. Raises NotFound."""
        from app.artifacts import ArtifactStore
        from db.store import datasets

        if (Path(named) / "manifest.json").is_file():
            return Path(named)
        with self.database() as database, database.read() as session:
            digest = datasets.get(session, named).artifact_hash
        return ArtifactStore(self.settings().artifacts_dir).path(digest)

    def version(self, named: str) -> Version:
        """A version, read and checked."""
        from training.datasets import load

        return load(self.folder(named))


@contextmanager
def _sentences() -> Iterator[None]:
    """Errors as one sentence and exit code 2."""
    from app.ranking.errors import RankingError

    try:
        yield
    except (RankingError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@group.command("list")
def listed(data_dir: DataDir = None, database_url: DatabaseUrl = "", artifacts: Artifacts = None) -> None:
    """All versions, newest first."""
    from db.store import datasets

    with _sentences(), _Place(data_dir, database_url, artifacts).database() as database:
        with database.read() as session:
            rows = datasets.every(session)
        for row in rows:
            made = f"{row.created:%Y-%m-%d %H:%M}"
            typer.echo(f"{row.id[:16]}  {made}  {row.counts['examples']:>7,} of {row.counts['items']:>7,}  {row.name}")
        if not rows:
            typer.echo("There is no data set yet: `python -m training synthesize RECIPE` makes one.", err=True)


@group.command()
def show(named: Named, data_dir: DataDir = None, database_url: DatabaseUrl = "", artifacts: Artifacts = None) -> None:
    """The card of a version, after it was read and checked."""
    with _sentences():
        version = _Place(data_dir, database_url, artifacts).version(named)
        typer.echo((version.folder / "README.md").read_text(encoding="utf-8"), nl=False)
        typer.echo(f"\nid {version.id}\nin {version.folder}")


@group.command()
def diff(
    first: Named,
    second: Annotated[str, typer.Argument(help="The version to compare it with.")],
    limit: Annotated[int, typer.Option(min=0, help="Most entries of each kind.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="The whole comparison as JSON.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """What a second version has gained, lost and changed."""
    from app.exports.dataset_diff import diff as compare

    with _sentences():
        place = _Place(data_dir, database_url, artifacts)
        found = compare(place.folder(first), place.folder(second), limit=limit)
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))
            return
        typer.echo(", ".join(f"{number:,} {kind}" for kind, number in found["counts"].items()))
        for kind in ("added", "removed", "changed"):
            for entry in found[kind]:
                typer.echo(_entry(kind, entry))


def _entry(kind: str, entry: dict[str, Any]) -> str:
    scores = ", ".join(f"{one['name']} {_score(one['from'])} to {_score(one['to'])}" for one in entry["filters"])
    parts = (f"{kind:<8}{entry['domain']} {entry['source_id']}", ", ".join(entry.get("what", ())), scores, (entry["query"] or "")[:80])
    return "  ".join(part for part in parts if part)


def _score(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


@group.command()
def rows(
    named: Named,
    stage: Annotated[str, typer.Argument(help="sft or rl.")],
    template: Template = "reasonrank",
    max_tokens: MostTokens = 0,
    tokenizer: Words = "",
    out: Annotated[Path | None, typer.Option(help="A new file; default: standard output.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Rows for one model as JSON lines; what is left out is counted and named on standard error."""
    from training.datasets import rows as made
    from training.datasets.examples import line

    with _sentences():
        version, how = _Place(data_dir, database_url, artifacts).version(named), _rendering(template, max_tokens, tokenizer)
        with out.open("xb") if out is not None else nullcontext(sys.stdout.buffer) as file:
            for row in made(version, template, stage, how):
                file.write(line(row))
        _say(how)


@group.command()
def export(
    named: Named,
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="folder, reasonrank, huggingface, trl, alpaca or verl.")],
    out: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends in .tar.")],
    template: Template = "reasonrank",
    max_tokens: MostTokens = 0,
    tokenizer: Words = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Write a version in the layout of others."""
    from training.datasets.exporting import export as write

    with _sentences():
        version = _Place(data_dir, database_url, artifacts).version(named)
        _say(write(version, form, out, template, _rendering(template, max_tokens, tokenizer)))
        typer.echo(f"wrote {out}")


@group.command("import")
def imported(
    source: Annotated[Path, typer.Argument(help="A version (folder or .tar), or a folder or .tar in ReasonRank's released layout.")],
    name: Annotated[str, typer.Option(help="Name of the version; for the released layout.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the texts; for the released layout.")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Take in a version of others, checked to the last byte."""
    from app.artifacts import ArtifactStore
    from training.datasets.importing import Origin, import_version

    place = _Place(data_dir, database_url, artifacts)
    with _sentences(), place.database() as database:
        store = ArtifactStore(place.settings().artifacts_dir)
        built = import_version(database, store, source, Origin(name=name, licence=licence))
        typer.echo(f"{built.name}: {built.counts['examples']:,} examples of {built.counts['items']:,} items, version {built.id[:16]}")


def _rendering(template: str, max_tokens: int, tokenizer: str) -> Rendering:
    from training.datasets.rendering import Rendering

    return Rendering(max_tokens=max_tokens, tokenizer=_tokenizer(template, tokenizer))


def _tokenizer(template: str, named: str) -> Tokenizer:
    """The model's own, the embedded model's for its own profile, else an estimate. Raises SettingsError for one that can't be loaded."""
    from app.ranking.errors import SettingsError
    from app.ranking.models.nano.vocabulary import NanoTokenizer
    from app.ranking.tokens import WordTokenizer

    if not named:
        return NanoTokenizer() if template == "nano" else WordTokenizer()
    from transformers import AutoTokenizer

    from app.ranking.backends.transformers_text import ModelTokenizer

    try:
        return ModelTokenizer(AutoTokenizer.from_pretrained(named))
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise SettingsError(f"tokenizer {named!r} can't be loaded ({said}): give the folder of the model, or its hub id") from error


def _say(how: Rendering) -> None:
    for sentence in how.refused.sentences:
        typer.echo(sentence, err=True)
