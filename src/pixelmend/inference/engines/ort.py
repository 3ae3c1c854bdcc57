"""ONNX Runtime without its telemetry, which from 1.32 on collects events for a web service.

Whoever needs the library imports it from here. It looks at the variable once, when it is loaded; switching it off later
leaves an identity of the user and a file of events behind. Where somebody has set the variable, that holds.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

_VARIABLE = "ORT_DISABLE_TELEMETRY"


def _import_quietly() -> Any:
    os.environ.setdefault(_VARIABLE, "1")
    return importlib.import_module("onnxruntime")


ort = _import_quietly()
