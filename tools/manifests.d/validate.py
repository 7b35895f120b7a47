"""Validates rendered manifests: each object strictly by the newest schema of Kubernetes that is here, pools by our
own definition, and what no schema knows: that names lead somewhere, and that what the issue of sizes and networks
promises holds.

    validate.py FILE.yaml…
"""

import ipaddress
import sys

import jsonschema
import kubernetes_validate
import yaml

# Kinds of others whose schemas are not here: these are rendered and not validated.
FOREIGN = {"Rollout", "ExternalSecret", "SecretStore"}
# Secrets that an admin makes (deploy/README.md), and cert-manager.
SECRETS = {"packguard", "packguard-backup", "packguard-servers"}
METADATA = ipaddress.ip_address("169.254.169.254")
WORKERS = 1000
UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def number(quantity):
    """A Kubernetes quantity."""
    text = str(quantity)
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    return float(text)


def strict(schema):
    """The schema, with unknown fields refused: an API server would drop them without a word."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def pool_schema(objects):
    for one in objects:
        if one["kind"] == "CustomResourceDefinition" and one["spec"]["names"]["kind"] == "RuntimePool":
            schema = strict(one["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
            schema["properties"].update(apiVersion={}, kind={}, metadata={})
            return schema
    raise SystemExit("no definition of RuntimePool was rendered")


def by_schema(objects):
    pools = of_kind(objects, "RuntimePool")
    schema = jsonschema.Draft202012Validator(pool_schema(objects)) if pools else None
    for one in objects:
        name = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "RuntimePool":
            for error in schema.iter_errors(one):
                yield f"{name}: {error.json_path}: {error.message}"
            if one["spec"].get("min", 0) > one["spec"]["max"]:
                yield f"{name}: min is over max"
        elif one["kind"] not in FOREIGN:
            try:
                kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                yield f"{name}: {error}"


def templates(objects):
    """Every pod template, with the name of its object."""
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if isinstance(spec.get("template"), dict):
            yield f"{one['kind']}/{one['metadata']['name']}", spec["template"]


def of_kind(objects, kind):
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def referred(pod):
    """What a pod names, as (kind, name)."""
    yield "ServiceAccount", pod["serviceAccountName"]
    yield "PriorityClass", pod["priorityClassName"]
    for volume in pod.get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in pod["containers"]:
        for source in container.get("envFrom", []):
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if key in source:
                    yield kind, source[key]["name"]
        for variable in container.get("env", []):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]


def names(objects):
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    there |= {("Secret", name) for name in SECRETS}
    for where, template in templates(objects):
        for kind, name in referred(template["spec"]):
            if (kind, name) not in there:
                yield f"{where}: names {kind} {name}, which there is not"
    for where, pool in of_kind(objects, "RuntimePool").items():
        spec = pool["spec"]
        wanted = [("PriorityClass", spec["priorityClassName"]), ("ServiceAccount", "packguard-worker")]
        wanted += [("ConfigMap", name) for name in spec["environment"]["configMaps"]]
        wanted += [("Secret", name) for name in spec["environment"]["secrets"]]
        for kind, name in wanted:
            if (kind, name) not in there:
                yield f"RuntimePool/{where}: names {kind} {name}, which there is not"
    labels = [template["metadata"]["labels"] for _, template in templates(objects)]
    # The pods that the controller makes (scale/src/controller/manifest.rs).
    labels.append({"app.kubernetes.io/name": "packguard-worker", "app.kubernetes.io/component": "worker"})
    for kind in ("Service", "PodDisruptionBudget"):
        for where, one in of_kind(objects, kind).items():
            selector = one["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            if not any(selector.items() <= these.items() for these in labels):
                yield f"{kind}/{where}: selects no pod"


def room(objects):
    """1000 pods of each pool's size fit the workers' quota."""
    pools = of_kind(objects, "RuntimePool")
    if not pools:
        return
    hard = of_kind(objects, "ResourceQuota")["workers"]["spec"]["hard"]
    for where, pool in pools.items():
        for side, sizes in pool["spec"]["resources"].items():
            for what, size in sizes.items():
                if number(size) * WORKERS > number(hard[f"{side}.{what}"]):
                    yield f"RuntimePool/{where}: {WORKERS} pods with {side}.{what} of {size} do not fit the quota"
    if number(hard["pods"]) < WORKERS:
        yield f"ResourceQuota/workers: not {WORKERS} pods"


def metadata(objects):
    """No policy lets anybody reach the address of the cloud's metadata."""
    for where, policy in of_kind(objects, "NetworkPolicy").items():
        for rule in policy["spec"].get("egress", []):
            if "to" not in rule:
                yield f"NetworkPolicy/{where}: lets out to everywhere"
            for block in (peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer):
                inside = METADATA in ipaddress.ip_network(block["cidr"])
                if inside and not any(METADATA in ipaddress.ip_network(cut) for cut in block.get("except", [])):
                    yield f"NetworkPolicy/{where}: lets out to {METADATA}"


def main():
    found = count = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            objects = [one for one in yaml.safe_load_all(file) if one]
        count += len(objects)
        for check in (by_schema, names, room, metadata):
            for finding in check(objects):
                found += 1
                print(f"{path.rsplit('/', 1)[-1]}: {finding}")
    version = kubernetes_validate.latest_version()
    print(f"{count} objects of {len(sys.argv) - 1} renderings by Kubernetes {version}; by no schema: {', '.join(sorted(FOREIGN))}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
