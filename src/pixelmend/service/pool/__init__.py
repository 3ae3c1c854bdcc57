"""The processes that restore for the service, and the queue before them."""

from pixelmend.service.pool.pool import Pool
from pixelmend.service.pool.told import QueueFullError, Stats, StoppingError

__all__ = ["Pool", "QueueFullError", "Stats", "StoppingError"]
