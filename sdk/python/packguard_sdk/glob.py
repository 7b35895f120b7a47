"""Patterns of paths, and which files hold the code of an ecosystem."""

from __future__ import annotations

import re

_SOURCES: dict[str, tuple[str, ...]] = {
    "pypi": ("*.{py,pyw,pyi,pth,pyx}",),
    "npm": ("*.{js,mjs,cjs,jsx,ts,mts,cts,tsx}", "package.json"),
    "cargo": ("*.rs",),
    "gem": ("*.{rb,gemspec,rake}", "Rakefile", "extconf*"),
    "maven": ("*.{java,kt,kts,scala,groovy,gradle}",),
    "composer": ("*.{php,phtml,inc}",),
    "golang": ("*.go",),
    "nuget": ("*.{cs,vb,fs,ps1,psm1,targets,props}",),
}

_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\{[^{}/]*\}|.", re.DOTALL)


def sources(ecosystem: str) -> tuple[str, ...]:
    """Patterns of the files that hold the code of an ecosystem's packages, by purl type;
    `**` for one that is not known.
    """
    return _SOURCES.get(ecosystem, ("**",))


def matches(pattern: str, path: str) -> bool:
    """Whether a path of an artifact matches a pattern.

    A pattern without `/` is compared with the file name (`*.py`), any other with the whole
    path, with the path below the top folder that archives have by convention, and with
    either inside of an archive in the artifact. `*` stands for anything within a folder,
    `**` for any folders, `?` for one character, `{a,b}` for one of them. Letter case does not count.
    """
    return Glob(pattern).matches(path)


class Glob:
    """A pattern, ready to be compared with many paths."""

    __slots__ = ("_compiled", "_whole_path")

    def __init__(self, pattern: str) -> None:
        self._compiled = re.compile(_expression(pattern.lower()))
        self._whole_path = "/" in pattern

    def matches(self, path: str) -> bool:
        """Whether it matches a path of an artifact."""
        path = path.lower()
        inner = path.rpartition("!/")[2]
        if not self._whole_path:
            return bool(self._compiled.fullmatch(inner.rpartition("/")[2]))
        candidates = (path, path.partition("/")[2], inner, inner.partition("/")[2])
        return any(self._compiled.fullmatch(one) for one in candidates if one)


def _expression(pattern: str) -> str:
    parts: list[str] = []
    for token in _TOKENS.findall(pattern):
        if token == "**/":
            parts.append(r"(?:[^/]+/)*")
        elif token == "**":
            parts.append(r".*")
        elif token == "*":
            parts.append(r"[^/]*")
        elif token == "?":
            parts.append(r"[^/]")
        elif token[0] == "{" and len(token) > 1:
            parts.append("(?:" + "|".join(_literal(one) for one in token[1:-1].split(",")) + ")")
        else:
            parts.append(re.escape(token))
    return "(?s:" + "".join(parts) + ")"


def _literal(alternative: str) -> str:
    return re.escape(alternative).replace(r"\*", "[^/]*")
