// Tests the connection to Rocket.Chat when it was changed, and shows the result beside its address.
(function () {
  "use strict";
  const STILL = 5000; // milliseconds
  function show(box, tone, lines) {
    const note = box.querySelector("[data-note]");
    note.hidden = false; note.className = "rc-note rc-" + tone;
    note.replaceChildren(...lines.map(([strong, text]) => {
      const line = document.createElement("p"), head = document.createElement("strong");
      head.textContent = strong;
      line.append(head, text || "");
      return line;
    }));
  }
  async function test(box) {
    const words = box.dataset;
    show(box, "info", [[words.testing]]);
    const still = setTimeout(() => show(box, "info", [[words.waiting]]), STILL);
    try {
      const body = new FormData();
      body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
      const answer = await fetch(words.url, { method: "POST", body });
      const found = await answer.json();
      show(box, found.ok ? "good" : "bad", found.ok ? [[words.ok]] : found.findings);
    } catch (error) {
      show(box, "bad", [[words.lost]]);
    } finally {
      clearTimeout(still);
    }
  }
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-connection-test]").forEach((box) => {
    const field = document.querySelector("[name=rocketchat_url]");
    const line = field && (field.closest(".field-rocketchat_url") || field.parentElement);
    if (line) line.after(box);
    const again = box.querySelector("[data-again]");
    if (again) again.addEventListener("click", () => test(box));
    if (box.dataset.now !== undefined && field && field.value) test(box);
  }));
})();
