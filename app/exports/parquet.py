"""Rows as Parquet, written row group by row group through a buffer that is handed on after each: no file, no seeking."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from app.exports.columns import Column
from app.exports.records import JudgementRecord
from app.exports.rows import OF_JUDGEMENT, OF_PASSAGE, TEXTS, Block, blocks
from app.exports.selection import Selection, Tally

SCHEMA = "reasonrank-rows-1"
# A dictionary of what hardly repeats would be made and given up in every row group.
_REPEATED = [column.name for column in (*OF_JUDGEMENT, *OF_PASSAGE) if column.name not in ("passage_id", "text_hash")]
_ROWS = 50_000  # rows of a group: 30-60 MB of Python values with texts


class _Drain(io.RawIOBase):
    """A file that only remembers what was written since it was last emptied."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Hold it."""
        self._held.append(bytes(data))
        self._at += len(self._held[-1])
        return len(self._held[-1])

    def tell(self) -> int:
        """Bytes written in all."""
        return self._at

    def taken(self) -> bytes:
        """What is held, which is then forgotten."""
        held, self._held = b"".join(self._held), []
        return held


def rows_parquet(records: Iterable[JudgementRecord], selection: Selection, tally: Tally) -> Iterator[bytes]:
    """Bytes of one Parquet file, zstd, dictionaries for repeated texts. The same rows give the same bytes under one version of pyarrow."""
    file = ParquetRows(texts=selection.texts)
    for block in blocks(records, texts=selection.texts):
        tally.rows += len(block.rows)
        if data := file.add(block):
            yield data
    yield file.end()


class ParquetRows:
    """One Parquet file under way: takes rows, gives bytes back whenever a row group is full."""

    def __init__(self, *, texts: bool) -> None:
        pq = import_module("pyarrow.parquet")
        self._schema = _schema((*OF_JUDGEMENT, *OF_PASSAGE, *(TEXTS if texts else ())))
        self._sink = _Drain()
        self._writer = pq.ParquetWriter(
            self._sink, self._schema, compression="zstd", compression_level=1, use_dictionary=_REPEATED, store_schema=False
        )
        self._held: list[Block] = []
        self._waiting = 0

    def add(self, block: Block) -> bytes:
        """Take the rows of a judgement; bytes that are ready, mostly none."""
        self._held.append(block)
        self._waiting += len(block.rows)
        return self._flush() if self._waiting >= _ROWS else b""

    def end(self) -> bytes:
        """The rest of the file."""
        rest = self._flush() if self._held else b""
        self._writer.close()
        return rest + self._sink.taken()

    def _flush(self) -> bytes:
        table = _table(self._held, self._schema)
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self._held, self._waiting = [], 0
        return self._sink.taken()


def _table(group: list[Block], schema: Any) -> Any:
    """Columns of judgements are made once per judgement and then repeated by index."""
    import numpy as np

    pa = import_module("pyarrow")
    heads, rows = list(zip(*(block.head for block in group), strict=True)), [row for block in group for row in block.rows]
    index = pa.array(np.repeat(np.arange(len(group)), [len(block.rows) for block in group]))
    width = len(heads)
    made = [pa.array(values, type=schema.field(at).type).take(index) for at, values in enumerate(heads)]
    tails: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * (len(schema) - width)
    made += [pa.array(values, type=schema.field(width + at).type) for at, values in enumerate(tails)]
    return pa.Table.from_arrays(made, schema=schema)


def _schema(described: Iterable[Column]) -> Any:
    pa = import_module("pyarrow")
    kinds = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "yes_no": pa.bool_()}
    return pa.schema(
        [pa.field(one.name, kinds[one.type], nullable=bool(one.empty)) for one in described], metadata={b"schema": SCHEMA.encode()}
    )
