#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: output_file
version_added: "1.0.0"
short_description: Keep a file of a run on the controller, for its owner alone
description:
  - Writes the file in a folder that nobody else may enter, where it does not hold the content already.
  - The roles keep the settings of MLflow clients, the result of the proof and what has drifted by it. It writes on the
    controller, whatever the connection.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  path:
    description:
      - The file. Its mode is 0600.
      - Its folder is made where it is missing, and its mode is 0700. It has to be one for such files alone. The working
        folder, one around it, and one that others write to, such as C(/tmp), are refused.
    type: path
    required: true
  content:
    description:
      - What the file shall hold. No diff shows it. Where it is a secret, the task needs C(no_log) too, because Ansible
        may show the arguments of a task.
      - Without it the folder alone is made, which says in words what a task with C(no_log) would hide.
    type: str
  state:
    description:
      - V(absent) removes the file. In its name C(*) stands for any characters, and all such files go.
        The folder goes too where nothing else is in it.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Supports check mode.
  - This is an action plugin. It takes the place of M(ansible.builtin.file) and M(ansible.builtin.copy), each of which
    starts a process and takes about a second of a run that has nothing to do.
"""

EXAMPLES = r"""
- name: Keep what was found
  mlops.mlflow_aws.output_file:
    path: "{{ stack_output_dir }}/found.json"
    content: "{{ found | to_nice_json }}"

- name: Remove what was kept
  mlops.mlflow_aws.output_file:
    path: "{{ stack_output_dir }}/*.json"
    state: absent
"""

RETURN = r"""
path:
  description: The file.
  returned: always
  type: str
  sample: .mlflow/fraud-scoring-mlflow/found.json
"""
