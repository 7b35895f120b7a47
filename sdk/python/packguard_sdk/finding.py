"""Rules, and findings that carry their evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .kinds import Category, Confidence, Phase, Severity
from .text import cut

if TYPE_CHECKING:
    from .decode import Layer
    from .package import File
    from .text import Source

#: Longest decoded text kept as evidence, in bytes of UTF-8.
DECODED_LIMIT = 2_000

_KEBAB_CASE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ATTACK = re.compile(r"T\d{4}(\.\d{3})?")


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file. Lines and columns count from 1, columns in characters."""

    artifact: int
    """Index into `Package.artifacts`."""
    path: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    snippet: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedLayer:
    """One layer taken off an encoded payload."""

    encoding: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not, or not fully, analysed. Any makes `clean` impossible."""

    reason: str
    path: str | None = None
    artifact: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding that an analyzer can make. Written once, as a constant.

    Raises ValueError where the host would refuse it.
    """

    id: str
    """Kebab-case, unique over all analyzers."""
    title: str
    """One line."""
    help: str
    """Markdown: what it finds, why it matters, what to do."""
    category: Category
    severity: Severity
    """The severity it usually has."""
    attack: tuple[str, ...] = ()
    """MITRE ATT&CK technique ids, such as `T1027`."""

    def __post_init__(self) -> None:
        if not _KEBAB_CASE.fullmatch(self.id):
            raise ValueError(f"a rule's id is kebab-case (as in `demo-readme`), not {self.id!r}")
        for technique in self.attack:
            if not _ATTACK.fullmatch(technique):
                raise ValueError(f"{self.id}: an ATT&CK id looks like `T1027` or `T1059.006`, not {technique!r}")

    def at(self, source: Source, start: int, end: int, confidence: Confidence) -> Finding:
        """A finding at `source.text[start:end]`, with the snippet that stands there."""
        line, column = source.position(start)
        end_line, _ = source.position(max(start, end))
        place = Location(
            source.file.artifact, source.file.path, line, column, end_line, source.snippet(start, end)
        )
        return Finding._of(self, place, confidence)

    def at_file(self, file: File, confidence: Confidence) -> Finding:
        """A finding about a file as a whole."""
        return Finding._of(self, Location(file.artifact, file.path), confidence)

    def about_package(self, what: str, confidence: Confidence) -> Finding:
        """A finding that no file shows, about the package as such: its name, its age, who
        published it. `what` was seen, in one line; it takes the title's place, since it is
        all the evidence there is.
        """
        if not what.strip():
            raise ValueError(f"{self.id}: say what was seen, it is all the evidence there is")
        return Finding._of(self, None, confidence).with_title(what)


#: Only rules make findings.
_FROM_RULE = object()


class Finding:
    """One piece of evidence. A `Rule` makes it, from what shows it: `Rule.at`,
    `Rule.at_file` or `Rule.about_package`; there is no other way. It does not change: each
    `with_…` gives a new one.
    """

    __slots__ = (
        "rule", "title", "category", "severity", "confidence", "phase", "location", "decoded", "why",
    )
    rule: str
    title: str
    category: Category
    severity: Severity
    confidence: Confidence
    phase: Phase
    location: Location | None
    decoded: tuple[DecodedLayer, ...]
    why: str

    def __init__(self, key: object, **values: object) -> None:
        if key is not _FROM_RULE:
            raise TypeError("a finding comes from its rule: Rule.at, Rule.at_file or Rule.about_package")
        for name in self.__slots__:
            object.__setattr__(self, name, values[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a finding does not change: use with_{name}")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"Finding({values})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def _of(cls, rule: Rule, location: Location | None, confidence: Confidence) -> Finding:
        return cls(
            _FROM_RULE, rule=rule.id, title=rule.title, category=rule.category, severity=rule.severity,
            confidence=confidence, phase=Phase.UNKNOWN, location=location, decoded=(), why="",
        )

    def _with(self, **changes: object) -> Finding:
        values = {name: getattr(self, name) for name in self.__slots__}
        return Finding(_FROM_RULE, **(values | changes))

    def with_title(self, title: str) -> Finding:
        """Says what was found at this place, in one line."""
        return self._with(title=title)

    def with_why(self, why: str) -> Finding:
        """Says why it matters here, for a person who has to decide."""
        return self._with(why=why)

    def with_phase(self, phase: Phase) -> Finding:
        """Says when the code runs."""
        return self._with(phase=phase)

    def with_severity(self, severity: Severity) -> Finding:
        """Deviates from the rule's usual severity."""
        return self._with(severity=severity)

    def with_confidence(self, confidence: Confidence) -> Finding:
        """Changes how sure it is."""
        return self._with(confidence=confidence)

    def with_layers(self, layers: Iterable[Layer | DecodedLayer]) -> Finding:
        """Adds decoded layers, outermost first; each text is cut to 2,000 bytes."""
        added = tuple(DecodedLayer(one.encoding, cut(one.text, DECODED_LIMIT)) for one in layers)
        return self._with(decoded=self.decoded + added)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a component says of itself. Raises ValueError where the host would refuse it."""

    name: str
    """Kebab-case."""
    version: str
    """Semantic version; as in `packguard.toml`."""
    description: str
    """One line."""
    ecosystems: tuple[str, ...] = ()
    """Purl types it applies to; empty for all."""
    rules: tuple[Rule, ...] = ()
    """Every rule it can emit. The host refuses a finding of any other."""

    def __post_init__(self) -> None:
        if not _KEBAB_CASE.fullmatch(self.name):
            raise ValueError(f"an analyzer's name is kebab-case (as in `demo-readme`), not {self.name!r}")
        seen: list[str] = []
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"two rules share the id {rule.id!r}")
            seen.append(rule.id)
