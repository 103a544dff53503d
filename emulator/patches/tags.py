# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of what moto keeps of a deleted resource: its tags, which the next one of the same ARN would have."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.models import CloudWatchBackend
from moto.logs.models import LogsBackend
from moto.s3.models import FakeBucket, S3Backend

from emulator.patches.patching import around


def deleted_log_groups_have_no_tags() -> None:
    """A log group that is created again has the tags of that call and no others.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html (tags),
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html
    """

    @around(LogsBackend, "delete_log_group")
    def delete_log_group(original: Any, self: LogsBackend, log_group_name: str) -> None:
        group = self.groups.get(log_group_name)
        original(self, log_group_name)
        if group is not None:
            self.tagger.delete_all_tags_for_resource(group.arn)


def deleted_alarms_have_no_tags() -> None:
    """An alarm that is created again has the tags of that call and no others.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (Tags: only a new
    alarm's are written), https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
    """

    @around(CloudWatchBackend, "delete_alarms")
    def delete_alarms(original: Any, self: CloudWatchBackend, alarm_names: list[str]) -> None:
        gone = [self.alarms[name].alarm_arn for name in alarm_names if name in self.alarms]
        original(self, alarm_names)
        for arn in gone:
            self.tagger.delete_all_tags_for_resource(arn)


def deleted_buckets_have_no_tags() -> None:
    """A bucket that is created again has no tags: its name may be another account's by then.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html (NoSuchTagSet)
    """

    @around(S3Backend, "delete_bucket")
    def delete_bucket(original: Any, self: S3Backend, bucket_name: str) -> FakeBucket | None:
        gone: FakeBucket | None = original(self, bucket_name)
        if gone is not None:
            self.tagger.delete_all_tags_for_resource(gone.arn)
        return gone


PATCHES = (deleted_log_groups_have_no_tags, deleted_alarms_have_no_tags, deleted_buckets_have_no_tags)
