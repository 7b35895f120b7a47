"""Messages to the operator."""

from __future__ import annotations

import sys

try:
    from wit_world.imports import log as _wit
except ModuleNotFoundError:  # a native test
    _wit = None

_LEVELS = ("debug", "info", "warn", "error")


def log(level: str, message: str) -> None:
    """Says one line to the operator; never part of the report. `level` is `debug`, `info`,
    `warn` or `error`. Beyond the step's output limit the host ends the step.
    """
    if level not in _LEVELS:
        raise ValueError(f"no such level: {level!r}; there are {', '.join(_LEVELS)}")
    if _wit is None:
        print(f"{level}: {message}", file=sys.stderr)
    else:
        _wit.write(_wit.Level(_LEVELS.index(level)), message)
