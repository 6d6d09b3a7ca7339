"""Images with digests, without a registry: an OCI archive whose images are named by tag and by digest.

``docker save`` writes neither the manifests nor the digests that a cluster needs. A cluster that loads this archive has
each image under ``REPOSITORY:TAG@sha256:DIGEST``, as if it had pulled it.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
GZIP = b"\x1f\x8b"


class _Layout:
    """An archive that is being written."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self.archive = archive
        self.blobs: set[str] = set()

    def add(self, path: str, content: bytes) -> None:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        self.archive.addfile(member, io.BytesIO(content))

    def blob(self, kind: str, content: bytes) -> dict[str, Any]:
        """Add content, once. Returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self.blobs:
            self.blobs.add(digest)
            self.add(f"blobs/sha256/{digest}", content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def write_archive(path: Path, repository: str, images: Mapping[str, str]) -> dict[str, str]:
    """Write images of the Docker engine. Returns the digest of each tag.

    Args:
        path: the path of the archive.
        repository: the name of the images in the archive.
        images: the engine's name of each tag.
    """
    saved = path.with_suffix(".saved")
    subprocess.run(["docker", "save", "--output", str(saved), *images.values()], check=True)
    digests: dict[str, str] = {}
    index: list[dict[str, Any]] = []
    with tarfile.open(saved) as source, tarfile.open(path, "w") as target:
        layout = _Layout(target)
        names = {name: entry for entry in _json(source, "manifest.json") for name in entry["RepoTags"]}
        for tag, name in images.items():
            found = _manifest(source, layout, names[name])
            digests[tag] = found["digest"]
            references = (f"{repository}:{tag}", f"{repository}@{found['digest']}")
            index += [found | {"annotations": {"io.containerd.image.name": name}} for name in references]
        layout.add("index.json", json.dumps({"schemaVersion": 2, "manifests": index}).encode())
        layout.add("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    saved.unlink()
    return digests


def _manifest(source: tarfile.TarFile, layout: _Layout, entry: Any) -> dict[str, Any]:
    layers = [_read(source, path) for path in entry["Layers"]]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blob(CONFIG, _read(source, entry["Config"])),
        "layers": [layout.blob(LAYER + "+gzip" * layer.startswith(GZIP), layer) for layer in layers],
    }
    return layout.blob(MANIFEST, json.dumps(manifest).encode())


def _read(source: tarfile.TarFile, path: str) -> bytes:
    file = source.extractfile(path)  # follows links: layers that images share are links
    assert file is not None
    return file.read()


def _json(source: tarfile.TarFile, path: str) -> Any:
    return json.loads(_read(source, path))
