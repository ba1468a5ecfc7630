// What is ticked as a level's own can be changed; all else shows what is inherited.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("input[data-own]").forEach((tick) => tick.addEventListener("change", () => {
      const cell = document.querySelector("[data-value=" + tick.dataset.own + "]");
      cell.querySelectorAll("input, select, textarea").forEach((input) => { input.disabled = !tick.checked; });
    }));
  });
})();
