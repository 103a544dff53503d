# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules which talk to an MLflow server share."""

from __future__ import annotations


class ModuleDocFragment:
    """The connection and the login; see module_utils/_mlflow/options.py."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Base URL of the MLflow server, without credentials. A path is MLflow's static prefix.
      - Redirects are not followed, so that no login goes where it was not sent.
      - If not given, the environment variable E(MLFLOW_TRACKING_URI) is used.
    type: str
    required: true
    aliases: [tracking_uri]
  username:
    description:
      - User of MLflow's basic authentication.
      - If not given, it comes from the secret where the module has O(secret_id) and that is given, else from
        the environment variable E(MLFLOW_TRACKING_USERNAME).
    type: str
  password:
    description:
      - Password of that user.
      - If not given, and no secret is, the environment variable E(MLFLOW_TRACKING_PASSWORD) is used.
    type: str
  ca_path:
    description:
      - File with the certificates (PEM) of the authorities that may have signed the server's certificate.
        The system's own are used when this is not given.
      - If not given, the environment variable E(MLFLOW_TRACKING_SERVER_CERT_PATH) is used.
    type: path
  client_cert:
    description:
      - File with a client certificate (PEM), which may hold its key too.
      - If not given, the environment variable E(MLFLOW_TRACKING_CLIENT_CERT_PATH) is used.
    type: path
  client_key:
    description:
      - File with the key of O(client_cert).
    type: path
  validate_certs:
    description:
      - Whether the certificate of the MLflow server is checked. The certificates of AWS always are.
      - If not given, the environment variable E(MLFLOW_TRACKING_INSECURE_TLS), which says the opposite, is used.
    type: bool
    default: true
  use_proxy:
    description:
      - Whether the environment variables E(HTTP_PROXY), E(HTTPS_PROXY) and E(NO_PROXY) are obeyed.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait for a connection, for the answer to begin, and for its body.
    type: float
    default: 30
  host_header:
    description:
      - The name to ask the server for, where it is not the one in O(url). So a server is reached through a load
        balancer's own name before the DNS record of its domain exists.
      - On HTTPS the server's certificate must be for this name.
    type: str
requirements:
  - python >= 3.11
"""

    WAIT = r"""
options:
  wait_timeout:
    description:
      - Seconds to wait, in all, for a server that does not answer yet, or answers 429, 502, 503 or 504.
      - V(0) tries once.
    type: int
    default: 120
  wait_sleep:
    description:
      - Seconds between two tries.
    type: int
    default: 5
"""

    SECRET = r"""
options:
  secret_id:
    description:
      - Name or ARN of a secret in AWS Secrets Manager that holds the login as a JSON object with the keys
        C(username) and C(password). So no password passes through a variable of a playbook.
      - Needs C(boto3) and C(botocore), and the permission C(secretsmanager:GetSecretValue).
      - Mutually exclusive with O(password).
    type: str
"""

    TOKEN = r"""
options:
  token:
    description:
      - A bearer token, where the server or a proxy before it takes one instead of a user and password.
      - Mutually exclusive with O(username), O(password) and O(secret_id).
      - If not given, and no login is, the environment variable E(MLFLOW_TRACKING_TOKEN) is used.
    type: str
"""

    WORKSPACE = r"""
options:
  workspace:
    description:
      - The workspace to work in, on MLflow 3.x servers that have workspaces.
      - The server's default workspace is used when this is not given.
    type: str
"""
