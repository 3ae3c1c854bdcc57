"""What is counted and timed, for Prometheus. Each application has a registry of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from pixelmend.service.job import Job
    from pixelmend.service.pool import Stats

TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of what `Metrics.text` gives."""
_ANSWERED = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_WORKED = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


class Metrics:
    """All that is counted."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        by_route = ("route", "method")
        self._requests = Counter("pixelmend_requests", "Requests answered.", (*by_route, "status"), registry=registry)
        self._seconds = Histogram(
            "pixelmend_request_seconds", "From the head of a request to the end of its answer.", by_route,
            buckets=_ANSWERED, registry=registry,
        )  # fmt: skip
        self._received = Counter("pixelmend_received_bytes", "Of bodies that came.", registry=registry)
        self._sent = Counter("pixelmend_sent_bytes", "Of bodies that went.", registry=registry)
        self._refused = Counter(
            "pixelmend_connections_closed", "Connections closed without an answer.", ("why",), registry=registry
        )
        by_task = ("kind", "task")
        self._jobs = Counter("pixelmend_jobs", "Jobs that ended.", (*by_task, "outcome"), registry=registry)
        self._waited = Histogram("pixelmend_job_queue_seconds", "That jobs waited.", buckets=_WORKED, registry=registry)
        self._worked = Histogram("pixelmend_job_seconds", "That jobs ran.", by_task, buckets=_WORKED, registry=registry)
        self._megapixels = Counter("pixelmend_megapixels", "Of pictures done.", by_task, registry=registry)

    def watch(self, stats: Callable[[], Stats]) -> None:
        """Tell how the pool is as well.

        Args:
            stats: Says how it is now.
        """
        self._registry.register(_Pool(stats))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: Its template, never the path itself: there are as many series as there are routes.
            method: Of HTTP, one of a closed set.
            status: Of HTTP.
            seconds: That it took.
        """
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def moved(self, received: int, sent: int) -> None:
        """Count bytes of bodies."""
        self._received.inc(received)
        self._sent.inc(sent)

    def closed(self, why: str) -> None:
        """Count a connection that was closed without an answer."""
        self._refused.labels(why).inc()

    def ended(self, job: Job) -> None:
        """Count a job that has ended."""
        task = job.task.name
        outcome = job.state if job.problem is None else job.problem.code
        self._jobs.labels(job.task.kind, task, outcome).inc()
        self._waited.observe(job.queued_seconds)
        if job.state == "done":
            self._worked.labels(job.task.kind, task).observe(job.work_seconds)
            self._megapixels.labels(job.task.kind, task).inc(megapixels_of(job) or 0)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


def megapixels_of(job: Job) -> float | None:
    """Of the picture that came; None where that is not known."""
    report = job.report or {}
    found = report.get("diagnosis", report)
    if "width" not in found:
        return None
    return float(found["width"] * found["height"] / 1e6)


class _Pool(Collector):
    """How the pool is, asked for when somebody looks."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """A gauge for each number."""
        now = self._stats()
        gauges = {
            "pixelmend_queue_length": ("Jobs that wait.", now.queued),
            "pixelmend_jobs_running": ("Jobs that run.", now.running),
            "pixelmend_workers": ("Processes that are there and ready.", now.workers),
            "pixelmend_worker_restarts": ("How often a process was replaced.", now.restarts),
            "pixelmend_jobs_kept": ("Jobs that have ended and are still there.", now.kept),
            "pixelmend_kept_bytes": ("That their results take on the disk.", now.kept_bytes),
        }
        for name, (words, value) in gauges.items():
            yield GaugeMetricFamily(name, words, value=value)
        memory = GaugeMetricFamily("pixelmend_worker_memory_bytes", "That each process holds.", labels=("worker",))
        for number, held in enumerate(now.rss):
            memory.add_metric((str(number),), held)
        yield memory
