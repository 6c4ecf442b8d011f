"""`python -m app rank`: progress, the report at the end, flags and help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.__main__ import VERBS
from app.cli.rank_model import Tariff
from app.cli.rank_progress import Lines, showing
from app.cli.rank_report import Report, Tally, visible
from app.cli.rank_request import Request
from app.ranking.batch import Ranked, Topic
from app.ranking.errors import SettingsError
from app.ranking.estimate import NO_COST
from app.ranking.values import (
    Call,
    Completion,
    Forcing,
    Parsed,
    Prompt,
    Ranking,
    Window,
    WindowDone,
)
from tests.conftest import passages

ROOT = Path(__file__).parent.parent


def call(**changes: Any) -> Call:
    window = Window(id="w1", passages=tuple(passages(2)))
    parsed = Parsed(order=(0, 1), outcome="repaired", problems=frozenset({"missing"}))
    return Call(
        window=window, depth=1, prompt=Prompt(messages=(), template="t"), completion=Completion(answer="", **changes), parsed=parsed
    )


def test_a_report_counts_what_was_sent_and_what_was_not() -> None:
    forced = Forcing(reason="truncated", trace_tokens=5)
    calls = (
        call(tokens_in=10, tokens_out=2, counted=True),
        call(tokens_in=10, tokens_out=4, requests=3, forced=forced),
        call(tokens_in=99, tokens_out=99, requests=2, cached=True),
    )
    topic, tally = Topic(id="t", query="q", passages=tuple(passages(2))), Tally()
    tally.add(Ranked(topic=topic, ranking=Ranking(query="q", passages=topic.passages, calls=calls, outcome="repaired")))
    report = Report(
        tally=tally, predicted=NO_COST, counts=None, price=Tariff(tokens_in=1e6, tokens_out=0.5e6, currency="EUR"), seconds=1.25
    ).plain
    # One request for the first call, three for the second, none for the stored one.
    assert (report["calls"], report["requests"], report["beyond_plan"]) == (3, 4, 2)
    assert (report["tokens_in"], report["tokens_out"], report["counted"], report["price"]) == (20, 6, False, 23.0)
    assert (report["problems"], report["forced"], report["outcomes"]) == ({"missing": 3}, {"truncated": 1}, {"repaired": 1})


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter((0.0, 1.0, 20.0, 21.0, 40.0))
    monkeypatch.setattr("app.cli.rank_progress.time.monotonic", lambda: next(clock))
    progress = Lines(4, 8)
    done, half = WindowDone(call=call()), Tally(topics=2)
    half.outcomes["clean"] = 2
    progress.happened(done)
    progress.happened(done)
    progress.happened(done)
    progress.ended(half)
    # Two topics took 40 s, so two more take 40 s.
    assert capsys.readouterr().err == "0/4 topics, 2/8 calls\n2/4 topics, 3/8 calls, 2 clean, about 40 s to go\n"


def test_a_bar_for_those_who_watch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    half = Tally(topics=2)
    half.outcomes["clean"] = 2
    with showing(4, 8, quiet=False) as progress:
        progress.happened(WindowDone(call=call()))
        progress.ended(half)
    assert "topics, 1/8 calls, 2 clean" in capsys.readouterr().err


@given(st.text())
def test_no_text_steers_a_terminal(text: str) -> None:
    assert visible(text).isprintable()


@pytest.mark.parametrize(("text", "value"), [("k=3", 3), ('k={"a": [1]}', {"a": [1]}), ("k=word", "word"), ("k=a=b", "a=b"), ("k=", "")])
def test_set_reads_json_and_plain_words(text: str, value: object) -> None:
    assert Request(set=[text])._arguments() == {"k": value}


def test_early_exit_from_flags() -> None:
    options = Request(settle_top=5, budget=100).options.thinking
    assert options.settle is not None and (options.settle.top, options.settle.patience, options.budget) == (5, 200, 100)
    with pytest.raises(SettingsError, match="nothing to audit"):
        _ = Request(audit=True).options


@pytest.mark.process
def test_help_loads_no_verb() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom app.__main__ import cli\n"
        "done = CliRunner().invoke(cli, ['--help'])\n"
        "print(done.exit_code, done.stdout, sorted(name for name in sys.modules if name.startswith(('app.', 'db'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("0 ") and done.stdout.rstrip().endswith("['app.__main__']")
    assert all(verb in done.stdout for verb in VERBS)
