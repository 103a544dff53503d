# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind a company's TLS proxy: what downloads packages asks the machine's certificate store.

A package index on loopback has a certificate of an authority that only the store knows. Where the store's file is, is
compiled into uv, so the test puts another file in its place, in a mount namespace of its own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import io
import os
import shutil
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from emulator.rds.tls import Authority

ROOT = Path(__file__).resolve().parents[3]
UV = Path(sys.executable).with_name("uv")
#: Where distributions keep the store; the first that is there counts (crate openssl-probe).
STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
WHEEL = "tiny-1.0-py3-none-any.whl"
UNKNOWN = "UnknownIssuer"


@functools.cache
def can_mount() -> bool:
    """Whether this user may have a mount namespace."""
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode == 0


@dataclass(frozen=True)
class Index:
    """A package index.

    :param authority: the file with the certificate of its authority.
    """

    url: str
    authority: Path


def tiny() -> bytes:
    """A wheel with one module."""
    files = {
        "tiny.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(text)}")
            archive.writestr(name, text)
        archive.writestr("tiny-1.0.dist-info/RECORD", "\n".join([*rows, "tiny-1.0.dist-info/RECORD,,", ""]))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("index")
    authority, certificate, key = Authority(folder), folder / "server.pem", folder / "server.key"
    authority.issue("index", certificate, key)
    pages = folder / "pages" / "simple" / "tiny"
    pages.mkdir(parents=True)
    (pages / WHEEL).write_bytes(tiny())
    (pages / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>', encoding="utf-8")

    class Handler(http.server.SimpleHTTPRequestHandler):
        """Serves the pages."""

        def log_message(self, *_: object) -> None:
            """Quiet."""

    handler = functools.partial(Handler, directory=str(folder / "pages"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Index(f"https://127.0.0.1:{server.server_port}/simple", authority.file)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bare_environment(folder: Path) -> dict[str, str]:
    """An environment that says nothing of certificates, indexes or proxies."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache"), "LC_ALL": "C"}


def with_store(authority: Path, command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``command`` where the machine's certificate store is ``authority``."""
    store = next((each for each in STORES if Path(each).is_file()), None)
    if store is None or not can_mount():
        pytest.skip("no certificate store here, or no mount namespace for this user")
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(authority), store, *command],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def make(index: Index, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Install a package from ``index`` with uv as the Makefile's recipes start it."""
    recipe = f"try: ; @{UV} pip install --quiet --no-deps --target {folder / 'target'} --index-url {index.url} tiny"
    command = ["make", "--no-print-directory", "-C", str(ROOT), f"--eval={recipe}", "try", *words]
    return with_store(index.authority, command, bare_environment(folder))


def test_make_uses_the_certificates_of_the_machine(index: Index, tmp_path: Path) -> None:
    done = make(index, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "tiny.py").is_file()


def test_whoever_wants_the_bundled_certificates_says_so(index: Index, tmp_path: Path) -> None:
    done = make(index, tmp_path, "UV_SYSTEM_CERTS=false")
    assert done.returncode != 0
    assert UNKNOWN in done.stderr


def test_the_pinned_uv_knows_the_variable() -> None:
    told = subprocess.run([UV, "help", "sync"], capture_output=True, text=True, check=True).stdout
    assert "UV_SYSTEM_CERTS=" in told


@pytest.mark.parametrize("asked", [None, "false"])
def test_a_task_uses_the_certificates_of_its_image(
    install: ModuleType, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None
) -> None:
    """The installation in a task asks the image's store, unless the task definition says otherwise."""
    lib, commands = tmp_path / "lib", list[tuple[list[str], dict[str, str]]]()
    pinned = lib / "mlflow_aws" / "requirements" / "3.17.2.txt"
    pinned.parent.mkdir(parents=True)
    pinned.write_text("tiny==1.0\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_", "SSL_"))]:
        monkeypatch.delenv(name)
    for name, value in {**bare_environment(tmp_path), "UV_INDEX_URL": index.url}.items():
        monkeypatch.setenv(name, value)
    if asked:
        monkeypatch.setenv("UV_SYSTEM_CERTS", asked)
    monkeypatch.setenv("PATH", f"{UV.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(install, "run", lambda command, _what, _version, env: commands.append((command, env)))
    install.install_mlflow(tmp_path, lib, "3.17.2")
    done = [with_store(index.authority, command, env) for command, env in commands]
    if asked:
        assert UNKNOWN in done[-1].stderr
    else:
        assert [each.stderr for each in done if each.returncode] == []
        assert list((tmp_path / "venv").rglob("tiny.py"))


@pytest.mark.parametrize(("file", "folder", "has"), [(True, False, True), (False, True, True), (False, False, False)])
def test_an_image_without_a_store_is_served_by_the_bundled_one(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: bool, folder: bool, has: bool
) -> None:
    store, certificates = tmp_path / "cert.pem", tmp_path / "certs"
    certificates.mkdir()
    if file:
        store.write_text("certificate", encoding="utf-8")
    if folder:
        (certificates / "0.pem").write_text("certificate", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    monkeypatch.setenv("SSL_CERT_DIR", str(certificates))
    assert install.has_certificates() is has
