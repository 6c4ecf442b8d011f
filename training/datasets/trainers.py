"""Files that other trainers read: Alpaca for LLaMA-Factory, Parquet in verl's columns, JSON lines in TRL's formats."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from app.ranking.errors import SettingsError
from app.ranking.protocols import PromptTemplate

from .examples import line
from .rendering import Rendering, Row, positions, rows
from .values import STAGES
from .version import Version

ALPACA, VERL = "sft.json", "train.parquet"
_BATCH = 500  # rows of a row group


def write_alpaca(version: Version, template: PromptTemplate, how: Rendering, folder: Path) -> None:
    """`sft.json`: a JSON array of instruction, output and system, as LLaMA-Factory reads it; `dataset_info.json` names the columns.

    Raises SettingsError for a profile of more than one user message: the layout has room for one.
    """
    made = (_alpaca(row, template) for row in rows(version, template, "sft", how))
    with (folder / ALPACA).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_array(made))
    columns = {"prompt": "instruction", "response": "output", "system": "system"}
    described = {"reasonrank_studio_sft": {"file_name": ALPACA, "columns": columns}}
    (folder / "dataset_info.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def _alpaca(row: Row, template: PromptTemplate) -> dict[str, str]:
    said = [(message["role"], message["content"]) for message in row["prompt"]]
    if [role for role, _ in said] not in (["user"], ["system", "user"]):
        raise SettingsError(f"profile {template.name!r} asks in several messages, which Alpaca's layout can't hold: choose another profile")
    system = said[0][1] if said[0][0] == "system" else ""
    return {"instruction": said[-1][1], "output": row["completion"][0]["content"], "system": system}


def _array(made: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    before = "[\n"
    for one in made:
        yield before + json.dumps(one, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def write_verl(version: Version, template: PromptTemplate, how: Rendering, folder: Path) -> None:
    """`train.parquet` of the stage `rl`: data_source, prompt, reward_model.ground_truth and extra_info.

    The columns are those that ReasonRank's loader and reward read. `ground_truth` is the order to learn as the answer would write it,
    `[4] > [2]`; lists in `extra_info` are passage ids, with the grades as JSON text and the example's id beside them.
    """
    orders = (positions(example) for example in version.examples("rl"))
    ids = (example["id"] for example in version.examples("rl"))
    write_parquet(folder / VERL, _verl_rows(rows(version, template, "rl", how), zip(ids, orders, strict=True)), _verl_schema())


def _verl_rows(made: Iterator[Row], orders: Iterator[tuple[str, list[int]]]) -> Iterator[Row]:
    for row in made:
        # Rows come in the order of the examples, some of which may have been refused.
        order = next(order for id_, order in orders if id_ == row["id"])
        extra = {
            "initial_list": row["shown"], "final_list": row["teacher_order"], "relevant_docids": row["relevant"], "grades": row["grades"],
            "id": row["id"],
        }  # fmt: skip
        truth = " > ".join(f"[{position + 1}]" for position in order)
        reward = {"style": "rule", "ground_truth": truth}
        yield {"data_source": "ranking", "prompt": row["prompt"], "reward_model": reward, "extra_info": extra}


def _verl_schema() -> Any:
    pa = import_module("pyarrow")
    text, texts = pa.string(), pa.list_(pa.string())
    message = pa.struct([("role", text), ("content", text)])
    extra = [("initial_list", texts), ("final_list", texts), ("relevant_docids", texts), ("grades", text), ("id", text)]
    reward = pa.struct([("style", text), ("ground_truth", text)])
    return pa.schema([("data_source", text), ("prompt", pa.list_(message)), ("reward_model", reward), ("extra_info", pa.struct(extra))])


def write_trl(version: Version, template: PromptTemplate, how: Rendering, folder: Path) -> None:
    """`sft.jsonl` (prompt, completion) and `rl.jsonl` (prompt and what a reward needs): see `rows`."""
    for stage in STAGES:
        with (folder / f"{stage}.jsonl").open("wb") as file:
            file.writelines(line(row) for row in rows(version, template, stage, how))


def write_parquet(path: Path, made: Iterable[Mapping[str, Any]], schema: Any) -> int:
    """Rows as one Parquet file, some hundred at a time; how many there were."""
    pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    count, rest = 0, iter(made)
    with pq.ParquetWriter(path, schema, compression="zstd", store_schema=False) as writer:
        while batch := list(itertools.islice(rest, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
