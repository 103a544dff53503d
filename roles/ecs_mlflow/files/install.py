# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts MLflow and the package mlflow_aws into the task's runtime volume, before the server starts.

Runs as root in the container ``install`` on the stock Python image (its text is the command:
``python -c``), with the standard library only. It makes, below MLFLOW_AWS_HOME:
``venv/`` (pinned requirements of MLFLOW_AWS_VERSION), ``lib/`` (mlflow_aws, out of the base64 zip
MLFLOW_AWS_PAYLOAD, which may be compressed by xz) and ``bin/mlflow-aws``. With
MLFLOW_AWS_PREINSTALLED=true the image's own MLflow is used and nothing is downloaded. The server
sees all this read-only, as user 65534.
"""

from __future__ import annotations

import base64
import io
import lzma
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
import zipfile
from pathlib import Path

UV_VERSION = "0.13.9"
SERVER_UID = 65534
ATTEMPTS = 4
#: Seconds for everything. The containers that wait for this one have no deadline: a dependency on SUCCESS has none by
#: default, and Fargate's startTimeout ends at 120 s, which a slow package index needs more than once.
DEADLINE = 600
#: What servers and migrations import, and what a first request would: compiled here, once, because
#: the volume is read-only afterwards and every process would compile it again.
WARM = """
import compileall, importlib, os, pathlib
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", _MLFLOW_SERVER_SERVE_ARTIFACTS="true")
import boto3, mlflow.cli, mlflow.server.auth, mlflow_aws.access, mlflow_aws.app, mlflow_aws.migrate, mlflow_aws.serve
for name in (
    "mlflow.server.auth.db.utils", "mlflow.server.graphql.graphql_schema_extensions",
    "mlflow.server.graphql.graphql_no_batching", "mlflow.server.sandbox", "mlflow.server.security",
    "mlflow.store.tracking.sqlalchemy_workspace_store", "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.db.trace_analytics_backfill_75868b020152", "mlflow.tracing.export.utils",
    "mlflow.tracing.processor.otel", "mlflow.tracing.trace_rollup_service", "mlflow_aws.artifacts",
    "alembic.command", "anyio._backends._asyncio", "anyio.streams.tls", "botocore.credentials", "click.testing",
    "fastapi.telemetry._runtime", "flask.testing", "flask_cors", "gunicorn.app.wsgiapp", "gunicorn.glogging",
    "gunicorn.workers.gthread", "psycopg2.extras", "s3transfer.manager", "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql.psycopg2", "uvicorn.__main__", "uvicorn.lifespan.on", "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto", "uvicorn.supervisors",
):
    try:
        importlib.import_module(name)
    except ImportError:  # the other generation of MLflow
        pass
boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
root = pathlib.Path(mlflow.__file__).parent
# What is run by path rather than imported: alembic's scripts, and the command itself.
for folder in ("store/db_migrations", "server/auth/db/migrations"):
    compileall.compile_dir(root / folder, quiet=1)
compileall.compile_file(root / "__main__.py", quiet=1)
"""


#: What is under way, for the sentence at the deadline.
UNDER_WAY = ["the beginning"]


class InstallError(Exception):
    """What a person has to know: one line with the remedy."""


def setting(name: str, default: str = "") -> str:
    """The environment variable ``name``, or ``default`` when it is unset or empty."""
    return os.environ.get(name) or default


def say(text: str) -> None:
    """One line for the log of the container."""
    print(f"mlflow-aws install: {text}", flush=True)


def without_login(text: str) -> str:
    """``text`` without the credentials that a package index's URL may carry."""
    return re.sub(r"(?<=://)[^\s/@]+@", "***@", text)


def tail(text: str) -> str:
    """The last lines of a program's output as one line."""
    return without_login(" | ".join(line.strip() for line in text.splitlines()[-6:] if line.strip()))


def run(command: list[str], what: str, version: str, env: dict[str, str]) -> None:
    """Run ``command``, again when the network fails.

    :raises InstallError: it did not work, with the variable to change.
    """
    UNDER_WAY[:] = [what]
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        output = f"{done.stdout}\n{done.stderr}"
        if re.search(r"no version of mlflow|no versions of mlflow|requirements are unsatisfiable", output):
            raise InstallError(
                f"ecs_mlflow_version: MLflow {version} cannot be installed from the package index: {tail(output)}. "
                "Set ecs_mlflow_version to a version with pinned requirements (3.17.2, 2.18.0) or to one that "
                "https://pypi.org/project/mlflow/#history lists"
            )
        if attempt < ATTEMPTS:
            say(f"{what} failed, attempt {attempt + 1} of {ATTEMPTS} in {2**attempt} seconds: {tail(output)}")
            time.sleep(2**attempt)
    index = without_login(env.get("UV_DEFAULT_INDEX", "https://pypi.org/simple"))
    raise InstallError(
        f"{what} failed {ATTEMPTS} times: {tail(output)}. Is the package index {index} reachable from the task's "
        "subnets (NAT gateway, route, security group)? Otherwise set ecs_mlflow_image to an image that has MLflow"
    )


def unpack(payload: str, home: Path) -> Path:
    """Unpack mlflow_aws to ``home/lib`` and make its entry point known to MLflow; answers that folder."""
    lib = home / "lib"
    shutil.rmtree(lib, ignore_errors=True)
    try:
        packed = base64.b64decode(payload, validate=True)
        if packed.startswith(b"\xfd7zXZ\0"):  # a zip of stored files, compressed as a whole: two thirds of the size
            packed = lzma.decompress(packed)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = archive.namelist()
            if "mlflow_aws/__main__.py" not in names or any(n.startswith("/") or ".." in n.split("/") for n in names):
                raise InstallError("MLFLOW_AWS_PAYLOAD is not the zip of the package mlflow_aws")
            archive.extractall(lib)
    except (ValueError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise InstallError(f"MLFLOW_AWS_PAYLOAD is not a base64-coded zip: {error}") from error
    about = lib / "mlflow_aws-1.0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mlflow-aws\nVersion: 1.0.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[mlflow.app]\nmlflow-aws = mlflow_aws.app:create_app\n", encoding="utf-8")
    return lib


def has_certificates() -> bool:
    """Whether the image has a certificate store. A company's image may have a company's authority in it, of which the
    store that comes with uv knows nothing; pip asks the image's, too."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile) or bool(paths.capath and any(Path(paths.capath).iterdir()))


def install_mlflow(home: Path, lib: Path, version: str) -> Path:
    """Make ``home/venv`` with MLflow; answers its Python."""
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_HTTP_TIMEOUT": "60"}
    if "UV_DEFAULT_INDEX" not in env and (index := setting("UV_INDEX_URL", setting("PIP_INDEX_URL"))):
        env["UV_DEFAULT_INDEX"] = index
        env.pop("UV_INDEX_URL", None)
    if has_certificates():
        env.setdefault("UV_SYSTEM_CERTS", "true")
    tools, cache = home / "tools", home / "cache"
    # On the volume itself uv can link files into the environment instead of copying them.
    env.setdefault("UV_CACHE_DIR", str(cache))
    uv = shutil.which("uv")
    if uv is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        options = ["--only-binary", ":all:", "--root-user-action", "ignore", "--no-cache-dir", "--target", str(tools)]
        run([*pip, *options, f"uv=={UV_VERSION}"], "the download of uv", version, env)
        uv = str(tools / "bin" / "uv")
    venv = home / "venv"
    run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)], "uv venv", version, env)
    python = venv / "bin" / "python"
    base = [uv, "pip", "install", "--quiet", "--python", str(python), "--only-binary", ":all:"]
    pinned = lib / "mlflow_aws" / "requirements" / f"{version}.txt"
    if pinned.is_file():
        run([*base, "--no-deps", "-r", str(pinned)], f"the installation of MLflow {version}", version, env)
    else:
        say(f"WARNING: no pinned requirements for MLflow {version}: whatever the index offers today is installed")
        wanted = [f"mlflow[auth]=={version}", "psycopg2-binary", "boto3"]
        if version.startswith("2."):
            wanted += ["sqlalchemy<2.1", "flask-wtf"]
        run([*base, *wanted], f"the installation of MLflow {version}", version, env)
    for leftover in (tools, cache):
        shutil.rmtree(leftover, ignore_errors=True)
    (venv / ".lock").unlink(missing_ok=True)  # uv leaves it writable for everybody
    return python


def check(python: Path, lib: Path, version: str) -> None:
    """:raises InstallError: ``python`` has no MLflow with its server, or another version than asked for."""
    code = "import importlib.metadata as m, flask, psycopg2, boto3; print(m.version('mlflow'))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False, cwd=lib)
    if done.returncode != 0:
        raise InstallError(
            f"the image has no usable MLflow: {tail(done.stderr)}. ecs_mlflow_image must hold "
            f"mlflow[auth]=={version}, psycopg2-binary and boto3 for the 'python' on its PATH"
        )
    found = done.stdout.strip()
    if found != version:
        raise InstallError(
            f"ecs_mlflow_version is {version}, but MLflow {found} is installed: set ecs_mlflow_version to {found}, "
            "or use an image with the wanted version"
        )


def warm(python: Path, lib: Path) -> None:
    """Compile what will be imported, by importing it once.

    :raises InstallError: the server's modules cannot be imported, so that no server would start.
    """
    UNDER_WAY[:] = ["the compilation"]
    env = {**os.environ, "PYTHONPATH": str(lib), "HOME": "/tmp", "GIT_PYTHON_REFRESH": "quiet"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", WARM], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InstallError(f"the installed MLflow cannot be imported: {tail(done.stderr)}")


def write_command(home: Path, lib: Path, python: Path) -> None:
    """Write ``home/bin/mlflow-aws``. A shell script: a #! line is too short for some paths."""
    quoted, package = shlex.quote(str(python)), shlex.quote(str(lib))
    command = home / "bin" / "mlflow-aws"
    command.parent.mkdir(exist_ok=True)
    command.write_text(
        "#!/bin/sh\n"
        # The health check runs every few seconds: alone, without the package, it takes a tenth of the time.
        f'[ "$1" = healthcheck ] && PYTHONSAFEPATH=1 exec {quoted} -B {package}/mlflow_aws/healthcheck.py\n'
        f"PYTHONPATH={package}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1\n"
        "export PYTHONPATH PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE\n"
        f'exec {quoted} -m mlflow_aws "$@"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)


def open_scratch(scratch: Path) -> None:
    """The scratch folder belongs to the server's user (volumes of Fargate belong to root) and to nobody else."""
    scratch.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(scratch, SERVER_UID, SERVER_UID)
        scratch.chmod(0o700)


def megabytes(folder: Path) -> float:
    """Size of the files below ``folder`` in MB."""
    return sum(f.lstat().st_size for f in folder.rglob("*") if not f.is_dir()) / 1e6


def give_up(_number: int, _frame: object) -> None:
    """:raises InstallError: the deadline has come."""
    raise InstallError(
        f"not done after {DEADLINE} s, during {UNDER_WAY[0]}. Is the package index reachable from the task's subnets "
        "(NAT gateway, route, security group), and quick enough? Otherwise set ecs_mlflow_image to an image that has "
        "MLflow, and ecs_mlflow_image_has_mlflow to true"
    )


def install() -> None:
    """Do it all; says how long each part took.

    :raises InstallError: something a person has to mend.
    """
    os.umask(0o022)
    start = time.monotonic()
    home = Path(setting("MLFLOW_AWS_HOME", "/opt/mlflow"))
    version = setting("MLFLOW_AWS_VERSION")
    if not re.fullmatch(r"\d+\.\d+\.\d+[a-z0-9.]*", version):
        raise InstallError(f"ecs_mlflow_version must be a version of MLflow such as 3.17.2, not {version!r}")
    if version.startswith("2."):
        say(f"WARNING: MLflow {version} has known vulnerabilities: use it only until your clients have moved")
    open_scratch(Path(setting("MLFLOW_AWS_SCRATCH", "/var/lib/mlflow")))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    lib = unpack(setting("MLFLOW_AWS_PAYLOAD"), home)
    if setting("MLFLOW_AWS_PREINSTALLED", "false").lower() == "true":
        check(Path(sys.executable), lib, version)
        python = Path("python")  # as the image's own PATH finds it, in the server's container too
        installed = time.monotonic()
    else:
        python = install_mlflow(home, lib, version)
        installed = time.monotonic()
        warm(python, lib)
    write_command(home, lib, python)
    done = time.monotonic()
    say(
        f"MLflow {version} ready in {done - start:.1f} s (install {installed - start:.1f} s, compile "
        f"{done - installed:.1f} s, {megabytes(home):.0f} MB)"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(DEADLINE)
    try:
        install()
    except InstallError as error:
        sys.exit(f"mlflow-aws install: {error}")
