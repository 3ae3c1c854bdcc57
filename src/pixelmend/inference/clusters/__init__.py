"""Pictures in stores of objects and in folders, restored on many machines at once, with Ray.

`places` says where pictures lie, `stores` brings them, `plan` says what is meant; `walk` goes through folders and
`batches` divides what it finds; `restorer` restores batches with `rounds`, and `parts` tells of it beside the results.
`run` has it all done by `on_ray`; nothing here imports Ray before a run begins.
"""

from pixelmend.inference.clusters.places import Place, is_address, parse
from pixelmend.inference.clusters.plan import Plan, plan_places
from pixelmend.inference.clusters.run import run_places
from pixelmend.inference.clusters.summary import Summary

__all__ = ["Place", "Plan", "Summary", "is_address", "parse", "plan_places", "run_places"]
