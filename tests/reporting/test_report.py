"""The whole file: self-contained, accessible, the same twice, and right for bundles of every kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.ranking.errors import InputError
from app.ranking.evaluation.bundles.compare import compare
from app.reporting import page, report
from tests.ranking.bundles.made import made
from tests.reporting.bundles import HOSTILE, hostile, of_run_file, troubled
from tests.reporting.reading import Page, check_accessible, check_contained


def whole(text: str) -> Page:
    found = check_contained(text)
    check_accessible(found)
    return found


def test_one_bundle(tmp_path: Path) -> None:
    one = made(tmp_path / "a")
    text = page([one])
    found = whole(text)
    assert text.startswith("<!DOCTYPE html>") and text == page([one])
    assert found.texts["h1"] == ["Evaluation of reasoned"] and found.texts["title"][0] == "Evaluation of reasoned"
    assert found.texts["h2"] == [
        "What was evaluated", "Results", "Fix retrieval or reranking?", "Differences", "The topics that tell most",
        "Calls, tokens, seconds", "How to have it again", "What the measures are",
    ]  # fmt: skip
    body = " ".join(found.texts["main"][0].split())
    mean = sum(row.values["nDCG@10"] - row.first["nDCG@10"] for row in one.topics) / 6
    assert f"A (reasoned) ranks better than the first stage: +{mean:.4f} nDCG@10 (95 % interval [" in body and "n = 6 topics" in body
    assert one.id in text and "2026-11-01T12:00:00+00:00" in body and "1" * 64 in body


def test_several_bundles_are_compared_with_causes_and_repeats(tmp_path: Path) -> None:
    first, again, other = made(tmp_path / "a"), made(tmp_path / "b", name="again", luck=1, seed=1), made(tmp_path / "c", nano=False, luck=2)
    text = page([first, again, other], title="Three & more")
    found = whole(text)
    assert found.texts["h1"] == ["Three & more"] and "Stability" in found.texts["h2"]
    assert "Why B differs from A" in found.texts["h3"] and "Why C differs from A" in found.texts["h3"]
    body = " ".join(found.texts["main"][0].split())
    cause = compare(first, again).causes[0]
    assert cause.name in found.texts["th"] and " ".join(cause.text.split()) in body
    assert "A and B" in found.texts["th"] and "B minus A" in found.texts["th"] and "C minus the first stage" in found.texts["th"]
    # Traces: ten topics' worth at most a bundle, those of the embedded model in words too.
    assert "What it said, in words" in found.texts["h4"] and "Passage [1]" in " ".join(found.texts["pre"])


def test_a_bundle_of_a_run_file(tmp_path: Path) -> None:
    found = whole(page([of_run_file(tmp_path / "run")]))
    body = " ".join(found.texts["main"][0].split())
    assert "A holds no calls: no model was asked, or it was made of run files." in body and "No trace." not in body
    assert "1 topic missing from the run, counted 0 (plain q2)" in body
    # q1 went from 1 / log2(3) to 1; q2 from 1 to 0: -.3155 on average.
    assert "\N{MINUS SIGN}0.3155 nDCG@10" in body


def test_a_bundle_with_errors_and_no_first_stage(tmp_path: Path) -> None:
    found = whole(page([troubled(tmp_path / "t")]))
    body = " ".join(found.texts["main"][0].split())
    assert "A (troubled) has a mean nDCG@10 of 0.5000 over 3 topics; its bundle has no first stage." in body
    assert "1 topic failed, counted with the incoming order (s bad)" in body and "2 passages had no text" in body
    assert "1 clean, 1 error" in body and "Differences" not in found.texts["h2"] and "Fix retrieval or reranking?" not in found.texts["h2"]


def test_bundles_of_different_kinds_together(tmp_path: Path) -> None:
    kinds = [made(tmp_path / "a"), troubled(tmp_path / "t"), of_run_file(tmp_path / "run"), hostile(tmp_path / "h")]
    whole(page(kinds[::-1]))


def test_no_text_of_any_origin_acts(tmp_path: Path) -> None:
    texts = [HOSTILE, "--><![CDATA[ javascript:alert(1) {% raw %}", "\u202eevil\u2066", "'\" onload=alert(1) x='"]
    found = page([hostile(tmp_path / str(at), text) for at, text in enumerate(texts)], title=HOSTILE)
    read = whole(found)
    assert "<script" not in found.lower() and "\x00" not in found and "\x1b" not in found and "<!--" not in found
    shown = [text.replace("\x00", "\ufffd").replace("\x1b", "\ufffd") for text in texts]
    assert read.texts["h1"] == shown[:1] and "49" not in read.texts["h1"][0]
    body = read.texts["main"][0]
    assert all(text in body for text in shown)


def test_the_file_takes_its_name_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report.html"
    one = made(tmp_path / "a")
    assert report([one], out) == out and out.read_text(encoding="utf-8") == page([one])
    with pytest.raises(InputError):
        report([], out)

    def broken(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="full"):
        report([one], tmp_path / "other.html")
    assert sorted(os.listdir(tmp_path)) == ["a", "report.html"]


def test_only_so_much_of_a_trace(tmp_path: Path) -> None:
    found = page([hostile(tmp_path / "h", "long words " * 2000)])
    assert len(found) < 400_000 and "(20000 more characters are in the bundle)" in found


def test_the_command(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b", luck=1)
    out = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["report", str(one.folder), str(other.folder), "--out", str(out), "--title", "Both"])
    assert done.exit_code == 0 and str(out) in done.output and out.read_text(encoding="utf-8") == page([one, other], "Both")
    wrong = CliRunner().invoke(cli, ["report", str(tmp_path), "--out", str(tmp_path / "x.html")])
    assert wrong.exit_code == 2 and "is no bundle" in wrong.output and not (tmp_path / "x.html").exists()
