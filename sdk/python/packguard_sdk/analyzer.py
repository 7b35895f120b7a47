"""The class that analyzers derive from."""

from __future__ import annotations

from typing import ClassVar

from .analysis import Analysis
from .finding import Descriptor
from .package import File, Package
from .text import Source, is_probably_text

#: How much of a file tells whether it is text, in bytes.
_HEAD = 8 << 10


class AnalyzerError(Exception):
    """The analyzer can't work at all: a setting that makes no sense. One line. A file it
    can't read or parse is a problem in the `Analysis`, not an error.
    """


class Analyzer:
    """A component that looks at packages.

    Most analyzers look at texts one by one and need `text` alone; what has to be said about
    the package as a whole goes into `package`, which comes after the files. An instance is
    made for each package, without arguments, and may keep notes from one file to the next.
    An analyzer that walks the package in a way of its own replaces `analyze`.
    """

    descriptor: ClassVar[Descriptor]
    """What the component says of itself: name, version, rules."""

    files: ClassVar[tuple[str, ...]] = ("**",)
    """Which files `text` gets: patterns as `Package.glob` takes them. Of those they match,
    the ones that are no text are passed over."""

    file_limit: ClassVar[int] = 4 << 20
    """Largest text handed to `text`, in bytes. A larger one is a problem in the `Analysis`.
    A Rust guest's is 16 MiB; interpreted code needs ten to fifty times the CPU."""

    def text(self, source: Source, analysis: Analysis) -> None:
        """Looks at one text file."""

    def package(self, package: Package, analysis: Analysis) -> None:
        """Looks at the package as a whole, once its files were looked at."""

    def analyze(self, package: Package) -> Analysis:
        """Looks at one package. Raises AnalyzerError when it can't work at all."""
        analysis = Analysis()
        if type(self).text is not Analyzer.text:
            for file in package.glob(*self.files):
                self._look_at(file, analysis)
        self.package(package, analysis)
        return analysis

    def _look_at(self, file: File, analysis: Analysis) -> None:
        try:
            if not is_probably_text(file.read(_HEAD)):
                return
        except OSError as error:
            analysis.problem(file, f"can't be read: {error.strerror or error}")
            return
        text = analysis.read_text(file, self.file_limit)
        if text is not None:
            self.text(Source(file, text), analysis)
