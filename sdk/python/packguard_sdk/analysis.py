"""What an analyzer has to say about a package."""

from __future__ import annotations

from collections.abc import Sequence

from . import text
from .finding import Finding, Problem
from .kinds import Phase
from .package import File

#: Most findings one rule may make in one package: beyond it they add nothing a person
#: would read, and a hostile package must not flood the report.
FINDINGS_PER_RULE = 25

#: Most problems one analyzer lists.
PROBLEMS = 200

_URGENCY = {Phase.INSTALL: 3, Phase.IMPORT: 2, Phase.EXECUTE: 1, Phase.UNKNOWN: 0}


class Analysis:
    """What an analyzer has to say about a package: findings, and what it could not look at."""

    __slots__ = ("_findings", "_problems")

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._problems: list[Problem] = []

    @property
    def findings(self) -> Sequence[Finding]:
        """The evidence."""
        return self._findings

    @property
    def problems(self) -> Sequence[Problem]:
        """What was not, or not fully, analysed. Any makes `clean` impossible."""
        return self._problems

    def push(self, finding: Finding) -> None:
        """Adds a finding. Of a rule's findings the gravest `FINDINGS_PER_RULE` are kept, so
        that harmless ones can't push out the one that matters.
        """
        same = [(_gravity(have), at) for at, have in enumerate(self._findings) if have.rule == finding.rule]
        if len(same) >= FINDINGS_PER_RULE:
            least, at = min(same)
            if _gravity(finding) <= least:
                return
            del self._findings[at]
        self._findings.append(finding)

    def problem(self, file: File, reason: str) -> None:
        """Says that a file was not, or not fully, analysed. Beyond 200 the last one only
        counts: a flood must not cost the findings their place in the answer.
        """
        self._add(Problem(reason, file.path, file.artifact))

    def general_problem(self, reason: str) -> None:
        """As `problem`, for what concerns no single file."""
        self._add(Problem(reason))

    def read(self, file: File, limit: int) -> bytes | None:
        """The bytes of a file of at most `limit` bytes. A larger one, and one that can't be
        read, is noted as a problem.
        """
        if file.size > limit:
            self.problem(file, f"larger than {_size(limit)}: not read")
            return None
        try:
            return file.read()
        except OSError as error:
            self.problem(file, f"can't be read: {error.strerror or error}")
            return None

    def read_text(self, file: File, limit: int) -> str | None:
        """As `read`, decoded by `text.decode`."""
        data = self.read(file, limit)
        return None if data is None else text.decode(data)

    def _add(self, problem: Problem) -> None:
        if len(self._problems) < PROBLEMS:
            self._problems.append(problem)
        elif len(self._problems) == PROBLEMS:
            self._problems.append(Problem("more files, not listed, were not fully analysed"))


def _gravity(finding: Finding) -> tuple[int, int, int]:
    """What decides which findings of a rule are kept."""
    return finding.severity, finding.confidence, _URGENCY[finding.phase]


def _size(limit: int) -> str:
    mebibytes, rest = divmod(limit, 1 << 20)
    return f"{limit} bytes" if rest or not mebibytes else f"{mebibytes} MiB"
