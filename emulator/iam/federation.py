# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who comes with the token of an identity provider instead of a signature: AssumeRoleWithWebIdentity and -SAML.

Sources: STS API Reference, both pages; IAM User Guide, "Create an OpenID Connect (OIDC) identity provider in IAM"
(which claims and algorithms), "Troubleshoot SAML federation with IAM", and "IAM and AWS STS condition context keys"
(which claims are ``<provider>:aud``, ``:sub``, ``:amr`` and ``:email``).
"""

from __future__ import annotations

import datetime
import json
import logging
import math
import re
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

log = logging.getLogger("emulator.iam")

#: What IAM accepts; never ``none``, and never a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
#: Seconds by which the clocks of AWS and of a provider may differ.
SKEW_SECONDS = 300
_FETCH_SECONDS = 5.0
_MOST_BYTES = 2**20
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]+")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class NotFederated(Exception):
    """The caller is nobody that a provider vouches for.

    :param code: AWS's code.
    :param status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Provider(Protocol):
    """A registered OpenID Connect provider, as moto keeps it."""

    client_id_list: list[str]

    @property
    def arn(self) -> str:
        """What trust policies name as ``Federated``."""

    @property
    def url(self) -> str:
        """The issuer without ``https://``."""


@dataclass(frozen=True)
class Federated:
    """Somebody that a provider vouches for.

    :param provider_arn: the principal that a trust policy names as ``Federated``.
    :param context: the condition keys that the token brings.
    """

    provider_arn: str
    context: Mapping[str, Any] = field(default_factory=dict)


def _invalid(message: str) -> NotFederated:
    return NotFederated("InvalidIdentityToken", message)


def role_account(action: str, parameters: Mapping[str, Any]) -> str:
    """The account of the role that a call asks for, once the call's parameters are such as AWS takes.

    :raises NotFederated: ValidationError.
    """
    role, session = str(parameters.get("RoleArn", "")), parameters.get("RoleSessionName")
    found = _ROLE_ARN.fullmatch(role)
    if found is None:
        raise NotFederated("ValidationError", f"{role or 'An empty RoleArn'} is invalid")
    if action == "AssumeRoleWithWebIdentity" and not _SESSION_NAME.fullmatch(str(session or "")):
        raise NotFederated("ValidationError", "RoleSessionName must have 2 to 64 characters of [\\w+=,.@-]")
    return found.group(1)


def refuse_saml() -> NotFederated:
    """The answer to every SAML assertion: nothing here can check the signature of one."""
    return _invalid("Response signature invalid")


def web_identity(token: str, providers: Sequence[Provider], now: datetime.datetime) -> Federated:
    """Who the bearer of ``token`` is.

    :param token: an OIDC ID token: a JWT that a registered provider has signed.
    :param providers: those of the role's account.
    :param now: aware.
    :raises NotFederated: in AWS's words.
    """
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
        issuer = str(claims["iss"])
    except (JoseError, ValueError, KeyError, TypeError):
        raise _invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from None
    known = {each.url.rstrip("/"): each for each in providers}
    provider = known.get(issuer.removeprefix("https://").rstrip("/")) if issuer.startswith("https://") else None
    if provider is None:
        raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
    audience = _audience(claims, provider)
    _check_times(claims, now)
    _check_signature(token, issuer)
    if not claims.get("sub"):
        raise _invalid("Missing a required claim: sub")
    context: dict[str, Any] = {"aws:FederatedProvider": provider.arn, f"{provider.url}:aud": audience}
    context |= {f"{provider.url}:{name}": str(claims[name]) for name in ("sub", "email") if claims.get(name)}
    if isinstance(claims.get("amr"), list):
        context[f"{provider.url}:amr"] = [str(each) for each in claims["amr"]]
    return Federated(provider.arn, context)


def _audience(claims: Mapping[str, Any], provider: Provider) -> str:
    """The client of the token: ``azp`` where there is one, else ``aud``; one that the provider was registered for."""
    named = claims.get("azp") or claims.get("aud")
    if not named:
        raise _invalid("Missing a required claim: aud")
    found = [each for each in (named if isinstance(named, list) else [named]) if each in provider.client_id_list]
    if not found:
        raise _invalid("Incorrect token audience")
    return str(found[0])


def _check_times(claims: Mapping[str, Any], now: datetime.datetime) -> None:
    moments: dict[str, float] = {}
    for name in ("exp", "iat"):
        if not isinstance(claims.get(name), (int, float)) or not math.isfinite(claims[name]):
            raise _invalid(f"Missing a required claim: {name}")
        moments[name] = float(claims[name])
    seconds = now.timestamp()
    if moments["exp"] <= seconds:
        raise NotFederated(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(seconds)} must be before the expiration date/time "
            f"{int(moments['exp'])}",
        )
    starts = max(moments["iat"], float(claims["nbf"]) if isinstance(claims.get("nbf"), (int, float)) else 0.0)
    if starts > seconds + SKEW_SECONDS:
        raise _invalid("Token not yet valid")


def _check_signature(token: str, issuer: str) -> None:
    """The provider's keys, by OpenID Connect Discovery 1.0, must have signed ``token``."""
    try:
        settings = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if settings["issuer"] != issuer or urlsplit(str(settings["jwks_uri"])).scheme != "https":
            raise ValueError("the provider's document is of another issuer, or its keys do not come by HTTPS")
        keys = KeySet.import_key_set(_fetch(str(settings["jwks_uri"])))
    except (OSError, ValueError, KeyError, TypeError, JoseError) as error:
        log.warning("no keys of %s: %s", issuer, error)
        raise _invalid(
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements"
        ) from None
    try:
        jws.deserialize_compact(token, keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError):
        raise _invalid("The signature of the ID token is not valid") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A provider does not send us to another address."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None: the answer is an error."""


def _fetch(url: str) -> Any:
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(urllib.request.Request(url), timeout=_FETCH_SECONDS) as answer:
        text = answer.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ValueError(f"{url} answers more than {_MOST_BYTES} bytes")
    return json.loads(text)
