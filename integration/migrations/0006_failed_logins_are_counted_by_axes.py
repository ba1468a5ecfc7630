from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("integration", "0005_operation_keys")]

    operations = [migrations.DeleteModel(name="FailedLogin")]
