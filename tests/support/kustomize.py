"""Builds what `kubectl apply -k` would send, as far as the overlays of `deploy/k8s` need it.

What it does not know it refuses, so no part of a kustomization is passed over in silence. Names get no digest
of their content.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]

_IGNORED = frozenset({"apiVersion", "kind"})
_MERGED_BY = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "topologySpreadConstraints": "topologyKey",
}
"""By which of their fields the elements of a list are the same (`patchMergeKey` of the Kubernetes API)."""


def build(folder: Path, brought: Mapping[str, str]) -> list[Resource]:
    """All resources of a kustomization. `brought` are files that a site brings, by their names."""
    given: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found: list[Resource] = []
    for place in given.pop("resources", []):
        path = folder / place
        found += build(path, brought) if path.is_dir() else _documents(path)
    for step, act in _STEPS.items():
        if step in given:
            act(found, given.pop(step), lambda name: _file(folder, name, brought))
    left = given.keys() - _IGNORED
    assert not left, f"{folder}: this test does not know {sorted(left)}"
    return found


def pod_of(resource: Resource) -> Resource | None:
    """The template of the pods that a resource makes; None if it makes none."""
    spec = resource.get("spec", {})
    if resource["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Resource | None = spec.get("template") if isinstance(spec, dict) else None
    return template


_Read = Callable[[str], str]


def _documents(path: Path) -> Iterator[Resource]:
    yield from (document for document in yaml.safe_load_all(path.read_text()) if document)


def _file(folder: Path, name: str, brought: Mapping[str, str]) -> str:
    return brought[name] if name in brought else (folder / name).read_text()


def _config_maps(found: list[Resource], maps: list[Resource], read: _Read) -> None:
    for given in maps:
        assert given.keys() == {"name", "files"}
        found.append(_named("ConfigMap", given["name"], {"data": dict(_files(given["files"], read))}))


def _secrets(found: list[Resource], secrets: list[Resource], read: _Read) -> None:
    for given in secrets:
        assert given.keys() - {"name"} <= {"literals", "envs", "files"}
        lines = [
            *given.get("literals", []),
            *(line for name in given.get("envs", []) for line in read(name).split()),
        ]
        content = dict(line.split("=", 1) for line in lines) | dict(_files(given.get("files", []), read))
        encoded = {name: b64encode(text.encode()).decode() for name, text in content.items()}
        found.append(_named("Secret", given["name"], {"type": "Opaque", "data": encoded}))


def _files(files: list[str], read: _Read) -> Iterator[tuple[str, str]]:
    for given in files:
        key, _, name = given.rpartition("=")
        yield key or name, read(name)


def _named(kind: str, name: str, content: Resource) -> Resource:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}


def _patches(found: list[Resource], patches: list[Resource], read: _Read) -> None:
    for given in patches:
        patch = yaml.safe_load(given.get("patch") or read(given["path"]))
        target = given.get("target") or {"kind": patch["kind"], "name": patch["metadata"]["name"]}
        meant = [resource for resource in found if _is_meant(resource, target)]
        assert meant, f"nothing is patched by {given}"
        for resource in meant:
            if isinstance(patch, list):
                _change(resource, patch)
            else:
                kept = {key: value for key, value in patch.items() if key != "metadata"}
                resource.update(_merged(resource, kept))


def _is_meant(resource: Resource, target: Mapping[str, str]) -> bool:
    assert target.keys() <= {"kind", "name", "labelSelector"}
    label, _, value = target.get("labelSelector", "").partition("=")
    labels = resource["metadata"].get("labels", {})
    return (
        resource["kind"] == target["kind"]
        and target.get("name") in (None, resource["metadata"]["name"])
        and (not label or labels.get(label) == value)
    )


def _change(resource: Resource, changes: list[Resource]) -> None:
    for change in changes:
        assert change["op"] == "add"
        *steps, last = change["path"].strip("/").split("/")
        place = resource
        for step in steps:
            place = place[step]
        place[last] = change["value"]


def _merged(before: Resource, patch: Resource) -> Resource:
    made = dict(before)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = _merged(made[key], value)
        elif isinstance(value, list) and key in _MERGED_BY and key in made:
            made[key] = _merged_list(made[key], value, _MERGED_BY[key])
        else:
            made[key] = deepcopy(value)
    return made


def _merged_list(before: list[Resource], patch: list[Resource], same: str) -> list[Resource]:
    known = {element[same]: element for element in before}
    patched = [_merged(known.pop(element[same], {}), element) for element in patch]
    return [*patched, *known.values()]


def _label(found: list[Resource], labels: list[Resource], read: _Read) -> None:
    for given in labels:
        assert given.keys() == {"pairs", "includeTemplates"}
        for resource in found:
            for labelled in (resource, pod_of(resource)):
                if labelled is not None:
                    labelled.setdefault("metadata", {}).setdefault("labels", {}).update(given["pairs"])


def _name_images(found: list[Resource], images: list[Resource], read: _Read) -> None:
    tags = {given["name"]: given["newTag"] for given in images}
    for resource in found:
        pod = pod_of(resource)
        for container in containers_of(pod) if pod else []:
            if container["image"] in tags:
                container["image"] += f":{tags[container['image']]}"


def containers_of(pod: Resource) -> list[Resource]:
    """The containers of a pod, those that begin first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def _count(found: list[Resource], counts: list[Resource], read: _Read) -> None:
    for given in counts:
        for resource in found:
            if resource["kind"] == "Deployment" and resource["metadata"]["name"] == given["name"]:
                resource["spec"]["replicas"] = given["count"]


def _place(found: list[Resource], namespace: str, read: _Read) -> None:
    for resource in found:
        if resource["kind"] != "Namespace":
            resource["metadata"]["namespace"] = namespace


_STEPS: Mapping[str, Callable[[list[Resource], Any, _Read], None]] = {
    "configMapGenerator": _config_maps,
    "secretGenerator": _secrets,
    "patches": _patches,
    "labels": _label,
    "images": _name_images,
    "replicas": _count,
    "namespace": _place,
}
"""What kustomize does, in its order."""

_DIGEST = re.compile(r"-[a-z0-9]{10}$")


def without_digest(name: str) -> str:
    """The name of a ConfigMap or Secret before kustomize added the digest of its content."""
    return _DIGEST.sub("", name)
