# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the way to AWS are one sentence with a remedy; others are left alone."""

from __future__ import annotations

import botocore.exceptions
import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.access import access_problem


def _refused(code: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "GetCallerIdentity")


def _failed(code: str, status: int) -> botocore.exceptions.ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, "GetCallerIdentity")


TABLE: list[tuple[Exception, tuple[str, ...]]] = [
    (_refused("InvalidClientTokenId"), ("refused the credentials (InvalidClientTokenId)", "check AWS_PROFILE")),
    (_refused("SignatureDoesNotMatch"), ("refused the credentials", "AWS_SECRET_ACCESS_KEY")),
    (_refused("AuthFailure"), ("refused the credentials (AuthFailure)", "check AWS_PROFILE")),
    (_refused("ExpiredToken"), ("have expired (ExpiredToken)", "sign in again")),
    (_refused("RequestExpired"), ("have expired", "run the same command again")),
    (
        _failed("ServiceUnavailable", 503),
        ("a failure of its own in region eu-west-9", "ServiceUnavailable", "run the same"),
    ),
    (botocore.exceptions.NoCredentialsError(), ("no usable AWS credentials", "set AWS_PROFILE")),
    (
        botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        ("no usable AWS credentials", "AWS_SECRET_ACCESS_KEY"),
    ),
    (botocore.exceptions.ProfileNotFound(profile="prod"), ("no usable AWS credentials", "prod", "set AWS_PROFILE")),
    (
        botocore.exceptions.EndpointConnectionError(endpoint_url="https://sts.eu-west-9.amazonaws.com"),
        ("could not be reached in region eu-west-9", "https://sts.eu-west-9.amazonaws.com", "AWS_ENDPOINT_URL"),
    ),
    (
        botocore.exceptions.ConnectTimeoutError(endpoint_url="https://10.0.0.1"),
        ("could not be reached", "https://10.0.0.1", "check the network"),
    ),
]


@pytest.mark.parametrize(("error", "says"), TABLE, ids=[f"{type(row[0]).__name__}-{row[0]}" for row in TABLE])
def test_one_sentence_with_the_remedy(error: Exception, says: tuple[str, ...]) -> None:
    message = access_problem(error, "eu-west-9")
    assert message is not None
    assert [text for text in says if text not in message] == [], message
    assert "\n" not in message


@pytest.mark.parametrize(
    "error",
    [_refused("AccessDenied"), _refused("Throttling"), botocore.exceptions.DataNotFoundError(data_path="x"), OSError()],
)
def test_other_errors_are_not_of_the_way_to_aws(error: Exception) -> None:
    assert access_problem(error, "eu-west-2") is None
