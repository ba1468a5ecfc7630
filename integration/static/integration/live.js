// Asks how far a run is and shows it; when the run has ended, loads the page with its result.
(function () {
  "use strict";
  function span(seconds) {
    if (seconds === null) return "–";
    const minutes = Math.floor(seconds / 60);
    return minutes ? minutes + " min " + (seconds % 60) + " s" : seconds + " s";
  }
  // In a list the end of a run changes one cell: the same page is asked for, and the cell taken out of it.
  async function renew(box) {
    const cell = box.closest("td"), row = box.closest("tr");
    const rows = [...row.parentElement.children];
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    const fresh = page.querySelector("#result_list tbody")?.children[rows.indexOf(row)];
    if (fresh) cell.replaceChildren(...fresh.children[[...row.children].indexOf(cell)].childNodes);
  }
  function follow(box) {
    let mistakes = 0;
    const put = (name, text) => box.querySelectorAll("[data-show=" + name + "]").forEach((e) => { e.textContent = text; });
    const bar = box.querySelector("progress");
    async function look() {
      try {
        const now = await (await fetch(box.dataset.progress, { headers: { Accept: "application/json" } })).json();
        mistakes = 0;
        document.querySelectorAll("[data-run-status='" + box.dataset.run + "']").forEach((e) => { e.textContent = now.label; e.className = "rc-badge rc-" + now.tone; });
        if (!now.running) { if (box.dataset.reload !== undefined) location.reload(); else await renew(box); return; }
        if (now.total) bar.value = now.percent;
        put("phase", now.phase); put("done", now.done); put("total", now.total || "…"); put("failed", now.failed);
        put("rate", now.rate === null ? "–" : now.rate + " /s");
        put("eta", span(now.eta)); put("seconds", span(now.seconds));
        box.querySelectorAll("[data-when=stale]").forEach((e) => { e.hidden = !now.stale; });
        box.querySelectorAll("[data-when=cancelling]").forEach((e) => { e.hidden = !now.cancelling; });
      } catch (error) {
        mistakes += 1;
      }
      setTimeout(look, Math.min(1000 * (1 + mistakes), 15000));
    }
    look();
  }
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-progress]").forEach(follow));
})();
