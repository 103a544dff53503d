# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors in the words and the shape of each service's protocol.

Source: "Common errors" of the API references of IAM, EC2, S3 and Secrets Manager. A client decides by the code
(``InvalidClientTokenId`` or ``UnrecognizedClientException``) and reads it from where its protocol puts it.
"""

from __future__ import annotations

import enum
import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape


class Protocol(enum.Enum):
    """How a service shapes its errors."""

    QUERY = "query"
    EC2 = "ec2"
    JSON = "json"
    REST_JSON = "rest-json"
    REST_XML = "rest-xml"
    S3 = "s3"


class Problem(enum.Enum):
    """Why a call is refused before it reaches its service."""

    UNKNOWN_KEY = enum.auto()
    BAD_TOKEN = enum.auto()
    EXPIRED_TOKEN = enum.auto()
    BAD_SIGNATURE = enum.auto()
    INCOMPLETE_SIGNATURE = enum.auto()
    BAD_DIGEST = enum.auto()
    SKEWED = enum.auto()
    EXPIRED_URL = enum.auto()
    UNSIGNED = enum.auto()
    DENIED = enum.auto()
    UNKNOWN_ACTION = enum.auto()
    FAILED = enum.auto()


_INVALID_TOKEN = "The security token included in the request is invalid."
_EXPIRED_TOKEN = "The security token included in the request is expired"
_NO_TOKEN = "Missing Authentication Token"
_FAILED = "We encountered an internal error. Please try again."
_NOT_VALIDATED = "AWS was not able to validate the provided access credentials"

#: (code, HTTP status, message or None for the caller's own words)
Row = tuple[str, int, "str | None"]

_QUERY: dict[Problem, Row] = {
    Problem.UNKNOWN_KEY: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Problem.BAD_TOKEN: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Problem.EXPIRED_TOKEN: ("ExpiredToken", 403, _EXPIRED_TOKEN),
    Problem.BAD_SIGNATURE: ("SignatureDoesNotMatch", 403, None),
    Problem.INCOMPLETE_SIGNATURE: ("IncompleteSignature", 400, None),
    Problem.BAD_DIGEST: ("SignatureDoesNotMatch", 403, None),
    Problem.SKEWED: ("SignatureDoesNotMatch", 403, None),
    Problem.EXPIRED_URL: ("SignatureDoesNotMatch", 403, None),
    Problem.UNSIGNED: ("MissingAuthenticationToken", 403, _NO_TOKEN),
    Problem.DENIED: ("AccessDenied", 403, None),
    Problem.UNKNOWN_ACTION: ("InvalidAction", 400, None),
    Problem.FAILED: ("InternalFailure", 500, _FAILED),
}
_EC2: dict[Problem, Row] = {
    **_QUERY,
    Problem.UNKNOWN_KEY: ("AuthFailure", 401, _NOT_VALIDATED),
    Problem.BAD_TOKEN: ("AuthFailure", 401, _NOT_VALIDATED),
    Problem.EXPIRED_TOKEN: ("RequestExpired", 400, "Request has expired."),
    Problem.BAD_SIGNATURE: ("AuthFailure", 401, _NOT_VALIDATED),
    Problem.BAD_DIGEST: ("AuthFailure", 401, _NOT_VALIDATED),
    Problem.SKEWED: ("RequestExpired", 400, "Request has expired."),
    Problem.UNSIGNED: ("MissingParameter", 400, "The request must contain the parameter AWSAccessKeyId"),
    Problem.DENIED: ("UnauthorizedOperation", 403, None),
}
_JSON: dict[Problem, Row] = {
    Problem.UNKNOWN_KEY: ("UnrecognizedClientException", 400, _INVALID_TOKEN),
    Problem.BAD_TOKEN: ("UnrecognizedClientException", 400, _INVALID_TOKEN),
    Problem.EXPIRED_TOKEN: ("ExpiredTokenException", 400, _EXPIRED_TOKEN),
    Problem.BAD_SIGNATURE: ("InvalidSignatureException", 400, None),
    Problem.INCOMPLETE_SIGNATURE: ("IncompleteSignatureException", 400, None),
    Problem.BAD_DIGEST: ("InvalidSignatureException", 400, None),
    Problem.SKEWED: ("InvalidSignatureException", 400, None),
    Problem.EXPIRED_URL: ("InvalidSignatureException", 400, None),
    Problem.UNSIGNED: ("MissingAuthenticationTokenException", 400, _NO_TOKEN),
    Problem.DENIED: ("AccessDeniedException", 400, None),
    Problem.UNKNOWN_ACTION: ("UnknownOperationException", 400, None),
    Problem.FAILED: ("InternalFailure", 500, _FAILED),
}
_S3: dict[Problem, Row] = {
    Problem.UNKNOWN_KEY: (
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    Problem.BAD_TOKEN: ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Problem.EXPIRED_TOKEN: ("ExpiredToken", 400, "The provided token has expired."),
    Problem.BAD_SIGNATURE: (
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and "
        "signing method.",
    ),
    Problem.INCOMPLETE_SIGNATURE: ("AuthorizationHeaderMalformed", 400, None),
    Problem.BAD_DIGEST: ("XAmzContentSHA256Mismatch", 400, None),
    Problem.SKEWED: ("RequestTimeTooSkewed", 403, None),
    Problem.EXPIRED_URL: ("AccessDenied", 403, None),
    Problem.UNSIGNED: ("AccessDenied", 403, "Access Denied"),
    Problem.DENIED: ("AccessDenied", 403, None),
    Problem.UNKNOWN_ACTION: ("NotImplemented", 501, None),
    Problem.FAILED: ("InternalError", 500, _FAILED),
}
_TABLES = {
    Protocol.QUERY: _QUERY,
    Protocol.REST_XML: _QUERY,
    Protocol.EC2: _EC2,
    Protocol.JSON: _JSON,
    Protocol.REST_JSON: {
        problem: (code, 403 if status == 400 else status, text) for problem, (code, status, text) in _JSON.items()
    },
    Protocol.S3: _S3,
}


@dataclass(frozen=True)
class ErrorResponse:
    """An HTTP answer that says why a call was refused."""

    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    code: str


def refuse(protocol: Protocol, problem: Problem, message: str = "") -> ErrorResponse:
    """The answer of a service that speaks ``protocol`` to a call with ``problem``.

    :param message: the words, where the protocol has none of its own for the problem.
    """
    code, status, fixed = _TABLES[protocol][problem]
    if protocol is Protocol.EC2 and problem is Problem.DENIED:
        message = f"You are not authorized to perform this operation. {message}"
    return shape(protocol, code, status, fixed or message)


def shape(protocol: Protocol, code: str, status: int, message: str, **fields: str) -> ErrorResponse:
    """An error with ``code`` in the shape of ``protocol``; ``fields`` are further elements of an S3 error."""
    request_id = str(uuid.uuid4())
    headers: tuple[tuple[str, str], ...] = (("x-amzn-RequestId", request_id),)
    if protocol in (Protocol.JSON, Protocol.REST_JSON):
        body = json.dumps({"__type": code, "message": message, "Message": message})
        headers += (("x-amzn-ErrorType", code),)
        return ErrorResponse(status, "application/x-amz-json-1.1", headers, body.encode(), code)
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if protocol is Protocol.EC2:
        body = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif protocol is Protocol.S3:
        inner += "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        body = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
        headers = (("x-amz-request-id", request_id),)
    else:
        sender = "Sender" if status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{sender}</Type>{inner}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return ErrorResponse(status, "text/xml", headers, document.encode(), code)
