# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded AWS: moto's control plane with the data planes that it lacks.

RDS instances are real PostgreSQL servers, ECS tasks are real processes, load balancers are a
real nginx. Everything listens on loopback and keeps its files in one state folder.
"""
