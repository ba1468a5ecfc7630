"""The groups viewer, operator and administrator, so that nobody has to tick permissions one by one."""

from django.apps import apps as all_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

MODELS_TO_OPERATE = ("conflict", "integratedcourse")


def make_groups(apps, schema_editor):
    """Permissions come into being after all migrations, so those of our app are made here already."""
    alias = schema_editor.connection.alias
    for label in ("integration", "auth"):
        create_permissions(all_apps.get_app_config(label), verbosity=0, using=alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    ours = Permission.objects.using(alias).filter(content_type__app_label="integration")
    people = Permission.objects.using(alias).filter(
        content_type__app_label="auth", content_type__model__in=("user", "group")
    )
    view = ours.filter(codename__startswith="view_")
    operate = [f"change_{model}" for model in MODELS_TO_OPERATE]
    chosen = {
        "viewer": [*view],
        "operator": [*view, *ours.filter(codename__in=("sync", *operate))],
        "administrator": [*ours, *people],
    }
    for name, permissions in chosen.items():
        group, _created = Group.objects.using(alias).get_or_create(name=name)
        group.permissions.add(*permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop, elidable=False)]
