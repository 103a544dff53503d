# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves the task in a line of its log."""

from __future__ import annotations

import io
import secrets
from urllib.parse import quote, quote_plus

import pytest
from mlflow_aws.redact import RedactingStream, Redactor

SECRET = f"p%40 {secrets.token_hex(6)}@:/?#ü"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        SECRET.replace("%", "%%"),
        quote(SECRET, safe="").replace("%", "%%"),
    ],
    ids=range(5),
)
def test_every_form_of_a_secret(form: str) -> None:
    assert Redactor([SECRET])(f"before {form} after") == "before *** after"


def test_credentials_of_unknown_uris() -> None:
    text = "cannot reach postgresql+psycopg2://mlflow:hunter2@db:5432/x and http://host/path"
    assert Redactor([])(text) == "cannot reach postgresql+psycopg2://***@db:5432/x and http://host/path"


def test_empty_secrets_hide_nothing() -> None:
    assert Redactor.from_environment({"MLFLOW_AWS_DB_PASSWORD": ""})("a text") == "a text"


def test_longer_secrets_go_first() -> None:
    assert Redactor(["abc", "abcdef"])("abcdef") == "***"


def test_stream() -> None:
    sink = io.StringIO()
    stream = RedactingStream(sink, Redactor([SECRET]))
    print("x", SECRET, file=stream)
    stream.writelines([SECRET, "\n"])
    assert sink.getvalue() == "x ***\n***\n"
    assert not stream.isatty()
