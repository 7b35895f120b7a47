"""Text files: decoding, line positions, snippets."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING

# The interpreter looks codecs up by name when first used; in the sandbox only what was
# imported when the component was built is there.
import encodings.latin_1
import encodings.utf_16_be
import encodings.utf_16_le
import encodings.utf_8

if TYPE_CHECKING:
    from .package import File

#: Longest snippet kept as evidence, in bytes of UTF-8.
SNIPPET_LIMIT = 240

_CONTROL = bytes([*range(0x01, 0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])


def decode(data: bytes) -> str:
    """Decodes a source file: UTF-8 with or without BOM, UTF-16 with BOM; anything else byte
    by byte as Latin-1, so that hostile bytes hide nothing.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if data.startswith(b"\xff\xfe"):
        return data[2:].decode("utf-16-le", "replace")
    if data.startswith(b"\xfe\xff"):
        return data[2:].decode("utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_probably_text(data: bytes) -> bool:
    """Whether bytes look like text: no NUL and few control characters in the first 8 KiB."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    head = data[:8_192]
    control = len(head) - len(head.translate(None, _CONTROL))
    return b"\0" not in head and control * 50 <= len(head)


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, cut at a character boundary."""
    # A character takes at most four bytes.
    if len(text) * 4 <= limit:
        return text
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def entropy(data: bytes) -> float:
    """Shannon entropy, in bits per byte (0 to 8). Code has 4 to 5, compressed or encrypted
    data nearly 8.
    """
    shares = [count / len(data) for count in Counter(data).values()]
    return math.fsum(-share * math.log2(share) for share in shares)


class Source:
    """A text with its file and its line starts, to turn offsets into places.

    Offsets are indices into `text`, as `re` gives them.
    """

    __slots__ = ("file", "text", "_starts")

    def __init__(self, file: File, text: str) -> None:
        self.file = file
        self.text = text
        starts = [0]
        at = text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = text.find("\n", at + 1)
        self._starts = starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of an offset."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def snippet(self, start: int, end: int) -> str:
        """`text[start:end]` with the rest of its first line, trimmed and cut to 240 bytes."""
        start = min(max(start, 0), len(self.text))
        line_start = self._starts[bisect_right(self._starts, start) - 1]
        end_of_line = self.text.find("\n", start)
        end = max(end, end_of_line if end_of_line >= 0 else len(self.text))
        near = start - line_start <= SNIPPET_LIMIT // 2
        # Cutting reads at most 240 characters: a line of megabytes need not be copied.
        whole = self.text[line_start if near else start : min(end, start + 2 * SNIPPET_LIMIT)].rstrip()
        kept = cut(whole, SNIPPET_LIMIT)
        return kept.strip() + (" …" if len(kept) < len(whole) else "")
