"""A stored secret knows the server it was entered for: what is there already, that of the settings."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db import migrations, models

SECRETS = ("rocketchat_auth_token", "rocketchat_password")


def bind(apps, schema_editor):
    rows = apps.get_model("integration", "IntegrationSettings").objects.using(
        schema_editor.connection.alias
    )
    stored = rows.values_list("rocketchat_url", flat=True).first()
    try:
        parts = urlsplit(settings.ROCKETCHAT["url"] or stored or "")
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (KeyError, ValueError):
        return  # no address, or none that works: the secret is asked for anew
    host = (parts.hostname or "").rstrip(".")
    server = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    for name in SECRETS:
        rows.exclude(**{name: ""}).update(**{f"{name}_server": server})


class Migration(migrations.Migration):
    dependencies = [("integration", "0003_links_to_channels")]

    operations = [
        *(
            migrations.AddField(
                model_name="integrationsettings",
                name=f"{name}_server",
                field=models.CharField(blank=True, default="", editable=False, max_length=300),
            )
            for name in SECRETS
        ),
        migrations.RunPython(bind, migrations.RunPython.noop, elidable=True),
    ]
