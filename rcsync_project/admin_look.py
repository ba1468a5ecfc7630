"""How the admin looks: Unfold's settings."""

from django.templatetags.static import static
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from integration import __version__

UNFOLD = {
    "SITE_TITLE": "rcsync",
    "SITE_HEADER": "rcsync",
    "SITE_SUBHEADER": format_lazy("{} · {}", __version__, _("Moodle groups in Rocket.Chat")),
    "SITE_SYMBOL": "sync",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("integration/icon.svg"),
        }
    ],
    "LOGIN": {"form": "integration.web.login.LoginForm"},
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda _request: static("integration/pages.css")],
    "SCRIPTS": [
        lambda _request: static("integration/zone.js"),
        lambda _request: static("integration/copy.js"),
    ],
    "GLOBAL_CALLBACK": "integration.pages.pause.for_every_page",
    "DASHBOARD_CALLBACK": "integration.pages.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": False,
        "navigation": "integration.pages.navigation.sidebar",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.6)",
            "100": "oklch(93.2% .032 255.6)",
            "200": "oklch(88.2% .059 254.1)",
            "300": "oklch(80.9% .105 251.8)",
            "400": "oklch(70.7% .165 254.6)",
            "500": "oklch(62.3% .214 259.8)",
            "600": "oklch(51% .22 262.9)",
            "700": "oklch(45% .22 264.4)",
            "800": "oklch(42.4% .199 265.6)",
            "900": "oklch(37.9% .146 265.5)",
            "950": "oklch(28.2% .091 267.9)",
        },
        "font": {
            "subtle-light": "var(--color-base-600)",  # Unfold's own grey misses WCAG AA
        },
    },
}
