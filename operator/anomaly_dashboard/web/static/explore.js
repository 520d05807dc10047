// Explore: a trial ends with its page, texts are copied, and what is open stays open.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const running = () => document.querySelector("#trial[data-run]");
  addEventListener("pagehide", () => {
    const run = running();
    if (!run) return;
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];
    navigator.sendBeacon(`${run.dataset.run}/cancel`, new URLSearchParams({ csrf: token }));
  });
  let open = [];
  document.body.addEventListener("htmx:beforeSwap", () => {
    open = [...document.querySelectorAll("details[open][id]")].map((one) => one.id);
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  });
  document.body.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-text]");
    if (!button) return;
    const said = button.parentElement.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copyText).textContent);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "The browser does not allow it; select the text and copy it.";
    }
  });
});
