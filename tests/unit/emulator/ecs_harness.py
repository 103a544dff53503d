# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane with the ECS plane in this process, and what most tests need around a task."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from moto.elbv2.models import FakeHealthStatus, FakeTargetGroup
from moto.iam.models import iam_backends

from emulator.addresses import LOOPBACK, AddressBook
from emulator.clock import Clock
from emulator.controlplane import ControlPlane
from emulator.ecs import EcsPlane
from emulator.plane import Context
from emulator.processes import ProcessTable

ACCOUNT = "123456789012"
REGION = "eu-west-2"
IMAGE = "public.ecr.aws/docker/library/python:3.11-slim"

#: A server that answers its own text on every path; port and text come from the environment.
SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("TEXT", "").encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("serving", os.environ.get("TEXT", ""), flush=True)
server.serve_forever()
"""


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of ``what``; fails with the last one when none comes in time."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, f"did not happen in {seconds} s, last seen: {found!r}"
        time.sleep(0.05)


class Cloud:
    """One embedded AWS with only the ECS plane; target health is a real GET to the target.

    :param scale: factor on AWS's own latency.
    """

    def __init__(self, state: Path, scale: float = 0.0) -> None:
        self.state = state
        self.control = ControlPlane(LOOPBACK, 0)
        self.addresses = AddressBook()
        self.processes = ProcessTable(state / "processes.json")
        self.context = Context(
            state=state,
            account=ACCOUNT,
            endpoint=self.control.endpoint,
            clock=Clock(scale),
            processes=self.processes,
            addresses=self.addresses,
        )
        self.plane = EcsPlane(self.context)
        self.plane.install()
        self.control.start()
        self.plane.start()
        self.keys = _administrator()
        self.ecs, self.ec2, self.elbv2, self.iam = (self.client(name) for name in ("ecs", "ec2", "elbv2", "iam"))
        self.logs, self.secretsmanager, self.ssm = (self.client(name) for name in ("logs", "secretsmanager", "ssm"))
        self.ecr = self.client("ecr")
        self.cluster = f"cluster-{uuid4().hex[:6]}"
        self.ecs.create_cluster(clusterName=self.cluster)
        self._make_network()

    def client(self, name: str) -> Any:
        """A client of this cloud."""
        return boto3.client(
            name,
            region_name=REGION,
            endpoint_url=self.control.endpoint,
            aws_access_key_id=self.keys[0],
            aws_secret_access_key=self.keys[1],
        )

    def close(self) -> None:
        """Stop everything."""
        self.plane.stop()
        self.control.stop()

    def _make_network(self) -> None:
        vpc = self.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        self.vpc = vpc
        self.subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("ab")
        ]
        self.group = self.ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=vpc)["GroupId"]
        self.network = {"awsvpcConfiguration": {"subnets": self.subnets, "securityGroups": [self.group]}}

    def role(self, *statements: dict[str, Any]) -> str:
        """A role that tasks may have, with one policy of these statements."""
        name = f"role-{uuid4().hex[:8]}"
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            document = {"Version": "2012-10-17", "Statement": list(statements)}
            self.iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(document))
        return str(arn)

    def register(self, *containers: dict[str, Any], family: str | None = None, **more: Any) -> str:
        """Register a Fargate task definition; returns its ARN."""
        found = self.ecs.register_task_definition(
            family=family or f"family-{uuid4().hex[:6]}",
            containerDefinitions=[{"image": IMAGE, **each} for each in containers],
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            **{"cpu": "256", "memory": "512", **more},
        )
        return str(found["taskDefinition"]["taskDefinitionArn"])

    def python(self, code: str, name: str = "main", **more: Any) -> dict[str, Any]:
        """A container that runs ``code``."""
        return {"name": name, "command": ["python", "-c", code], **more}

    def server(self, text: str = "hello", port: int = 5000, name: str = "web", **more: Any) -> dict[str, Any]:
        """A container that serves ``text``."""
        return self.python(
            SERVER,
            name,
            portMappings=[{"containerPort": port}],
            environment=[{"name": "PORT", "value": str(port)}, {"name": "TEXT", "value": text}],
            stopTimeout=2,
            **more,
        )

    def run(self, definition: str, **more: Any) -> dict[str, Any]:
        """RunTask of one task; the task as answered."""
        answer = self.ecs.run_task(
            cluster=self.cluster,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=self.network,
            **more,
        )
        assert answer["failures"] == []
        return dict(answer["tasks"][0])

    def task(self, arn: str) -> dict[str, Any]:
        """DescribeTasks of one task."""
        return dict(self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn], include=["TAGS"])["tasks"][0])

    def wait_task(self, arn: str, status: str, seconds: float = 60.0) -> dict[str, Any]:
        """The task once its lastStatus is ``status``."""
        return dict(wait_for(lambda: (found := self.task(arn))["lastStatus"] == status and found, seconds))

    def finish(self, definition: str, seconds: float = 60.0, **more: Any) -> dict[str, Any]:
        """Run a task to its end."""
        return self.wait_task(self.run(definition, **more)["taskArn"], "STOPPED", seconds)

    def create_service(self, definition: str, count: int = 1, name: str | None = None, **more: Any) -> str:
        """CreateService; returns its name."""
        name = name or f"service-{uuid4().hex[:6]}"
        self.ecs.create_service(
            cluster=self.cluster,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration=self.network,
            **more,
        )
        return name

    def service(self, name: str) -> dict[str, Any]:
        """DescribeServices of one service."""
        return dict(self.ecs.describe_services(cluster=self.cluster, services=[name], include=["TAGS"])["services"][0])

    def wait_steady(self, name: str, seconds: float = 120.0) -> dict[str, Any]:
        """The service once its only deployment has completed with all tasks running."""

        def steady() -> Any:
            found = self.service(name)
            done = len(found["deployments"]) == 1 and found["deployments"][0]["rolloutState"] == "COMPLETED"
            return done and found["runningCount"] == found["desiredCount"] and found

        return dict(wait_for(steady, seconds))

    def tasks_of(self, name: str, **more: Any) -> list[dict[str, Any]]:
        """The tasks of a service that are meant to run."""
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=name, **more)["taskArns"]
        return [self.task(arn) for arn in arns]

    def delete_service(self, name: str) -> None:
        """DeleteService, by force, and wait for its end."""
        self.ecs.delete_service(cluster=self.cluster, service=name, force=True)
        wait_for(lambda: self.service(name)["status"] == "INACTIVE")

    def target_group(self, delay: int = 1) -> str:
        """A target group behind a load balancer, with that deregistration delay in seconds."""
        name = f"tg-{uuid4().hex[:6]}"
        group = self.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip", HealthCheckPath="/"
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elbv2.modify_target_group_attributes(
            TargetGroupArn=group,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}],
        )
        balancer = self.elbv2.create_load_balancer(Name=f"lb-{name}", Subnets=self.subnets)["LoadBalancers"][0]
        self.elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return str(group)

    def get(self, address: str, port: int, timeout: float = 2.0) -> str:
        """GET / of a task by its private address."""
        where = self.addresses.resolve(self.vpc, address, port)
        assert where is not None, f"nothing at {address}:{port}"
        with urllib.request.urlopen(f"http://{where[0]}:{where[1]}/", timeout=timeout) as answer:
            return str(answer.read().decode())

    def messages(self, group: str, stream: str) -> list[str]:
        """The lines of a log stream."""
        events = self.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
        return [event["message"] for event in events]

    def healthy_targets(self, group: str) -> list[tuple[str, int]]:
        """Address and port of the healthy targets of a group."""
        found = self.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return [
            (each["Target"]["Id"], each["Target"]["Port"])
            for each in found
            if each["TargetHealth"]["State"] == "healthy"
        ]

    def probe(self, group: FakeTargetGroup, target: dict[str, Any], _: Any) -> FakeHealthStatus:
        """Stands for the ELB plane: the state of a target is what a GET says."""
        port = target.get("Port", group.port)
        if target["Id"] not in group.targets:
            return FakeHealthStatus(target["Id"], port, None, "unused", "Target.NotRegistered")
        try:
            self.get(target["Id"], int(port), 1.0)
        except (OSError, AssertionError):
            seen = vars(group).setdefault("seen_healthy", set())
            state = "unhealthy" if target["Id"] in seen else "initial"
            return FakeHealthStatus(target["Id"], port, None, state, "Target.Timeout", "Request timed out")
        vars(group).setdefault("seen_healthy", set()).add(target["Id"])
        return FakeHealthStatus(target["Id"], port, None, "healthy")


def _administrator() -> tuple[str, str]:
    """Access key and secret of a new user that may do everything."""
    backend, name = iam_backends[ACCOUNT]["aws"], f"admin-{uuid4().hex[:8]}"
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    backend.create_user(REGION, name)
    backend.put_user_policy(name, "everything", json.dumps(everything))
    key = backend.create_access_key(name)
    return key.access_key_id, key.secret_access_key


def address_of(task: dict[str, Any]) -> str:
    """The private address of a described task."""
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    return str(details["privateIPv4Address"])
