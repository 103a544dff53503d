# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is answered without a signature, and why.

AWS answers some more (operations with ``authtype: none`` in botocore's models, all of Cognito, SSO and STS). They are
refused here as unsigned calls, because moto does not check what they offer as proof instead: it takes any
PASSWORD_CLAIM_SIGNATURE for Cognito's RespondToAuthChallenge, any code for ConfirmSignUp, and tells the code of
ForgotPassword in a header.

S3 is not in this table: an anonymous request is judged by the bucket's policy, as every other one.
"""

from __future__ import annotations

#: (signing name of the service, operation) -> why it may come without a signature.
UNSIGNED: dict[tuple[str, str], str] = {
    ("sts", "AssumeRoleWithWebIdentity"): (
        "The token is the proof: emulator.iam.federation checks its signature by the keys of a provider that an "
        "administrator registered, and the role's trust policy."
    ),
    ("sts", "AssumeRoleWithSAML"): (
        "The assertion is the proof, and none is accepted: emulator.iam.federation answers what AWS answers to an "
        "assertion without a valid signature."
    ),
}
