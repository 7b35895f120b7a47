"""Finds addresses that Python code keeps encoded."""

import re

from packguard_sdk import (
    Analysis,
    Analyzer,
    Category,
    Confidence,
    Descriptor,
    Phase,
    Rule,
    Severity,
    Source,
    export,
)
from packguard_sdk.decode import Layers, Unwrapped

HIDDEN_ADDRESS = Rule(
    id="hidden-address",
    title="The code keeps an address encoded",
    help=(
        "Found where a run of base64, hexadecimal digits or escapes in Python code decodes, in one or "
        "more layers, to a text with a web address.\n\n"
        "Honest code has no reason to hide where it connects to. Look at who owns the address, and at "
        "what is sent there. Embedded documents (a certificate, a page, a test's fixture) may name "
        "addresses too: of those the text is long, and the confidence low."
    ),
    category=Category.DEFENSE_EVASION,
    severity=Severity.MEDIUM,
    attack=("T1027", "T1140"),
)

ADDRESS = re.compile(r"(?:https?|wss?)://[\w.-]+[^\s'\"<>\\)]*")

# A payload is a script or an address; documents are longer.
DOCUMENT = 4_000


class HiddenAddress(Analyzer):
    """Decodes what is encoded, and looks for addresses in it."""

    descriptor = Descriptor(
        "hidden-address",
        "0.1.0",
        "Addresses that Python code keeps encoded",
        ecosystems=("pypi",),
        rules=(HIDDEN_ADDRESS,),
    )
    files = ("*.{py,pyw,pth}",)

    def text(self, source: Source, analysis: Analysis) -> None:
        layers = Layers(source.text)
        for found in layers:
            if address := ADDRESS.search(found.text):
                self.report(source, found, address[0], analysis)
        if layers.is_cut:
            analysis.problem(source.file, "more is encoded here than was decoded")

    def report(self, source: Source, found: Unwrapped, address: str, analysis: Analysis) -> None:
        installs = source.file.name == "setup.py"
        certain = len(found.text) < DOCUMENT
        analysis.push(
            HIDDEN_ADDRESS.at(
                source, found.start, found.end, Confidence.HIGH if certain else Confidence.LOW
            )
            .with_title(f"{address[:100]} stands here behind {len(found.layers)} layer(s) of encoding")
            .with_why("Honest code has no reason to hide where it connects to.")
            .with_severity(Severity.HIGH if installs and certain else Severity.MEDIUM)
            .with_phase(Phase.INSTALL if installs else Phase.UNKNOWN)
            .with_layers(found.layers)
        )


WitWorld = export(HiddenAddress)
