"""Bounded decoding of encoded payloads, layer by layer."""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from . import text as texts

#: Largest output of one decoding, in bytes. Payloads in packages are scripts or small
#: executables; a bomb must not fill the sandbox.
OUTPUT_LIMIT = 8 << 20

_SPACE = re.compile(r"\s+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_URL_SAFE = str.maketrans("-_", "+/")


def base64(text: str) -> bytes | None:
    """Base64, standard or URL-safe, padded or not, white space ignored (RFC 4648)."""
    compact = _SPACE.sub("", text).translate(_URL_SAFE)
    if len(compact) > OUTPUT_LIMIT or not _BASE64.fullmatch(compact):
        return None
    digits = compact.rstrip("=")
    if len(digits) % 4 == 1:
        return None
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def hex(text: str) -> bytes | None:
    """Hexadecimal digits, white space ignored."""
    compact = _SPACE.sub("", text)
    if len(compact) > OUTPUT_LIMIT or not _HEX.fullmatch(compact):
        return None
    return binascii.unhexlify(compact)


def inflate(data: bytes) -> bytes | None:
    """A zlib, gzip or raw deflate stream, told by its header; at most `OUTPUT_LIMIT` bytes
    come out, and what precedes damage is kept.
    """
    out = bytearray()
    while data and len(out) < OUTPUT_LIMIT:
        gzip = data.startswith(b"\x1f\x8b")
        decoder = zlib.decompressobj(_window(data))
        try:
            # In pieces: what came out before the damage is evidence too.
            for at in range(0, len(data), 4_096):
                out += decoder.decompress(data[at : at + 4_096], OUTPUT_LIMIT - len(out))
                if decoder.eof or len(out) >= OUTPUT_LIMIT:
                    break
        except zlib.error:
            break
        # A gzip stream may have several members.
        data = decoder.unused_data + data[at + 4_096 :] if gzip and decoder.eof else b""
        if not data.startswith(b"\x1f\x8b"):
            break
    return bytes(out) or None


def _window(data: bytes) -> int:
    if data.startswith(b"\x1f\x8b"):
        return zlib.MAX_WBITS | 16
    if data.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return zlib.MAX_WBITS
    return -zlib.MAX_WBITS


def percent(text: str) -> bytes:
    """Percent-encoding (RFC 3986); bytes that are not encoded stay."""
    return _PERCENT.sub(lambda found: binascii.unhexlify(found[1]), text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer taken off an encoded text."""

    encoding: str
    """`base64`, `hex`, `url`, `deflate`, …"""
    text: str


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A text that came out of an encoded run."""

    start: int
    """Where the outermost run begins in the text that was searched."""
    end: int
    layers: tuple[Layer, ...]
    """What was taken off, outermost first; the last one holds the innermost text."""

    @property
    def text(self) -> str:
        """The innermost text."""
        return self.layers[-1].text


#: Shortest run of base64 that is looked at: 18 bytes of content. Shorter ones are identifiers.
_RUN = re.compile(r"[A-Za-z0-9+/\-_%\\]{24,}")
#: From this length on a line of base64 may go on in the next (RFC 2045 breaks at 76).
_WRAPPED_LINE = 60
_CONTINUED = re.compile(r"(?=\s{0,63}\n)\s{1,64}([A-Za-z0-9+/\-_%\\]+)")
#: Fewest bytes in a run of hexadecimal digits, and fewest escapes (`%41`, `\x41`) in a run.
_HEX_MINIMUM = 16
_ESCAPES_MINIMUM = 8


class Layers:
    """Looks for runs of base64, hexadecimal digits and percent-encoding, decodes them,
    inflates what is compressed, and looks again in what came out. Iterates depth first, in
    order of position; what decodes to no text is passed over.

    `depth` bounds encodings inside of encodings, `total` the characters of decoded text of all
    layers together, `runs` how many are tried.
    """

    def __init__(self, text: str, *, depth: int = 8, total: int = 16 << 20, runs: int = 10_000) -> None:
        self._text, self._depth, self._total, self._runs = text, depth, total, runs
        self.is_cut = False
        """Whether a limit was reached, so that something may not have been decoded: a reason
        to report a problem."""

    def __iter__(self) -> Iterator[Unwrapped]:
        return self._within(self._text, (), None)

    def _within(
        self, text: str, above: tuple[Layer, ...], outer: tuple[int, int] | None
    ) -> Iterator[Unwrapped]:
        for start, end in _runs(text):
            if self._runs <= 0:
                self.is_cut = True
                return
            self._runs -= 1
            decoded = _decode_run(text[start:end])
            if not decoded:
                continue
            size = sum(len(layer.text) for layer in decoded)
            if size > self._total:
                self.is_cut, self._runs = True, 0
                return
            self._total -= size
            place = outer or (start, end)
            layers = above + decoded
            yield Unwrapped(*place, layers)
            if len(layers) < self._depth:
                yield from self._within(layers[-1].text, layers, place)
            else:
                self.is_cut = True


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Runs of characters that encodings consist of; long lines of base64 go on behind a
    line break.
    """
    at = 0
    while found := _RUN.search(text, at):
        start, at = found.span()
        width = at - start
        while width >= _WRAPPED_LINE and (more := _CONTINUED.match(text, at)):
            width, at = len(more[1]), more.end()
        yield start, at


def _decode_run(run: str) -> tuple[Layer, ...] | None:
    if run.count("%") >= _ESCAPES_MINIMUM:
        return _plain("url", percent(run))
    if run.count("\\x") >= _ESCAPES_MINIMUM:
        return _plain("hex", hex(run.replace("\\x", "")))
    # A path's first slash, an option's dashes.
    run = run.lstrip("/-_")
    if len(run) // 2 >= _HEX_MINIMUM and (found := _certain("hex", hex(run))):
        return found
    if "%" in run or "\\" in run:
        return None
    return _certain("base64", base64(run))


def _plain(encoding: str, data: bytes | None) -> tuple[Layer, ...] | None:
    if data is None or not texts.is_probably_text(data):
        return None
    try:
        return (Layer(encoding, data.decode("utf-8")),)
    except UnicodeDecodeError:
        return None


def _certain(encoding: str, data: bytes | None) -> tuple[Layer, ...] | None:
    """As `payload`, for bytes that may be there by chance: only what can hardly be."""
    found = payload(encoding, data) if data is not None else None
    if data is None or not found:
        return None
    if len(found) > 1:
        return found if _window(data) > 0 else None
    if _is_wide(data):
        return None if "\ufffd" in found[0].text else found
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return found


def _is_wide(data: bytes) -> bool:
    return len(data) >= 4 and data[1] == 0 and data[3] == 0


def payload(encoding: str, data: bytes) -> tuple[Layer, ...] | None:
    """What the bytes that an encoding gave say, as layers: a text, UTF-16 without a mark (as
    PowerShell encodes commands), or either of it compressed; None where they are no text.
    """
    if _is_wide(data):
        wide = f"{encoding} of UTF-16" if encoding in ("base64", "hex") else encoding
        return (Layer(wide, data.decode("utf-16-le", "replace")),)
    if texts.is_probably_text(data):
        return (Layer(encoding, texts.decode(data)),)
    inflated = inflate(data)
    if inflated is None or not texts.is_probably_text(inflated):
        return None
    return (
        Layer(encoding, f"{len(data)} bytes, compressed"),
        Layer("deflate", texts.decode(inflated)),
    )
