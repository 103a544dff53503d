# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three modules through their own entry points, against the embedded AWS, which runs the tasks.

Each verb is done four times, as {check, real, check again, real again}: check mode foretells what happens, and
a second time changes nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.run_module import COLLECTIONS, run_module

Answer = dict[str, Any]
#: A first process gets no SIGTERM that it does not handle: without a handler each stop takes the whole stop timeout.
RUNS = [
    "python",
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
    " print('up', flush=True); time.sleep(600)",
]
FAILS = ["python", "-c", "import sys; print('no such database', flush=True); sys.exit(3)"]
WORKS = ["python", "-c", "print('database is up to date', flush=True)"]
#: Runs until the file of its second word is there: no length of time is right on every machine.
UNTIL = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.1)"


@dataclass(frozen=True)
class Stack:
    """A cluster in a network, with a role and a log group."""

    aws: Any
    cluster: str
    subnets: list[str]
    group: str
    role: str

    @property
    def network(self) -> dict[str, Any]:
        return {"subnets": self.subnets, "security_groups": [self.group], "assign_public_ip": True}

    def run(self, module: str, args: dict[str, Any], *, check: bool = False) -> Answer:
        return run_module(module, args, self.aws.env, check=check)

    def family(self, name: str, command: list[str], **more: Any) -> dict[str, Any]:
        options = {"awslogs-group": "/ecs/modules", "awslogs-region": "eu-west-2", "awslogs-stream-prefix": name}
        container = {
            "name": "app",
            "image": "public.ecr.aws/docker/library/python:3.11-slim",
            "command": command,
            "log_configuration": {"log_driver": "awslogs", "options": options},
            **more.pop("container", {}),
        }
        return {
            "family": name,
            "cpu": 256,
            "memory": 512,
            "execution_role_arn": self.role,
            "containers": [container],
            **more,
        }

    def revisions(self, family: str, status: str = "ACTIVE") -> list[str]:
        found: list[str] = self.aws.client("ecs").list_task_definitions(familyPrefix=family, status=status)[
            "taskDefinitionArns"
        ]
        return found

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("ecs").describe_services(
            cluster=self.cluster, services=[name], include=["TAGS"]
        )["services"][0]
        return found

    def tasks(self, family: str) -> list[str]:
        ecs = self.aws.client("ecs")
        return [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster=self.cluster, family=family, desiredStatus=status)["taskArns"]
        ]


def eventually(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def stack(aws: Any) -> Stack:
    """What services and tasks need; the cluster's name is this file's own."""
    ec2, iam = aws.client("ec2"), aws.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    group = ec2.create_security_group(GroupName="ecs-modules", Description="x", VpcId=vpc)["GroupId"]
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="ecs-modules-execution",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    rights = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    iam.put_role_policy(
        RoleName="ecs-modules-execution",
        PolicyName="logs",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [rights]}),
    )
    aws.client("logs").create_log_group(logGroupName="/ecs/modules")
    aws.client("ecs").create_cluster(clusterName="ecs-modules")
    return Stack(aws, "ecs-modules", subnets, group, role)


def four_times(do: Callable[[bool], Answer]) -> list[Answer]:
    """Check, real, check again, real again; none may fail."""
    answers = [do(check) for check in (True, False, True, False)]
    for answer in answers:
        assert not answer.get("failed"), answer["msg"]
    assert [answer["changed"] for answer in answers] == [True, True, False, False]
    return answers


class TestTaskDefinition:
    def test_create_modify_delete(self, stack: Stack) -> None:
        base = stack.family("life", RUNS, tags={"team": "ml"})

        def present(args: dict[str, Any]) -> Callable[[bool], Answer]:
            return lambda check: stack.run("ecs_task_definition", args, check=check)

        made = four_times(present(base))
        assert [answer["revision"] for answer in made] == [1, 1, 1, 1]
        assert len(stack.revisions("life")) == 1
        assert made[1]["task_definition"]["container_definitions"][0]["command"] == RUNS
        assert made[1]["task_definition_arn"].endswith(":task-definition/life:1")

        changed = {**base, "memory": 1024}
        modified = four_times(present(changed))
        assert [answer["revision"] for answer in modified] == [2, 2, 2, 2]
        assert modified[0]["changes"] == modified[1]["changes"] == ["memory"]
        assert modified[0]["task_definition_arn"] == modified[1]["task_definition_arn"]
        assert modified[0]["diff"] == modified[1]["diff"]
        assert len(stack.revisions("life")) == 2

        tagged = four_times(present({**changed, "tags": {"team": "data"}}))
        assert [answer["revision"] for answer in tagged] == [2, 2, 2, 2]
        assert tagged[3]["tags"] == {"team": "data"}

        tidied = four_times(present({**changed, "tags": {"team": "data"}, "keep_revisions": 1}))
        assert [len(answer["deregistered"]) for answer in tidied] == [1, 1, 0, 0]
        assert len(stack.revisions("life")) == 1

        deleted = four_times(present({"family": "life", "state": "absent"}))
        assert deleted[0]["deregistered"] == deleted[1]["deregistered"] != []
        assert stack.revisions("life") == []

        again = [stack.run("ecs_task_definition", base, check=check) for check in (True, False)]
        assert [answer["revision"] for answer in again] == [3, 3]

    def test_a_revision_in_use_stays(self, stack: Stack) -> None:
        """Of four revisions one is to stay, but a task runs the first one, and the second one is named."""
        arns = []
        for number in range(4):
            container = {"environment": {"NUMBER": number}}
            made = stack.run("ecs_task_definition", stack.family("used", RUNS, container=container))
            arns.append(made["task_definition_arn"])
        options = {"cluster": stack.cluster, "task_definition": arns[0], "wait": False, **stack.network}
        run = stack.run("ecs_task_run", options)
        assert not run.get("failed"), run["msg"]
        tidy = {"family": "used", "state": "absent", "keep_revisions": 1, "keep": [arns[1]]}
        in_use = {**tidy, "keep_used_in": stack.cluster}
        answers = four_times(lambda check: stack.run("ecs_task_definition", in_use, check=check))
        assert [answer["deregistered"] for answer in answers] == [[arns[2]], [arns[2]], [], []]
        assert stack.revisions("used") == [arns[0], arns[1], arns[3]]
        stack.aws.client("ecs").stop_task(cluster=stack.cluster, task=run["task_arn"])

    def test_other_versions_of_secrets_make_a_revision_like_the_one_that_is_there(self, stack: Stack) -> None:
        arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:used-Ab12Cd"
        secrets = {"WORD": f"{arn}:word::old"}
        base = stack.family("pinned", RUNS, container={"secrets": secrets}, tags={"team": "ml"})
        first = stack.run("ecs_task_definition", base)["task_definition_arn"]
        stack.aws.client("ecs").tag_resource(resourceArn=first, tags=[{"key": "mlflow:ran", "value": "x"}])
        # A change that nobody has rolled out is not taken along.
        stack.run("ecs_task_definition", {**base, "memory": 1024})
        wanted = {"family": "pinned", "ran_tag": "mlflow:ran", "versions": {arn: "new"}}
        answers = four_times(lambda check: stack.run("ecs_secret_versions", wanted, check=check))
        assert answers[0]["diff"] == answers[1]["diff"]
        ecs = stack.aws.client("ecs")
        made = ecs.describe_task_definition(taskDefinition=answers[1]["task_definition_arn"], include=["TAGS"])
        assert (made["taskDefinition"]["revision"], made["taskDefinition"]["memory"]) == (3, "512")
        assert made["taskDefinition"]["containerDefinitions"][0]["secrets"][0]["valueFrom"] == f"{arn}:word::new"
        assert made["tags"] == [{"key": "team", "value": "ml"}]
        none = stack.run("ecs_secret_versions", {"family": "none-of-it", "versions": {arn: "new"}})
        assert "Deploy it first" in none["msg"]

    def test_a_new_revision_keeps_the_tags_but_not_the_note_of_a_run(self, stack: Stack) -> None:
        base = stack.family("tagged", RUNS, tags={"team": "ml"})
        arn = stack.run("ecs_task_definition", base)["task_definition_arn"]
        stack.aws.client("ecs").tag_resource(resourceArn=arn, tags=[{"key": "mlflow:ran", "value": "x"}])
        assert stack.run("ecs_task_definition", base)["changed"] is False
        made = stack.run("ecs_task_definition", {**base, "memory": 1024, "tags": None})
        assert made["tags"] == {"team": "ml"}

    def test_no_secret_is_answered(self, stack: Stack) -> None:
        environment = {"DB_PASSWORD": "correct-horse", "URL": "postgresql://u:battery-staple@h/d"}
        base = stack.family("hidden", RUNS, container={"environment": environment})
        for check in (True, False):
            answer = stack.run("ecs_task_definition", base, check=check)
            assert answer["changed"] is True
            assert "DB_PASSWORD looks like a secret" in json.dumps(answer["warnings"])
            assert "correct-horse" not in json.dumps(answer)
            assert "battery-staple" not in json.dumps(answer)
        environment["DB_PASSWORD"] = "correct-horsf"
        answer = stack.run("ecs_task_definition", base)
        assert answer["changes"] == ["containers.app.environment.DB_PASSWORD"]
        assert "(hidden, changed)" in json.dumps(answer["diff"]["after"])
        assert "(hidden, changed)" not in json.dumps(answer["diff"]["before"])

    @pytest.mark.parametrize("more", [{"memory": 300}, {"network_mode": "nowhere"}, {"sise": 1}])
    def test_no_secret_is_answered_with_a_refusal_either(self, more: dict[str, Any]) -> None:
        container = {"name": "app", "image": "x", "environment": {"DB_PASSWORD": "correct-horse"}}
        answer = run_module("ecs_task_definition", {"family": "f", "cpu": 256, "containers": [container], **more})
        assert answer["failed"] is True
        assert "correct-horse" not in json.dumps(answer)
        # ansible-core adds the arguments of a failed module itself up to 2.19, where they are masked.
        assert "invocation" not in answer or "(hidden)" in json.dumps(answer["invocation"])

    def test_bad_input_is_refused_before_the_first_call(self, stack: Stack) -> None:
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "eu-west-2"}
        for args, told in (
            ({**stack.family("bad", RUNS), "memory": 300}, "memory is 300"),
            ({**stack.family("bad", RUNS), "keep_revisions": 0}, "keep_revisions is 0"),
            ({"family": "bad"}, "containers"),
        ):
            answer = run_module("ecs_task_definition", args, nowhere)
            assert answer["failed"] is True
            assert told in answer["msg"]


class TestTaskRun:
    def args(self, stack: Stack, definition: str, **more: Any) -> dict[str, Any]:
        return {"cluster": stack.cluster, "task_definition": definition, **stack.network, "wait_sleep": 0.3, **more}

    def register(self, stack: Stack, name: str, command: list[str]) -> str:
        arn: str = stack.run("ecs_task_definition", stack.family(name, command))["task_definition_arn"]
        return arn

    def test_once_per_revision(self, stack: Stack) -> None:
        arn = self.register(stack, "once", WORKS)
        args = self.args(stack, arn, once_per_revision=True)
        answers = four_times(lambda check: stack.run("ecs_task_run", args, check=check))
        assert [answer["action"] for answer in answers] == ["run", "run", "skip", "skip"]
        assert answers[1]["exit_code"] == {"app": 0}
        assert answers[1]["log_tail"] == {"app": ["database is up to date"]}
        assert answers[1]["task_definition"] == arn
        assert len(stack.tasks("once")) == 1
        # Registering the same again leaves the note alone.
        same = stack.run("ecs_task_definition", stack.family("once", WORKS, tags={"a": "1"}))
        assert same["task_definition_arn"] == arn
        assert stack.run("ecs_task_run", args)["action"] == "skip"
        # A new revision has to run.
        self.register(stack, "once", [*WORKS[:2], WORKS[2] + " # 2"])
        assert stack.run("ecs_task_run", {**args, "task_definition": "once"}, check=True)["action"] == "run"

    def test_a_failure_tells_why(self, stack: Stack) -> None:
        args = self.args(stack, self.register(stack, "fails", FAILS), once_per_revision=True)
        answer = stack.run("ecs_task_run", args)
        assert answer["failed"] is True
        assert answer["exit_code"] == {"app": 3}
        assert answer["stop_code"] == "EssentialContainerExited"
        for words in ("fails:1 failed", "container app: exit code 3", "no such database"):
            assert words in answer["msg"]
        assert stack.run("ecs_task_run", args, check=True)["action"] == "run"

    def test_a_task_that_cannot_start_tells_why(self, stack: Stack) -> None:
        name = "pull"
        family = stack.family(name, RUNS, container={"image": "docker.io/nobody/nothing:1"})
        stack.run("ecs_task_definition", family)
        answer = stack.run("ecs_task_run", self.args(stack, name))
        assert answer["failed"] is True
        assert "CannotPullContainerError" in answer["msg"]
        assert "Look at this first" in answer["msg"]

    def test_overrides_and_no_log(self, stack: Stack) -> None:
        name = "overridden"
        self.register(stack, name, FAILS)
        code = "import os, sys; print('secret words'); sys.exit(int(os.environ['CODE']))"
        overrides = [{"name": "app", "command": ["python", "-c", code], "environment": {"CODE": 0}}]
        answer = stack.run("ecs_task_run", self.args(stack, name, overrides=overrides, no_log_tail=True))
        assert answer["exit_code"] == {"app": 0}
        assert "secret words" not in json.dumps(answer["log_tail"])

    def test_the_task_of_a_killed_run_is_waited_for(self, stack: Stack, tmp_path: Path) -> None:
        end_of_task = tmp_path / "end"
        family = self.register(stack, "killed", ["python", "-c", UNTIL, str(end_of_task)])
        args = self.args(stack, family, once_per_revision=True)
        payload = json.dumps({"ANSIBLE_MODULE_ARGS": args})
        module = "ansible_collections.mlops.mlflow_aws.plugins.modules.ecs_task_run"
        env = {**stack.aws.process_env, "PYTHONPATH": str(COLLECTIONS)}
        first = subprocess.Popen([sys.executable, "-m", module, payload], env=env, stdout=subprocess.DEVNULL)
        eventually(lambda: bool(stack.tasks("killed")))
        first.kill()
        first.wait()
        assert stack.run("ecs_task_run", args, check=True)["action"] == "attach"
        waited = stack.run("ecs_task_run", {**args, "wait_timeout": 1})
        assert "It was not stopped; the next run waits for it again" in waited["msg"]
        end_of_task.touch()
        # A slow machine finds a task that has ended well meanwhile, and notes that.
        last = stack.run("ecs_task_run", args)
        assert (last["action"] in ("attach", "record"), last["task_arn"]) == (True, waited["task_arn"])
        assert len(stack.tasks("killed")) == 1
        assert stack.run("ecs_task_run", args)["action"] == "skip"

    def test_time_is_bounded(self, stack: Stack) -> None:
        args = self.args(stack, self.register(stack, "long", RUNS), wait_timeout=2)
        answer = stack.run("ecs_task_run", args)
        assert answer["failed"] is True
        assert "after 2 s" in answer["msg"]
        stack.aws.client("ecs").stop_task(cluster=stack.cluster, task=answer["task_arn"])

    @pytest.mark.parametrize(("cluster", "name"), [("ecs-modules", "not-there:1"), ("nowhere", "not-there")])
    def test_on_an_empty_account(self, stack: Stack, cluster: str, name: str) -> None:
        args = {**self.args(stack, name), "cluster": cluster}
        assert stack.run("ecs_task_run", args, check=True)["changed"] is True
        answer = stack.run("ecs_task_run", args)
        assert f"There is no ACTIVE task definition {name}" in answer["msg"]


class TestRollout:
    def args(self, stack: Stack, name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "cluster": stack.cluster,
            "task_definition": name,
            "desired_count": 1,
            "launch_type": "FARGATE",
            **stack.network,
            "deployment_configuration": {"deployment_circuit_breaker": {"enable": True, "rollback": True}},
            "tags": {"team": "ml"},
            "wait_sleep": 0.3,
            "wait_timeout": 120,
            **more,
        }

    def register(self, stack: Stack, name: str, command: list[str], **more: Any) -> str:
        arn: str = stack.run("ecs_task_definition", stack.family(name, command, **more))["task_definition_arn"]
        return arn

    def test_create_modify_delete(self, stack: Stack) -> None:
        first = self.register(stack, "web", RUNS)

        def present(**more: Any) -> Callable[[bool], Answer]:
            return lambda check: stack.run("ecs_rollout", self.args(stack, "web", **more), check=check)

        made = four_times(present())
        assert made[0]["diff"] == made[1]["diff"]
        assert made[1]["service"]["running_count"] == 1
        assert made[1]["deployment"]["rollout_state"] == "COMPLETED"
        assert made[1]["previous_task_definition"] is None
        assert made[1]["service"]["tags"] == {"team": "ml"}

        second = self.register(stack, "web", RUNS, memory=1024)
        modified = four_times(present())
        assert modified[1]["previous_task_definition"] == first
        assert modified[1]["deployment"]["task_definition"] == second
        assert modified[1]["rolled_back"] is False
        assert len(stack.service("web")["deployments"]) == 1

        tagged = four_times(present(tags={"team": "data"}))
        assert tagged[1]["deployment"]["id"] == modified[1]["deployment"]["id"]

        scaled = four_times(present(desired_count=2, tags=None, health_check_grace_period_seconds=None))
        assert scaled[3]["service"]["running_count"] == 2
        assert scaled[3]["deployment"]["id"] == modified[1]["deployment"]["id"]
        kept = stack.run("ecs_rollout", self.args(stack, "web", keep_desired_count=True, tags=None))
        assert (kept["changed"], kept["service"]["desired_count"]) == (False, 2)

        moved = four_times(present(desired_count=2, subnets=stack.subnets[:1], tags=None))
        assert moved[1]["deployment"]["id"] != modified[1]["deployment"]["id"]

        scaling = stack.aws.client("application-autoscaling")
        scaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{stack.cluster}/web",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=2,
            MaxCapacity=3,
        )
        gone = {"name": "web", "cluster": stack.cluster, "state": "absent", "wait_sleep": 0.3, "wait_timeout": 120}
        four_times(lambda check: stack.run("ecs_rollout", gone, check=check))
        assert stack.service("web")["status"] == "INACTIVE"
        left = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        assert [row for row in left if row["ResourceId"].endswith("/web")] == []
        four_times(present())
        stack.run("ecs_rollout", gone)

    def test_what_cannot_start_is_rolled_back_by_the_circuit_breaker(self, stack: Stack) -> None:
        good = self.register(stack, "breaks", RUNS)
        stack.run("ecs_rollout", self.args(stack, "breaks"))
        self.register(stack, "breaks", FAILS)
        for _time in range(2):  # the second run tries the revision that failed again
            answer = stack.run("ecs_rollout", self.args(stack, "breaks"))
            assert answer["failed"] is True
            assert answer["rolled_back"] is True, answer["msg"]
            assert answer["previous_task_definition"] == good
            assert answer["stopped_tasks"][0]["exit_code"] == {"app": 3}
            for words in ("breaks:2", "no such database", "exit code 3", "breaks:1 is serving", "circuit breaker"):
                assert words in answer["msg"]
            service = stack.service("breaks")
            assert service["taskDefinition"] == good
            assert service["runningCount"] == 1
        fixed = self.register(stack, "breaks", RUNS, memory=1024)
        answer = stack.run("ecs_rollout", self.args(stack, "breaks"))
        assert answer["deployment"]["task_definition"] == fixed
        self.remove(stack, "breaks")

    def test_without_a_circuit_breaker_the_module_rolls_back(self, stack: Stack) -> None:
        off = {"deployment_circuit_breaker": {"enable": False, "rollback": False}}
        good = self.register(stack, "stuck", RUNS)
        stack.run("ecs_rollout", self.args(stack, "stuck", deployment_configuration=off))
        self.register(stack, "stuck", FAILS)
        answer = stack.run(
            "ecs_rollout",
            self.args(stack, "stuck", deployment_configuration=off, wait_timeout=12, subnets=stack.subnets[:1]),
        )
        assert answer["failed"] is True
        assert answer["rolled_back"] is True, answer["msg"]
        for words in ("not steady after 12 s", "no such database", "rolled back by this module: stuck:1 is serving"):
            assert words in answer["msg"]
        service = stack.service("stuck")
        assert service["taskDefinition"] == good
        assert len(service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]) == 2
        self.remove(stack, "stuck")

    def test_a_first_revision_that_cannot_start(self, stack: Stack) -> None:
        self.register(stack, "first", FAILS)
        answer = stack.run("ecs_rollout", self.args(stack, "first"))
        assert answer["failed"] is True
        assert answer["rolled_back"] is False
        assert "no earlier revision that worked" in answer["msg"]
        self.register(stack, "first", RUNS)
        assert stack.run("ecs_rollout", self.args(stack, "first"))["service"]["running_count"] == 1
        self.remove(stack, "first")

    def test_a_deployment_under_way_is_waited_for(self, stack: Stack) -> None:
        self.register(stack, "begun", RUNS)
        begun = stack.run("ecs_rollout", self.args(stack, "begun", wait=False))
        assert begun["changed"] is True
        waited = stack.run("ecs_rollout", self.args(stack, "begun"))
        assert waited["changed"] is False
        assert waited["deployment"]["id"] == begun["deployment"]["id"]
        assert waited["deployment"]["rollout_state"] == "COMPLETED"
        forced = stack.run("ecs_rollout", self.args(stack, "begun", force_new_deployment=True))
        assert forced["changed"] is True
        assert forced["deployment"]["id"] != begun["deployment"]["id"]
        self.remove(stack, "begun")

    def remove(self, stack: Stack, name: str) -> None:
        args = {"name": name, "cluster": stack.cluster, "state": "absent", "wait_sleep": 0.3}
        assert stack.run("ecs_rollout", args)["changed"] is True

    @pytest.mark.parametrize("cluster", ["ecs-modules", "nowhere"])
    def test_on_an_empty_account(self, stack: Stack, cluster: str) -> None:
        args = {**self.args(stack, "not-there"), "cluster": cluster}
        assert stack.run("ecs_rollout", args, check=True)["changed"] is True
        absent = {"name": "not-there", "cluster": cluster, "state": "absent"}
        assert stack.run("ecs_rollout", absent)["changed"] is False
        assert "There is no ACTIVE task definition" in stack.run("ecs_rollout", args)["msg"]

    def test_bad_input_is_refused_before_the_first_call(self, stack: Stack) -> None:
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "eu-west-2"}
        cases = [
            (self.args(stack, "x", desired_count="two"), "desired_count"),
            (self.args(stack, "x", subnets=[]), "subnets is empty"),
            (self.args(stack, "x", wait_timeout=0), "wait_timeout is 0"),
            (self.args(stack, "x", load_balancers=[{"container": "x"}]), '"container"'),
            ({"name": "x"}, "task_definition"),
        ]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda case: run_module("ecs_rollout", case[0], nowhere), cases))
        for (_arguments, told), answer in zip(cases, answers, strict=True):
            assert answer["failed"] is True
            assert told in answer["msg"]
