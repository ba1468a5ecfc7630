// Django's boxes that filter a long choice explain themselves by a picture whose element may have no label without a role.
(function () {
  "use strict";
  function name() {
    for (const picture of document.querySelectorAll("span.help-tooltip[aria-label]")) picture.setAttribute("role", "img");
  }
  addEventListener("load", () => setTimeout(name)); // Django makes the boxes when the page is loaded
})();
