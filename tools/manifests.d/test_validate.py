"""Each check of validate.py finds what it is there for: a rendered overlay is spoiled in one place at a time.

    test_validate.py RENDERED-PRODUCTION.yaml
"""

import copy
import sys
import unittest

import validate
import yaml


def named(objects, kind, name):
    return validate.of_kind(objects, kind)[name]


class Spoiled(unittest.TestCase):
    def setUp(self):
        self.objects = copy.deepcopy(RENDERED)

    def finds(self, check, words):
        found = list(check(self.objects))
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_as_rendered_nothing_is_found(self):
        for check in (validate.by_schema, validate.names, validate.room, validate.metadata):
            self.assertEqual(list(check(self.objects)), [])

    def test_a_field_that_kubernetes_does_not_know(self):
        named(self.objects, "Deployment", "packguard-api")["spec"]["replcas"] = 3
        self.finds(validate.by_schema, "replcas")

    def test_a_pool_of_no_class(self):
        named(self.objects, "RuntimePool", "standard")["spec"]["class"] = "fast"
        self.finds(validate.by_schema, "$.spec.class")

    def test_a_pool_with_a_field_that_the_definition_does_not_know(self):
        named(self.objects, "RuntimePool", "bulk")["spec"]["policy"]["upPod"] = 3
        self.finds(validate.by_schema, "upPod")

    def test_a_pool_with_min_over_max(self):
        spec = named(self.objects, "RuntimePool", "bulk")["spec"]
        spec["min"], spec["max"] = 5, 4
        self.finds(validate.by_schema, "min is over max")

    def test_a_secret_that_nobody_makes(self):
        pod = named(self.objects, "Deployment", "packguard-controller")["spec"]["template"]["spec"]
        pod["volumes"][0]["secret"]["secretName"] = "packgard"
        self.finds(validate.names, "Secret packgard")

    def test_a_service_without_pods(self):
        named(self.objects, "Service", "packguard-api")["spec"]["selector"]["app.kubernetes.io/component"] = "apy"
        self.finds(validate.names, "selects no pod")

    def test_workers_too_large_for_the_quota(self):
        named(self.objects, "RuntimePool", "standard")["spec"]["resources"]["requests"]["memory"] = "4Gi"
        self.finds(validate.room, "requests.memory of 4Gi")

    def test_a_way_to_the_metadata_address(self):
        policy = named(self.objects, "NetworkPolicy", "internet")["spec"]["egress"][0]["to"][0]["ipBlock"]
        policy["except"].remove("169.254.0.0/16")
        self.finds(validate.metadata, "169.254.169.254")


if __name__ == "__main__":
    with open(sys.argv.pop(), encoding="utf-8") as file:
        RENDERED = list(yaml.safe_load_all(file))
    unittest.main()
