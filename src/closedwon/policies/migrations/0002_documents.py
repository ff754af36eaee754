from django.db import migrations, models

STATES = [("draft", "draft"), ("applied", "applied"), ("retired", "retired"), ("dropped", "dropped")]


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_versions")]

    operations = [
        migrations.AddField("policyversion", "document", models.CharField(blank=True, default="", max_length=60)),
        migrations.AlterField("policyversion", "status", models.CharField(choices=STATES, default="draft", max_length=10)),
        migrations.RemoveIndex("policyversion", "policy_in_force"),
        migrations.AddIndex("policyversion", models.Index(fields=["kind", "document", "status", "-id"], name="policy_document_in_force")),
    ]
