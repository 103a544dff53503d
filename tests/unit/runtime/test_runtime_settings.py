# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the task: read whole, refused in one line that names the variable."""

from __future__ import annotations

import secrets

import pytest
from mlflow_aws.errors import Refusal
from mlflow_aws.settings import migrate_settings, serve_settings

PASSWORD = secrets.token_urlsafe(16)
ENVIRONMENT = {
    "MLFLOW_AWS_DB_HOST": "db.example.eu-west-2.rds.amazonaws.com",
    "MLFLOW_AWS_DB_USER": "mlflow",
    "MLFLOW_AWS_DB_PASSWORD": PASSWORD,
    "MLFLOW_AWS_DB_TRACKING": "tracking",
    "MLFLOW_AWS_DB_LOGINS": "auth",
    "MLFLOW_AWS_ADMIN_USERNAME": "admin",
    "MLFLOW_AWS_ARTIFACTS": "s3://models/prefix",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
    "MLFLOW_CRYPTO_KEK_PASSPHRASE": secrets.token_hex(16),
    "MLFLOW_AWS_DB_MASTER_USER": "master",
    "MLFLOW_AWS_DB_MASTER_PASSWORD": secrets.token_urlsafe(16),
    "MLFLOW_AWS_ADMIN_PASSWORD": secrets.token_urlsafe(16),
}


def test_defaults() -> None:
    settings = serve_settings(ENVIRONMENT)
    assert (settings.database.port, settings.database.sslmode) == (5432, "require")
    assert (settings.port, settings.workers, settings.login_cache) == (5000, 1, True)
    assert migrate_settings(ENVIRONMENT).master.database == "postgres"


def test_no_secret_in_a_representation() -> None:
    shown = repr(serve_settings(ENVIRONMENT)) + repr(migrate_settings(ENVIRONMENT))
    for name in ENVIRONMENT:
        if "PASSWORD" in name or "SECRET" in name or "PASSPHRASE" in name:
            assert ENVIRONMENT[name] not in shown


@pytest.mark.parametrize("name", sorted(set(ENVIRONMENT) - {"MLFLOW_AWS_DB_TRACKING", "MLFLOW_AWS_DB_LOGINS"}))
def test_missing(name: str) -> None:
    rest = {key: value for key, value in ENVIRONMENT.items() if key != name}
    only_migration = "MASTER" in name or name == "MLFLOW_AWS_ADMIN_PASSWORD"
    read = migrate_settings if only_migration else serve_settings
    with pytest.raises(Refusal, match=f"^{name} is not set"):
        read(rest)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_AWS_DB_HOST", "db.example:5432"),
        ("MLFLOW_AWS_DB_HOST", "postgresql://db.example"),
        ("MLFLOW_AWS_DB_HOST", "db.example host=evil"),
        ("MLFLOW_AWS_DB_PORT", "5432:5432"),
        ("MLFLOW_AWS_DB_PORT", "0"),
        ("MLFLOW_AWS_DB_PORT", "65536"),
        ("MLFLOW_AWS_DB_PORT", "-1"),
        ("MLFLOW_AWS_DB_SSLMODE", "yes"),
        ("MLFLOW_AWS_DB_SSLMODE", "verify-ca"),
        ("MLFLOW_AWS_DB_SSLMODE", "verify-full"),
        ("MLFLOW_AWS_DB_USER", "a b"),
        ("MLFLOW_AWS_DB_USER", "x" * 64),
        ("MLFLOW_AWS_DB_TRACKING", "a;drop"),
        ("MLFLOW_AWS_DB_LOGINS", "1st"),
        ("MLFLOW_AWS_DB_LOGINS", "tracking"),
        ("MLFLOW_AWS_DB_PASSWORD", "x\n"),
        ("MLFLOW_AWS_ADMIN_USERNAME", "a:b"),
        ("MLFLOW_AWS_ADMIN_USERNAME", "a\nb"),
        ("MLFLOW_AWS_ARTIFACTS", "/var/artifacts"),
        ("MLFLOW_AWS_WORKERS", "two"),
        ("MLFLOW_AWS_WORKERS", "0"),
        ("MLFLOW_AWS_LOGIN_CACHE", "maybe"),
    ],
)
def test_wrong(name: str, value: str) -> None:
    with pytest.raises(Refusal, match=name):
        serve_settings({**ENVIRONMENT, name: value})


def test_mlflow_is_not_the_master() -> None:
    with pytest.raises(Refusal, match="MLFLOW_AWS_DB_USER is the master user"):
        migrate_settings({**ENVIRONMENT, "MLFLOW_AWS_DB_USER": "master"})


@pytest.mark.parametrize(("text", "truth"), [("true", True), ("False", False), ("0", False), ("on", True)])
def test_truth(text: str, truth: bool) -> None:
    assert serve_settings({**ENVIRONMENT, "MLFLOW_AWS_LOGIN_CACHE": text}).login_cache is truth
