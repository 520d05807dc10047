// One stream of changes a page. A change only says that something is new; fragments ask for it.
// A hidden page listens to nothing: browsers allow few connections to one server.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const address = document.body.dataset.events;
  if (!address) return;
  const banner = document.getElementById("connection");
  let source = null;
  let seen = document.body.dataset.since;
  let again = 0;
  let news = 0;
  const asked = new WeakMap();
  const tell = (what) => document.body.dispatchEvent(new CustomEvent("changed", { detail: { what } }));
  const open = () => {
    clearTimeout(again);
    if (source || document.hidden) return;
    source = new EventSource(seen ? `${address}?since=${encodeURIComponent(seen)}` : address);
    const heard = (event) => { seen = event.lastEventId || seen; };
    source.addEventListener("open", () => { banner.hidden = true; });
    source.addEventListener("hello", heard);
    source.addEventListener("changed", (event) => {
      heard(event);
      news += 1;
      tell(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      banner.hidden = false;
      // The browser's own second try would ask for what was seen when the page began.
      close();
      again = setTimeout(open, 3000 + Math.random() * 2000);
    });
  };
  const close = () => { source?.close(); source = null; };
  // An answer may be older than a change that was heard after it was asked for, and a fragment that
  // waits for its answer, or is just being replaced, hears of none.
  document.addEventListener("htmx:beforeRequest", (event) => { asked.set(event.detail.xhr, news); });
  document.addEventListener("htmx:afterSettle", (event) => {
    const known = asked.get(event.detail.xhr);
    asked.delete(event.detail.xhr);
    if (known < news) tell(["*"]);
  });
  // What somebody is typing stays, so the page says it and does not leave by itself.
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status !== 401) return;
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Sign in again";
    banner.replaceChildren("You are signed out; what you see is old. ", link);
    banner.hidden = false;
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
});

// A fragment that is replaced keeps what a person unfolded in it, and where they had scrolled. A
// time line that is too wide begins at its newest end.
document.addEventListener("DOMContentLoaded", () => {
  const scrollers = () => document.querySelectorAll(".scroll[aria-label]");
  let unfolded = [];
  const places = new Map();
  const settle = () => {
    for (const one of scrollers()) {
      const end = one.dataset.newest === "end" ? one.scrollWidth : 0;
      one.scrollLeft = places.get(one.getAttribute("aria-label")) ?? end;
    }
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    unfolded = [...event.detail.target.querySelectorAll("details[id][open]")].map((one) => one.id);
    for (const one of scrollers()) places.set(one.getAttribute("aria-label"), one.scrollLeft);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    settle();
  });
  settle();
});
