"""`make proof campaigns [ARGS="--seeds 0-4"]`: two campaigns of people who correct the model through a real studio, and what becomes of it.

`open`: a preference that gold leaves open, the order among passages of one grade. Expected: the next update is promoted, the model
agrees with these people more on questions it has not seen, and gold stays within its guard. `against`: a preference against gold.
Expected: the guard rejects it and shows the trade; it serves only after an operator has set other margins, which is recorded.

Each cell starts `python app.py`. Five annotators with accounts have the embedded model rank 40 train questions of the demo and 60
held-out ones, and submit their orders; `python -m training loop nano` is started beside it. Then the held-out questions are ranked again.
Everything goes over HTTP, as a browser does it. Finished cells are lines of docs/results/campaigns.jsonl. Seeds from 100 on are for
choosing preferences and are not reported.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.weak_orders import WeakOrder
from benchmarks.results import Results
from tests.proofs.annotators import AGAINST, OPEN, Crowd, Groups, Preference, Question, corrected, judged
from tests.proofs.decisions import clustered, interval, kept, told
from tests.proofs.studio_process import ROOT, Client, Refused, StudioProcess

CAMPAIGNS: Mapping[str, Preference] = {"open": OPEN, "against": AGAINST}
_LOOP_SECONDS, _SERVE_SECONDS, _AT_ONCE = 3600.0, 60.0, 4
# Margins that let a failed check pass, by the name of the check.
_MARGINS = {"gold": "gold_drop", "domain": "domain_drop", "outcomes": "outcome_drop", "seconds": "slower"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A question with the order that somebody submitted and the model's order they corrected."""

    question: Question
    wanted: Groups
    order: tuple[str, ...]

    def tau(self, order: Sequence[str]) -> float:
        """Kendall's tau-b of an order with what was wanted."""
        found = tau_b(WeakOrder.of([[one] for one in order]), WeakOrder.of(self.wanted)).value
        assert found is not None
        return found


def judge(people: Sequence[Client], crowd: Crowd, questions: Sequence[Question]) -> list[Judged]:
    """Have each question ranked by whoever judges it, and the order they prefer submitted; people work side by side."""

    def one(question: Question) -> Judged:
        run = people[crowd.judge(question, _blank(question))[0]].rerank(question.text, shown(question))
        who, wanted = crowd.judge(question, {one["id"]: one["features"] for one in run["passages"]})
        people[who].correct(run, wanted)
        return Judged(question=question, wanted=wanted, order=tuple(run["order"]))

    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(one, questions))


def _blank(question: Question) -> dict[str, dict[str, float]]:
    """No signals: who judges a question does not depend on them."""
    names = {name for preference in CAMPAIGNS.values() for name in preference.weights} | {"words"}
    return {passage.id: dict.fromkeys(names, 0.0) for passage in question.passages}


def shown(question: Question) -> list[dict[str, str]]:
    """The candidates of a question as they are pasted."""
    return [{"id": passage.id, "title": passage.title, "text": passage.text} for passage in question.passages]


def again(client: Client, held: Sequence[Judged]) -> list[float]:
    """Agreement (tau-b) of what serves now with each judgement of the holdout."""

    def one(judged_: Judged) -> float:
        return judged_.tau(client.rerank(judged_.question.text, shown(judged_.question))["order"])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(one, held))


def loop(folder: Path, recipe: str, seed: int) -> str:
    """One update in a process of its own; what it wrote. Raises AssertionError where it ends otherwise than with a decision."""
    command = [sys.executable, "-m", "training", "loop", recipe, "--seed", str(seed), "--data-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_LOOP_SECONDS, env=dict(os.environ))
    assert done.returncode == 0, f"{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def wait_for(admin: Client, version: str) -> float:
    """Seconds until the studio serves a version, without a restart."""
    began = time.monotonic()
    while time.monotonic() - began < _SERVE_SECONDS:
        serving = {one["model"]: one for one in admin.ask("GET", "versions")["serving"]}
        if serving["nano"]["version"] == version and serving["nano"]["state"] == "serving":
            return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError(f"{version[:12]} does not serve after {_SERVE_SECONDS:g} s")


def wider(decision: Mapping[str, Any]) -> dict[str, float]:
    """The margins that an operator has to set so that nothing but the primary measure says no: up to whole hundredths, only what failed."""
    found: dict[str, float] = {}
    for check in decision["checks"]:
        name = _MARGINS.get(check["name"].split(" ")[0])
        if not check["passed"] and name is not None:
            least = check["value"] if name == "slower" else -(check["low"] if name == "gold_drop" else check["value"])
            found[name] = max(found.get(name, 0.0), math.ceil(100 * least + 1e-9) / 100)
    return found


def overrule(admin: Client, version: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """What an operator has to do so that a rejected version serves: it is refused as it stands, and let through under other margins."""
    path, refused = f"versions/{version}/promote", 0
    try:
        admin.ask("POST", path, {"margins": None, "note": "as it stands"})
    except Refused as said:
        refused = said.status
    margins = wider(report["decision"])
    try:
        admin.ask("POST", path, {"margins": margins, "note": "these people are our readers"})
    except Refused as said:
        return {"refused_first": refused, "margins": margins, "refused_then": str(said.body)[:500]}
    seconds = wait_for(admin, version)
    history = admin.ask("GET", f"versions/{version}")["history"]
    kept = next(one for one in history if one["version_id"] == version)  # newest first
    held = margins.items() <= kept["margins"].items()
    return {
        "refused_first": refused, "margins": margins, "kind": kept["kind"], "kept": held, "note": kept["note"],
        "served_after_seconds": round(seconds, 1),
    }  # fmt: skip


def campaign(name: str, seed: int, recipe: str, most: int | None = None) -> dict[str, Any]:
    """One campaign from an empty data folder to what serves in the end; of `most` questions of each kind, for a first look."""
    crowd, began = Crowd(preference=CAMPAIGNS[name], seed=seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reasonrank-campaign-") as folder, StudioProcess(Path(folder)) as studio:
        admin, people = studio.people(crowd.people)
        judge(people, crowd, corrected()[:most])
        held = judge(people, crowd, judged()[:most])
        before = [one.tau(one.order) for one in held]
        judged_seconds = time.monotonic() - began
        time.sleep(5.0)  # the studio seals its log every two seconds, and an update counts what is sealed
        loop(Path(folder), recipe, seed)
        update = admin.ask("GET", "updates")["updates"][0]
        version = update["candidate"]
        report = admin.ask("GET", f"versions/{version}")["report"]
        found: dict[str, Any] = {"campaign": name, "seed": seed, "recipe": recipe, **told(report), "update_state": update["state"]}
        found["bases"] = [one.question.base for one in held]
        if found["promoted"]:
            found["served_after_seconds"] = round(wait_for(admin, version), 1)
        else:
            found["unchanged"] = again(admin, held) == before
            found["overruled"] = overrule(admin, version, report)
        found["tau_before"] = [round(one, 4) for one in before]
        found["tau_after"] = [round(one, 4) for one in again(admin, held)]
        found["judge_seconds"], found["wall_seconds"] = round(judged_seconds, 1), round(time.monotonic() - began, 1)
    return found


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the finished cells say, as text."""
    lines = []
    for row in rows:
        gained = [after - before for before, after in zip(row["tau_before"], row["tau_after"], strict=True)]
        low, high = clustered(gained, row["bases"])
        lines += [
            f"{row['cell']}: {'promoted' if row['promoted'] else 'rejected'} ({row['primary']}); {row['reason']}",
            f"  people's holdout {interval(row['people'])}, gold {interval(row['gold'])}, NDCG@10, candidate minus active",
            f"  tau-b with people on unseen questions {fmean(row['tau_before']):.3f} -> {fmean(row['tau_after']):.3f}: {interval(gained)}, "
            f"lists that share passages drawn together [{low:+.4f}, {high:+.4f}]",
        ]
        if "overruled" in row:
            lines.append(f"  the model that serves had not changed: {row['unchanged']}; the operator: {row['overruled']}")
    return "\n".join(lines)


def main() -> int:
    """Run the cells that are not finished at this commit, then say what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-2", help="FIRST-LAST")
    parser.add_argument("--campaigns", nargs="*", choices=list(CAMPAIGNS), default=list(CAMPAIGNS))
    parser.add_argument("--recipe", default="nano")
    parser.add_argument("--most", type=int, help="only so many questions of each kind, for a first look: nothing is kept")
    parser.add_argument("--summary", action="store_true", help="only say what is there, of whatever commit")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "campaigns.jsonl")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the studio ends too
    first, _, last = given.seeds.partition("-")
    results, rows = Results("campaigns", None if given.most else given.out), list[Mapping[str, Any]]()
    for seed in range(int(first), int(last or first) + 1):
        for name in given.campaigns:
            cell = f"{name}, seed {seed}"
            if cell not in results and not given.summary:
                results.add(cell, campaign(name, seed, given.recipe, given.most))
            cells = kept(given.out) if given.summary else results.cells
            rows += [cells[cell]] if cell in cells else []
    sys.stdout.write(summary(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
