# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mlflow-aws serve``: real servers on a real PostgreSQL, asked as clients and attackers ask."""

from __future__ import annotations

import contextlib
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.runtime.people import grant, person
from tests.integration.runtime.route_ground import begin_listing, listed
from tests.integration.runtime.route_rows import rows
from tests.integration.runtime.runtime_parts import BUCKET, PREFIX, Answer, Runtime, Server, Storage, Task, serving
from tests.postgres import password

UNAUTHENTICATED = (
    b"You are not authenticated. Please see "
    b"https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate."
)
NOBODY = ("", "")


def new_run(server: Server, experiment: str = "0") -> str:
    """The id of a new run."""
    run_id: str = server.api("runs/create", {"experiment_id": experiment, "start_time": 1})["run"]["info"]["run_id"]
    return run_id


def test_health_is_open_and_the_rest_is_not(server: Server) -> None:
    assert server.call("GET", "/health", login=NOBODY).status == 200
    for path in (
        "/",
        "/version",
        "/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/api/2.0/mlflow-artifacts/artifacts/0/x",
        "/get-artifact?path=x&run_id=y",
    ):
        answer = server.call("GET", path, login=NOBODY)
        assert (answer.status, answer.body) == (401, UNAUTHENTICATED), path
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert headers["www-authenticate"] == 'Basic realm="mlflow"'


def test_every_route_has_been_judged(server: Server) -> None:
    """What each may be called by is asked in test_runtime_routes.py."""
    with begin_listing(server.task) as listing:
        served = set(listed(listing))
    generation = server.task.runtime.generation
    judged = {row.route for row in rows() if generation in row.generations}
    assert served - judged == set(), "no row of routes.yml says who may call these"
    assert judged - served == set(), "this MLflow has no such routes"
    assert len(judged) > (200 if generation == 3 else 70)


def test_a_stranger_is_asked_for_a_login_before_its_body_is_read(server: Server) -> None:
    path, sent = "/api/2.0/mlflow/runs/delete", {"Content-Type": "application/json"}
    for body in (b'{"runId": "x"}', b"[", b"{" * 100_000):
        assert server.call("POST", path, body, NOBODY, sent).status == 401
        assert server.call("POST", path, body, ("admin", "wrong"), sent).status == 401
        assert server.call("POST", path, body, headers=sent).status == 400


#: What can be read in two ways, and what is said of it. The last rows are of FastAPI.
TWO_WAYS: list[tuple[str, str, Any, str]] = [
    ("POST", "/api/2.0/mlflow/runs/delete", {"runId": "x"}, "'runId': names of parameters must be lowercase"),
    ("POST", "/api/2.0/mlflow/runs/delete", {"run_id": "x", "run_uuid": "y"}, "run_uuid or run_id has two different"),
    ("GET", "/api/2.0/mlflow/runs/get?run_id=x&run_uuid=y", None, "run_uuid or run_id has two different"),
    ("GET", "/api/2.0/mlflow/runs/get?run_id=x&run_id=y", None, "'run_id' is repeated in the query"),
    ("GET", "/api/2.0/mlflow/registered-models/alias?name=a&alias=x&alias=y", None, "'alias' is repeated"),
    ("GET", "/api/2.0/mlflow/registered-models/search?max_results=1&max_results=2", None, "'max_results' is repeated"),
    ("GET", "/api/3.0/mlflow/mcp-servers", {"max_results": 1}, "GET requests of this server have no body"),
    ("GET", "/api/3.0/mlflow/mcp-servers?max_results=1&max_results=2", None, "'max_results' is repeated"),
]


@pytest.mark.parametrize(("method", "path", "body", "said"), TWO_WAYS)
def test_what_can_be_read_in_two_ways_is_refused(server: Server, method: str, path: str, body: Any, said: str) -> None:
    answer = server.call(method, path, body)
    assert answer.status == 400, answer.body
    assert said in answer.json["message"]


def test_a_list_may_be_repeated(server: Server) -> None:
    for path, other in (("registered-models", "timestamp"), ("experiments", "last_update_time")):
        server.api(f"{path}/search?max_results=5&order_by=name%20ASC&order_by={other}%20ASC", method="GET")
    runs = [new_run(server), new_run(server)]
    history = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=m&run_id={runs[0]}&run_id={runs[1]}"
    assert server.call("GET", history).status == 200


def test_no_secret_in_arguments_log_or_open_files(server: Server) -> None:
    pids = server.group()
    assert len(pids) >= 4
    hidden = server.task.secrets.values()
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            assert not any(secret in arguments for secret in hidden)
            assert "postgresql" not in arguments
    log = server.log.read_text(encoding="utf-8")
    assert not any(secret in log for secret in hidden)
    ini = server.task.runtime.scratch / "basic_auth.ini"
    assert ini.stat().st_mode & 0o777 == 0o600


def test_a_run_with_metric_and_artifact(server: Server, storage: Storage) -> None:
    run_id, content = new_run(server), secrets.token_bytes(200_000)
    server.api("runs/log-metric", {"run_id": run_id, "key": "m", "value": 0.5, "timestamp": 1})
    default = server.api("experiments/get?experiment_id=0", method="GET")["experiment"]["artifact_location"]
    assert re.fullmatch(r"mlflow-artifacts:/0-[0-9a-f]{16}", default)
    folder = f"{default.removeprefix('mlflow-artifacts:/')}/{run_id}/artifacts"
    path = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/folder/model.bin"
    assert server.call("PUT", path, content).status == 200
    assert server.call("GET", path).body == content
    assert f"{PREFIX}/{folder}/folder/model.bin" in storage.stored()
    run = server.api(f"runs/get?run_id={run_id}", method="GET")["run"]
    assert (run["info"]["artifact_uri"], run["data"]["metrics"][0]["value"]) == (
        f"mlflow-artifacts:/{folder}",
        0.5,
    )
    listed = server.api(f"artifacts/list?run_id={run_id}&path=folder", method="GET")["files"]
    assert [entry["path"] for entry in listed] == ["folder/model.bin"]
    assert server.call("GET", f"/get-artifact?run_id={run_id}&path=folder/model.bin").body == content
    assert server.api("experiments/search", {"max_results": 5})["experiments"]
    assert server.call("GET", "/").body.lstrip().lower().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("users/create", {"username": "somebody", "password": "a-long-password"}),
        ("experiments/create", {"name": "taken"}),
        ("registered-models/create", {"name": "taken"}),
    ],
)
def test_a_name_that_is_taken_is_answered_without_the_statement(
    server: Server, path: str, body: dict[str, Any]
) -> None:
    """Nor is it in the log: it has the values of the row, with the hash of a password among them."""
    server.api(path, body)
    answer = server.call("POST", f"/api/2.0/mlflow/{path}", body)
    assert (answer.status, answer.json["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    for text in (answer.body.decode(), server.log.read_text(encoding="utf-8")):
        assert "INSERT INTO" not in text
        assert "scrypt:" not in text


def test_registry(server: Server, storage: Storage) -> None:
    run_id, name = new_run(server), f"model-{secrets.token_hex(3)}"
    source = server.api(f"runs/get?run_id={run_id}", method="GET")["run"]["info"]["artifact_uri"] + "/model"
    path = f"{source.removeprefix('mlflow-artifacts:/')}/MLmodel"
    assert server.call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", b"x: 1").status == 200
    server.api("registered-models/create", {"name": name})
    made = server.api("model-versions/create", {"name": name, "source": source, "run_id": run_id})
    assert made["model_version"]["version"] == "1"
    fetched = server.call("GET", f"/model-versions/get-artifact?name={name}&version=1&path=MLmodel")
    assert (fetched.status, fetched.body) == (200, b"x: 1")


def test_what_a_health_check_deletes_is_gone_for_good(server: Server) -> None:
    """Each check would leave rows otherwise. A person's experiment stays restorable."""
    postgres, env = server.task.postgres, server.task.env
    tracking, auth = env["MLFLOW_AWS_DB_TRACKING"], env["MLFLOW_AWS_DB_LOGINS"]
    grants = "role_permissions" if server.task.runtime.generation == 3 else "experiment_permissions"

    def rows() -> list[Any]:
        tables = ("experiments", "experiment_tags", "runs", "metrics", "latest_metrics", "params", "tags")
        counts = [postgres.query(f"SELECT count(*) FROM {table}", database=tracking) for table in tables]
        return [*counts, postgres.query(f"SELECT count(*) FROM {grants}", database=auth)]

    def write(name: str, token: str) -> str:
        tags = [{"key": "mlflow_aws.health_check", "value": token}]
        number: str = server.api("experiments/create", {"name": name, "tags": tags})["experiment_id"]
        run_id = new_run(server, number)
        server.api("runs/log-metric", {"run_id": run_id, "key": "m", "value": 0.5, "timestamp": 1})
        server.api("runs/log-parameter", {"run_id": run_id, "key": "p", "value": "x"})
        server.api("experiments/delete", {"experiment_id": number})
        return number

    token = secrets.token_hex(16)
    # The first grant also makes the user's own role.
    server.api("experiments/create", {"name": secrets.token_hex(4)})
    before = rows()
    gone = write(f"mlflow-aws-health-{token}", token)
    assert rows() == before
    assert server.call("GET", f"/api/2.0/mlflow/experiments/get?experiment_id={gone}").status == 404
    for name, mark in ((f"mlflow-aws-health-{secrets.token_hex(16)}", token), (secrets.token_hex(4), token)):
        kept = write(name, mark)
        server.api("experiments/restore", {"experiment_id": kept})


def test_a_colleague_makes_no_deletion_final(server: Server) -> None:
    """Whoever may edit an experiment may rename and tag it, but not so that it is taken for a health check's."""
    token, owner, colleague = secrets.token_hex(16), person(server), person(server)
    number = owner.experiment()
    grant(server, colleague, "experiment", number, "EDIT")
    named = {"experiment_id": number, "new_name": f"mlflow-aws-health-{token}"}
    assert colleague.call("POST", "/api/2.0/mlflow/experiments/update", named).status == 200
    tag = {"experiment_id": number, "key": "mlflow_aws.health_check", "value": token}
    for somebody in (colleague, owner):
        assert somebody.call("POST", "/api/2.0/mlflow/experiments/set-experiment-tag", tag).status == 403
    # Not even with the tag of an experiment that was made with it.
    name = f"mlflow-aws-health-{secrets.token_hex(16)}"
    made = owner.api("experiments/create", {"name": name, "tags": [{"key": tag["key"], "value": name[-32:]}]})
    for kept in (number, made["experiment_id"]):
        owner.api("experiments/delete", {"experiment_id": kept})
        owner.api("experiments/restore", {"experiment_id": kept})


def test_prompts_still_work(server: Server) -> None:
    """Prompts are model versions whose source is a word, not a place."""
    if server.task.runtime.generation == 2:
        pytest.skip("MLflow 2.18 has no prompts")
    name, tag = f"prompt-{secrets.token_hex(3)}", [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    server.api("registered-models/create", {"name": name, "tags": tag})
    text = [*tag, {"key": "mlflow.prompt.text", "value": "hello"}]
    server.api("model-versions/create", {"name": name, "source": "dummy-source", "tags": text})
    refused = server.call(
        "POST", "/api/2.0/mlflow/model-versions/create", {"name": name, "source": "/etc", "tags": text}
    )
    assert refused.status == 400


LOCATIONS = [
    "file:///etc",
    "FILE:///etc",
    "file:/etc",
    "/etc",
    "relative",
    "../up",
    "//host/path",
    "\\\\host\\path",
    "http://127.0.0.1:1/x",
    "ftp://127.0.0.1/x",
    "gs://bucket/x",
    "dbfs:/x",
    "s3://another-bucket/x",
    f"s3://{BUCKET}/elsewhere",
    f"s3://{BUCKET}/{PREFIX}/../elsewhere",
    f"s3://{BUCKET}/{PREFIX}/%2e%2e/elsewhere",
    "mlflow-artifacts://127.0.0.1:1/x",
    "mlflow-artifacts:/../../etc",
    "mlflow-artifacts:/%2e%2e/etc",
    "mlflow-artifacts:/..%5c..%5cetc",
    "mlflow-artifacts:/0",
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_no_experiment_outside_the_stack(server: Server, location: str) -> None:
    for key in ("artifact_location", "artifactLocation"):
        for api in ("api", "ajax-api"):
            body = {"name": secrets.token_hex(4), key: location}
            answer = server.call("POST", f"/{api}/2.0/mlflow/experiments/create", body)
            assert answer.status == 400, answer.body
            assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/team/ä",
        f"s3://{BUCKET}/{PREFIX}/team",
    ],
)
def test_experiments_inside_the_stack(server: Server, storage: Storage, location: str) -> None:
    location = f"{location}-{secrets.token_hex(3)}"
    made = server.api("experiments/create", {"name": secrets.token_hex(4), "artifact_location": location})
    run_id = new_run(server, made["experiment_id"])
    if location.startswith("s3:"):
        uploaded = server.call(
            "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=a/b.txt", b"content"
        )
    else:  # clients send proxied artifacts this way
        path = quote(f"{location.partition(':/')[2]}/{run_id}/artifacts/a/b.txt")
        uploaded = server.call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", b"content")
    assert uploaded.status == 200, uploaded.body
    assert server.call("GET", f"/get-artifact?run_id={run_id}&path=a/b.txt").body == b"content"
    folder = location.rpartition("/")[2]
    assert any(key.startswith(f"{PREFIX}/team") and folder in key for key in storage.stored())


@pytest.mark.parametrize("source", [location for location in LOCATIONS if location != "mlflow-artifacts:/0"])
def test_no_model_version_outside_the_stack(server: Server, source: str) -> None:
    name = secrets.token_hex(4)
    server.api("registered-models/create", {"name": name})
    answer = server.call("POST", "/api/2.0/mlflow/model-versions/create", {"name": name, "source": source})
    assert answer.status == 400, answer.body
    assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE"


def test_no_trace_outside_the_stack(server: Server) -> None:
    begin = {
        "experiment_id": "0",
        "timestamp_ms": 1,
        "tags": [{"key": "mlflow.artifactLocation", "value": "file:///etc"}],
    }
    answer = server.call("POST", "/api/2.0/mlflow/traces", begin)
    assert answer.status == 400, answer.body
    assert b"not permitted" in answer.body
    begin["tags"] = []
    trace = server.api("traces", begin)["trace_info"]["request_id"]
    tag = {"key": "mlflow.artifactLocation", "value": "/etc"}
    answer = server.call("PATCH", f"/api/2.0/mlflow/traces/{trace}/tags", tag)
    assert answer.status == 400, answer.body
    assert b"not permitted" in answer.body


#: Where rows of another time, or of another way in, may point. The mark is replaced by the server's disk.
OLD = [
    "file://{disk}",
    "{disk}",
    "//{disk}",
    "mlflow-artifacts:/../../../../../../../..{disk}",
    "s3://another-bucket/x",
    f"s3://{BUCKET}/{PREFIX}/../../../../../../../../..{{disk}}",
    "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts/../../../..{disk}",
]


@pytest.mark.parametrize("old", OLD)
def test_old_rows_are_of_no_use(server: Server, storage: Storage, tmp_path: Path, old: str) -> None:
    """Rows with a forbidden location, put straight into the database: nothing is read, nothing written."""
    task = server.task
    (tmp_path / "secret.txt").write_text("the secret of the disk", encoding="utf-8")
    (tmp_path / "traces.json").write_text('{"spans": ["the secret of the disk"]}', encoding="utf-8")
    # S3 takes any key: what a climbing path would name there must not reach the disk by a download.
    for climb in (f"{PREFIX}/../../../../../../../..{tmp_path}", f"{PREFIX}/../../../../../../../../..{tmp_path}"):
        storage.client().put_object(Bucket=BUCKET, Key=f"{climb}/planted.txt", Body=b"what was planted")
    location, database = old.replace("{disk}", str(tmp_path)), task.env["MLFLOW_AWS_DB_TRACKING"]
    run_id, name = new_run(server), secrets.token_hex(4)
    task.postgres.query("UPDATE runs SET artifact_uri = %s WHERE run_uuid = %s", (location, run_id), database)
    server.api("registered-models/create", {"name": name})
    task.postgres.query(
        "INSERT INTO model_versions (name, version, source, storage_location, creation_time, current_stage) "
        "VALUES (%s, 1, %s, %s, 1, 'None')",
        (name, location, location),
        database,
    )
    trace = server.api("traces", {"experiment_id": "0", "timestamp_ms": 1})["trace_info"]["request_id"]
    task.postgres.query(
        "UPDATE trace_tags SET value = %s WHERE request_id = %s AND key = 'mlflow.artifactLocation'",
        (location, trace),
        database,
    )
    before = sorted(tmp_path.rglob("*"))
    requests: list[tuple[str, str, Any]] = [
        ("GET", f"/get-artifact?run_id={run_id}&path=secret.txt", None),
        ("GET", f"/get-artifact?run_id={run_id}&path=planted.txt", None),
        ("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}", None),
        ("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=.", None),
        ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=written.txt", b"written"),
        ("GET", f"/model-versions/get-artifact?name={name}&version=1&path=secret.txt", None),
        ("GET", f"/model-versions/get-artifact?name={name}&version=1&path=planted.txt", None),
        ("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace}", None),
    ]
    for method, path, body in requests:
        answer = server.call(method, path, body)
        # MLflow uploads to a proxied run's usual folder in S3, whatever its row says.
        assert answer.status >= 400 or body is not None, (path, answer.body)
        assert b"the secret of the disk" not in answer.body, path
        assert b"what was planted" not in answer.body, path
        assert b"secret.txt" not in answer.body or b"error_code" in answer.body, path
    assert sorted(tmp_path.rglob("*")) == before
    written = [key for key in storage.stored() if key.endswith("written.txt") and run_id in key]
    assert written in ([], [f"{PREFIX}/0/{run_id}/artifacts/written.txt"])
    assert not any(".." in key for key in storage.stored() if key.endswith("written.txt"))


def test_logins(server: Server) -> None:
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert server.call("GET", path).status == 200
    for login in (("admin", password()), ("admin", ""), ("nobody", password()), ("nobo\0dy", "x"), ("ädmin", "ü")):
        answer = server.call("GET", path, login=login)
        assert (answer.status, answer.body) == (401, UNAUTHENTICATED), login
    for header in ("Basic", "Basic !!!", "Bearer abc", "Basic YWRtaW4=", "Digest username=admin"):
        answer = server.call("GET", path, login=NOBODY, headers={"Authorization": header})
        assert answer.status in (401, 500 if header.startswith("Digest") else 401), header
        assert answer.status != 200


def everywhere(server: Server, login: tuple[str, str]) -> set[int]:
    """The answers of 12 requests with ``login``: more than enough for both workers, by Flask and by FastAPI routes."""
    paths = ("/api/2.0/mlflow/experiments/search?max_results=1", "/api/2.0/mlflow-artifacts/artifacts/none/at/all")
    return {server.call("GET", path, login=login).status for path in paths for _ in range(6)}


def test_changed_password_and_deleted_user_are_refused_at_once_by_all_workers(server: Server) -> None:
    user, old, new = f"user-{secrets.token_hex(3)}", password(), password()
    server.api("users/create", {"username": user, "password": old})
    assert 401 not in everywhere(server, (user, old))
    server.api("users/update-password", {"username": user, "password": new}, "PATCH")
    assert everywhere(server, (user, old)) == {401}
    assert 401 not in everywhere(server, (user, new))
    server.api("users/delete", {"username": user}, "DELETE")
    assert everywhere(server, (user, new)) == {401}


def test_password_changed_by_another_task(server: Server) -> None:
    """Straight in the database: no worker of this server has seen the change."""
    user, word = f"user-{secrets.token_hex(3)}", password()
    server.api("users/create", {"username": user, "password": word})
    assert 401 not in everywhere(server, (user, word))
    task = server.task
    task.postgres.query(
        "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE username = 'admin') "
        "WHERE username = %s",
        (user,),
        task.env["MLFLOW_AWS_DB_LOGINS"],
    )
    assert everywhere(server, (user, word)) == {401}
    assert 401 not in everywhere(server, (user, task.admin_password))


def test_no_permission_by_default(server: Server) -> None:
    user, word = f"user-{secrets.token_hex(3)}", password()
    server.api("users/create", {"username": user, "password": word})
    answer = server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", login=(user, word))
    assert answer.status == 403


def test_shipped_password_is_refused_for_an_admin(server: Server) -> None:
    user = f"user-{secrets.token_hex(3)}"
    word = "password1234"
    server.api("users/create", {"username": user, "password": word})
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert server.call("GET", path, login=(user, word)).status == 200
    server.api("users/update-admin", {"username": user, "is_admin": True}, "PATCH")
    assert server.call("GET", path, login=(user, word)).status == 401


def test_hosts_and_origins(server: Server) -> None:
    path, body = "/ajax-api/2.0/mlflow/experiments/search", {"max_results": 1}
    assert server.call("POST", path, body, headers={"Host": "evil.example"}).status == 403
    assert server.call("GET", "/health", headers={"Host": "evil.example"}, login=NOBODY).status == 200
    assert server.call("POST", path, body, headers={"Origin": "http://evil.example"}).status == 403
    # Nor a page of some program on the user's own machine.
    for origin in ("http://localhost", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1", "null"):
        assert server.call("POST", path, body, headers={"Origin": origin}).status == 403
        for way in WAYS:
            for method in ("GET", "OPTIONS"):
                asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
                answer = server.call(method, way, headers=asks)
                told = {name.lower(): value for name, value in answer.headers.items()}
                assert "access-control-allow-origin" not in told, (origin, way, method)
    for host in ("localhost", "localhost:5000", "10.0.0.1", "127.0.0.2"):
        assert server.call("POST", path, body, headers={"Host": host}).status == 403
    allowed = {"Host": "mlflow.example", "Origin": "http://mlflow.example"}
    assert server.call("POST", path, body, headers=allowed).status == 200


def test_what_the_page_offers(server: Server) -> None:
    if server.task.runtime.generation == 2:
        pytest.skip("MLflow 3 only")
    answer = server.call("GET", "/ajax-api/2.0/mlflow/users/current").json
    assert (answer["is_basic_auth"], answer["user"]["is_admin"]) == (True, True)


def test_assistant_is_not_there(server: Server) -> None:
    """It runs shell commands on the machine of the server; behind a proxy on the same host it would answer."""
    for path in ("/ajax-api/3.0/mlflow/assistant/config", "/ajax-api/3.0/mlflow/assistant/message"):
        for method in ("GET", "POST"):
            assert server.call(method, path, {} if method == "POST" else None).status in (404, 405)


def test_stops_with_everything(migrated: Task, tmp_path: Path) -> None:
    with serving(migrated, tmp_path / "log", MLFLOW_AWS_WORKERS="1", MLFLOW_AWS_LOGIN_CACHE="false") as server:
        # MLflow's own login function is one variable away.
        assert server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0").status == 200
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        assert time.monotonic() - start < 20
        assert server.group() == []


@pytest.mark.slow
def test_upgraded_login_still_works(
    runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task], tmp_path: Path
) -> None:
    old = new_task(runtime_of("2.18.0"))
    new = old.with_runtime(runtime_of("3.17.2"))
    for task in (old, new):
        done = task.run("migrate")
        assert done.returncode == 0, done.stderr
    with serving(new, tmp_path / "log") as server:
        assert server.api("experiments/search", {"max_results": 1})["experiments"]


#: Answered by Flask, and by FastAPI under MLflow 3: both must count.
WAYS = ("/api/2.0/mlflow/experiments/search?max_results=1", "/api/2.0/mlflow-artifacts/artifacts/none/at/all")


@pytest.mark.parametrize("path", WAYS)
def test_guessing_is_limited_and_locks_nobody_else_out(server: Server, path: str) -> None:
    user, word = f"user-{secrets.token_hex(3)}", password()
    server.api("users/create", {"username": user, "password": word})
    here, there = f"2001:db8:{secrets.token_hex(2)}:1::9", f"2001:db8:{secrets.token_hex(2)}:2::9"

    def ask(word: str, forwarded: str) -> Answer:
        return server.call("GET", path, login=(user, word), headers={"X-Forwarded-For": forwarded})

    began = time.monotonic()
    answers = [ask(password(), f"198.51.100.{number}, {here}") for number in range(60)]
    statuses = [answer.status for answer in answers]
    assert statuses[:10] == [401] * 10
    # Two workers with ten tries each, of which each forgives one every 20 s.
    assert statuses.count(401) <= 22 + (time.monotonic() - began) / 10
    refused = [answer for answer in answers if answer.status == 429]
    waits = {int(answer.headers.get("Retry-After", answer.headers.get("retry-after", "0"))) for answer in refused}
    assert waits
    assert all(1 <= seconds <= 20 for seconds in waits)

    def refuses(forwarded: str) -> bool:
        """Whether the right password is refused right after a wrong one was; one may be forgiven between the two."""
        return any(ask(password(), here).status == ask(word, forwarded).status == 429 for _ in range(6))

    assert refuses(here)
    # What the client itself has put in front of the load balancer's entry is no way out, and none to lock others out.
    assert refuses(f"{there}, {here}")
    assert {ask(word, f"{here}, {there}").status for _ in range(6)} <= {200, 403, 404}
    assert server.call("GET", path).status != 429


def test_wrong_logins_do_not_hold_up_the_others(server: Server) -> None:
    """Under MLflow 3 they did, on FastAPI's routes: the load balancer took the task for dead."""
    flood, healthy, done = 60, 0, threading.Event()

    def guess(number: int) -> int:
        forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
        return server.call("GET", WAYS[1], login=(f"nobody-{number}", password()), headers=forwarded).status

    def probe() -> None:
        nonlocal healthy
        while not done.is_set():
            healthy += server.call("GET", "/health", login=("", "")).status == 200

    prober = threading.Thread(target=probe)
    with ThreadPoolExecutor(20) as pool:
        prober.start()
        try:
            statuses = set(pool.map(guess, range(flood)))
        finally:
            done.set()
            prober.join()
    assert statuses <= {401, 429}
    # Behind the logins in one queue, there would be one for each 20 of them.
    assert healthy > flood / 4


@pytest.mark.parametrize("path", WAYS)
def test_an_outdated_client_locks_nobody_out(server: Server, path: str) -> None:
    user, old, new = f"user-{secrets.token_hex(3)}", password(), password()
    server.api("users/create", {"username": user, "password": new})
    for _ in range(40):
        assert server.call("GET", path, login=(user, old)).status == 401
        assert server.call("GET", path, login=(user, new)).status in (200, 403, 404)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/ajax-api/3.0/mlflow/demo/generate", {}),
        ("POST", "/ajax-api/3.0/mlflow/demo/delete", {}),
        ("GET", "/ajax-api/3.0/mlflow/gateway/supported-models", None),
        ("GET", "/ajax-api/3.0/mlflow/gateway/supported-models?provider=openai", None),
        ("GET", "/ajax-api/3.0/mlflow/gateway/supported-providers", None),
        ("GET", "/ajax-api/3.0/mlflow/gateway/provider-config?provider=openai", None),
        (
            "POST",
            "/api/3.0/mlflow/gateway/secrets/create",
            {"secret_name": "x", "secret_value": {"api_key": "x"}, "provider": "openai"},
        ),
        ("POST", "/api/3.0/mlflow/gateway/endpoints/create", {"name": "x"}),
        ("POST", "/api/3.0/mlflow/gateway/model-definitions/create", {"name": "x"}),
    ],
)
def test_what_costs_much_or_asks_other_servers_is_for_admins(
    server: Server, method: str, path: str, body: dict[str, Any] | None
) -> None:
    if server.task.runtime.generation == 2:
        pytest.skip("MLflow 3 only")
    user, word = f"user-{secrets.token_hex(3)}", password()
    server.api("users/create", {"username": user, "password": word})
    answer = server.call(method, path, body, login=(user, word))
    assert (answer.status, answer.body) == (403, b"Permission denied")
