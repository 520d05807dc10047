// Pages of one service, one incident, one run: ask for what is live when the stream says that it
// changed, keep what a person has open, and copy texts.
"use strict";
(() => {
  const parts = () => document.querySelectorAll("[data-about]");
  const ask = (part) => window.htmx.trigger(part, "about");
  const busy = (part) => {
    const chosen = getSelection();
    return chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode);
  };
  const gone = (part) => {
    if (document.getElementById("gone")) return;
    const said = document.createElement("p");
    said.id = "gone";
    said.className = "error";
    said.setAttribute("role", "status");
    said.textContent = "▲ It is not there any more, or you may no longer read it. What you see here is old.";
    part.prepend(said);
  };
  const concerns = (part, what) => {
    const about = part.dataset.about.split(" ");
    if (about.includes("*")) return true;
    return what.some((one) => one === "*" || about.some((place) => one.endsWith(`/${place}`)));
  };
  document.addEventListener("DOMContentLoaded", () => {
    document.body.addEventListener("changed", (event) => {
      const what = event.detail?.what ?? ["*"];
      for (const part of parts()) if (concerns(part, what)) ask(part);
    });
    // Times such as "12 min ago" grow old without any change.
    setInterval(() => {
      if (!document.hidden) for (const part of parts()) if (!busy(part)) ask(part);
    }, 60000);
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
    document.body.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-copy]");
      if (!button) return;
      const said = button.parentElement.querySelector("[role=status]");
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        said.textContent = "Copied.";
      } catch {
        said.textContent = "The browser does not allow it; select the text and copy it.";
      }
    });
    let open = [];
    document.body.addEventListener("htmx:beforeSwap", (event) => {
      const opened = document.querySelectorAll("details[open][id]");
      open = [...opened].map((one) => one.id);
      // A page to sign in, or an error, is not swapped into this one.
      if (event.detail.xhr.status !== 200) event.detail.shouldSwap = false;
      if (event.detail.xhr.status === 404 && event.detail.target.dataset.about) {
        event.detail.isError = false;
        gone(event.detail.target);
      }
    });
    document.body.addEventListener("htmx:afterSettle", () => {
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    });
  });
})();
