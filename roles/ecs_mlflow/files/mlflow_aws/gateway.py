# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MLflow encrypts in the database, keys of its AI gateway and secrets of webhooks, is under our own passphrase.

MLflow encrypts each key with a key of its own, and wraps that with one that it derives from a passphrase and a version
(``mlflow/utils/crypto.py``). Where no passphrase is set it takes one that stands in its source code, and version 1.
Ours goes with version 2, so that a row tells which of the two it needs.

Secrets of webhooks it encrypts with another key, and makes a new one in each process where none is set
(``EncryptedString`` in ``mlflow/store/model_registry/dbmodels/models.py``): what one worker has stored is an error in
each other one, and on every worker after a restart. That key is derived from the passphrase.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

PUBLISHED, OURS = 1, 2


def webhook_key(passphrase: str) -> str:
    """The key of the webhooks' secrets in Fernet's form: HKDF with SHA-256 (RFC 5869), without a salt, of one block.

    The passphrase of a stack is 40 random letters and digits, so that it needs no stretching.
    """
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), passphrase.encode(), "sha256")
    return base64.urlsafe_b64encode(hmac.digest(extracted, b"mlflow-aws webhooks\x01", "sha256")).decode()


def disarm(connection: Any, passphrase: str) -> None:
    """Disable webhooks whose secret no key opens any more, as those from before this key: no list answers with one.

    Prints their names. Such a webhook has no secret then, and does not go out unsigned.

    :param connection: of psycopg2, to the tracking database at its newest schema.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.webhooks')")
        if cursor.fetchone() == (None,):  # MLflow 2
            return
        cursor.execute("SELECT webhook_id, name, secret FROM webhooks WHERE secret IS NOT NULL FOR UPDATE")
        rows = cursor.fetchall()
        if not rows:
            return
        from cryptography.fernet import Fernet, InvalidToken

        cipher = Fernet(webhook_key(passphrase))
        for webhook_id, name, secret in rows:
            try:
                cipher.decrypt(secret.encode())
            except InvalidToken:
                cursor.execute(
                    "UPDATE webhooks SET secret = NULL, status = 'DISABLED' WHERE webhook_id = %s", (webhook_id,)
                )
                print(f"WARNING: webhook {name}: no key opens its secret any more. It is disabled: set a new secret")


def rewrap(connection: Any, passphrase: str) -> None:
    """Re-encrypt what is wrapped under the published passphrase, all of it or nothing; prints how many there were.

    A row that something else was used for stays as it is: nobody but whoever knows that can read it.

    :param connection: of psycopg2, to the tracking database at its newest schema.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.secrets')")
        if cursor.fetchone() == (None,):  # MLflow 2
            return
        cursor.execute(
            "SELECT secret_id, encrypted_value, wrapped_dek FROM secrets WHERE kek_version = %s FOR UPDATE",
            (PUBLISHED,),
        )
        rows = cursor.fetchall()
        if not rows:
            return
        from mlflow.exceptions import MlflowException
        from mlflow.utils.crypto import DEFAULT_KEK_PASSPHRASE, KEKManager, rotate_secret_encryption

        published = KEKManager(DEFAULT_KEK_PASSPHRASE, PUBLISHED)
        ours = KEKManager(passphrase, OURS)
        done = 0
        for secret_id, value, wrapped in rows:
            try:
                rotated = rotate_secret_encryption(bytes(value), bytes(wrapped), published, ours)
            except MlflowException:
                continue
            cursor.execute(
                "UPDATE secrets SET wrapped_dek = %s, kek_version = %s WHERE secret_id = %s",
                (rotated.wrapped_dek, OURS, secret_id),
            )
            done += 1
    print(f"keys of the AI gateway: {done} of {len(rows)} re-encrypted, under this stack's own passphrase")
    if done < len(rows):
        print("WARNING: the others are encrypted under another passphrase: enter them again in MLflow")
