"""What the fuzzer must not do: saw off the branch it sits on, and expect too much.

It is an admin, and so can rotate its own key, or delete all that this key submitted, at any
time. Calls that name its own key go to one that does not exist instead.
"""

import json
import os
import urllib.request

import schemathesis

NOBODY = 2**62
KEY = os.environ["PACKGUARD_KEY"]


def own_id():
    url = os.environ["PACKGUARD_URL"] + "/api/v1/admin/keys/?limit=100"
    request = urllib.request.Request(url, headers={"X-API-Key": KEY})
    with urllib.request.urlopen(request, timeout=10) as answer:
        keys = json.load(answer)["data"]["items"]
    return next(key["id"] for key in keys if KEY.startswith(f"pg_{key['prefix']}_"))


OWN = own_id()


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method != "GET" and case.path.startswith("/api/v1/admin/keys/{id}/"):
        parameters = case.path_parameters or {}
        if str(parameters.get("id")) == str(OWN):
            case.path_parameters["id"] = NOBODY


@schemathesis.hook
def filter_case(context, case):
    # An unknown header is to be ignored (RFC 9110, 5.1), not to be refused.
    return not any("schemathesis-unknown" in name.lower() for name in case.headers or {})
