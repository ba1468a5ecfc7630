"""Which values Django's error pages and error mails leave out."""

import re

from django.views.debug import SafeExceptionReporterFilter


class ExceptionFilter(SafeExceptionReporterFilter):
    """Database and mail addresses hold passwords too."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|DATABASE|EMAIL|_URL|ROCKETCHAT",
        flags=re.IGNORECASE,
    )
