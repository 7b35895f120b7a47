"""Write Packguard analyzers in Python.

An analyzer is a WASI component that is handed one unpacked package and answers with
findings. Derive from `Analyzer` and export it::

    from packguard_sdk import Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity, export

    README = Rule(
        id="demo-readme",
        title="The package has a README",
        help="Found when a file called README stands in the package. Harmless.",
        category=Category.METADATA,
        severity=Severity.INFO,
    )

    class Demo(Analyzer):
        descriptor = Descriptor("demo", "0.1.0", "Looks for a README", rules=(README,))

        def package(self, package: Package, analysis: Analysis) -> None:
            for file in package.glob("README*"):
                analysis.push(README.at_file(file, Confidence.HIGH))

    WitWorld = export(Demo)

Guests have no network, no environment, no writable directory, a frozen clock and a seeded
random source, so the same package always gives the same answer. Keep it so: never let the
order of a `set` decide what is said.
"""

from .analysis import FINDINGS_PER_RULE, Analysis
from .analyzer import Analyzer, AnalyzerError
from .export import export
from .finding import DecodedLayer, Descriptor, Finding, Location, Problem, Rule
from .kinds import Category, Confidence, Phase, Severity
from .log import log
from .package import Artifact, File, Package
from .text import Source

__all__ = [
    "FINDINGS_PER_RULE",
    "Analysis",
    "Analyzer",
    "AnalyzerError",
    "Artifact",
    "Category",
    "Confidence",
    "DecodedLayer",
    "Descriptor",
    "File",
    "Finding",
    "Location",
    "Package",
    "Phase",
    "Problem",
    "Rule",
    "Severity",
    "Source",
    "export",
    "log",
]
