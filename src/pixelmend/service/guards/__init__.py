"""What stands before the routes: whatever a request does wrong is answered here, before its body is read.

Each guard is an ASGI application around another one, and knows nothing of those inside it.
"""

from pixelmend.service.guards.bodies import Bodies
from pixelmend.service.guards.headers import Headers
from pixelmend.service.guards.heads import Heads
from pixelmend.service.guards.hosts import Hosts
from pixelmend.service.guards.keys import KeyHolders
from pixelmend.service.guards.origins import Origins

__all__ = ["Bodies", "Headers", "Heads", "Hosts", "KeyHolders", "Origins"]
