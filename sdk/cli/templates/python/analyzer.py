"""Finds code that sends the whole environment away: build machines keep their secrets in
environment variables.
"""

from packguard_sdk import (
    Analysis,
    Analyzer,
    Category,
    Confidence,
    Descriptor,
    Rule,
    Severity,
    Source,
    export,
)

# The id is unique over all analyzers; the platform shows the other texts with each finding.
ENVIRONMENT_SENT = Rule(
    id="{{name}}-environment-sent",
    title="The code sends the whole environment away",
    help=(
        "Found where one line of code takes all environment variables and sends them somewhere. "
        "Build machines keep their secrets there.\n\nRead where it sends them."
    ),
    category=Category.EXFILTRATION,
    severity=Severity.HIGH,
    attack=("T1567",),
)

# The environment as a whole: reading one variable is everyday work.
WHOLE = ("dict(os.environ)", "os.environ.copy()", "JSON.stringify(process.env)")

# What sends: handing the environment on to a program of one's own is everyday work, too.
SENDERS = ("urlopen(", "requests.post(", "fetch(", "axios.post(")


class EnvironmentSent(Analyzer):
    descriptor = Descriptor(
        "{{name}}",
        "0.1.0",
        "Finds code that sends the whole environment away",
        rules=(ENVIRONMENT_SENT,),
    )
    files = ("*.{py,js,mjs,cjs}",)

    def text(self, source: Source, analysis: Analysis) -> None:
        start = 0
        for line in source.text.split("\n"):
            word = next((word for word in WHOLE if word in line), None)
            if word and any(sender in line for sender in SENDERS):
                at = start + line.index(word)
                finding = ENVIRONMENT_SENT.at(source, at, at + len(word), Confidence.HIGH)
                analysis.push(finding.with_why("Secrets in the environment leave the machine."))
            start += len(line) + 1


WitWorld = export(EnvironmentSent)
