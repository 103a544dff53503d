# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data scientist's client works with nothing but mlflow.env; its data lies where it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deployed.deployed_stack import Stack

pytestmark = pytest.mark.timeout(120)

SIZE = 20 * 1024 * 1024

#: Runs as a program of its own, so that nothing of this process helps it.
CLIENT = """
import hashlib, json, pathlib, sys
import mlflow

work, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])
sent = work / "weights.bin"
with sent.open("wb") as out, open("/dev/urandom", "rb") as noise:
    out.write(noise.read(size))
mlflow.set_experiment("proof-of-a-client")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.25, step=3)
    mlflow.log_artifact(str(sent), "model")
back = work / "back"
got = pathlib.Path(
    mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="model/weights.bin", dst_path=str(back))
)
print(json.dumps({
    "run": run.info.run_id,
    "same": hashlib.sha256(sent.read_bytes()).digest() == hashlib.sha256(got.read_bytes()).digest(),
    "size": got.stat().st_size,
    "metric": mlflow.get_run(run.info.run_id).data.metrics["loss"],
}))
"""


@dataclass(frozen=True)
class Logged:
    """What the client said at its end."""

    run: str
    same: bool
    size: int
    metric: float


@pytest.fixture(scope="module")
def logged(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    work = tmp_path_factory.mktemp("client")
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(work), str(SIZE)],
        cwd=work,
        env={"PATH": os.environ["PATH"], "HOME": str(work), **stack.client_env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Logged(**json.loads(done.stdout.splitlines()[-1]))


def test_artifact_comes_back_byte_for_byte(logged: Logged) -> None:
    assert (logged.same, logged.size) == (True, SIZE)


def test_metric_comes_back(logged: Logged) -> None:
    assert logged.metric == 0.25


def test_bytes_lie_in_the_bucket_under_the_prefix(stack: Stack, logged: Logged) -> None:
    bucket, prefix = stack.settings()["MLFLOW_AWS_ARTIFACTS"].removeprefix("s3://").split("/", 1)
    rows = stack.every("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=f"{prefix}/")
    found = {row["Key"]: row["Size"] for row in rows if logged.run in row["Key"]}
    assert list(found.values()) == [SIZE]
    assert next(iter(found)).endswith(f"/{logged.run}/artifacts/model/weights.bin")


def test_an_artifact_that_is_not_there_is_not_found(stack: Stack, logged: Logged) -> None:
    """S3 answers 403 to the task, which may list its prefix only."""
    assert stack.ask(f"/get-artifact?run_id={logged.run}&path=model/weights.bin", stack.login) == 200
    assert stack.ask(f"/get-artifact?run_id={logged.run}&path=model/none.bin", stack.login) == 404


def test_run_lies_in_postgresql(stack: Stack, logged: Logged) -> None:
    connection = stack.connect(stack.secret("database/mlflow"))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT status FROM runs WHERE run_uuid = %s", (logged.run,))
            assert cursor.fetchall() == [("FINISHED",)]
            cursor.execute("SELECT key, value, step FROM metrics WHERE run_uuid = %s", (logged.run,))
            assert cursor.fetchall() == [("loss", 0.25, 3)]
    finally:
        connection.close()


def test_nothing_else_helped_the_client(stack: Stack) -> None:
    """No key of AWS is among the client's settings: artifacts go through MLflow."""
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} & set(stack.client_env)


def test_files_are_the_owners_alone(stack: Stack) -> None:
    files = [stack.output / "mlflow.env", stack.output / "health.json"]
    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600", "0o600"]


def test_health_was_good(stack: Stack) -> None:
    assert stack.health["healthy"] is True
    assert [stage["name"] for stage in stack.health["stages"] if not stage["ok"]] == []
    assert len(stack.health["stages"]) > 5
    assert stack.health["url"] == stack.url
    assert Path(stack.output / "health.json").read_text(encoding="utf-8").endswith("}\n")


def test_the_proof_left_nothing(stack: Stack) -> None:
    """Neither on anybody's home page, which shows what is active, nor out of sight."""
    connection = stack.connect(stack.secret("database/mlflow"))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM experiments WHERE name LIKE 'mlflow-aws-health%'")
            assert cursor.fetchall() == []
            cursor.execute("SELECT run_uuid FROM runs WHERE name = 'health-check'")
            assert cursor.fetchall() == []
    finally:
        connection.close()
