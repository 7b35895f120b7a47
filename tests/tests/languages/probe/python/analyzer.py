"""Tries what a guest may not do, and fails on purpose: as the setting `do` says."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable

from packguard_sdk import (
    Analysis,
    Analyzer,
    AnalyzerError,
    Category,
    Confidence,
    Descriptor,
    Package,
    Rule,
    Severity,
    export,
    log,
)

SAW = Rule("probe-saw", "What the probe saw", "", Category.METADATA, Severity.INFO)


def write() -> str:
    with open("/package/new", "w") as file:
        return str(file.write("new"))


def read() -> str:
    with open("/etc/passwd") as file:
        return file.read()


def connect() -> str:
    return str(socket.create_connection(("192.0.2.1", 80), timeout=1))


def spawn() -> str:
    return str(os.system("true"))


def thread() -> str:
    return str(threading.Thread(target=write).start())


TRIES: tuple[tuple[str, Callable[[], str]], ...] = (
    ("write", write),
    ("read", read),
    ("connect", connect),
    ("spawn", spawn),
    ("thread", thread),
)


class Probe(Analyzer):
    descriptor = Descriptor("probe", "0.1.0", "Tries what a guest may not do", rules=(SAW,))

    def analyze(self, package: Package) -> Analysis:
        match package.settings.get("do"):
            case "error":
                raise AnalyzerError("the setting makes no sense")
            case "crash":
                raise ValueError("a bug of the analyzer")
            case "memory":
                return Analysis() if bytearray(1 << 30) else Analysis()
            case "loop":
                while True:
                    pass
            case "flood":
                while True:
                    log("info", "x" * 10_000)
        analysis = Analysis()
        for name, attempt in TRIES:
            try:
                saw = f"{name} worked: {attempt()}"
            except Exception:
                saw = f"{name} refused"
            analysis.push(SAW.about_package(saw, Confidence.HIGH))
        for saw in (f"environment {sorted(os.environ)}", f"time {time.time()}", f"chance {random.random()}"):
            analysis.push(SAW.about_package(saw, Confidence.HIGH))
        return analysis


WitWorld = export(Probe)
