from django.db import migrations


def install(apps, schema_editor):
    from closedwon.audit.triggers import install as make

    make(schema_editor.connection)


def remove(apps, schema_editor):
    from closedwon.audit.triggers import remove as drop

    drop(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_chain")]
    operations = [migrations.RunPython(install, remove)]
