"""Native tests: PYTHONPATH=../.. python3 -m unittest, in this folder."""

import unittest
from pathlib import Path

from analyzer import HiddenAddress
from packguard_sdk.testing import PackageBuilder, run, sample

SAMPLES = Path(__file__).parent / "samples"


class Samples(unittest.TestCase):
    def test_malicious_samples_are_found_and_benign_ones_are_not(self) -> None:
        said: dict[str, int] = {}
        for folder in sorted(SAMPLES.iterdir()):
            with sample(folder) as package:
                said[folder.name] = len(run(HiddenAddress, package).findings)
        self.assertEqual(
            said, {"compressed-hex": 2, "embedded-data": 0, "plain-address": 0, "setup-two-layers": 1}
        )

    def test_what_was_not_decoded_is_a_problem(self) -> None:
        many = "\n".join(f"x = '{at:032x}'" for at in range(10_001))
        with PackageBuilder("pypi", "many").file("a.py", many) as package:
            analysis = run(HiddenAddress, package)
        self.assertEqual([one.path for one in analysis.problems], ["a.py"])


if __name__ == "__main__":
    unittest.main()
