# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each patch of :mod:`emulator.patches`: the AWS behaviour that it restores."""

from __future__ import annotations

import datetime
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulator.patches import all_patches
from tests.embedded import EmbeddedAws


def name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def code(failure: pytest.ExceptionInfo[ClientError]) -> str:
    return str(failure.value.response["Error"]["Code"])


@pytest.fixture
def vpc(aws: EmbeddedAws) -> str:
    return str(aws.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def subnet(aws: EmbeddedAws, vpc: str) -> str:
    return str(aws.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"])


def nat_gateway(aws: EmbeddedAws, subnet: str) -> tuple[str, str]:
    """The ids of a new NAT gateway and of its address."""
    ec2 = aws.client("ec2")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tags)
    return made["NatGateway"]["NatGatewayId"], address


def test_every_patch_says_what_aws_does() -> None:
    patches = all_patches()
    assert len({patch.__name__ for patch in patches}) == len(patches)
    for patch in patches:
        assert "https://docs.aws.amazon.com/" in (patch.__doc__ or ""), patch


# --- core, sts, kms


def test_unguessable_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.moto_api._internal.moto_random import MotoRandom

    from emulator.patches import core

    for method in ("getrandbits", "random"):  # undone after the test
        monkeypatch.setattr(MotoRandom, method, getattr(MotoRandom, method))
    for patch in core.PATCHES:
        patch()
    draws = []
    for _ in range(2):
        source = MotoRandom()
        source.seed(1)
        draws.append((source.getrandbits(64), source.random(), source.get_random_string(20)))
    assert draws[0][0] != draws[1][0]
    assert draws[0][1] != draws[1][1]
    assert draws[0][2] != draws[1][2]


def test_session_tokens_work(aws: EmbeddedAws) -> None:
    session = aws.client("sts").get_session_token()["Credentials"]
    env = {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }
    assert aws.client("sts", env=env).get_caller_identity()["Arn"].endswith(":user/administrator")
    with pytest.raises(ClientError) as refused:
        aws.client("sts", env={**env, "AWS_SESSION_TOKEN": "other"}).get_caller_identity()
    assert code(refused) == "InvalidClientTokenId"


def test_deletion_by_arn(aws: EmbeddedAws) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


# --- ec2


def test_tag_types(aws: EmbeddedAws, subnet: str) -> None:
    gateway, address = nat_gateway(aws, subnet)
    ec2 = aws.client("ec2")
    ec2.create_tags(Resources=[address], Tags=[{"Key": "a", "Value": "b"}])
    for identifier, name in ((gateway, "natgateway"), (address, "elastic-ip")):
        filters = [{"Name": "resource-id", "Values": [identifier]}, {"Name": "resource-type", "Values": [name]}]
        assert [tag["ResourceType"] for tag in ec2.describe_tags(Filters=filters)["Tags"]] == [name]


def test_subnets_in_use_stay(aws: EmbeddedAws, vpc: str, subnet: str) -> None:
    ec2 = aws.client("ec2")
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(ClientError) as refused:
        ec2.delete_subnet(SubnetId=subnet)
    assert code(refused) == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=table)


def test_mapped_addresses_hold_the_gateway(aws: EmbeddedAws, vpc: str, subnet: str) -> None:
    ec2 = aws.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    nat, _ = nat_gateway(aws, subnet)
    with pytest.raises(ClientError, match="mapped public address") as refused:
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert code(refused) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def test_security_groups_in_use_stay(aws: EmbeddedAws, vpc: str) -> None:
    ec2 = aws.client("ec2")
    used, user = (ec2.create_security_group(GroupName=n, Description="x", VpcId=vpc)["GroupId"] for n in ("a", "b"))
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": used}]}
    ec2.authorize_security_group_ingress(GroupId=user, IpPermissions=[permission])
    with pytest.raises(ClientError, match="has a dependent object") as refused:
        ec2.delete_security_group(GroupId=used)
    assert code(refused) == "DependencyViolation"
    ec2.delete_security_group(GroupId=user)
    ec2.delete_security_group(GroupId=used)


def test_vpcs_in_use_stay(aws: EmbeddedAws, vpc: str) -> None:
    ec2 = aws.client("ec2")
    group = ec2.create_security_group(GroupName="a", Description="x", VpcId=vpc)["GroupId"]
    with pytest.raises(ClientError) as refused:
        ec2.delete_vpc(VpcId=vpc)
    assert code(refused) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_addresses_in_use_stay(aws: EmbeddedAws, subnet: str) -> None:
    ec2 = aws.client("ec2")
    gateway, address = nat_gateway(aws, subnet)
    with pytest.raises(ClientError) as refused:
        ec2.release_address(AllocationId=address)
    assert code(refused) == "InvalidIPAddress.InUse"
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.release_address(AllocationId=address)


def test_nat_gateways_take_their_time(start_aws: Callable[..., EmbeddedAws]) -> None:
    slow = start_aws(latency=0.01)  # 1.06 s to create, 0.45 s to delete
    ec2 = slow.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    gateway, address = nat_gateway(slow, subnet)

    def state() -> str:
        return str(ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"])

    began = time.monotonic()
    assert state() == "pending"
    ec2.get_waiter("nat_gateway_available").wait(
        NatGatewayIds=[gateway], WaiterConfig={"Delay": 0.1, "MaxAttempts": 60}
    )
    assert time.monotonic() - began > 0.8
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert state() == "deleting"
    with pytest.raises(ClientError):
        ec2.release_address(AllocationId=address)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[gateway], WaiterConfig={"Delay": 0.1, "MaxAttempts": 60})
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)


# --- rds


@pytest.fixture
def group(aws: EmbeddedAws) -> str:
    chosen = name("group")
    aws.client("rds").create_db_parameter_group(
        DBParameterGroupName=chosen, DBParameterGroupFamily="postgres15", Description="x"
    )
    return chosen


def parameters(aws: EmbeddedAws, group: str, **options: Any) -> dict[str, dict[str, Any]]:
    pages = aws.client("rds").get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group, **options)
    return {row["ParameterName"]: row for page in pages for row in page["Parameters"]}


def change(aws: EmbeddedAws, group: str, **values: str) -> None:
    rows = [{"ParameterName": k, "ParameterValue": v, "ApplyMethod": "pending-reboot"} for k, v in values.items()]
    aws.client("rds").modify_db_parameter_group(DBParameterGroupName=group, Parameters=rows)


def test_groups_start_with_engine_defaults(aws: EmbeddedAws, group: str) -> None:
    found = parameters(aws, group)
    assert found["rds.force_ssl"]["ParameterValue"] == "1"
    assert found["log_min_duration_statement"]["DataType"] == "integer"
    assert "ParameterValue" not in found["log_min_duration_statement"]
    assert found["max_connections"]["ApplyType"] == "static"
    old = name("group")
    aws.client("rds").create_db_parameter_group(
        DBParameterGroupName=old, DBParameterGroupFamily="postgres14", Description="x"
    )
    assert parameters(aws, old)["rds.force_ssl"]["ParameterValue"] == "0"


def test_unknown_groups_are_not_found(aws: EmbeddedAws) -> None:
    rds = aws.client("rds")
    with pytest.raises(rds.exceptions.DBParameterGroupNotFoundFault):
        rds.describe_db_parameter_groups(DBParameterGroupName="no-such-group")
    default = rds.describe_db_parameter_groups(DBParameterGroupName="default.postgres16")["DBParameterGroups"]
    assert [each["DBParameterGroupFamily"] for each in default] == ["postgres16"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("no_such_parameter", "1"),
        ("fsync", "0"),
        ("max_connections", "lots"),
        ("max_connections", "0"),
        ("rds.force_ssl", "2"),
        ("log_statement", "some"),
    ],
)
def test_parameters_are_checked(aws: EmbeddedAws, group: str, parameter: str, value: str) -> None:
    with pytest.raises(ClientError) as refused:
        change(aws, group, **{parameter: value})
    assert code(refused) == "InvalidParameterValue"


def test_changed_parameters_are_the_users(aws: EmbeddedAws, group: str) -> None:
    change(aws, group, max_connections="200", log_statement="ddl")
    assert set(parameters(aws, group, Source="user")) == {"max_connections", "log_statement"}
    assert parameters(aws, group)["log_statement"]["ParameterValue"] == "ddl"


def test_parameters_by_source(aws: EmbeddedAws, group: str) -> None:
    first = aws.client("rds").describe_db_parameters(DBParameterGroupName=group)
    assert len(first["Parameters"]) == 100
    assert first["Marker"]
    assert parameters(aws, group, Source="user") == {}


def test_default_groups_are_fixed(aws: EmbeddedAws) -> None:
    parameters(aws, "default.postgres17")
    with pytest.raises(ClientError) as refused:
        change(aws, "default.postgres17", log_statement="ddl")
    assert code(refused) == "InvalidParameterValue"
    with pytest.raises(ClientError):
        aws.client("rds").delete_db_parameter_group(DBParameterGroupName="default.postgres17")


def test_resetting_restores_the_default(aws: EmbeddedAws, group: str) -> None:
    change(aws, group, **{"rds.force_ssl": "0", "log_statement": "ddl"})
    rds = aws.client("rds")
    rds.reset_db_parameter_group(
        DBParameterGroupName=group,
        Parameters=[{"ParameterName": "rds.force_ssl", "ApplyMethod": "pending-reboot"}],
    )
    assert parameters(aws, group)["rds.force_ssl"]["ParameterValue"] == "1"
    assert parameters(aws, group)["log_statement"]["ParameterValue"] == "ddl"
    rds.reset_db_parameter_group(DBParameterGroupName=group, ResetAllParameters=True)
    assert parameters(aws, group, Source="user") == {}


def test_a_modified_subnet_group_stays(aws: EmbeddedAws, vpc: str) -> None:
    ec2, rds = aws.client("ec2"), aws.client("rds")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"eu-west-2{zone}")["Subnet"]
        for number, zone in enumerate("abc")
    ]
    ids, group = [row["SubnetId"] for row in subnets], "grows"
    rds.create_db_subnet_group(DBSubnetGroupName=group, DBSubnetGroupDescription="x", SubnetIds=ids[:2])
    rds.modify_db_subnet_group(DBSubnetGroupName=group, DBSubnetGroupDescription="y", SubnetIds=ids)
    (found,) = rds.describe_db_subnet_groups(DBSubnetGroupName=group)["DBSubnetGroups"]
    assert (found["DBSubnetGroupDescription"], [row["SubnetIdentifier"] for row in found["Subnets"]]) == ("y", ids)
    with pytest.raises(rds.exceptions.DBSubnetGroupNotFoundFault):
        rds.modify_db_subnet_group(DBSubnetGroupName="none", SubnetIds=ids)


def versions(aws: EmbeddedAws, **options: Any) -> list[dict[str, Any]]:
    pages = aws.client("rds").get_paginator("describe_db_engine_versions").paginate(**options)
    return [row for page in pages for row in page["DBEngineVersions"]]


def test_engine_versions(aws: EmbeddedAws) -> None:
    found = {row["EngineVersion"]: row for row in versions(aws, Engine="postgres")}
    assert {row["MajorEngineVersion"] for row in found.values()} == {"13", "14", "15", "16", "17", "18"}
    assert "15.17" in found
    assert found["15.17"]["DBParameterGroupFamily"] == "postgres15"
    targets = {row["EngineVersion"]: row["IsMajorVersionUpgrade"] for row in found["15.12"]["ValidUpgradeTarget"]}
    assert targets["15.17"] is False
    assert targets["16.8"] is True
    assert "15.10" not in targets
    assert versions(aws, Engine="postgres", EngineVersion="15.99") == []
    assert {row["MajorEngineVersion"] for row in versions(aws, Engine="postgres", EngineVersion="15")} == {"15"}
    newest = versions(aws, Engine="postgres", EngineVersion="15", DefaultOnly=True)
    assert [row["EngineVersion"] for row in newest] == ["15.17"]
    assert len(versions(aws, Engine="postgres", DefaultOnly=True)) == 1
    with pytest.raises(ClientError) as refused:
        versions(aws, Engine="postgress")
    assert code(refused) == "InvalidParameterValue"


def test_orderable_options(aws: EmbeddedAws) -> None:
    rds = aws.client("rds")
    options = {"Engine": "postgres", "EngineVersion": "15.17"}
    found = rds.describe_orderable_db_instance_options(**options, DBInstanceClass="db.t3.micro")
    rows = found["OrderableDBInstanceOptions"]
    assert {row["StorageType"] for row in rows} >= {"gp2", "gp3"}
    assert {zone["Name"] for zone in rows[0]["AvailabilityZones"]} == {"eu-west-2a", "eu-west-2b", "eu-west-2c"}
    none = rds.describe_orderable_db_instance_options(**options, DBInstanceClass="db.t3.pico")
    assert none["OrderableDBInstanceOptions"] == []
    major = rds.describe_orderable_db_instance_options(Engine="postgres", EngineVersion="15")
    assert major["OrderableDBInstanceOptions"] == []
    (magnetic,) = [row for row in rows if row["StorageType"] == "standard"]
    assert (magnetic["MaxStorageSize"], magnetic["SupportsStorageAutoscaling"]) == (3072, False)


def test_engine_defaults_are_described(aws: EmbeddedAws) -> None:
    rds = aws.client("rds")
    first = rds.describe_engine_default_parameters(DBParameterGroupFamily="postgres15")["EngineDefaults"]
    assert (first["DBParameterGroupFamily"], len(first["Parameters"])) == ("postgres15", 100)
    assert first["Marker"]
    pages = rds.get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily="postgres15")
    rows = {row["ParameterName"]: row for page in pages for row in page["EngineDefaults"]["Parameters"]}
    assert len(rows) > 200
    assert rows["max_connections"]["AllowedValues"] == "1-262143"
    with pytest.raises(ClientError) as refused:
        rds.describe_engine_default_parameters(DBParameterGroupFamily="postgres12")
    assert code(refused) == "InvalidParameterValue"


# --- elbv2, ecs, autoscaling, wafv2


@pytest.fixture
def balancer(aws: EmbeddedAws, vpc: str) -> str:
    ec2 = aws.client("ec2")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"eu-west-2{z}")["Subnet"]["SubnetId"]
        for n, z in ((21, "a"), (22, "b"))
    ]
    made = aws.client("elbv2").create_load_balancer(Name=name("lb"), Subnets=subnets, Scheme="internal")
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def test_load_balancers_face_the_internet_by_default(aws: EmbeddedAws, balancer: str, vpc: str, subnet: str) -> None:
    elb = aws.client("elbv2")
    other = aws.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.9.77.0/24")["Subnet"]["SubnetId"]
    made = elb.create_load_balancer(Name=name("lb"), Subnets=[subnet, other])["LoadBalancers"][0]
    assert made["Scheme"] == "internet-facing"
    assert elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]["Scheme"] == "internal"


def test_application_load_balancer_attributes(aws: EmbeddedAws, balancer: str) -> None:
    rows = aws.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"]
    found = {row["Key"]: row["Value"] for row in rows}
    assert found["idle_timeout.timeout_seconds"] == "60"
    assert found["routing.http2.enabled"] == "true"
    assert found["access_logs.s3.enabled"] == "false"
    assert found["routing.http.desync_mitigation_mode"] == "defensive"


def test_client_secrets_are_never_answered(aws: EmbeddedAws, balancer: str) -> None:
    elb = aws.client("elbv2")
    secret = uuid.uuid4().hex
    oidc = {
        "Type": "authenticate-oidc",
        "Order": 1,
        "AuthenticateOidcConfig": {
            "Issuer": "https://id.example.com",
            "AuthorizationEndpoint": "https://id.example.com/a",
            "TokenEndpoint": "https://id.example.com/t",
            "UserInfoEndpoint": "https://id.example.com/u",
            "ClientId": "client",
            "ClientSecret": secret,
        },
    }
    fixed = {"Type": "fixed-response", "Order": 2, "FixedResponseConfig": {"StatusCode": "200"}}
    certificate = aws.client("acm").request_certificate(DomainName="mlflow.example.com")["CertificateArn"]
    listener = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[fixed],
    )["Listeners"][0]["ListenerArn"]
    conditions = [{"Field": "path-pattern", "Values": ["/x"]}]
    made = elb.create_rule(ListenerArn=listener, Priority=1, Conditions=conditions, Actions=[oidc, fixed])
    for answer in (made, elb.describe_rules(ListenerArn=listener), elb.describe_rules(ListenerArn=listener)):
        assert secret not in json.dumps(answer, default=str)
        assert '"ClientId": "client"' in json.dumps(answer, default=str)


def test_clusters_answer_their_capacity_providers(aws: EmbeddedAws) -> None:
    chosen = name("cluster")
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName=chosen)
    found = ecs.describe_clusters(clusters=[chosen])["clusters"][0]
    assert found["capacityProviders"] == []
    assert found["defaultCapacityProviderStrategy"] == []


def test_cluster_settings_can_be_changed(aws: EmbeddedAws) -> None:
    chosen = name("cluster")
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName=chosen)
    settings = [{"name": "containerInsights", "value": "enhanced"}]
    assert ecs.update_cluster_settings(cluster=chosen, settings=settings)["cluster"]["settings"] == settings
    found = ecs.describe_clusters(clusters=[chosen], include=["SETTINGS"])["clusters"][0]
    assert found["settings"] == settings


def test_policies_by_name(aws: EmbeddedAws) -> None:
    scaling = aws.client("application-autoscaling")
    where = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": f"table/{name('t')}",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    scaling.register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)
    for policy in ("cpu", "memory"):
        scaling.put_scaling_policy(
            PolicyName=policy,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 50.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
            },
            **where,
        )
    # community.aws asks like this: the name selects before MaxResults cuts.
    found = scaling.describe_scaling_policies(**where, PolicyNames=["memory"], MaxResults=1)["ScalingPolicies"]
    assert [policy["PolicyName"] for policy in found] == ["memory"]
    # They go with their target, and do not come back with the next one.
    scaling.deregister_scalable_target(**where)
    scaling.register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)
    assert scaling.describe_scaling_policies(**where)["ScalingPolicies"] == []


@pytest.fixture
def web_acl(aws: EmbeddedAws) -> dict[str, Any]:
    visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    rule = {
        "Name": "rate",
        "Priority": 1,
        "Statement": {"RateBasedStatement": {"Limit": 1000, "AggregateKeyType": "IP"}},
        "Action": {"Block": {}},
        "VisibilityConfig": visibility,
    }
    made = aws.client("wafv2").create_web_acl(
        Name=name("acl"), Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[rule], VisibilityConfig=visibility
    )
    return dict(made["Summary"])


def test_default_evaluation_window(aws: EmbeddedAws, web_acl: dict[str, Any]) -> None:
    found = aws.client("wafv2").get_web_acl(Name=web_acl["Name"], Id=web_acl["Id"], Scope="REGIONAL")["WebACL"]
    assert found["Rules"][0]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == 300


def test_resources_of_a_web_acl(aws: EmbeddedAws, web_acl: dict[str, Any], balancer: str) -> None:
    waf = aws.client("wafv2")
    assert waf.list_resources_for_web_acl(WebACLArn=web_acl["ARN"])["ResourceArns"] == []
    waf.associate_web_acl(WebACLArn=web_acl["ARN"], ResourceArn=balancer)
    assert waf.list_resources_for_web_acl(WebACLArn=web_acl["ARN"])["ResourceArns"] == [balancer]
    gateways = waf.list_resources_for_web_acl(WebACLArn=web_acl["ARN"], ResourceType="API_GATEWAY")
    assert gateways["ResourceArns"] == []


# --- acm, cloudformation, s3


def certificate(issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None) -> tuple[x509.Certificate, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlflow.example.com" if issuer else "Test CA")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def test_imported_chains_come_back_as_given(aws: EmbeddedAws) -> None:
    authority = certificate(None)
    leaf, key = certificate(authority)
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = authority[0].public_bytes(pem)
    acm = aws.client("acm")
    given = {"Certificate": leaf.public_bytes(pem), "PrivateKey": plain}
    with_chain = acm.import_certificate(**given, CertificateChain=chain)["CertificateArn"]
    found = acm.get_certificate(CertificateArn=with_chain)
    assert found["CertificateChain"].strip() == chain.decode().strip()
    without = acm.import_certificate(**given)["CertificateArn"]
    assert not acm.get_certificate(CertificateArn=without).get("CertificateChain")


def test_unchanged_stacks_refuse_an_update(aws: EmbeddedAws) -> None:
    chosen = name("stack")
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName=chosen, TemplateBody=template)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName=chosen, TemplateBody=template)


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    chosen = name("bucket")
    aws.client("s3").create_bucket(Bucket=chosen, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    return chosen


def tls_only(bucket: str) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_bucket_policies_are_the_gates(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    policy = {"Version": "2012-10-17", "Statement": [tls_only(bucket)]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    assert s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}]})["Deleted"] == [{"Key": "a"}]


def test_logging_to_buckets_with_any_policy(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    logging = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "logs/"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls_only(bucket)]}))
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=logging)
    assert code(refused) == "InvalidTargetBucketForLogging"
    delivery = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": f"arn:aws:s3:::{bucket}/logs/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [tls_only(bucket), delivery]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=logging)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetPrefix"] == "logs/"


def test_deleted_objects_have_no_common_prefixes(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("runs/one/model/a", "runs/two/b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="runs/one/model/a")
    for prefix, folders in (("runs/", ["runs/two/"]), ("", ["runs/"]), ("runs/one/", [])):
        for listing in (s3.list_objects_v2, s3.list_objects):
            said = listing(Bucket=bucket, Prefix=prefix, Delimiter="/")
            assert [item["Prefix"] for item in said.get("CommonPrefixes", [])] == folders
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2


# --- tags


def _log_group(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=chosen, **({"tags": {"a": "b"}} if tagged else {}))
    found = logs.list_tags_log_group(logGroupName=chosen)["tags"]
    logs.delete_log_group(logGroupName=chosen)
    return found


def _alarm(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    cloudwatch = aws.client("cloudwatch")
    measured = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60}
    limit = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(AlarmName=chosen, **measured, **limit, **_tags(tagged))
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[chosen])["MetricAlarms"]
    found = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    cloudwatch.delete_alarms(AlarmNames=[chosen])
    return found


def _bucket(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=chosen, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    if tagged:
        s3.put_bucket_tagging(Bucket=chosen, Tagging={"TagSet": _tags(tagged)["Tags"]})
    try:
        found: object = s3.get_bucket_tagging(Bucket=chosen)["TagSet"]
    except ClientError:
        found = None
    s3.delete_bucket(Bucket=chosen)
    return found


def _topic(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    sns = aws.client("sns")
    arn = sns.create_topic(Name=chosen, **_tags(tagged))["TopicArn"]
    found = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
    sns.delete_topic(TopicArn=arn)
    return found


def _cluster(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    ecs = aws.client("ecs")
    tags = {"tags": [{"key": "a", "value": "b"}]} if tagged else {}
    ecs.create_cluster(clusterName=chosen, **tags)
    found = ecs.describe_clusters(clusters=[chosen], include=["TAGS"])["clusters"][0].get("tags")
    ecs.delete_cluster(cluster=chosen)
    return found


def _role(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    iam = aws.client("iam")
    trusted = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    iam.create_role(RoleName=chosen, AssumeRolePolicyDocument=document, **_tags(tagged))
    found = iam.list_role_tags(RoleName=chosen)["Tags"]
    iam.delete_role(RoleName=chosen)
    return found


def _parameter_group(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    rds = aws.client("rds")
    made = {"DBParameterGroupFamily": "postgres16", "Description": "x", **_tags(tagged)}
    arn = rds.create_db_parameter_group(DBParameterGroupName=chosen, **made)["DBParameterGroup"]["DBParameterGroupArn"]
    found = rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    rds.delete_db_parameter_group(DBParameterGroupName=chosen)
    return found


def _secret(aws: EmbeddedAws, chosen: str, tagged: bool) -> object:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=chosen, SecretString="x", **_tags(tagged))
    found = secrets.describe_secret(SecretId=chosen).get("Tags")
    secrets.delete_secret(SecretId=chosen, ForceDeleteWithoutRecovery=True)
    return found


def _tags(tagged: bool) -> dict[str, Any]:
    return {"Tags": [{"Key": "a", "Value": "b"}]} if tagged else {}


@pytest.mark.parametrize(
    "made",
    [_log_group, _alarm, _bucket, _topic, _cluster, _role, _parameter_group, _secret],
    ids=lambda made: made.__name__,
)
def test_what_is_created_again_has_no_tags_of_the_former(
    aws: EmbeddedAws, made: Callable[[EmbeddedAws, str, bool], object]
) -> None:
    """Every kind of the stack whose ARN is made of its name, so that the next one has it again."""
    chosen = name("again")
    assert made(aws, chosen, True)
    assert not made(aws, chosen, False)
