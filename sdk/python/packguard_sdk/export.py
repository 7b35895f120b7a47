"""Turns an analyzer into what the component exports."""

from __future__ import annotations

from typing import Any

from .analysis import Analysis
from .analyzer import Analyzer, AnalyzerError
from .finding import Descriptor, Finding, Rule
from .package import Artifact, File, Package

try:
    # Made by componentize-py from wit/; not there in a native test.
    from componentize_py_types import Err as _Err
    from wit_world.imports import types as _wit
except ModuleNotFoundError:
    _wit = None


def export(analyzer: type[Analyzer]) -> type:
    """The class that the component's main module has to call `WitWorld`::

        WitWorld = export(MyAnalyzer)

    Outside of a component it gives the analyzer back, so that a test can import the module.
    """
    if not isinstance(analyzer.descriptor, Descriptor):
        raise TypeError(f"{analyzer.__name__}.descriptor must be a Descriptor")
    if _wit is None:
        return analyzer

    class WitWorld:
        def describe(self) -> Any:
            return _descriptor(analyzer.descriptor)

        def analyze(self, package: Any) -> Any:
            try:
                return _analysis(analyzer().analyze(_package(package)))
            except AnalyzerError as error:
                raise _Err(str(error)) from error

    return WitWorld


def _package(package: Any) -> Package:
    return Package(
        ecosystem=package.ecosystem,
        name=package.name,
        version=package.version,
        namespace=package.namespace,
        purl=package.purl,
        artifacts=tuple(Artifact(one.filename, one.sha256, one.size) for one in package.artifacts),
        all_files=tuple(_file(one) for one in package.files),
        metadata=package.metadata,
        settings={one.name: one.value for one in package.settings},
    )


def _file(file: Any) -> File:
    return File(
        file.artifact, file.path, file.location, file.size, file.sha256, file.executable, file.duplicate_of
    )


def _descriptor(descriptor: Descriptor) -> Any:
    return _wit.Descriptor(
        descriptor.name,
        descriptor.version,
        descriptor.description,
        list(descriptor.ecosystems),
        [_rule(rule) for rule in descriptor.rules],
    )


def _rule(rule: Rule) -> Any:
    return _wit.Rule(
        rule.id,
        rule.title,
        rule.help,
        _wit.Category(rule.category),
        _wit.Severity(rule.severity),
        list(rule.attack),
    )


def _analysis(analysis: Analysis) -> Any:
    return _wit.Analysis(
        [_finding(finding) for finding in analysis.findings],
        [_wit.Problem(one.path, one.artifact, one.reason) for one in analysis.problems],
    )


def _finding(finding: Finding) -> Any:
    place = finding.location
    return _wit.Finding(
        rule=finding.rule,
        title=finding.title,
        category=_wit.Category(finding.category),
        severity=_wit.Severity(finding.severity),
        confidence=_wit.Confidence(finding.confidence),
        phase=_wit.Phase(finding.phase),
        location=place
        and _wit.Location(
            place.artifact, place.path, place.line, place.column, place.end_line, place.snippet
        ),
        decoded=[_wit.DecodedLayer(one.encoding, one.text) for one in finding.decoded],
        why=finding.why,
    )
