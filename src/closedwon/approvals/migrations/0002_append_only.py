from django.db import migrations


def install(apps, schema_editor):
    from closedwon.approvals.triggers import install as make

    make(schema_editor.connection)


def remove(apps, schema_editor):
    from closedwon.approvals.triggers import remove as drop

    drop(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
