"""Every format there is: a new one is a file of its own and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from app.exports import huggingface, jsonl, parquet, reasonrank, row_lines, rows, trainer, trec
from app.exports.columns import Column
from app.exports.dictionary import dictionary, options
from app.exports.records import JudgementRecord
from app.exports.selection import Selection, Tally
from app.ranking.errors import NotFound, SettingsError

Make = Callable[[Iterable[Any], Selection, Tally], Iterator[bytes]]
_TEXT, _LINES, _CSV = "text/plain; charset=utf-8", "application/x-ndjson", "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way of writing judgements or runs. `make` is pure: the same records and selection give the same bytes.

    `needs` says what of a record is read: its texts always, only where the selection wants them (`option`) or never; and its calls.
    """

    name: str
    file: str
    media_type: str
    about: str
    columns: tuple[Column, ...]
    schema: str
    make: Make
    of: Literal["judgements", "runs"] = "judgements"
    trains: bool = False
    texts: Literal["always", "option", "never"] = "always"
    calls: bool = False

    def allowed(self, selection: Selection) -> Selection:
        """The selection as this format takes it. Raises SettingsError where it asks for what the format must not hold."""
        if self.trains and selection.include_holdout:
            raise SettingsError(f"{self.name} is for training, and holdout queries are never trained on: leave out include_holdout")
        if self.trains and selection.all_versions:
            raise SettingsError(f"{self.name} is for training, which takes newest submitted versions only: leave out all_versions")
        return selection

    def shown(self) -> dict[str, Any]:
        """JSON-ready, for the list of formats."""
        columns = [{"name": one.name, "type": one.type, "about": one.about, "empty": one.empty} for one in self.columns]
        return {"name": self.name, "file": self.file, "media_type": self.media_type, "about": self.about, "columns": columns}


def _counted(make: Callable[[Iterable[Any]], Iterator[bytes]]) -> Make:
    """A maker of lines that knows nothing of selection and tally."""

    def counted(records: Iterable[Any], _selection: Selection, tally: Tally) -> Iterator[bytes]:
        for piece in make(records):
            tally.rows += piece.count(b"\n")
            yield piece

    return counted


def _training(name: str, about: str, columns: tuple[Column, ...], make: Callable[[Iterable[JudgementRecord]], Iterator[Any]]) -> Format:
    def lines(records: Iterable[Any]) -> Iterator[bytes]:
        return trainer.lines(make(records))

    return Format(
        name=name, file=f"{name}.jsonl", media_type=_LINES, about=about, columns=columns, schema=f"reasonrank-{name}-1",
        make=_counted(lines), trains=True, calls=True,
    )  # fmt: skip


def _of_rows(name: str, file: str, media_type: str, make: Make, about: str) -> Format:
    return Format(
        name=name, file=file, media_type=media_type, about=f"One row per judgement and passage, {about}.", columns=rows.COLUMNS,
        schema=parquet.SCHEMA, make=make, texts="option",
    )  # fmt: skip


def _of_lines(name: str, file: str, make: Callable[[Iterable[Any]], Iterator[bytes]], about: str, **other: Any) -> Format:
    return Format(name=name, file=file, make=_counted(make), about=about, **other)


def _folder(name: str, file: str, make: Make, about: str, **other: Any) -> Format:
    return Format(name=name, file=file, media_type="application/x-tar", make=make, about=about, **other)


FORMATS: tuple[Format, ...] = (
    _of_lines(
        "jsonl", "judgements.jsonl", jsonl.judgements_jsonl,
        "One judgement a line with its passages; people's notes and rewrites are in it, as they wrote them.",
        media_type=_LINES, columns=jsonl.COLUMNS, schema=jsonl.SCHEMA,
    ),
    _of_rows("rows", "rows.jsonl", _LINES, row_lines.rows_jsonl, "as JSON lines; null is no value"),
    _of_rows(
        "csv-lossless", "rows.csv", _CSV, row_lines.rows_csv,
        "RFC 4180 with exact texts: for programs, since a spreadsheet may take a cell for a formula",
    ),
    _of_rows(
        "csv-spreadsheet", "rows-spreadsheet.csv", _CSV, row_lines.spreadsheet_csv,
        "for spreadsheets: cells that could be formulas have an apostrophe in front, long ones are cut; not reversible",
    ),
    _of_rows("parquet", "rows.parquet", "application/vnd.apache.parquet", parquet.rows_parquet, "typed and compressed"),
    _of_lines(
        "qrels", "qrels.txt", trec.qrels_txt, "Grades as trec_eval and ir_measures read them, over the included judgements that count.",
        media_type=_TEXT, columns=trec.QRELS, schema="trec-qrels-2", texts="never",
    ),
    _of_lines(
        "run", "runs.txt", trec.runs_txt, "Finished rankings of models.",
        media_type=_TEXT, columns=trec.RUN, schema="trec-run-1", of="runs", texts="never",
    ),
    _folder(
        "huggingface", "dataset.tar", huggingface.dataset_tar,
        "A dataset folder with a card, for `datasets.load_dataset`; holdout queries are its split `test`.",
        columns=rows.COLUMNS, schema="reasonrank-dataset-1", texts="option",
    ),
    _training("sft", "Prompts and the answers to learn, one row per model call that was judged.", trainer.SFT, trainer.sft_rows),
    _training("preference", "The person's order preferred to the model's, per model call.", trainer.PREFERENCE, trainer.preference_rows),
    _training("grpo", "Prompts with what a reward needs beside them.", trainer.REWARD, trainer.reward_rows),
    _training("steps", "Sentences of traces marked right or wrong, without what people wrote instead.", trainer.STEPS, trainer.step_rows),
    _folder(
        "reasonrank", "reasonrank.tar", reasonrank.reasonrank_tar, "The schema of ReasonRank's released data, with the texts beside it.",
        columns=reasonrank.COLUMNS, schema="reasonrank-released-1", trains=True, calls=True,
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in FORMATS}
BY_FILE = {one.file: one for one in FORMATS}

_HEAD = """# Exports: what each file holds

Made by `python -m app.exports.registry` from the registry of formats; edit that. How to take files away is in operate.md, how numbers are
come by in method.md.

An export is taken straight (`python -m app export FORMAT`, the page, `GET /api/v1/export/FILE`), or made as a version
(`python -m app export make FORMAT`, `POST /api/v1/exports`) that can be written again byte for byte. A version has the schema, the sha256
of the bytes, the query of what was included and the place in the log up to which judgements were read; its manifest
(`FILE.manifest.json`, `GET /api/v1/exports/ID/manifest`) adds licences, consents and a table of agreement. Parquet bytes also depend on the
version of pyarrow, which is noted.

Options of the query with their defaults: {options}.

Annotators are pseudonyms, and no file has a name, an address, an account's id or any
other personal field. Query and passage texts are as people typed them; what an annotator wrote (`note`, `rewrite`) is in `jsonl` alone.

Reading CSV exactly with pandas: `pandas.read_csv(FILE, dtype=str, keep_default_na=False, encoding="utf-8")`; with
Python: `csv.reader(open(FILE, encoding="utf-8", newline=""))`. An empty cell is no value; in `title` and `text` it is the empty text."""


def format_named(name: str) -> Format:
    """A format by its name or its file's. Raises NotFound listing those there are."""
    found = BY_NAME.get(name) or BY_FILE.get(name)
    if found is None:
        raise NotFound(f"no export is called {name!r}: there are {', '.join(BY_FILE)}")
    return found


def document() -> str:
    """docs/exports.md."""
    return dictionary(FORMATS, _HEAD.replace("{options}", options(Selection)))


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/exports.md").write_text(document(), encoding="utf-8", newline="\n")
