"""Jobs and schedules of the studio that answers from memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.services.actors import Actor
from app.services.jobs import NewJob, NewSchedule, Started
from app.services.runs_live import ServerEvent

if TYPE_CHECKING:
    from .fakes import FakeStudio

HOSTILE = "</script><script>alert(1)</script>"
WHEN = "2026-11-28T00:00:00+00:00"
JOB: dict[str, Any] = {
    "id": "0198c7a2-0000-7000-8000-00000000000e", "kind": "synthesize", "about": HOSTILE, "state": "running", "progress": 0.5,
    "doing": HOSTILE, "attempt": 1, "worker": "host-1", "heartbeat": WHEN, "error": "", "result": None, "created": WHEN,
    "started": WHEN, "ended": None, "cancel": False,
}  # fmt: skip
SCHEDULE: dict[str, Any] = {
    "id": JOB["id"], "name": HOSTILE, "cron": "0 3 * * 1", "zone": "UTC", "kind": "synthesize", "arguments": {}, "enabled": True,
    "judgements": None, "next_at": WHEN, "says": "At 03:00 on Monday (UTC)",
}  # fmt: skip
EVENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("log", {"text": HOSTILE}),
    ("progress", {"progress": 0.5, "doing": "x"}),
    ("end", {"state": "finished"}),
)


@dataclass(frozen=True)
class FakeJobs:
    """What it was asked is kept in the studio's `asked`."""

    studio: FakeStudio

    def _ask(self, what: str, told: Mapping[str, Any]) -> bool:
        self.studio.fail()
        is_new = (what, dict(told)) not in self.studio.asked
        self.studio.asked.append((what, dict(told)))
        return is_new

    async def list(self, actor: Actor) -> dict[str, Any]:
        self._ask("jobs", {})
        worker = {"name": "host-1", "heartbeat": WHEN, "age_seconds": 1.5, "alive": True, "job": JOB["id"]}
        return {"workers": [worker], "jobs": [JOB], "waiting": 0}

    async def start(self, actor: Actor, new: NewJob) -> Started:
        told = {"kind": new.kind, "key": new.idempotency_key, "arguments": dict(new.arguments)}
        return Started(job=JOB, created=self._ask("start", told))

    async def get(self, actor: Actor, job_id: str) -> dict[str, Any]:
        self._ask("job", {"id": job_id})
        return JOB | {"log": [{"number": 1, "text": HOSTILE, "created": WHEN}]}

    async def cancel(self, actor: Actor, job_id: str) -> dict[str, Any]:
        self._ask("cancel", {"id": job_id})
        return JOB | {"cancel": True}

    async def events(self, actor: Actor, job_id: str, after: int) -> AsyncIterator[ServerEvent]:
        self._ask("events", {"id": job_id, "after": after})
        for number, (name, data) in enumerate(EVENTS, start=1):
            if number > after:
                yield ServerEvent(number=number, name=name, data=data)
        if self.studio.open_ended:
            await asyncio.Event().wait()

    async def schedules(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self._ask("schedules", {})
        return [SCHEDULE]

    async def add_schedule(self, actor: Actor, new: NewSchedule) -> dict[str, Any]:
        self._ask("add", {"name": new.name, "cron": new.cron, "zone": new.zone, "kind": new.kind, "enabled": new.enabled})
        return SCHEDULE

    async def change_schedule(self, actor: Actor, schedule_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        self._ask("change", {"id": schedule_id, **changes})
        return SCHEDULE

    async def delete_schedule(self, actor: Actor, schedule_id: str) -> None:
        self._ask("delete", {"id": schedule_id})
