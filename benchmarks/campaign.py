"""Judging the judges: simulated campaigns with planted bad annotators, `python benchmarks/campaign.py [--seeds A-B] [--out FILE]`.

30 annotators, 400 tasks, each ordered by 3 of them: 40 tasks an annotator, 2.8 shared by two on average. A tenth of the tasks is gold.
Every annotator is shown a list in an order of its own. Honest orders are Mallows' about the truth, with an expected tau that is drawn
uniformly from .3 to .9 for each annotator. Planted are, 3 of each in 30:

lazy           40 % of orders honest (tau drawn likewise), 60 % random.
copier         waits until others have submitted; 80 % of orders are those of one of them with 1-3 swaps, the rest honest.
position_bias  every order is the shown one with 0-2 swaps.

A swap exchanges any two passages. "One peer" is the other reading of a copier: the same peer all the time, on the few tasks that both
have. Times are not simulated and decide nothing. `--choose` prints the thresholds that follow from the seeds given (0-24); figures are
from seeds 25-74. An interval is Wilson's, 95 %, as if annotators of one campaign were independent.
"""

from __future__ import annotations

import argparse
import functools
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.evaluation.rater_orders import encode, tau_b  # noqa: E402
from app.ranking.evaluation.raters import Kind, Rated, RaterReport, Thresholds, report  # noqa: E402
from benchmarks.results import Results  # noqa: E402

PEOPLE, ROUNDS, OVERLAP, GOLD = 30, 40, 3, 0.1
KINDS: tuple[Kind, ...] = ("lazy", "copier", "position_bias")
RATES = (0.005, 0.01, 0.02, 0.05, 0.1)
FALSE_ALARM_COST = 4  # misses that one false alarm is worth, where a threshold is chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One kind of campaign."""

    name: str
    length: int = 10  # passages
    planted: int = 3  # of each kind
    random: float = 0.6  # share of a lazy one's orders
    one_peer: bool = False
    uneven: float = 0.0  # a task's honest tau is shifted by up to so much, for everybody alike
    normal: bool = False  # honest orders from normal noise on normal worths in place of Mallows'
    one_list: bool = False  # all are shown the same list, of tau .5 to the truth


SETTINGS = (
    *(Setting(name=f"{n} passages", length=n) for n in (5, 10, 20)),
    *(Setting(name=f"{n} passages, none planted", length=n, planted=0) for n in (5, 10, 20)),
    *(Setting(name=f"{n} passages, copiers of one peer", length=n, one_peer=True) for n in (10, 20)),
    Setting(name="10 passages, lazy on 40 %", random=0.4),
    Setting(name="10 passages, uneven tasks", uneven=0.2),
    Setting(name="10 passages, normal noise", normal=True),
    Setting(name="10 passages, all shown one list", one_list=True),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}
CHOSEN_ON: dict[Kind, tuple[str, ...]] = {
    "lazy": ("10 passages", "20 passages"),
    "copier": ("10 passages", "20 passages"),
    "position_bias": ("5 passages", "10 passages", "20 passages"),
}


@functools.cache
def dispersion(tau: float, n: int) -> float:
    """phi of a Mallows model (1957) with this expected tau, by bisection; E d = n phi / (1 - phi) - sum j phi^j / (1 - phi^j)."""
    low, high = 1e-6, 1 - 1e-6
    for _ in range(40):
        phi = (low + high) / 2
        expected = n * phi / (1 - phi) - sum(j * phi**j / (1 - phi**j) for j in range(1, n + 1))
        low, high = (phi, high) if expected < (1 - tau) / 2 * math.comb(n, 2) else (low, phi)
    return (low + high) / 2


def mallows(truth: Sequence[str], tau: float, draw: random.Random) -> list[str]:
    """An order about the truth, by repeated insertion (Doignon, Pekec and Regenwetter 2004)."""
    phi, out = dispersion(round(tau, 3), len(truth)), list[str]()
    powers = [phi**back for back in range(len(truth))]
    for at, passage in enumerate(truth):
        out.insert(at - draw.choices(range(at + 1), powers[: at + 1])[0], passage)
    return out


def normal(truth: Sequence[str], tau: float, draw: random.Random) -> list[str]:
    """An order by what normal worths look like through normal noise."""
    r = math.sin(math.pi * tau / 2)
    worths = sorted((draw.gauss(0, 1) for _ in truth), reverse=True)
    seen = {passage: r * worth + math.sqrt(1 - r * r) * draw.gauss(0, 1) for passage, worth in zip(truth, worths, strict=True)}
    return sorted(truth, key=lambda passage: -seen[passage])


def swapped(order: Sequence[str], swaps: int, draw: random.Random) -> list[str]:
    """The order after so many exchanges of two passages."""
    out = list(order)
    for _ in range(swaps):
        a, b = draw.sample(range(len(out)), 2)
        out[a], out[b] = out[b], out[a]
    return out


@dataclass(slots=True, kw_only=True)
class Campaign:
    """One simulated campaign: who is what, and what was submitted."""

    setting: Setting
    draw: random.Random
    kinds: dict[str, str] = field(default_factory=dict)
    taus: dict[str, float] = field(default_factory=dict)
    peers: dict[str, str] = field(default_factory=dict)  # whom a copier of one peer copies
    truths: dict[str, list[str]] = field(default_factory=dict)
    rated: list[Rated] = field(default_factory=list)

    def honest(self, person: str, truth: Sequence[str], shift: float) -> list[str]:
        """An order by somebody who reads."""
        tau = min(0.95, max(0.05, self.taus[person] + shift))
        return normal(truth, tau, self.draw) if self.setting.normal else mallows(truth, tau, self.draw)

    def order(self, person: str, truth: Sequence[str], shown: Sequence[str], done: dict[str, list[str]], shift: float) -> list[str]:
        """The order that a person submits; `done` are those of the task so far."""
        draw, setting, kind = self.draw, self.setting, self.kinds[person]
        if kind == "lazy" and draw.random() < setting.random:
            return draw.sample(list(truth), len(truth))
        if kind == "position_bias":
            return swapped(shown, draw.randint(0, 2), draw)
        sources = [peer for peer in done if not setting.one_peer or peer == self.peers[person]]
        if kind == "copier" and sources and draw.random() < 0.8:
            return swapped(done[draw.choice(sources)], draw.randint(1, 3), draw)
        return self.honest(person, truth, shift)

    def task(self, name: str, crew: Sequence[str], gold: bool) -> None:
        """Everybody's order of one task."""
        draw, n, done = self.draw, self.setting.length, dict[str, list[str]]()
        truth = self.truths[name] = [f"p{at}" for at in draw.sample(range(n), n)]
        shift = draw.uniform(-self.setting.uneven, self.setting.uneven)
        first = mallows(truth, 0.5, draw) if self.setting.one_list else []
        for person in sorted(crew, key=lambda person: self.kinds[person] == "copier"):
            shown = first or draw.sample(truth, n)
            done[person] = self.order(person, truth, shown, done, shift)
            self.rated.append(
                Rated(
                    annotator=person,
                    task=name,
                    shown=tuple(shown),
                    groups=tuple((passage,) for passage in done[person]),
                    when=len(self.rated),
                    gold=tuple((passage,) for passage in truth) if gold else None,
                )
            )


def simulate(setting: Setting, seed: int) -> Campaign:
    """A whole campaign."""
    draw = random.Random(seed)
    people = [f"a{at:02}" for at in range(PEOPLE)]
    kinds = dict.fromkeys(people, "honest")
    for at, person in enumerate(draw.sample(people, len(KINDS) * setting.planted)):
        kinds[person] = KINDS[at // setting.planted]
    sources = [person for person in people if kinds[person] != "copier"]
    taus = {person: draw.uniform(0.3, 0.9) for person in people}
    campaign = Campaign(setting=setting, draw=draw, kinds=kinds, taus=taus, peers={person: draw.choice(sources) for person in people})
    tasks = ROUNDS * PEOPLE // OVERLAP
    gold = set(draw.sample(range(tasks), round(GOLD * tasks)))
    for _ in range(ROUNDS):  # everybody is in one crew of each round
        mixed = draw.sample(people, PEOPLE)
        for start in range(0, PEOPLE, OVERLAP):
            at = len(campaign.truths)
            campaign.task(f"t{at:03}", mixed[start : start + OVERLAP], at in gold)
    return campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What was planted and what was found."""

    kind: str
    tau: float
    report: RaterReport
    knowing: float  # log odds of lazy against honest by somebody who knows all truths and the simulation

    def statistic(self, kind: str) -> float:
        """What a flag of this kind is raised by."""
        by = {"lazy": self.report.unread_odds, "copier": self.report.copying.odds, "position_bias": self.report.position_bias.low or 0.0}
        return by.get(kind, self.knowing)

    @property
    def flags(self) -> set[str]:
        """Kinds of the flags raised."""
        return {flag.kind for flag in self.report.flags}


def people_of(setting: Setting, seed: int) -> list[Person]:
    """One campaign, judged."""
    campaign = simulate(setting, seed)
    known = knowing(campaign)
    return [
        Person(kind=campaign.kinds[name], tau=campaign.taus[name], report=one, knowing=known[name])
        for name, one in report(campaign.rated).items()
    ]


def knowing(campaign: Campaign) -> dict[str, float]:
    """The most that could be known of laziness: exact Mallows likelihoods of every order's distance to the truth, tau in 25 steps."""
    orders = encode([replace(row, gold=tuple((passage,) for passage in campaign.truths[row.task])) for row in campaign.rated])
    n = campaign.setting.length
    distance = (1 - tau_b(orders.ranks, orders.gold[orders.task])) / 2 * math.comb(n, 2)
    phi = np.array([dispersion(round(0.3 + 0.025 * step, 3), n) for step in range(25)])
    normaliser = sum(np.log1p(-(phi**j)) - np.log1p(-phi) for j in range(1, n + 1))
    read = distance[:, None] * np.log(phi) - normaliser + math.lgamma(n + 1)
    share = campaign.setting.random
    mixed = np.log((1 - share) * np.exp(read) + share)
    out = {}
    for at, name in enumerate(orders.annotators):
        mine = orders.who == at
        out[name] = float(np.logaddexp.reduce(mixed[mine].sum(axis=0)) - np.logaddexp.reduce(read[mine].sum(axis=0)))
    return out


def wilson(found: int, n: int) -> dict[str, Any]:
    """A rate with its 95 % interval (Wilson 1927)."""
    if not n:
        return {"rate": None, "found": 0, "n": 0}
    z2, rate = 1.959964**2, found / n
    centre, half = (rate + z2 / (2 * n)) / (1 + z2 / n), math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return {"rate": rate, "low": max(0.0, centre - half), "high": min(1.0, centre + half), "found": found, "n": n}


def figures(people: Sequence[Person]) -> dict[str, Any]:
    """Of one setting: false alarms among the honest; recall (by its own flag, by any), precision and curve of each planted kind."""
    honest = [person for person in people if person.kind == "honest"]
    weak = [person for person in honest if person.tau < 0.4]
    out: dict[str, Any] = {
        "false_alarms": wilson(sum(bool(person.flags) for person in honest), len(honest)),
        "false_alarms_below_tau_.4": wilson(sum(bool(person.flags) for person in weak), len(weak)),
    }
    for kind in KINDS:
        planted = [person for person in people if person.kind == kind]
        flagged = [person for person in people if kind in person.flags]
        out[kind] = {
            "false_alarms": wilson(sum(kind in person.flags for person in honest), len(honest)),
            "recall": wilson(sum(kind in person.flags for person in planted), len(planted)),
            "any_flag": wilson(sum(bool(person.flags) for person in planted), len(planted)),
            "precision": wilson(sum(person.kind == kind for person in flagged), len(flagged)),
            "curve": curve(kind, honest, planted),
        }
    lazy = [person for person in people if person.kind == "lazy"]
    return {**out, "knowing_curve": curve("knowing", honest, lazy)}


def curve(statistic: str, honest: Sequence[Person], planted: Sequence[Person]) -> dict[str, float]:
    """Recall where a threshold lets so many of these honest people be flagged: found after the fact, a picture of what there is to know."""
    if not planted:
        return {}
    falling = sorted((person.statistic(statistic) for person in honest), reverse=True)
    limits = {rate: falling[int(rate * len(falling))] for rate in RATES}
    return {f"{rate:g}": sum(person.statistic(statistic) > limit for person in planted) / len(planted) for rate, limit in limits.items()}


def choose(kind: Kind, people: Sequence[Person]) -> tuple[float, float]:
    """The range of thresholds with the most recall less four times the false alarms; a round number in it is to be taken."""
    honest = np.sort([person.statistic(kind) for person in people if person.kind == "honest"])
    planted = np.sort([person.statistic(kind) for person in people if person.kind == kind])
    steps = np.unique(np.concatenate([honest, planted]))
    above = [1 - np.searchsorted(values, steps, side="right") / len(values) for values in (planted, honest)]
    at = int(np.argmax(above[0] - FALSE_ALARM_COST * above[1]))
    return float(steps[at]), float(steps[min(at + 1, len(steps) - 1)])


def shown(values: dict[str, Any]) -> str:
    """A rate as text."""
    return "-" if values["rate"] is None else f"{values['rate']:.1%} [{values['low']:.1%}, {values['high']:.1%}]"


def table(row: dict[str, Any]) -> None:
    """Print one setting."""
    print(f"\n{row['cell']}: false alarms {shown(row['false_alarms'])}, tau below .4 {shown(row['false_alarms_below_tau_.4'])}")
    for kind in KINDS:
        one = row[kind]
        if one["recall"]["n"]:
            print(f"  {kind:14} recall {shown(one['recall']):24} any flag {shown(one['any_flag']):24} precision {shown(one['precision'])}")
            print(f"  {'':14} false alarms {shown(one['false_alarms']):24} recall at false alarms of {one['curve']}")
        else:
            print(f"  {kind:14} false alarms {shown(one['false_alarms'])}")
    if row["knowing_curve"]:
        print(f"  {'lazy, knowing':14} recall at false alarms of {row['knowing_curve']}")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="25-74", help="A-B, both included")
    parser.add_argument("--settings", nargs="+", choices=list(BY_NAME), help="only these")
    parser.add_argument("--choose", action="store_true", help="print the thresholds that the seeds speak for; keep nothing")
    parser.add_argument("--out", type=Path, help="a file for one JSON line per setting")
    parser.add_argument("--again", action="store_true", help="measure cells that the file has already")
    options = parser.parse_args(given)
    first, _, last = options.seeds.partition("-")
    options.seeds = range(int(first), int(last or first) + 1)
    return options


def main() -> None:
    """Print one table per setting."""
    options = arguments()
    wanted = [setting for setting in SETTINGS if not options.settings or setting.name in options.settings]
    if options.choose:
        pool = {
            name: [person for seed in options.seeds for person in people_of(BY_NAME[name], seed)] for name in {*sum(CHOSEN_ON.values(), ())}
        }
        for kind, names in CHOSEN_ON.items():
            low, high = choose(kind, [person for name in names for person in pool[name]])
            print(f"{kind}: {low:.2f} to {high:.2f}, on seeds {options.seeds.start}-{options.seeds.stop - 1} of {', '.join(names)}")
        return
    results = Results("campaign", options.out, again=options.again)
    for setting in wanted:
        cell = f"{setting.name}, seeds {options.seeds.start}-{options.seeds.stop - 1}"
        if cell not in results:
            people = [person for seed in options.seeds for person in people_of(setting, seed)]
            told = {"setting": asdict(setting), "thresholds": asdict(Thresholds()), "people": PEOPLE, "overlap": OVERLAP, "gold": GOLD}
            results.add(cell, {**figures(people), **told})
        table(results.cells[cell])


if __name__ == "__main__":
    main()
