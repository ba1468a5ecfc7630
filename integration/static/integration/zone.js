// Tells the server in which time zone this person is, so that dates are shown as on their clock.
(function () {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = "timezone=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; samesite=lax";
})();
