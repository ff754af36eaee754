from django.db import migrations


def install(apps, schema_editor):
    from closedwon.forecast.triggers import install as make

    make(schema_editor.connection)


def remove(apps, schema_editor):
    from closedwon.forecast.triggers import remove as drop

    drop(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("forecast", "0003_calls")]
    operations = [migrations.RunPython(install, remove)]
