# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong input ends ``site.yml`` in one clear message, and nothing has been made.

Each case runs the real playbook in a process of its own, two at a time, against an AWS that is theirs alone.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ansible

ROOT = Path(__file__).resolve().parents[2]
HERE, ELSEWHERE = "eu-west-2", "us-east-1"
SUFFIX = secrets.token_hex(4)
BUCKET_ELSEWHERE = f"lies-elsewhere-{SUFFIX}"
BUCKET_FOREIGN = f"somebody-elses-{SUFFIX}"
#: The second account of the AWS: it owns a bucket whose name the stack wants.
OTHER_ACCOUNT = "222222222222"

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Case:
    """A wrong input and what the message must say.

    :param says: texts that the message must hold: the variable, its value, the remedy.
    :param sentences: how many lines the message has, one a problem.
    :param extra: extra variables of the run.
    :param env: environment variables of the run.
    """

    name: str
    says: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    sentences: int = 1

    @property
    def argv(self) -> list[str]:
        """Several slips at once are looked for in a plan, as a person would."""
        return ["--check"] if self.sentences > 1 else []


#: Ten slips in five roles, of type and of value.
SLIPS: dict[str, Any] = {
    "stack_region": "london",
    "stack_http_port": 0,
    "network_cidr": "10.0.0.0/33",
    "network_nat": "two",
    "rds_instance_class": "t3.micro",
    "rds_backup_retention_days": 36,
    "storage_noncurrent_days": 0,
    "storage_kms_key_id": "alias/mlflow",
    "ecs_mlflow_desired_count": "two",
    "ecs_mlflow_version": "latest",
}

#: Of a host that nobody is (RFC 2606); a refused connection would be waited out as an outage.
UNREACHABLE = "http://no-such-host.invalid"

CASES = [
    Case(
        "zone of another region",
        ("network_zones", "'eu-west-1a'", "it has eu-west-2a, eu-west-2b, eu-west-2c"),
        {"network_zones": ["eu-west-2a", "eu-west-1a"]},
    ),
    Case(
        "PostgreSQL version that does not exist",
        ("rds_engine_version", "15.999", "choose one of 15."),
        {"rds_engine_version": "15.999"},
    ),
    Case("bad CIDR", ("network_cidr", "'10.0.0.0/33'", "such as 10.0.0.0/16"), {"network_cidr": "10.0.0.0/33"}),
    Case(
        "overlapping subnets",
        ("network_public_cidrs[0]", "network_private_cidrs[1]", "10.0.1.0/24", "10.0.1.128/25", "a block of its own"),
        {"network_private_cidrs": ["10.0.11.0/24", "10.0.1.128/25"]},
    ),
    Case("name too long", ("stack_name", "'" + "x" * 41 + "'", "at most 40"), {"stack_name": "x" * 41}),
    Case(
        "bucket in another region",
        ("storage_bucket", f"'{BUCKET_ELSEWHERE}'", f"lies in region {ELSEWHERE}", "choose a bucket in eu-west-2"),
        {"storage_bucket": BUCKET_ELSEWHERE},
    ),
    Case(
        "bucket of another account",
        ("storage_bucket", f"'{BUCKET_FOREIGN}'", "choose another name"),
        {"storage_bucket": BUCKET_FOREIGN},
    ),
    Case(
        "wrong credentials",
        ("AWS refused the credentials", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"),
        env={"AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)},
    ),
    Case(
        "no credentials",
        ("no usable AWS credentials", "AWS_PROFILE"),
        env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"},
    ),
    Case(
        "unreachable endpoint",
        ("AWS could not be reached", UNREACHABLE, "AWS_ENDPOINT_URL"),
        env={"AWS_ENDPOINT_URL": UNREACHABLE},
    ),
    Case(
        "sizes that Fargate refuses",
        ("ecs_mlflow_cpu 512", "ecs_mlflow_memory 8192", "Fargate offers 1024 to 4096"),
        {"ecs_mlflow_cpu": 512, "ecs_mlflow_memory": 8192},
    ),
    Case(
        "number that is none",
        ("ecs_mlflow_desired_count", "'two'", "a whole number"),
        {"ecs_mlflow_desired_count": "two"},
    ),
    Case("ten slips in five roles", tuple(f"{name}: " for name in SLIPS), SLIPS, sentences=len(SLIPS)),
    Case(
        "an inventory that says nothing",
        ("stack_name: has no value", "stack_region: has no value", "storage_bucket: has no value"),
        dict.fromkeys(("stack_name", "stack_region", "storage_bucket")),
        sentences=3,
    ),
    Case(
        "names that are nearly ours",
        ("netwrok_ingress_cidrs: no variable", "to network_ingress_cidrs,", "alb_http_port: no", "to stack_http_port,"),
        {"netwrok_ingress_cidrs": ["10.0.0.0/8"], "alb_http_port": 80},
        sentences=2,
    ),
    Case(
        "three things that only AWS can show",
        ("network_zones: ", "rds_engine_version: ", f"storage_bucket: '{BUCKET_ELSEWHERE}'"),
        {"network_zones": ["eu-west-2a", "x"], "rds_engine_version": "15.999", "storage_bucket": BUCKET_ELSEWHERE},
        sentences=3,
    ),
]


@dataclass(frozen=True)
class Ended:
    """How a run of the playbook ended."""

    code: int
    output: str

    def messages(self) -> list[str]:
        """The message of each failed task."""
        decode = json.JSONDecoder().raw_decode
        starts = [match.end() for match in re.finditer(r"^fatal: \[.*?\]: FAILED! => ", self.output, re.MULTILINE)]
        return [decode(self.output[start:])[0]["msg"] for start in starts]


def _run(case: Case, env: Mapping[str, str], home: Path) -> Ended:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("site.yml", "-i", "inventories/local", *case.argv),
            *("-e", json.dumps({"stack_output_dir": str(home), **case.extra})),
        ],
        cwd=ROOT,
        env={
            # With bytecode, or every module compiles boto3 anew.
            **{key: value for key, value in env.items() if key != "PYTHONDONTWRITEBYTECODE"},
            "HOME": str(home),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_NOCOLOR": "1",
            # Nothing of the person's own may help or hinder: profiles, tokens, a metadata service.
            "AWS_CONFIG_FILE": str(home / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            **case.env,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def _inventory(aws: Any) -> dict[str, list[str]]:
    """Everything in the account that the roles could have made, in both regions."""
    found: dict[str, list[str]] = {"buckets": [row["Name"] for row in aws.client("s3").list_buckets()["Buckets"]]}
    found["roles"] = [row["RoleName"] for row in aws.client("iam").list_roles()["Roles"]]
    for region in (HERE, ELSEWHERE):
        ec2, elb = aws.client("ec2", region=region), aws.client("elbv2", region=region)
        own = [{"Name": "is-default", "Values": ["false"]}]
        found[region] = [
            *(row["VpcId"] for row in ec2.describe_vpcs(Filters=own)["Vpcs"]),
            *(row["AllocationId"] for row in ec2.describe_addresses()["Addresses"]),
            *(row["LoadBalancerArn"] for row in elb.describe_load_balancers()["LoadBalancers"]),
            *(row["TargetGroupArn"] for row in elb.describe_target_groups()["TargetGroups"]),
            *(row["ARN"] for row in aws.client("secretsmanager", region=region).list_secrets()["SecretList"]),
            *(row["DBInstanceArn"] for row in aws.client("rds", region=region).describe_db_instances()["DBInstances"]),
            *aws.client("ecs", region=region).list_clusters()["clusterArns"],
            *aws.client("ecs", region=region).list_task_definitions()["taskDefinitionArns"],
            *(row["logGroupName"] for row in aws.client("logs", region=region).describe_log_groups()["logGroups"]),
        ]
    return found


@pytest.fixture(scope="module")
def alone(start_aws: Callable[..., Any]) -> Any:
    """An AWS of this module's own with two accounts, and two buckets that the stack cannot have."""
    aws = start_aws(accounts=["111111111111", OTHER_ACCOUNT])
    aws.client("s3", region=ELSEWHERE).create_bucket(Bucket=BUCKET_ELSEWHERE)
    aws.client("s3", env=aws.keys(OTHER_ACCOUNT)).create_bucket(
        Bucket=BUCKET_FOREIGN, CreateBucketConfiguration={"LocationConstraint": HERE}
    )
    return aws


@pytest.fixture(scope="module")
def before(alone: Any) -> dict[str, list[str]]:
    """What is in the account before the first run."""
    return _inventory(alone)


@pytest.fixture(scope="module")
def runs(
    alone: Any, before: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Ended]]]:
    """All cases, running two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {case.name: pool.submit(_run, case, alone.process_env, tmp_path_factory.mktemp("home")) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_clear_message(runs: dict[str, Future[Ended]], case: Case) -> None:
    ended = runs[case.name].result()

    assert ended.code == 2, ended.output
    assert len(ended.messages()) == 1, ended.output
    message = ended.messages()[0]
    assert len(message.splitlines()) == case.sentences, message
    assert [text for text in case.says if text not in message] == [], message
    assert "Traceback" not in ended.output
    # The recap: nothing was changed before the message.
    assert re.search(r"changed=0 .*failed=1 ", ended.output), ended.output


def test_nothing_was_made(runs: dict[str, Future[Ended]], alone: Any, before: dict[str, list[str]]) -> None:
    for run in runs.values():
        run.result()
    assert _inventory(alone) == before
    assert before["buckets"] == [BUCKET_ELSEWHERE]


def test_credentials_are_not_shown(runs: dict[str, Future[Ended]], alone: Any) -> None:
    hidden = [alone.env["AWS_SECRET_ACCESS_KEY"]]
    hidden += [case.env["AWS_SECRET_ACCESS_KEY"] for case in CASES if case.env.get("AWS_SECRET_ACCESS_KEY")]
    assert len(hidden) == 2
    for run in runs.values():
        assert not any(value in run.result().output for value in hidden)


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [("group_vars/mlflow.yml", "network_cidr: [10.0.0.0/16\n", 4), ("hosts.yml", "mlflow:\n hosts:\n  - x: [\n", 1)],
)
def test_an_inventory_that_is_not_yaml_ends_as_documented(tmp_path: Path, file: str, text: str, code: int) -> None:
    inventory = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventories" / "local", inventory)
    (inventory / file).write_text(text, encoding="utf-8")
    ended = ansible("ansible-playbook", "site.yml", "-i", str(inventory), "--check")
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert f"\n| {code} | " in (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
