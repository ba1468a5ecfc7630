"""Whether Moodle writes its standard log: doctor and poller ask here, so that they agree."""

from moodle.models import PluginConfig
from moodle.router import MOODLE

STORE = "logstore_standard"


def standard_log_is_on(alias: str = MOODLE) -> bool:
    """tool_log's list of enabled stores names it. Without that row Moodle writes no log at all."""
    rows = PluginConfig.objects.using(alias).filter(plugin="tool_log", name="enabled_stores")
    stores = rows.values_list("value", flat=True).first() or ""
    return STORE in (store.strip() for store in stores.split(","))
