// Buttons with data-copy put text on the clipboard: a path becomes a whole address, "#id" the text of that element.
(function () {
  "use strict";
  function wanted(value) {
    if (value.startsWith("#")) return document.querySelector(value).value;
    return value.startsWith("/") ? new URL(value, location.origin).href : value;
  }
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea"); // without HTTPS there is no clipboard API
    field.value = text; document.body.append(field); field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("not copied");
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    event.preventDefault();
    const label = button.textContent;
    try {
      await copy(wanted(button.dataset.copy));
      button.textContent = button.dataset.copied;
    } catch (error) {
      window.prompt(button.title || label, wanted(button.dataset.copy));
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
})();
