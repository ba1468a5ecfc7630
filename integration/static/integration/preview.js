// Live previews: sends what is being typed, and shows what it would do.
(function () {
  "use strict";
  function element(tag, text, name) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  }
  function row(cells) {
    const made = element("tr");
    cells.forEach((cell) => { const td = element("td"); td.append(cell instanceof Node ? cell : document.createTextNode(cell)); made.append(td); });
    return made;
  }
  function watch(box, show) {
    const form = document.getElementById(box.dataset.form);
    if (!form) return;
    let timer, asked = 0;
    async function look() {
      const mine = (asked += 1);
      const body = new FormData();
      box.dataset.fields.split(" ").forEach((pair) => {
        const [name, field] = pair.split("=");
        const input = form.elements[field];
        if (input && (input.type !== "checkbox" || input.checked)) body.append(name, input.value);
      });
      body.append("row", box.dataset.row || "");
      body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      try {
        const answer = await fetch(box.dataset.url, { method: "POST", body });
        const found = await answer.json();
        if (mine === asked) show(box, found);
      } catch (error) { /* the next letter asks again */ }
    }
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 250); });
    look();
  }
  function note(box, text, tone) {
    const place = box.querySelector("[data-note]");
    place.hidden = !text; place.textContent = text; place.className = "rc-note rc-" + tone;
  }
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  function showPatterns(box, found) {
    const words = box.dataset;
    const fields = document.getElementById(box.dataset.form).elements;
    const empty = !fields.pattern.value, usable = !found.error && !found.problem;
    const wrong = found.error || [found.problem, found.hint].filter(Boolean).join(" ");
    note(box, wrong || (found.blanks ? words.blanks : ""), empty ? "info" : wrong ? "bad" : "warn");
    const own = !fields.enabled.checked ? words.ownOff : fields.kind.value === "exclude" ? words.ownExclude : words.ownInclude;
    box.querySelector("[data-own]").textContent = usable ? fill(own, found) : "";
    const rows = found.rows || [];
    box.querySelector("[data-summary]").textContent = found.error ? "" : fill(words.summary, found) + (found.more ? " " + words.more : "");
    const tones = { yes: ["good", words.yes], no: ["plain", words.no], undecided: ["warn", words.undecided], hidden: ["warn", words.hidden] };
    box.querySelector("tbody").replaceChildren(...rows.map((r) => {
      const [tone, text] = tones[r.verdict];
      return row([element("span", text, "rc-badge rc-" + tone), r.group, r.course, r.by ? element("code", r.by) : "–"]);
    }));
  }
  function showNames(box, found) {
    const words = box.dataset;
    const collisions = found.collisions || [];
    note(box, found.error || (collisions.length ? fill(words.collisions, { n: collisions.length }) : ""), found.error ? "bad" : "warn");
    box.querySelector("[data-summary]").textContent = found.error ? "" : fill(words.summary, found) + (found.guessed ? " " + words.guessed : "");
    const seen = new Set();
    const rows = [...(found.examples || []), ...collisions.slice(0, 20)].filter((r) => !seen.has(r.name) && seen.add(r.name));
    box.querySelector("tbody").replaceChildren(...rows.map((r) => row([
      r.group, r.course, r.collides ? element("span", r.name, "rc-code rc-badge rc-warn") : element("code", r.name),
    ])));
  }
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-beside]").forEach((box) => {
      const line = document.querySelector(box.dataset.beside);
      if (line) line.after(box);
    });
    document.querySelectorAll("[data-preview=patterns]").forEach((box) => watch(box, showPatterns));
    document.querySelectorAll("[data-preview=names]").forEach((box) => watch(box, showNames));
    document.querySelectorAll("[data-tick-all]").forEach((all) => all.addEventListener("change", () => {
      document.querySelectorAll("input[name=" + all.dataset.tickAll + "]:not(:disabled)").forEach((box) => { box.checked = all.checked; });
    }));
  });
})();
