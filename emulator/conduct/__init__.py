# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How AWS conducts a call that its caller may make: what it checks before, and what it shows after.

moto does what it is told at once and shows it at once. In front of it stand, in this order:

- :mod:`validation`: the request is held against the service's model
- :mod:`combinations`: parameters that exclude each other
- :mod:`tags`: tags that RDS refuses
- :mod:`linked_roles`: the first use of a service creates its service-linked role
- :mod:`visibility`: what was created a moment ago is not found yet
- :mod:`references`: what is deleted still holds what it referred to
- :mod:`tokens`: a client token makes a second call the same call
"""
