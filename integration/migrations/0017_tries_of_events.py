from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0016_unexplained_losses"),
    ]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="failed_tries",
            field=models.PositiveIntegerField(default=0, verbose_name="tries that failed"),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="failing_since",
            field=models.DateTimeField(blank=True, null=True, verbose_name="failing since"),
        ),
    ]
