# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: which can be pulled, and the Python environment that stands for their content.

There is no container runtime and no registry. Known images are

* the official ``python`` image, from Docker Hub or any mirror of it (``python:3.11-slim``,
  ``public.ecr.aws/docker/library/python:3.11-slim``, ``mirror.example/library/python@sha256:...``),
  with a tag that such an image can have: a version, ``latest`` or the name of a variant;
* an image that was pushed to ECR here, that is: its repository and tag or digest are in moto;
* an image that the file ``images.json`` in the state folder (or the file that the
  variable EMULATOR_IMAGES names) maps to a folder of this machine: a virtual environment, or a
  folder with a ``bin``. It is read at each pull.

Every other reference cannot be pulled, and the task stops with CannotPullContainerError.

The content of every image is the Python that runs the emulator, whatever version the tag names,
with pip, and the system's ``sh`` and tools. pip lives in a shared folder of the cache, which no
container writes to. Each container has a thin virtual environment of its own on top of it, as a
container has its own writable layer; it stands for ``/usr/local`` of the image.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from moto.ecr.models import ecr_backends

from emulator.ecs.errors import StartFailure

_ECR = re.compile(r"^(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?$")
_NAME = re.compile(r"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$")
_TAG = re.compile(r"^\w[\w.-]{0,127}$")
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_PYTHON_TAG = re.compile(
    r"^(latest|(\d+(\.\d+){0,2}((a|b|rc)\d+)?|rc)(-[a-z0-9.]+)*|(slim|alpine|bookworm|bullseye|trixie)[a-z0-9.-]*)$"
)


@dataclass(frozen=True)
class Reference:
    """An image reference, taken apart.

    :param registry: host of the registry; ``docker.io`` when the reference names none.
    """

    text: str
    registry: str
    path: tuple[str, ...]
    tag: str
    digest: str | None

    @property
    def canonical(self) -> str:
        """The reference as containerd writes it in its errors."""
        path = ("library", *self.path) if self.registry == "docker.io" and len(self.path) == 1 else self.path
        end = f"@{self.digest}" if self.digest else f":{self.tag}"
        return "/".join((self.registry, *path)) + end


def parse_reference(text: str) -> Reference | None:
    """``text`` as a reference, or None when it breaks the grammar of the distribution project."""
    rest, _, digest = text.partition("@")
    if digest and not _DIGEST.match(digest):
        return None
    parts = rest.split("/")
    registry = "docker.io"
    if len(parts) > 1 and (set(".:") & set(parts[0]) or parts[0] == "localhost"):
        registry = parts.pop(0)
    last, colon, tag = parts[-1].partition(":")
    parts[-1] = last
    if (colon and not _TAG.match(tag)) or not all(_NAME.match(part) for part in parts):
        return None
    return Reference(text, registry, tuple(parts), tag or "latest", digest or None)


def is_private_registry(text: str) -> bool:
    """Whether ``text`` names an image in a private ECR registry."""
    reference = parse_reference(text)
    return reference is not None and _ECR.match(reference.registry) is not None


@dataclass(frozen=True)
class Image:
    """A pulled image: what a container's environment is made from.

    :param folder: the folder of this machine that holds more than Python, or None.
    """

    reference: str
    folder: Path | None = None


class Registry:
    """Answers pulls.

    :param images: the file that maps references to folders.
    """

    def __init__(self, images: Path) -> None:
        self._images = Path(os.environ.get("EMULATOR_IMAGES") or images)

    def pull(self, text: str) -> Image:
        """The image that ``text`` names.

        :raises StartFailure: CannotPullContainerError, when there is none.
        """
        folder = self._mapped().get(text)
        if folder is not None:
            if not Path(folder).is_dir():
                raise StartFailure(f"CannotPullContainerError: {self._images} maps {text} to {folder}: no such folder")
            return Image(text, Path(folder))
        reference = parse_reference(text)
        if reference is None:
            raise StartFailure(f"CannotPullContainerError: invalid reference format: {text}")
        ecr = _ECR.match(reference.registry)
        if ecr:
            if not _in_ecr(ecr["account"], ecr["region"], reference) and not _is_python(reference):
                raise _not_found(reference)
        elif not _is_python(reference):
            if reference.registry == "docker.io" and reference.path[-1] != "python":
                raise StartFailure(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
                    f"{reference.canonical}: pull access denied, repository does not exist or may require "
                    "authorization: server message: insufficient_scope: authorization failed"
                )
            raise _not_found(reference)
        return Image(text)

    def _mapped(self) -> dict[str, str]:
        try:
            found = json.loads(self._images.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise StartFailure(f"CannotPullContainerError: {self._images} is not JSON: {error}") from None
        return {str(name): str(folder) for name, folder in found.items()}


def _not_found(reference: Reference) -> StartFailure:
    return StartFailure(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
        f"{reference.canonical}: {reference.canonical}: not found"
    )


def _is_python(reference: Reference) -> bool:
    official = reference.path[-1] == "python" and (
        reference.path[-2:-1] == ("library",) or (reference.registry == "docker.io" and len(reference.path) == 1)
    )
    return official and (reference.digest is not None or _PYTHON_TAG.match(reference.tag) is not None)


def _in_ecr(account: str, region: str, reference: Reference) -> bool:
    repository = ecr_backends[account][region].repositories.get("/".join(reference.path))
    if repository is None:
        return False
    for image in repository.images:
        if reference.digest:
            if image.image_digest == reference.digest:
                return True
        elif image.image_tag == reference.tag or reference.tag in (image.image_tags or []):
            return True
    return False


#: Names the folder of images and downloaded packages.
CACHE_VARIABLE = "EMULATOR_CACHE"


def cache_folder() -> Path:
    """Where images and downloaded packages are kept between runs, for every state folder.

    EMULATOR_CACHE, which ``start`` makes absolute, as its daemon works in another folder; else ``.cache/emulator``
    beside this package.
    """
    beside = Path(__file__).resolve().parents[2] / ".cache" / "emulator"
    return Path(os.environ.get(CACHE_VARIABLE) or beside).absolute()


class ImageCache:
    """Makes the environments of containers.

    :param folder: the cache folder, see :func:`cache_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        version = "{}.{}.{}".format(*sys.version_info[:3])
        self._base = folder / "images" / f"python-{version}"

    def settings(self) -> dict[str, str]:
        """What lets package installers in a container use the cache."""
        return {
            # A cache that whoever started the emulator has already is used, too.
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(self._folder / "pip"),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(self._folder / "uv"),
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def prepare(self) -> Path:
        """The site-packages folder that all containers share; made when it is not there.

        :raises StartFailure: when this machine's Python cannot make a virtual environment with pip.
        """
        with self._lock:
            if not self._base.is_dir():
                self._build()
        return next(self._base.glob("lib/python*/site-packages"))

    def _build(self) -> None:
        self._base.parent.mkdir(parents=True, exist_ok=True)
        with open(self._base.parent / ".lock", "w", encoding="utf-8") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if self._base.is_dir():
                return
            with tempfile.TemporaryDirectory(dir=self._base.parent) as scratch:
                made = Path(scratch) / "image"
                done = subprocess.run(
                    [sys.executable, "-m", "venv", str(made)], capture_output=True, text=True, check=False
                )
                if done.returncode != 0:
                    said = (done.stdout + done.stderr).strip()
                    raise StartFailure(f"CannotPullContainerError: python -m venv failed here: {said}")
                for file in made.rglob("*"):
                    if file.is_file() and not file.is_symlink():
                        file.chmod(0o444 | (file.stat().st_mode & 0o111))
                made.rename(self._base)

    def layer(self, image: Image, folder: Path, more_paths: list[Path]) -> list[Path]:
        """Make the writable layer of one container.

        :param folder: becomes the container's ``/usr/local``.
        :param more_paths: folders that every Python of the layer imports from.
        :returns: folders for the front of PATH, first one first.
        """
        shared = self.prepare()
        executable = Path(getattr(sys, "_base_executable", sys.executable))
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        paths, found = [folder / "bin"], [str(shared)]
        if image.folder is not None:
            paths.append(image.folder / "bin" if (image.folder / "bin").is_dir() else image.folder)
            inside = sorted(image.folder.glob("lib/python*/site-packages"))
            if inside:
                # The first wins: what the image brings hides what the emulator adds.
                found.insert(0, str(inside[-1]))
                version = inside[-1].parent.name.removeprefix("python")
                executable = (image.folder / "bin" / "python").resolve()
        packages = folder / "lib" / f"python{version}" / "site-packages"
        packages.mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "pyvenv.cfg").write_text(
            f"home = {executable.parent}\ninclude-system-site-packages = false\nversion = {version}\n",
            encoding="utf-8",
        )
        (folder / "bin" / "python").symlink_to(executable)
        for name in ("python3", f"python{version}"):
            (folder / "bin" / name).symlink_to("python")
        for name in ("pip", "pip3"):
            script = folder / "bin" / name
            script.write_text('#!/bin/sh\nexec "${0%/*}/python" -m pip "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        lines = [*(str(path) for path in more_paths), *found]
        (packages / "_image.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return paths
