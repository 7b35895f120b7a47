"""Tests of the SDK, natively: python3 -m unittest discover -s sdk/python/tests."""

import base64 as b64
import gzip
import unittest
import zlib

from packguard_sdk import (
    FINDINGS_PER_RULE,
    Analysis,
    Analyzer,
    Category,
    Confidence,
    Descriptor,
    Finding,
    Package,
    Rule,
    Severity,
    Source,
    export,
)
from packguard_sdk.decode import Layers, base64, hex, inflate, percent
from packguard_sdk.glob import matches, sources
from packguard_sdk.testing import PackageBuilder, run
from packguard_sdk.text import cut, decode, entropy, is_probably_text

RULE = Rule("test-rule", "A test", "", Category.EXECUTION, Severity.LOW)
CODE = "require('child_process').exec('id')"


def encode(content: str | bytes) -> str:
    return b64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def unwrapped(text: str) -> list[str]:
    return [found.text for found in Layers(text)]


def source_of(text: str) -> Source:
    with PackageBuilder("pypi", "x").file("a.py", text) as package:
        return Source(next(package.files()), text)


class Decoding(unittest.TestCase):
    def test_base64_takes_both_alphabets_and_no_padding(self) -> None:
        self.assertEqual(base64("aGk/"), b"hi?")
        self.assertEqual(base64("aGk_"), b"hi?")
        self.assertEqual(base64("aG k"), b"hi")
        self.assertIsNone(base64("a*"))
        self.assertIsNone(base64("aaaaa"))

    def test_hex_needs_whole_bytes(self) -> None:
        self.assertEqual(hex("48 69"), b"Hi")
        self.assertIsNone(hex("486"))
        self.assertIsNone(hex(""))

    def test_percent_leaves_broken_escapes_alone(self) -> None:
        self.assertEqual(percent("%41%4g%"), b"A%4g%")

    def test_inflate_is_bounded_and_keeps_what_precedes_damage(self) -> None:
        self.assertEqual(len(inflate(gzip.compress(bytes(9 << 20))) or b""), 8 << 20)
        raw = zlib.compressobj(wbits=-15)
        deflated = raw.compress(CODE.encode()) + raw.flush()
        for packed in (gzip.compress(CODE.encode()), zlib.compress(CODE.encode()), deflated):
            self.assertEqual(inflate(packed), CODE.encode())
        members = gzip.compress(b"one ") + gzip.compress(b"two")
        self.assertEqual(inflate(members), b"one two")
        noise = bytes((at * at * 31 + at) % 251 for at in range(40_000))
        kept = inflate(zlib.compress(noise)[:9_000])
        self.assertTrue(kept and noise.startswith(kept))
        self.assertIsNone(inflate(b"no stream at all"))

    def test_each_encoding_is_taken_off_and_what_is_inside_too(self) -> None:
        hexed = CODE.encode().hex()
        escaped = "".join(f"\\x{byte:02X}" for byte in CODE.encode())
        percented = "".join(f"%{byte:02x}" for byte in CODE.encode())
        for one in (hexed, escaped, percented, encode(CODE)):
            self.assertEqual(unwrapped(f'f("{one}")'), [CODE], one)
        self.assertEqual(unwrapped(encode(hexed)), [hexed, CODE])
        found = next(iter(Layers(encode(zlib.compress(CODE.encode() * 9)))))
        self.assertEqual((found.text, found.layers[1].encoding), (CODE * 9, "deflate"))
        wide = next(iter(Layers(encode("iex (hello, harmless)".encode("utf-16-le")))))
        self.assertEqual(wide.layers[0].encoding, "base64 of UTF-16")
        whole = encode("a line of harmless text, repeated. " * 12)
        lines = "\n  ".join(whole[at : at + 76] for at in range(0, len(whole), 76))
        self.assertEqual(len(unwrapped(lines)), 1)

    def test_what_only_looks_encoded_is_left_alone(self) -> None:
        for text in (
            "AbstractSingletonProxyFactoryBeanImplementation",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "/usr/local/lib/python3/dist-packages/requests/adapters",
        ):
            self.assertEqual(unwrapped(text), [], text)

    def test_limits_end_the_search_and_say_so(self) -> None:
        nested = "the innermost text of all of them"
        for _ in range(12):
            nested = encode(nested)
        deep = Layers(nested)
        self.assertEqual((len(list(deep)), deep.is_cut), (8, True))
        many = (encode("harmless, but encoded text") + " ") * 50
        for limits, count, cut_off in (({"runs": 20}, 20, True), ({"total": 100}, 3, True), ({}, 50, False)):
            layers = Layers(many, **limits)
            self.assertEqual((len(list(layers)), layers.is_cut), (count, cut_off), limits)


class Texts(unittest.TestCase):
    def test_decoding_hides_nothing(self) -> None:
        self.assertEqual(decode(b"\xef\xbb\xbfos"), "os")
        self.assertEqual(decode(b"\xff\xfeo\0s\0"), "os")
        self.assertEqual(decode(b"\xfe\xff\0o\xd8\0"), "o\ufffd")
        self.assertEqual(decode(b"e\xe9"), "eé")
        self.assertFalse(is_probably_text(b"\x7fELF\0"))
        self.assertTrue(is_probably_text("é = 1\n".encode()))

    def test_entropy_bounds(self) -> None:
        self.assertEqual(entropy(b""), 0)
        self.assertLess(entropy(b"aaaa"), 0.01)
        self.assertEqual(entropy(bytes(range(256))), 8)

    def test_text_is_cut_at_characters(self) -> None:
        self.assertEqual(cut("aéb", 2), "a")
        self.assertEqual(cut("a\U0001f600b", 5), "a\U0001f600")

    def test_positions_count_lines_and_characters_from_one(self) -> None:
        source = source_of("añ\U0001f600b\nsecond")
        self.assertEqual(source.position(0), (1, 1))
        self.assertEqual(source.position(3), (1, 4))
        self.assertEqual(source.position(5), (2, 1))
        self.assertEqual(source.position(99), (2, 7))
        self.assertEqual(source.snippet(5, 6), "second")

    def test_the_snippet_of_a_long_line_stays_short(self) -> None:
        snippet = source_of("a" * 10_000 + "eval(x)" + "b" * 10_000).snippet(10_000, 10_007)
        self.assertTrue(snippet.startswith("eval(x)") and len(snippet) < 260)

    def test_patterns(self) -> None:
        self.assertTrue(matches("*.py", "requests-2.28.1/setup.PY"))
        self.assertTrue(matches("bin/*", "package/bin/cli"))
        self.assertTrue(matches("src/**/*.{c,h}", "inner.tar.gz!/x-1.0/src/a/b.h"))
        self.assertFalse(matches("bin/*", "package/lib/bin/cli"))
        self.assertFalse(matches("a+(b)", "aab"))
        self.assertTrue(matches("**", "any/thing"))
        self.assertTrue(any(matches(one, "package/index.mjs") for one in sources("npm")))
        self.assertEqual(sources("unheard-of"), ("**",))


class Findings(unittest.TestCase):
    def test_what_the_host_would_refuse_is_refused_at_once(self) -> None:
        with self.assertRaisesRegex(ValueError, "kebab-case"):
            Rule("Not Kebab", "", "", Category.EXECUTION, Severity.LOW)
        with self.assertRaisesRegex(ValueError, "ATT&CK"):
            Rule("a", "", "", Category.EXECUTION, Severity.LOW, ("1027",))
        with self.assertRaisesRegex(ValueError, "two rules share"):
            Descriptor("a", "1.0.0", "", rules=(RULE, RULE))
        with self.assertRaisesRegex(TypeError, "comes from its rule"):
            Finding(object())
        with self.assertRaisesRegex(ValueError, "evidence"):
            RULE.about_package(" ", Confidence.LOW)
        with self.assertRaisesRegex(AttributeError, "with_title"):
            RULE.about_package("seen", Confidence.LOW).title = "other"

    def test_decoys_do_not_push_out_the_grave_finding(self) -> None:
        analysis = Analysis()
        for at in range(FINDINGS_PER_RULE):
            analysis.push(RULE.about_package(str(at), Confidence.LOW))
        analysis.push(RULE.about_package("grave", Confidence.HIGH).with_severity(Severity.CRITICAL))
        analysis.push(RULE.about_package("mild", Confidence.LOW))
        titles = [finding.title for finding in analysis.findings]
        self.assertEqual(len(titles), FINDINGS_PER_RULE)
        self.assertIn("grave", titles)
        self.assertNotIn("mild", titles)

    def test_a_flood_of_problems_is_cut_and_says_so(self) -> None:
        analysis = Analysis()
        for _ in range(1_000):
            analysis.general_problem("broken")
        self.assertEqual(len(analysis.problems), 201)
        self.assertIn("more files", analysis.problems[-1].reason)

    def test_every_text_is_handed_over_and_none_is_passed_over_in_silence(self) -> None:
        class Counter(Analyzer):
            descriptor = Descriptor("counter", "0.1.0", "", rules=(RULE,))
            file_limit = 20

            def __init__(self) -> None:
                self.seen: list[str] = []

            def text(self, source: Source, analysis: Analysis) -> None:
                self.seen.append(source.file.path)

            def package(self, package: Package, analysis: Analysis) -> None:
                analysis.push(RULE.about_package(" ".join(self.seen), Confidence.HIGH))

        self.assertIs(export(Counter), Counter)
        with (
            PackageBuilder("npm", "a")
            .file("a.js", "1")
            .file("deep/b.txt", b"\xff\xfeh\0")
            .file("binary", b"\x7fELF\0\0\0")
            .file("large.js", "a" * 40) as package
        ):
            analysis = run(Counter, package)
        self.assertEqual(analysis.findings[0].title, "a.js deep/b.txt")
        self.assertEqual([one.path for one in analysis.problems], ["large.js"])
        self.assertEqual(analysis.problems[0].reason, "larger than 20 bytes: not read")

    def test_an_analyzer_of_unlisted_rules_fails_its_test(self) -> None:
        class Unlisted(Analyzer):
            descriptor = Descriptor("unlisted", "0.1.0", "")

            def package(self, package: Package, analysis: Analysis) -> None:
                analysis.push(RULE.about_package("seen", Confidence.HIGH))

        with PackageBuilder("npm", "a") as package, self.assertRaisesRegex(AssertionError, "not among"):
            run(Unlisted, package)


if __name__ == "__main__":
    unittest.main()
