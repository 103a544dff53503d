# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the way to AWS (credentials, endpoint), said with their remedy."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.outage import is_outage

_REFUSED = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidSignatureException",
}
#: Of the services that the roles call: JSON and query ones, EC2.
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNREACHABLE = {"EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError"}


def expired(code: str) -> str:
    """What to do when the credentials of a run have expired.

    :param code: AWS's, one of :data:`EXPIRED`.
    """
    return (
        f"The AWS credentials of this run have expired ({code}): sign in again (for example: aws sso login) and run "
        "the same command again. It goes on from what this run has made."
    )


def access_problem(error: Exception, region: str) -> str | None:
    """One sentence for an error that says AWS was not reached or did not know the caller; else None.

    :param error: an exception of botocore.
    :param region: the region of the call, for the message.
    """
    name = type(error).__name__
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    if code in _REFUSED:
        return (
            f"AWS refused the credentials ({code}): check AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, in the environment of this run"
        )
    if code in EXPIRED:
        return expired(code)
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"):
        return f"no usable AWS credentials ({error}): set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if name in _UNREACHABLE:
        return (
            f"AWS could not be reached in region {region} ({error}): "
            "check the network, AWS_ENDPOINT_URL and stack_region"
        )
    if is_outage(error):
        return (
            f"AWS has a failure of its own in region {region} ({error}), for minutes now: see "
            "https://health.aws.amazon.com/health/status, and run the same command again when it is over. It goes on "
            "from what this run has made."
        )
    return None
