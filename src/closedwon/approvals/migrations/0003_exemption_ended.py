"""Exceptions can be revoked: when, by whom, why."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Three columns more."""

    dependencies = [("approvals", "0002_append_only")]

    operations = [
        migrations.AddField("exemption", "ended_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("exemption", "ended_by", models.CharField(blank=True, max_length=254)),
        migrations.AddField("exemption", "ended_why", models.CharField(blank=True, max_length=500)),
    ]
