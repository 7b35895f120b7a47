"""Packages made in memory or read from samples, for native tests of analyzers."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from pathlib import Path

from .analysis import Analysis
from .analyzer import Analyzer
from .package import Artifact, File, Package


class PackageBuilder:
    """Builds a `Package` of one artifact whose files stand in a temporary folder; a context
    manager, at whose end the folder goes::

        with PackageBuilder("pypi", "demo").file("demo/a.py", "exec(x)") as package:
            analysis = run(Demo, package)
    """

    def __init__(self, ecosystem: str, name: str, version: str = "1.0.0") -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._fields: dict[str, str] = {"ecosystem": ecosystem, "name": name, "version": version}
        self._contents: dict[str, bytes] = {}
        self._settings: dict[str, str] = {}
        self._metadata: str | None = None

    def file(self, path: str, content: str | bytes = b"") -> PackageBuilder:
        """Adds a file."""
        self._contents[path] = content.encode() if isinstance(content, str) else content
        return self

    def metadata(self, json: str) -> PackageBuilder:
        """Sets the registry's metadata."""
        self._metadata = json
        return self

    def setting(self, name: str, value: str) -> PackageBuilder:
        """Adds an operator's setting."""
        self._settings[name] = value
        return self

    def __enter__(self) -> Package:
        name, version = self._fields["name"], self._fields["version"]
        return Package(
            **self._fields,
            purl=f"pkg:{self._fields['ecosystem']}/{name}@{version}",
            artifacts=(Artifact(f"{name}-{version}", "", 0),),
            all_files=tuple(self._write(path) for path in sorted(self._contents, key=str.encode)),
            metadata=self._metadata,
            settings=self._settings,
        )

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _write(self, path: str) -> File:
        content = self._contents[path]
        location = Path(self._folder.name) / path
        location.parent.mkdir(parents=True, exist_ok=True)
        location.write_bytes(content)
        return File(0, path, str(location), len(content), hashlib.sha256(content).hexdigest())


def sample(folder: Path) -> PackageBuilder:
    """The package of a sample folder: `sample.toml`, and below `package/` its files, where
    `NAME.b64` is stored encoded so that scanners do not trip.
    """
    import tomllib  # for tests only: the sandbox has no use for it

    about = tomllib.loads((folder / "sample.toml").read_text())
    builder = PackageBuilder(about["ecosystem"], about["name"], about["version"])
    root = folder / "package"
    for path in sorted(one for one in root.rglob("*") if one.is_file()):
        content = path.read_bytes()
        name = path.relative_to(root).as_posix()
        if name.endswith(".b64"):
            name, content = name.removesuffix(".b64"), base64.b64decode(content)
        builder.file(name, content)
    return builder


def run(analyzer: type[Analyzer], package: Package) -> Analysis:
    """Runs an analyzer here, without a sandbox. Raises AssertionError where the host would
    refuse the answer: a finding of a rule that the descriptor does not list, or about a
    file that the package does not have.
    """
    analysis = analyzer().analyze(package)
    rules = [rule.id for rule in analyzer.descriptor.rules]
    paths = {(file.artifact, file.path) for file in package.all_files}
    for finding in analysis.findings:
        assert finding.rule in rules, f"{finding.rule}: not among the descriptor's rules"
        place = finding.location
        assert place is None or (place.artifact, place.path) in paths, f"{place}: no such file"
    return analysis
