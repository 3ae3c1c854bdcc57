"""What is said of a restored picture in the headers of the answer that holds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pixelmend.images import suffix_for
from pixelmend.service.routes.files import ATTACHED

if TYPE_CHECKING:
    from pixelmend.service.job import Job


def result_headers(job: Job) -> dict[str, str]:
    """Headers of the answer that holds a result.

    Args:
        job: One that is done.
    """
    report = job.report or {}
    suffix = suffix_for(report["output_format"])
    return {
        **ATTACHED,
        "content-disposition": f'attachment; filename="restored{suffix}"',
        "pixelmend-job": job.id,
        "pixelmend-report": json.dumps(report, separators=(",", ":")),
        "server-timing": f"queue;dur={1000 * job.queued_seconds:.1f}, work;dur={1000 * job.work_seconds:.1f}",
    }
