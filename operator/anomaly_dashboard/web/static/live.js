// One stream of changes a page. A change only says that something is new; fragments ask for it.
// A hidden page listens to nothing: browsers allow few connections to one server.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const address = document.body.dataset.events;
  if (!address) return;
  const banner = document.getElementById("connection");
  let source = null;
  let seen = "";
  const open = () => {
    if (source) return;
    source = new EventSource(seen ? `${address}?since=${encodeURIComponent(seen)}` : address);
    source.addEventListener("open", () => { banner.hidden = true; });
    source.addEventListener("error", () => {
      banner.hidden = false;
      if (source && source.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(open, 5000);
      }
    });
    source.addEventListener("changed", (event) => {
      seen = event.lastEventId;
      document.body.dispatchEvent(new CustomEvent("changed", { detail: { what: JSON.parse(event.data) } }));
    });
  };
  const close = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  if (!document.hidden) open();
});
