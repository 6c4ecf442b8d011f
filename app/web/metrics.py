"""What /metrics says, in a registry of its own: importing this module or building two apps touches no global state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .ports import Studio

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answered request: `route` is the template, never the path, which would make a series per run."""

    method: str
    route: str
    status: int
    seconds: float


class Metrics:
    """Meters of the web layer, and the studio's own counters read when asked."""

    def __init__(self, studio: Studio) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_StudioCollector(studio))
        ProcessCollector(registry=self.registry)
        self._requests = Histogram(
            "reasonrank_request_seconds",
            "Seconds from request to end of answer; event streams are not among them.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.streams = Gauge("reasonrank_open_streams", "Pages that follow a run now.", registry=self.registry)

    def answered(self, answer: Answered) -> None:
        """Count a request."""
        self._requests.labels(answer.method, answer.route, str(answer.status)).observe(answer.seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class _StudioCollector(Collector):
    """Reads the studio's counters at the moment they are asked for."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def describe(self) -> list[Metric]:
        """Nothing beforehand: registering must not ask the studio, which may still be starting."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The counters as metrics."""
        counters = self._studio.counters()
        runs = CounterMetricFamily("reasonrank_runs", "Ended runs by outcome since the process started.", labels=["outcome"])
        for name, value in sorted(counters.items()):
            if name.startswith("runs."):
                runs.add_metric([name.removeprefix("runs.")], value)
        yield runs
        yield GaugeMetricFamily("reasonrank_active_runs", "Runs at work now.", value=counters.get("active_runs", 0))
        yield CounterMetricFamily("reasonrank_model_calls", "Model calls since the process started.", value=counters.get("model_calls", 0))
        tokens = CounterMetricFamily("reasonrank_tokens", "Tokens read and written by models.", labels=["direction"])
        for direction in ("in", "out"):
            tokens.add_metric([direction], counters.get(f"tokens_{direction}", 0))
        yield tokens
        serving = GaugeMetricFamily(
            "reasonrank_model_version", "1 for the version of a model that answers now.", labels=["model", "version"]
        )
        for name in sorted(name for name in counters if name.startswith("model_version.")):
            serving.add_metric(name.removeprefix("model_version.").rsplit(".", 1), 1.0)
        yield serving
        yield GaugeMetricFamily("reasonrank_ready", "1 once the studio can answer.", value=float(not self._studio.readiness()))
