# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which locations the server may use."""

from __future__ import annotations

import contextlib

import pytest
from mlflow_aws.locations import (
    ArtifactRoot,
    ForbiddenLocation,
    beside,
    check_experiment_location,
    check_location,
    check_model_source,
    check_path,
    overlap,
)

ROOT = ArtifactRoot("models", "mlflow-artifacts")

PERMITTED = [
    "mlflow-artifacts:/team/run/artifacts",
    "mlflow-artifacts:///team",
    "s3://models/mlflow-artifacts/team/1",
    "s3://models/mlflow-artifacts/team/with space/Ünïcode",
]
#: Of use where the database has them, but nobody may send them: one spelling for each place.
OTHER_SPELLINGS = [
    "S3://models/mlflow-artifacts/team",
    "MLFLOW-ARTIFACTS:/team",
    "mlflow-artifacts:/%32",
    "mlflow-artifacts:/%32/run/artifacts",
    "mlflow-artifacts:/team/100%25/x",
    "s3://models/mlflow-artifacts/%61",
    "s3://models//mlflow-artifacts/team",
    "s3://models/mlflow-artifacts//team",
    "s3://models/mlflow-artifacts/team//x",
    "mlflow-artifacts:////team",
    "mlflow-artifacts:/team//x",
    "mlflow-artifacts:/team./x",
    "mlflow-artifacts:/ team/x",
    "mlflow-artifacts:/te\u200bam/x",
    "mlflow-artifacts:/te\u202eam/x",
    "mlflow-artifacts:/u\u0308ber",
]
FORBIDDEN = [
    "",
    ".",
    "/etc",
    "etc/passwd",
    "./relative",
    "../up",
    "~/x",
    "C:\\x",
    "file:/etc",
    "file:///etc",
    "FILE:///etc",
    "FiLe:etc",
    " file:///etc",
    "file:///etc\n",
    "fi\nle:///etc",
    "//host/path",
    "\\\\host\\path",
    "http://host/x",
    "https://host/api/2.0/mlflow-artifacts/artifacts/x",
    "ftp://host/x",
    "sftp://host/x",
    "dbfs:/x",
    "hdfs://host/x",
    "viewfs://host/x",
    "gs://models/mlflow-artifacts/x",
    "wasbs://c@a.blob.core.windows.net/x",
    "abfss://c@a.dfs.core.windows.net/x",
    "r2://models@host/x",
    "b2://models@host/x",
    "runs:/abc/x",
    "models:/m-1",
    "sqlite:///x.db",
    "s3:/models/mlflow-artifacts/x",
    "s3:///mlflow-artifacts/x",
    "s3://models",
    "s3://models/",
    "s3://models/other",
    "s3://models/mlflow-artifacts-other/x",
    "s3://other/mlflow-artifacts/x",
    "s3://models@evil/mlflow-artifacts/x",
    "s3://models:80/mlflow-artifacts/x",
    "s3://models/mlflow-artifacts/../other",
    "s3://models/mlflow-artifacts/%2e%2e/other",
    "s3://models/mlflow-artifacts/%252e%252e/other",
    "s3://models/mlflow-artifacts/a%2f..%2f..%2fother",
    "s3://models/mlflow-artifacts/..%5cother",
    "s3://models/mlflow-artifacts/./x",
    "s3://models/mlflow-artifacts/x?versionId=1",
    "s3://models/mlflow-artifacts/x#f",
    "s3://models/mlflow-artifacts/x;p",
    "s3://[models/mlflow-artifacts/x",
    "mlflow-artifacts:x",
    "mlflow-artifacts://host/x",
    "mlflow-artifacts://host:5000/x",
    "mlflow-artifacts:/../x",
    "mlflow-artifacts:/x/../../y",
    "mlflow-artifacts:/x/%2E%2E/y",
    "mlflow-artifacts:/x\\..\\y",
    "mlflow-artifacts:/x%00y",
]


@pytest.mark.parametrize("uri", PERMITTED)
def test_permitted_everywhere(uri: str) -> None:
    check_location(uri, ROOT)
    check_experiment_location(uri, ROOT)
    check_model_source(uri, ROOT)


@pytest.mark.parametrize("uri", OTHER_SPELLINGS)
def test_other_spellings_are_for_stored_locations_only(uri: str) -> None:
    if not uri.startswith("s3://models//"):
        check_location(uri, ROOT)
    for check in (check_experiment_location, check_model_source):
        with pytest.raises(ForbiddenLocation):
            check(uri, ROOT)


@pytest.mark.parametrize("uri", FORBIDDEN)
def test_forbidden(uri: str) -> None:
    with pytest.raises(ForbiddenLocation):
        check_location(uri, ROOT)
    with pytest.raises(ForbiddenLocation):
        check_experiment_location(uri, ROOT)


@pytest.mark.parametrize("uri", [uri for uri in FORBIDDEN if not uri.startswith(("runs:/", "models:/"))])
def test_forbidden_as_source_of_a_model(uri: str) -> None:
    with pytest.raises(ForbiddenLocation):
        check_model_source(uri, ROOT)


@pytest.mark.parametrize("uri", [*FORBIDDEN, *OTHER_SPELLINGS])
def test_no_message_names_the_bucket_or_the_prefix(uri: str) -> None:
    root = ArtifactRoot("the-bucket", "the-prefix")
    for check in (check_location, check_experiment_location, check_model_source):
        with contextlib.suppress(ForbiddenLocation):
            check(uri, root)
            continue
        with pytest.raises(ForbiddenLocation) as refusal:
            check(uri, root)
        assert "the-bucket" not in str(refusal.value)
        assert "the-prefix" not in str(refusal.value)


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a/b/c", "a", True),
        ("", "a", True),
        ("a", "ab", False),
        ("a/b", "a/c", False),
    ],
)
def test_overlap(one: str, other: str, answer: bool) -> None:
    assert overlap(tuple(filter(None, one.split("/"))), tuple(filter(None, other.split("/")))) is answer


@pytest.mark.parametrize(
    "uri",
    [
        "mlflow-artifacts:/",
        "mlflow-artifacts:/1",
        "mlflow-artifacts:/1/run/artifacts",
        "mlflow-artifacts:///0",
        "mlflow-artifacts:/workspaces/a/1",
        "mlflow-artifacts:/\u0663/x",
        "s3://models/mlflow-artifacts",
        "s3://models/mlflow-artifacts/",
        "s3://models/mlflow-artifacts/12",
    ],
)
def test_experiment_must_not_lie_over_others(uri: str) -> None:
    check_location(uri, ROOT)
    with pytest.raises(ForbiddenLocation, match="other experiments"):
        check_experiment_location(uri, ROOT)


@pytest.mark.parametrize(
    "uri",
    ["runs:/abc/model", "models:/m-123", "models:/name/3", "models:/name@champion", "mlflow-artifacts:/1/r/model"],
)
def test_sources_of_models(uri: str) -> None:
    check_model_source(uri, ROOT)


@pytest.mark.parametrize(
    "uri", ["runs://profile@host/abc", "runs:abc", "models:/m/../x", "runs:/a/%2e%2e/b", "models:/m?x", "runs:/a\\b"]
)
def test_references_that_are_none(uri: str) -> None:
    with pytest.raises(ForbiddenLocation):
        check_model_source(uri, ROOT)


@pytest.mark.parametrize("path", [None, "", "a", "a/b.txt", "a..b", "...", "100%25", "a%2Fb", "Ünï/x y"])
def test_paths_inside(path: str | None) -> None:
    check_path(path)


@pytest.mark.parametrize("path", ["/etc", "..", "../x", "a/../b", "a/..", "a\0b"])
def test_paths_that_climb(path: str) -> None:
    with pytest.raises(ForbiddenLocation):
        check_path(path)


def test_root_without_prefix_permits_the_whole_bucket_only() -> None:
    root = ArtifactRoot.parse("s3://models")
    assert (root, root.uri) == (ArtifactRoot("models", ""), "s3://models")
    check_location("s3://models/x", root)
    with pytest.raises(ForbiddenLocation):
        check_location("s3://others/x", root)


@pytest.mark.parametrize(
    ("uri", "parsed"),
    [("s3://models/a/b/", ArtifactRoot("models", "a/b")), ("s3://my.bucket-1/p", ArtifactRoot("my.bucket-1", "p"))],
)
def test_root(uri: str, parsed: ArtifactRoot) -> None:
    assert ArtifactRoot.parse(uri) == parsed


@pytest.mark.parametrize(
    "uri",
    ["models/p", "file:///x", "s3:///p", "s3://A/p", "s3://models/p?x=1", "s3://models/../p", "s3://u:p@models/x"],
)
def test_root_that_is_none(uri: str) -> None:
    with pytest.raises(ValueError, match="MLFLOW_AWS_ARTIFACTS"):
        ArtifactRoot.parse(uri)


def test_a_location_beside_a_default_one_is_another_each_time_and_holds_none() -> None:
    made = {beside("mlflow-artifacts:/12") for _number in range(50)}
    assert len(made) == 50
    for uri in made:
        segments = check_location(uri, ROOT)
        assert len(segments) == 1
        assert segments[0].startswith("12-")
        assert not overlap(segments, ("12",))
