"""Processes of our own that do work: they take orders over a pipe, and answer over another.

Each begins as a fresh interpreter, which shares nothing with its parent but two pipes: so a picture that breaks a
library, or for which there is no memory, costs no other one. `Process` is such a process as its parent sees it, and
`obey` is what it does itself.
"""

from pixelmend.inference.processes.child import Refusal, Tell, obey
from pixelmend.inference.processes.parent import ONE_THREAD, DiedError, Process
from pixelmend.inference.processes.words import readable

__all__ = ["ONE_THREAD", "DiedError", "Process", "Refusal", "Tell", "obey", "readable"]
