"""The package under analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from . import glob as globs


@dataclass(frozen=True, slots=True)
class Artifact:
    """One downloadable file of a release: an sdist, a wheel, a crate, …"""

    filename: str
    sha256: str
    """Lower-case hex; empty for a folder."""
    size: int
    """Bytes; 0 for a folder."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the package."""

    artifact: int
    """Index into `Package.artifacts`."""
    path: str
    """Path inside the artifact. Files of an archive inside it stand below `<its path>!/`."""
    location: str
    """Where `read` finds it."""
    size: int
    """Bytes."""
    sha256: str
    """Lower-case hex."""
    executable: bool = False
    duplicate_of: int | None = None
    """Index into `Package.all_files` of an earlier file with the same bytes and file name."""

    @property
    def name(self) -> str:
        """Last component of the path."""
        return self.path.rpartition("/")[2]

    @property
    def extension(self) -> str:
        """Lower-case extension without the dot; empty where there is none."""
        stem, _, extension = self.name.rpartition(".")
        return extension.lower() if stem else ""

    @property
    def path_below_top(self) -> str:
        """Path below the artifact's single top folder (`requests-2.28.1/`, `package/`), for
        archives that have one by convention: npm, sdists, crates.
        """
        _, slash, below = self.path.partition("/")
        return below if slash else self.path

    def read(self, limit: int = -1) -> bytes:
        """The content, or at most its first `limit` bytes. Raises OSError; report it as a
        problem, as `Analysis.read` does.
        """
        with open(self.location, "rb", buffering=0) as stream:
            chunks: list[bytes] = []
            left = self.size if limit < 0 else min(limit, self.size)
            while left > 0 and (chunk := stream.read(left)):
                chunks.append(chunk)
                left -= len(chunk)
        return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class Package:
    """One release with all its artifacts and files."""

    ecosystem: str
    """Purl type: `pypi`, `npm`, …; `generic` for what is not known."""
    name: str
    """Name without namespace."""
    version: str | None = None
    namespace: str | None = None
    """Purl namespace (`@babel`, a Maven group), where there is one."""
    purl: str | None = None
    artifacts: Sequence[Artifact] = ()
    all_files: Sequence[File] = ()
    """Every file, repeats included."""
    metadata: str | None = None
    """The registry's metadata as JSON text, where there is one."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the operator set, by name."""

    def files(self) -> Iterator[File]:
        """Every distinct file, in order. Files that repeat an earlier one (same bytes and
        same file name, as the wheels of one release do) are left out.
        """
        return (file for file in self.all_files if file.duplicate_of is None)

    def glob(self, *patterns: str) -> Iterator[File]:
        """Every distinct file that one of the patterns matches (`glob.matches`), in order."""
        ready = [globs.Glob(pattern) for pattern in patterns]
        return (file for file in self.files() if any(one.matches(file.path) for one in ready))

    def sources(self) -> Iterator[File]:
        """Every distinct file that holds code of the package's ecosystem (`glob.sources`)."""
        return self.glob(*globs.sources(self.ecosystem))
