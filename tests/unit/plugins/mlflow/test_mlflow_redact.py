# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No spelling of a password survives the redactor."""

from __future__ import annotations

import base64
import json
import secrets
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import Login
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.redact import MASK, Redactor

AWKWARD = '%;"#@:/? ü\\ñ' + secrets.token_urlsafe(12)


@pytest.mark.parametrize(
    "secret", [secrets.token_urlsafe(24), AWKWARD, "abcd" + secrets.token_hex(2)], ids=["plain", "awkward", "short"]
)
@pytest.mark.parametrize("username", ["a", "ad", "adm", "admin", "Jörg"])
def test_every_spelling_is_masked(secret: str, username: str) -> None:
    redactor = Redactor()
    redactor.add(secret)
    header = Login(username, secret).header()
    coded = base64.b64encode(secret.encode()).decode()
    for spelling in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret), coded, header):
        cleaned = redactor.clean(f"before {spelling} after")
        assert MASK in cleaned
        assert secret not in cleaned
        assert coded not in cleaned
        assert header.split()[1] not in cleaned
        # What is left of the coded login must not give the password back.
        for word in cleaned.split():
            try:
                rest = base64.b64decode(word.replace(MASK, "") + "==", validate=False)
            except ValueError:
                continue
            assert secret.encode()[3:] not in rest


def test_shipped_passwords_do_not_mask_the_word_password() -> None:
    redactor = Redactor()
    redactor.add("password")
    assert redactor.clean("the password is refused") == "the password is refused"
    assert MASK in redactor.clean(Login("admin", "password").header())


def test_very_short_texts_are_left_alone() -> None:
    redactor = Redactor()
    redactor.add("a")
    redactor.add(None)
    assert redactor.clean("banana") == "banana"


def test_login_has_no_password_in_its_repr() -> None:
    password = secrets.token_urlsafe(24)
    assert password not in repr(Login("admin", password))
