# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ECS plane with real processes, through boto3."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.elbv2.models import FakeTargetGroup

from emulator.ecs import logs, scheduler
from emulator.ecs.image import ImageCache, cache_folder
from emulator.kernel import has_proc, start_time
from tests.unit.emulator.ecs_harness import ACCOUNT, IMAGE, REGION, SERVER, Cloud, address_of, wait_for

BREAKER: dict[str, Any] = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One cloud for all tests; each makes its own services and definitions."""
    ImageCache(cache_folder()).prepare()
    made = Cloud(tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeTargetGroup, "health_for", lambda group, target, ec2: made.probe(group, target, ec2))
        patch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-emulator")
        patch.setenv("EMULATOR_SECRET", "of-the-emulator")
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def group(cloud: Cloud) -> str:
    """A log group."""
    name = f"/ecs/{secrets.token_hex(4)}"
    cloud.logs.create_log_group(logGroupName=name)
    return name


@pytest.fixture
def execution_role(cloud: Cloud) -> str:
    """A role that may write logs."""
    return cloud.role({"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"})


def logging_to(group: str, **options: str) -> dict[str, Any]:
    """A logConfiguration."""
    names = {"awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": "app", **options}
    return {"logDriver": "awslogs", "options": names}


def output(cloud: Cloud, task: dict[str, Any], container: str = "main") -> list[str]:
    """The lines that a container of a task wrote."""
    name: str = task["taskArn"].split("/")[-1]
    file = cloud.state / "ecs" / "tasks" / name / f"{container}.log"
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text(encoding="utf-8").splitlines()


def pids_of(cloud: Cloud, task: dict[str, Any]) -> list[int]:
    """The first processes of a task's containers."""
    return [part.pid for part in cloud.processes.parts() if part.name.endswith(task["taskArn"].split("/")[-1])]


def events_of(cloud: Cloud, service: str) -> list[str]:
    """The messages of a service's events, oldest first."""
    return [each["message"] for each in reversed(cloud.service(service)["events"])]


# Tasks of their own.


def test_a_task_runs_its_command_and_tells_its_exit_code(cloud: Cloud, group: str, execution_role: str) -> None:
    definition = cloud.register(
        cloud.python(
            "import os, sys; print('out', flush=True); print(os.environ['A'], file=sys.stderr); sys.exit(7)",
            environment=[{"name": "A", "value": "err"}],
            logConfiguration=logging_to(group),
        ),
        executionRoleArn=execution_role,
    )
    task = cloud.finish(definition, startedBy="me", tags=[{"key": "k", "value": "v"}])
    name = task["taskArn"].split("/")[-1]
    assert task["containers"][0]["exitCode"] == 7
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["desiredStatus"] == "STOPPED"
    assert task["taskDefinitionArn"] == definition
    assert task["tags"] == [{"key": "k", "value": "v"}]
    assert cloud.ecs.list_tags_for_resource(resourceArn=task["taskArn"])["tags"] == task["tags"]
    moments = [
        task[f"{step}At"] for step in ("created", "pullStarted", "pullStopped", "started", "stopping", "stopped")
    ]
    assert moments == sorted(moments)
    assert all(isinstance(moment, datetime) for moment in moments)
    assert cloud.messages(group, f"app/main/{name}") == ["out", "err"]
    assert output(cloud, task) == ["out", "err"]
    assert address_of(task).startswith("10.7.")
    listed = {"cluster": cloud.cluster, "startedBy": "me"}
    assert cloud.ecs.list_tasks(**listed)["taskArns"] == []
    assert cloud.ecs.list_tasks(**listed, desiredStatus="STOPPED")["taskArns"] == [task["taskArn"]]
    family = task["group"].removeprefix("family:")
    found = cloud.ecs.list_tasks(cluster=cloud.cluster, family=family, desiredStatus="STOPPED")["taskArns"]
    assert found == [task["taskArn"]]


def test_overrides_change_command_and_environment(cloud: Cloud) -> None:
    definition = cloud.register(cloud.python("pass", environment=[{"name": "A", "value": "1"}]))
    override = {
        "name": "main",
        "command": ["python", "-c", "import os; print(os.environ['A'], os.environ['B'])"],
        "environment": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}],
    }
    task = cloud.finish(definition, overrides={"containerOverrides": [override]})
    assert output(cloud, task) == ["2 3"]
    with pytest.raises(ClientError, match="Override for container named other is not a container"):
        cloud.run(definition, overrides={"containerOverrides": [{"name": "other"}]})


def test_a_container_sees_only_its_own_environment(cloud: Cloud) -> None:
    role = cloud.role()
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    bare, with_role = (
        output(cloud, cloud.finish(cloud.register(cloud.python(code), **more)))[0]
        for more in ({}, {"taskRoleArn": role})
    )
    assert "of-the-emulator" not in bare + with_role
    assert "AWS_ACCESS_KEY_ID" not in bare + with_role
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in bare
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in with_role
    assert '"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"' in bare
    assert '"AWS_EC2_METADATA_DISABLED": "true"' in bare
    assert os.path.dirname(sys.executable) not in bare


def test_the_task_role_is_served_on_loopback(cloud: Cloud) -> None:
    role = cloud.role()
    code = """
import json, os, urllib.error, urllib.request
def get(url, **headers):
    return json.load(urllib.request.urlopen(urllib.request.Request(url, headers=headers)))
url, token = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
found = get(url, Authorization=token)
print(found["RoleArn"], sorted(found))
try:
    get(url, Authorization="guess")
except urllib.error.HTTPError as error:
    print(error.code)
here = os.environ["ECS_CONTAINER_METADATA_URI_V4"]
print(get(here)["Name"], get(here + "/task")["KnownStatus"], get(here + "/task")["LaunchType"])
"""
    task = cloud.finish(cloud.register(cloud.python(code), taskRoleArn=role))
    fields = "['AccessKeyId', 'Expiration', 'RoleArn', 'SecretAccessKey', 'Token']"
    lines = output(cloud, task)
    assert lines[:2] == [f"{role} {fields}", "403"]
    assert lines[2] in ("main PENDING FARGATE", "main ACTIVATING FARGATE", "main RUNNING FARGATE")


@pytest.mark.parametrize("role", ["absent", "untrusted"])
def test_a_role_that_ecs_cannot_assume_is_refused(cloud: Cloud, role: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/absent"
    if role == "untrusted":
        name = f"role-{secrets.token_hex(4)}"
        trust = '{"Version": "2012-10-17", "Statement": []}'
        arn = cloud.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with pytest.raises(ClientError, match="ECS was unable to assume the role") as caught:
        cloud.run(cloud.register(cloud.python("pass"), taskRoleArn=arn))
    assert caught.value.response["Error"]["Code"] == "ClientException"


def test_an_unknown_command_says_so(cloud: Cloud) -> None:
    task = cloud.finish(cloud.register({"name": "main", "command": ["no-such-program"]}))
    reason = 'exec: "no-such-program": executable file not found in $PATH'
    assert task["stopCode"] == "TaskFailedToStart"
    assert reason in task["stoppedReason"]
    assert task["containers"][0]["reason"].startswith("CannotStartContainerError: ")
    assert "exitCode" not in task["containers"][0]


def test_an_unknown_image_cannot_be_pulled(cloud: Cloud) -> None:
    image = IMAGE.replace("3.11-slim", "does-not-exist")
    task = cloud.finish(cloud.register({**cloud.python("pass"), "image": image}))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert f"{image}: not found" in task["containers"][0]["reason"]


def test_an_image_in_ecr_needs_the_execution_roles_consent(cloud: Cloud) -> None:
    cloud.ecr.create_repository(repositoryName="app")
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "layers": [{"digest": f"sha256:{secrets.token_hex(32)}"}],
    }
    cloud.ecr.put_image(repositoryName="app", imageTag="1", imageManifest=json.dumps(manifest))
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app:1"
    pull = {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}
    container = {**cloud.python("print('from ecr')"), "image": image}
    granted = cloud.finish(cloud.register(container, executionRoleArn=cloud.role(pull)))
    assert output(cloud, granted) == ["from ecr"]
    denied = cloud.finish(cloud.register(container, executionRoleArn=cloud.role()))
    assert "unable to retrieve ecr registry auth" in denied["stoppedReason"]
    assert "is not authorized to perform: ecr:GetAuthorizationToken" in denied["stoppedReason"]


def test_an_image_can_bring_its_own_programs(cloud: Cloud, tmp_path: Path) -> None:
    packages = tmp_path / "venv" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "brought.py").write_text("WORD = 'brought'", encoding="utf-8")
    (tmp_path / "venv" / "bin").mkdir()
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    images = cloud.state / "images.json"
    images.write_text(f'{{"acme/app:1": "{tmp_path}/venv"}}', encoding="utf-8")
    try:
        container = {**cloud.python("import brought; print(brought.WORD)"), "image": "acme/app:1"}
        assert output(cloud, cloud.finish(cloud.register(container))) == ["brought"]
    finally:
        images.unlink()


def test_a_container_cannot_change_the_shared_image(cloud: Cloud) -> None:
    code = "import sysconfig, pip; print(sysconfig.get_paths()['purelib']); print(pip.__file__)"
    own, shared = output(cloud, cloud.finish(cloud.register(cloud.python(code))))
    assert "usr-local" in own
    assert shared.startswith(str(cache_folder()))
    assert os.stat(shared).st_mode & 0o222 == 0


def test_stopping_a_task_is_patient_and_then_not(cloud: Cloud) -> None:
    stubborn = cloud.register(
        cloud.python(
            "import os, signal, time; signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'no\\n'))\n"
            "print('up', flush=True)\nwhile True: time.sleep(0.1)",
            stopTimeout=1,
        )
    )
    task = cloud.run(stubborn)
    wait_for(lambda: cloud.task(task["taskArn"])["lastStatus"] == "RUNNING" and output(cloud, task))
    began = time.monotonic()
    cloud.ecs.stop_task(cluster=cloud.cluster, task=task["taskArn"], reason="enough")
    ended = cloud.wait_task(task["taskArn"], "STOPPED")
    # Not the 30 s that a container has by default.
    assert 1.0 <= time.monotonic() - began < 20.0
    assert output(cloud, task) == ["up", "no"]
    assert ended["containers"][0]["exitCode"] == 137
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "enough")


@pytest.mark.skipif(not has_proc(), reason="this machine does not say what a process catches")
@pytest.mark.parametrize(
    ("begin", "more", "code"),
    [
        ("", {}, 137),
        ("import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n", {}, 7),
        ("", {"linuxParameters": {"initProcessEnabled": True}}, 143),
    ],
)
def test_the_first_process_of_a_container_gets_what_it_catches(
    cloud: Cloud, begin: str, more: dict[str, Any], code: int
) -> None:
    """The kernel drops a signal to process 1 that it has no handler for: exit code 137 after the stop timeout."""
    program = f"{begin}import time; print('up', flush=True); time.sleep(600)"
    task = cloud.run(cloud.register(cloud.python(program, stopTimeout=2 if code == 137 else 60, **more)))
    wait_for(lambda: cloud.task(task["taskArn"])["lastStatus"] == "RUNNING" and output(cloud, task))
    began = time.monotonic()
    cloud.ecs.stop_task(cluster=cloud.cluster, task=task["taskArn"])
    ended = cloud.wait_task(task["taskArn"], "STOPPED")
    assert ended["containers"][0]["exitCode"] == code
    if code == 137:
        assert time.monotonic() - began >= 2.0


def test_children_and_daemons_end_with_the_container(cloud: Cloud) -> None:
    code = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, daemon.pid, flush=True)
time.sleep(0.2)
"""
    task = cloud.finish(cloud.register(cloud.python(code)))
    child, daemon = (int(word) for word in output(cloud, task)[0].split())
    wait_for(lambda: start_time(child) is None)
    if sys.platform == "linux":
        wait_for(lambda: start_time(daemon) is None)
    else:
        os.kill(daemon, signal.SIGKILL)


# Secrets and logs.


def test_secrets_come_from_secrets_manager_and_parameters(cloud: Cloud) -> None:
    values = {name: secrets.token_urlsafe(12) for name in ("json", "old", "parameter")}
    arn = cloud.secretsmanager.create_secret(
        Name=f"s-{secrets.token_hex(4)}", SecretString=f'{{"key": "{values["old"]}", "n": 5}}'
    )["ARN"]
    version = cloud.secretsmanager.put_secret_value(SecretId=arn, SecretString=f'{{"key": "{values["json"]}"}}')
    parameter = f"/app/{secrets.token_hex(4)}"
    cloud.ssm.put_parameter(Name=parameter, Value=values["parameter"], Type="SecureString")
    parameter_arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{parameter}"
    role = cloud.role(
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn},
        {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": parameter_arn},
    )
    wanted = {
        "WHOLE": arn,
        "KEY": f"{arn}:key::",
        "PREVIOUS": f"{arn}:key:AWSPREVIOUS:",
        "BY_VERSION": f"{arn}:key::{version['VersionId']}",
        "PARAMETER": parameter_arn,
        "PARAMETER_NAME": parameter,
    }
    code = (
        "import os, hashlib, time\n"
        f"for name in {list(wanted)!r}: print(hashlib.sha256(os.environ[name].encode()).hexdigest(), flush=True)\n"
        "time.sleep(600)"
    )
    definition = cloud.register(
        cloud.python(code, secrets=[{"name": n, "valueFrom": v} for n, v in wanted.items()], stopTimeout=2),
        executionRoleArn=role,
    )
    task = cloud.run(definition)
    cloud.wait_task(task["taskArn"], "RUNNING")
    lines = wait_for(lambda: len(found := output(cloud, task)) == len(wanted) and found)

    expected = [f'{{"key": "{values["json"]}"}}', values["json"], values["old"], values["json"]]
    expected += [values["parameter"]] * 2
    assert lines == [hashlib.sha256(text.encode()).hexdigest() for text in expected]
    # Not in what others may read: arguments, descriptions.
    seen = str(cloud.task(task["taskArn"])) + str(cloud.ecs.describe_task_definition(taskDefinition=definition))
    for pid in pids_of(cloud, task):
        with contextlib.suppress(FileNotFoundError):
            seen += Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    seen += (cloud.state / "processes.json").read_text(encoding="utf-8")
    assert not [name for name, value in values.items() if value in seen]
    cloud.ecs.stop_task(cluster=cloud.cluster, task=task["taskArn"])
    cloud.wait_task(task["taskArn"], "STOPPED")


BEGIN = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "unable to retrieve secret"
)


@pytest.mark.parametrize(
    ("suffix", "granted", "message"),
    [
        (":key::", False, "AccessDeniedException: User: arn:aws:sts::"),
        (":other::", True, "retrieved secret from Secrets Manager did not contain json key other"),
        (":key:AWSPENDING:", True, "ResourceNotFoundException: Secrets Manager can't find the specified secret"),
        (":key", True, "unexpected ARN format with parameters when trying to retrieve ASM secret"),
    ],
)
def test_a_secret_that_cannot_be_read_stops_the_task(cloud: Cloud, suffix: str, granted: bool, message: str) -> None:
    value = secrets.token_urlsafe(12)
    arn = cloud.secretsmanager.create_secret(Name=f"s-{secrets.token_hex(4)}", SecretString=f'{{"key": "{value}"}}')[
        "ARN"
    ]
    allow = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}
    role = cloud.role(*([allow] if granted else []))
    container = cloud.python("pass", secrets=[{"name": "S", "valueFrom": arn + suffix}])
    task = cloud.finish(cloud.register(container, executionRoleArn=role))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(BEGIN)
    assert message in task["stoppedReason"]
    assert value not in str(task)


def test_a_secret_that_is_no_json_is_not_quoted(cloud: Cloud) -> None:
    value = secrets.token_urlsafe(12)
    arn = cloud.secretsmanager.create_secret(Name=f"s-{secrets.token_hex(4)}", SecretString=value)["ARN"]
    role = cloud.role({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn})
    container = cloud.python("pass", secrets=[{"name": "S", "valueFrom": f"{arn}:key::"}])
    task = cloud.finish(cloud.register(container, executionRoleArn=role))
    assert "invalid character" in task["stoppedReason"]
    assert value not in str(task)


def test_a_missing_log_group_stops_the_task(cloud: Cloud, execution_role: str) -> None:
    container = cloud.python("pass", logConfiguration=logging_to("/ecs/absent"))
    task = cloud.finish(cloud.register(container, executionRoleArn=execution_role))
    assert task["stoppedReason"] == (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed "
        "to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : "
        "exit status 1"
    )


def test_the_log_driver_makes_the_group_only_when_it_may(cloud: Cloud, execution_role: str) -> None:
    name = f"/ecs/{secrets.token_hex(4)}"
    container = cloud.python("print('x')", logConfiguration=logging_to(name, **{"awslogs-create-group": "true"}))
    denied = cloud.finish(cloud.register(container, executionRoleArn=execution_role))
    assert "not authorized to perform: logs:CreateLogGroup" in denied["stoppedReason"]
    role = cloud.role({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    task = cloud.finish(cloud.register(container, executionRoleArn=role))
    assert cloud.messages(name, f"app/main/{task['taskArn'].split('/')[-1]}") == ["x"]


def test_logs_arrive_while_the_container_runs(cloud: Cloud, group: str, execution_role: str) -> None:
    code = "import time; print('early', flush=True); time.sleep(600)"
    container = cloud.python(code, logConfiguration=logging_to(group), stopTimeout=2)
    task = cloud.run(cloud.register(container, executionRoleArn=execution_role))
    cloud.wait_task(task["taskArn"], "RUNNING")
    stream = f"app/main/{task['taskArn'].split('/')[-1]}"
    wait_for(lambda: cloud.messages(group, stream) == ["early"])
    cloud.ecs.stop_task(cluster=cloud.cluster, task=task["taskArn"])


# Containers that depend on each other.


def pair(cloud: Cloud, install: str, condition: str, **more: Any) -> str:
    """A definition whose ``main`` waits for ``install``; both mount ``shared``."""
    mount = {"sourceVolume": "shared", "containerPath": "/opt/shared"}
    return cloud.register(
        cloud.python(install, "install", essential=False, mountPoints=[mount], **more),
        cloud.python(
            "import os; print(open('/opt/shared/note').read()); print(os.environ['WHERE'])",
            dependsOn=[{"containerName": "install", "condition": condition}],
            mountPoints=[{**mount, "readOnly": True}],
            environment=[{"name": "WHERE", "value": "/opt/shared/x:/opt/shared-not"}],
        ),
        volumes=[{"name": "shared"}],
    )


def test_lines_that_cannot_be_delivered_harm_nobody_else(
    cloud: Cloud, group: str, execution_role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = logs._deliver

    def fails(name: logs.StreamName, events: list[dict[str, Any]]) -> None:
        if "/bad/" in name.stream:
            raise RuntimeError("no delivery")
        deliver(name, events)

    monkeypatch.setattr(logs, "_deliver", fails)
    log = logging_to(group)
    names = ("bad", "good")
    definitions = [
        cloud.register(cloud.python("print('x')", name, logConfiguration=log), executionRoleArn=execution_role)
        for name in names
    ]
    tasks = [cloud.finish(definition) for definition in definitions]
    assert [task["containers"][0]["exitCode"] for task in tasks] == [0, 0]
    streams = [f"app/{name}/{task['taskArn'].split('/')[-1]}" for name, task in zip(names, tasks, strict=True)]
    assert [cloud.messages(group, stream) for stream in streams] == [[], ["x"]]


def test_a_container_ends_even_when_clearing_it_away_fails(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(shipper: logs.LogShipper) -> None:
        raise RuntimeError("no flush")

    monkeypatch.setattr(logs.LogShipper, "flush", fails)
    task = cloud.finish(cloud.register(cloud.python("raise SystemExit(3)")))
    assert (task["lastStatus"], task["containers"][0]["exitCode"]) == ("STOPPED", 3)


def test_containers_share_a_volume_in_order(cloud: Cloud) -> None:
    install = "import time; time.sleep(0.3); open('/opt/shared/note', 'w').write('done')"
    task = cloud.finish(pair(cloud, install, "SUCCESS"))
    note, where = output(cloud, task)
    assert note == "done"
    inside, outside = where.split(":")
    assert inside.endswith("/volumes/shared/x")
    assert outside == "/opt/shared-not"
    codes = {each["name"]: each["exitCode"] for each in task["containers"]}
    assert codes == {"install": 0, "main": 0}
    # The disk of a task is gone with it; its logs are not.
    assert not Path(inside).parent.exists()


def test_a_failed_dependency_stops_the_task(cloud: Cloud) -> None:
    task = cloud.finish(pair(cloud, "import sys; sys.exit(4)", "SUCCESS"))
    main = next(each for each in task["containers"] if each["name"] == "main")
    assert main["exitCode"] == 143
    assert "dependency did not exit successfully" in main["reason"]
    assert task["stopCode"] == "TaskFailedToStart"


def test_complete_does_not_ask_for_success(cloud: Cloud) -> None:
    install = "import sys; open('/opt/shared/note', 'w').write('half'); sys.exit(4)"
    assert output(cloud, cloud.finish(pair(cloud, install, "COMPLETE")))[0] == "half"


def test_a_dependency_that_takes_too_long_stops_the_task(cloud: Cloud) -> None:
    task = cloud.finish(pair(cloud, "import time; time.sleep(60)", "SUCCESS", startTimeout=1, stopTimeout=2))
    main = next(each for each in task["containers"] if each["name"] == "main")
    assert "start timeout" in main["reason"]


def test_healthy_is_waited_for(cloud: Cloud) -> None:
    check = {"command": ["CMD-SHELL", "test -e /opt/shared/ready"], "interval": 5, "retries": 2}
    mount = [{"sourceVolume": "shared", "containerPath": "/opt/shared"}]
    code = "import time; time.sleep(1); open('/opt/shared/ready', 'w'); print(time.time(), flush=True); time.sleep(600)"
    definition = cloud.register(
        cloud.python(code, "base", healthCheck=check, mountPoints=mount, stopTimeout=2),
        cloud.python(
            "import time; print(time.time())",
            dependsOn=[{"containerName": "base", "condition": "HEALTHY"}],
        ),
        volumes=[{"name": "shared"}],
    )
    task = cloud.finish(definition)
    assert float(output(cloud, task)[0]) > float(output(cloud, task, "base")[0])


def test_a_program_that_listens_off_loopback_is_stopped(cloud: Cloud) -> None:
    """Other programs than Python's are not translated; -S -E stands for one."""
    code = "import socket, time; s = socket.create_server(('0.0.0.0', 0)); time.sleep(600)"
    bare = {"name": "bare", "command": ["env", "-u", "PYTHONPATH", sys.executable, "-I", "-S", "-c", code]}
    gone = cloud.wait_task(cloud.run(cloud.register({**bare, "stopTimeout": 2}))["taskArn"], "STOPPED")
    assert gone["stopCode"] == "TaskFailedToStart"
    assert "bare listens on 0.0.0.0:" in gone["stoppedReason"]


def test_a_cluster_with_tasks_is_not_deleted(cloud: Cloud) -> None:
    name = cloud.ecs.create_cluster(clusterName=f"other-{secrets.token_hex(3)}")["cluster"]["clusterName"]
    definition = cloud.register(cloud.python("import time; time.sleep(600)", stopTimeout=2))
    request = {"launchType": "FARGATE", "networkConfiguration": cloud.network}
    task = cloud.ecs.run_task(cluster=name, taskDefinition=definition, **request)["tasks"][0]["taskArn"]
    with pytest.raises(ClientError, match="while Tasks are active"):
        cloud.ecs.delete_cluster(cluster=name)
    cloud.ecs.stop_task(cluster=name, task=task)
    wait_for(lambda: cloud.ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]["lastStatus"] == "STOPPED")
    assert cloud.ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"


def test_what_is_forgotten_leaves_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder and the client token of a task go with it."""
    definition = cloud.register(cloud.python("pass"))
    task = cloud.finish(definition, clientToken="one")
    folder = cloud.state / "ecs" / "tasks" / task["taskArn"].split("/")[-1]
    assert folder.is_dir()
    assert cloud.run(definition, clientToken="one")["taskArn"] == task["taskArn"]
    monkeypatch.setattr(scheduler, "KEPT_SECONDS", 0.0)
    wait_for(lambda: cloud.run(definition, clientToken="one")["taskArn"] != task["taskArn"])
    wait_for(lambda: not folder.exists())


# Services.


def test_a_service_reaches_a_steady_state_and_replaces_a_killed_task(cloud: Cloud) -> None:
    service = cloud.create_service(cloud.register(cloud.server()), 2, tags=[{"key": "k", "value": "v"}])
    found = cloud.wait_steady(service)
    assert found["tags"] == [{"key": "k", "value": "v"}]
    assert found["deployments"][0]["rolloutStateReason"] == f"ECS deployment {found['deployments'][0]['id']} completed."
    assert events_of(cloud, service)[-1] == f"(service {service}) has reached a steady state."
    before = cloud.tasks_of(service)
    # Both answer at their own address, on the same port: the containers share nothing.
    assert [cloud.get(address_of(task), 5000) for task in before] == ["hello", "hello"]
    assert len({task["availabilityZone"] for task in before}) == 2
    assert {task["group"] for task in before} == {f"service:{service}"}
    victim, pid = before[0], pids_of(cloud, before[0])[0]
    os.kill(pid, signal.SIGKILL)
    gone = cloud.wait_task(victim["taskArn"], "STOPPED")
    assert gone["containers"][0]["exitCode"] == 137
    cloud.wait_steady(service)
    arns = {task["taskArn"] for task in cloud.tasks_of(service)}
    assert len(arns) == 2
    assert victim["taskArn"] not in arns
    assert before[1]["taskArn"] in arns
    cluster = cloud.ecs.describe_clusters(clusters=[cloud.cluster])["clusters"][0]
    assert cluster["runningTasksCount"] >= 2
    with pytest.raises(ClientError, match="while Services are active"):
        cloud.ecs.delete_cluster(cluster=cloud.cluster)
    with pytest.raises(ClientError, match="scaled above 0"):
        cloud.ecs.delete_service(cluster=cloud.cluster, service=service)
    cloud.delete_service(service)
    assert service not in str(cloud.ecs.list_services(cluster=cloud.cluster)["serviceArns"])
    with pytest.raises(ClientError, match="Service was not ACTIVE"):
        cloud.ecs.update_service(cluster=cloud.cluster, service=service, desiredCount=1)
    assert cloud.addresses.resolve(cloud.vpc, address_of(before[1]), 5000) is None


def test_scaling_up_and_down(cloud: Cloud) -> None:
    service = cloud.create_service(cloud.register(cloud.server()), 1)
    cloud.wait_steady(service)
    (first,) = cloud.tasks_of(service)
    cloud.ecs.update_service(cluster=cloud.cluster, service=service, desiredCount=3)
    wait_for(lambda: cloud.service(service)["runningCount"] == 3)
    assert len(cloud.service(service)["deployments"]) == 1
    cloud.ecs.update_service(cluster=cloud.cluster, service=service, desiredCount=1)
    wait_for(lambda: [task["taskArn"] for task in cloud.tasks_of(service)] == [first["taskArn"]])
    cloud.delete_service(service)


def test_a_rolling_update_refuses_no_request(cloud: Cloud) -> None:
    target_group = cloud.target_group(delay=1)
    family = f"roll-{secrets.token_hex(3)}"
    balancers = [{"targetGroupArn": target_group, "containerName": "web", "containerPort": 5000}]
    service = cloud.create_service(cloud.register(cloud.server("one"), family=family), 2, loadBalancers=balancers)
    cloud.wait_steady(service)
    wait_for(lambda: len(cloud.healthy_targets(target_group)) == 2)
    answers: list[str] = []
    errors: list[str] = []
    fewest: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.02):
            targets = cloud.healthy_targets(target_group)
            fewest.append(len(targets))
            for address, port in targets:
                try:
                    answers.append(cloud.get(address, port))
                except (OSError, AssertionError) as error:
                    errors.append(repr(error))

    client = threading.Thread(target=ask)
    client.start()
    second = cloud.register(cloud.server("two"), family=family)
    # The family alone means its latest revision.
    cloud.ecs.update_service(cluster=cloud.cluster, service=service, taskDefinition=family)
    during = wait_for(lambda: len(found := cloud.service(service)["deployments"]) == 2 and found)
    assert [each["status"] for each in during] == ["PRIMARY", "ACTIVE"]
    found = cloud.wait_steady(service)
    done.set()
    client.join()
    assert errors == []
    assert min(fewest) >= 2
    assert {"one", "two"} == set(answers)
    assert found["taskDefinition"] == second
    texts = {cloud.get(address, port) for address, port in cloud.healthy_targets(target_group)}
    assert texts == {"two"}
    events = events_of(cloud, service)
    for what in ("registered", "deregistered"):
        pattern = rf"\(service {service}\) {what} (\d) targets in \(target-group {target_group}\)"
        numbers = [int(match[1]) for event in events if (match := re.fullmatch(pattern, event))]
        assert sum(numbers) == (4 if what == "registered" else 2)
    assert any("has begun draining connections on" in event for event in events)
    cloud.delete_service(service)
    assert cloud.healthy_targets(target_group) == []


def test_the_same_revision_is_deployed_again_only_by_force(cloud: Cloud) -> None:
    definition = cloud.register(cloud.server())
    service = cloud.create_service(definition, 1)
    first = cloud.wait_steady(service)["deployments"][0]["id"]
    update = {"cluster": cloud.cluster, "service": service}
    same = cloud.ecs.update_service(**update, taskDefinition=definition, healthCheckGracePeriodSeconds=0)["service"]
    assert [each["id"] for each in same["deployments"]] == [first]
    forced = cloud.ecs.update_service(**update, forceNewDeployment=True)["service"]
    assert len(forced["deployments"]) == 2
    assert forced["deployments"][0]["id"] != first
    cloud.wait_steady(service)
    cloud.delete_service(service)


def test_a_failing_revision_is_rolled_back(cloud: Cloud) -> None:
    family = f"broken-{secrets.token_hex(3)}"
    good = cloud.register(cloud.server("good"), family=family)
    service = cloud.create_service(good, 2, **BREAKER)
    first = cloud.wait_steady(service)["deployments"][0]["id"]
    before = {task["taskArn"] for task in cloud.tasks_of(service)}
    bad = cloud.register(cloud.python("import sys; sys.exit(1)", "web"), family=family)
    cloud.ecs.update_service(cluster=cloud.cluster, service=service, taskDefinition=bad)
    failed = wait_for(
        lambda: (
            next((d for d in cloud.service(service)["deployments"] if d["rolloutState"] == "FAILED"), None)
            or any("rolling back" in event for event in events_of(cloud, service))
        )
    )
    if failed is not True:
        assert failed["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    found = cloud.wait_steady(service)
    assert found["taskDefinition"] == good
    assert found["deployments"][0]["id"] == first
    assert {task["taskArn"] for task in cloud.tasks_of(service)} == before
    events = events_of(cloud, service)
    assert any(event.endswith("deployment failed: tasks failed to start.") for event in events)
    assert f"(service {service}) rolling back to deployment {first}." in events
    cloud.delete_service(service)


def test_a_failing_first_deployment_stays_failed(cloud: Cloud) -> None:
    bad = cloud.register(cloud.python("import sys; sys.exit(1)"))
    service = cloud.create_service(bad, 1, **BREAKER)
    wait_for(lambda: cloud.service(service)["deployments"][0]["rolloutState"] == "FAILED")
    deployment = cloud.service(service)["deployments"][0]
    assert deployment["failedTasks"] == 3
    stopped = cloud.ecs.list_tasks(cluster=cloud.cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    assert len(stopped) == 3
    time.sleep(1.5)
    assert cloud.tasks_of(service) == []
    cloud.delete_service(service)


def test_an_unhealthy_container_is_replaced(cloud: Cloud, tmp_path: Path) -> None:
    flag = tmp_path / "healthy"
    flag.touch()
    check = {"command": ["CMD-SHELL", f"test -e {flag}"], "interval": 5, "retries": 1, "timeout": 2}
    service = cloud.create_service(cloud.register(cloud.server(healthCheck=check)), 1)
    cloud.wait_steady(service)
    (task,) = cloud.tasks_of(service)
    assert task["healthStatus"] == "HEALTHY"
    assert task["containers"][0]["healthStatus"] == "HEALTHY"
    flag.unlink()
    # The replacement comes first; the task that fails stays until it is healthy.
    wait_for(lambda: len(cloud.tasks_of(service)) == 2)
    assert cloud.task(task["taskArn"])["lastStatus"] == "RUNNING"
    flag.touch()
    gone = cloud.wait_task(task["taskArn"], "STOPPED")
    assert gone["stoppedReason"] == "Task failed container health checks"
    assert gone["stopCode"] == "ServiceSchedulerInitiated"
    cloud.wait_steady(service)
    assert f"(service {service}) (task {task['taskArn'].split('/')[-1]}) failed container health checks." in events_of(
        cloud, service
    )
    cloud.delete_service(service)


def test_an_unhealthy_target_is_replaced_after_the_grace_period(cloud: Cloud) -> None:
    target_group = cloud.target_group(delay=0)
    deaf = SERVER.replace("server.serve_forever()", "[server.handle_request() for _ in range(40)]; signal.pause()")
    container = {**cloud.server(), "command": ["python", "-c", deaf.replace("ThreadingHTTPServer", "HTTPServer")]}
    service = cloud.create_service(
        cloud.register(container),
        1,
        loadBalancers=[{"targetGroupArn": target_group, "containerName": "web", "containerPort": 5000}],
        healthCheckGracePeriodSeconds=2,
    )
    (task,) = wait_for(lambda: cloud.tasks_of(service))
    gone = cloud.wait_task(task["taskArn"], "STOPPED", 90)
    assert gone["stoppedReason"] == f"Task failed ELB health checks in (target-group {target_group})"
    assert (gone["stoppingAt"] - gone["startedAt"]).total_seconds() >= 2
    cloud.delete_service(service)


# What is refused.


def test_requests_that_ecs_refuses(cloud: Cloud) -> None:
    definition = cloud.register(cloud.server())
    create = {"cluster": cloud.cluster, "serviceName": "refused", "taskDefinition": definition, "desiredCount": 1}
    fargate = {**create, "launchType": "FARGATE"}

    def network(subnets: list[str], groups: list[str]) -> dict[str, Any]:
        return {"networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": groups}}}

    instances = cloud.elbv2.create_target_group(Name="instances", Protocol="HTTP", Port=80, VpcId=cloud.vpc)
    loose = cloud.elbv2.create_target_group(Name="loose", Protocol="HTTP", Port=80, VpcId=cloud.vpc, TargetType="ip")
    good = {**fargate, "networkConfiguration": cloud.network}

    def balancer(arn: str, name: str = "web", port: int = 5000) -> dict[str, Any]:
        return {"loadBalancers": [{"targetGroupArn": arn, "containerName": name, "containerPort": port}]}

    loose_arn = loose["TargetGroups"][0]["TargetGroupArn"]
    cases = [
        (fargate, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc'"),
        ({**fargate, **network(["subnet-0"], [])}, "InvalidParameterException", r"subnet information for \[subnet-0\]"),
        ({**fargate, **network(cloud.subnets, ["sg-0"])}, "InvalidParameterException", "group 'sg-0' does not exist"),
        (
            {**good, "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
            "InvalidParameterException",
            "will block deployments",
        ),
        ({**good, "cluster": "absent"}, "ClusterNotFoundException", "Cluster not found"),
        ({**good, "taskDefinition": "absent"}, "ClientException", "Unable to describe task definition"),
        ({**good, **balancer(loose_arn)}, "InvalidParameterException", "does not have an associated load balancer"),
        ({**good, **balancer(loose_arn, "no")}, "InvalidParameterException", "container no does not exist"),
        ({**good, **balancer(loose_arn, port=1)}, "InvalidParameterException", "did not have a container port 1"),
        (
            {**good, **balancer(instances["TargetGroups"][0]["TargetGroupArn"])},
            "InvalidParameterException",
            "target type instance, which is incompatible",
        ),
    ]
    for parameters, code, message in cases:
        with pytest.raises(ClientError, match=message) as caught:
            cloud.ecs.create_service(**parameters)
        assert caught.value.response["Error"]["Code"] == code
    missing = cloud.ecs.describe_services(cluster=cloud.cluster, services=["absent"])
    assert missing["services"] == []
    assert [each["reason"] for each in missing["failures"]] == ["MISSING"]
    assert missing["failures"][0]["arn"].endswith(f":service/{cloud.cluster}/absent")
    with pytest.raises(ClientError) as caught:
        cloud.ecs.update_service(cluster=cloud.cluster, service="absent", desiredCount=1)
    assert caught.value.response["Error"]["Code"] == "ServiceNotFoundException"
    absent = cloud.ecs.describe_tasks(cluster=cloud.cluster, tasks=["0" * 32])
    assert [each["reason"] for each in absent["failures"]] == ["MISSING"]


def test_a_service_name_is_taken_once(cloud: Cloud) -> None:
    definition = cloud.register(cloud.server())
    service = cloud.create_service(definition, 0, clientToken="one")
    # The same request once more, after an answer that was lost.
    cloud.create_service(definition, 0, service, clientToken="one")
    for token in ("two", None):
        with pytest.raises(ClientError, match="Creation of service was not idempotent"):
            cloud.create_service(definition, 0, service, **({"clientToken": token} if token else {}))
    cloud.delete_service(service)
    cloud.create_service(definition, 0, service)
    assert cloud.wait_steady(service)["status"] == "ACTIVE"
    cloud.delete_service(service)


# Time.


def test_a_start_takes_its_time_and_can_be_interrupted(tmp_path: Path) -> None:
    scale = 0.06
    slow = Cloud(tmp_path, scale=scale)
    try:
        definition = slow.register(slow.python("pass"))
        interrupted, finished = slow.run(definition), slow.run(definition)
        assert interrupted["lastStatus"] == "PROVISIONING"
        began = time.monotonic()
        slow.ecs.stop_task(cluster=slow.cluster, task=interrupted["taskArn"])
        gone = slow.wait_task(interrupted["taskArn"], "STOPPED")
        assert time.monotonic() - began < 57 * scale * 0.9
        assert "startedAt" not in gone
        slow.wait_task(finished["taskArn"], "PENDING")
        done = slow.wait_task(finished["taskArn"], "STOPPED")
        assert (done["stoppedAt"] - done["createdAt"]).total_seconds() >= 57 * scale * 0.9
    finally:
        slow.close()


# The end of everything.


def test_stop_leaves_no_process(tmp_path: Path) -> None:
    own = Cloud(tmp_path)
    try:
        code = """
import os, signal, subprocess, sys, time
for name in (signal.SIGTERM, signal.SIGINT): signal.signal(name, signal.SIG_IGN)
pids = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid for _ in range(2)]
print(os.getpid(), *pids, flush=True)
time.sleep(600)
"""
        service = own.create_service(own.register(own.python(code)), 2)
        tasks = wait_for(lambda: len(found := own.tasks_of(service)) == 2 and found)
        for task in tasks:
            own.wait_task(task["taskArn"], "RUNNING")
        lines = [wait_for(partial(output, own, task))[0] for task in tasks]
        pids = [int(word) for line in lines for word in line.split()]
        assert len(pids) == 6
        assert all(start_time(pid) for pid in pids)
        began = time.monotonic()
        own.plane.stop()
        # Not the 30 s that a container has by default.
        assert time.monotonic() - began < 25
        assert not [pid for pid in pids if start_time(pid)]
        assert own.processes.parts() == []
        own.plane.stop()
    finally:
        own.close()
