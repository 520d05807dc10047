// Zoom and pan of the drawing by changing its viewBox; the view survives a live update.
"use strict";
(() => {
  let view = null; // [x, y, width, height] once somebody has moved
  const drawing = () => document.querySelector("svg.graph");
  const frame = () => document.querySelector(".graph-frame");
  const whole = (svg) => [0, 0, Number(svg.dataset.width), Number(svg.dataset.height)];
  const fitted = (svg) => {
    const [, , width, height] = whole(svg);
    const box = frame().getBoundingClientRect();
    const ratio = box.width / Math.max(box.height, 1);
    return width / height > ratio ? [0, 0, width, width / ratio] : [0, 0, height * ratio, height];
  };
  const show = () => {
    const svg = drawing();
    if (!svg) return;
    document.querySelector(".graph-tools").hidden = false;
    if (!view) return;
    frame().classList.add("moved");
    svg.setAttribute("viewBox", view.map((one) => one.toFixed(1)).join(" "));
    svg.setAttribute("preserveAspectRatio", "xMinYMin meet");
  };
  const zoom = (factor, at) => {
    const svg = drawing();
    if (!svg) return;
    const box = frame().getBoundingClientRect();
    view ??= [frame().scrollLeft, frame().scrollTop, box.width, box.height];
    const [x, y, width, height] = view;
    const largest = Math.max(...whole(svg)) * 2;
    const scale = Math.min(Math.max(factor, 80 / width), Math.max(largest / width, 1));
    const [px, py] = at ?? [0.5, 0.5];
    view = [x + width * px * (1 - scale), y + height * py * (1 - scale), width * scale, height * scale];
    show();
  };
  const move = (dx, dy) => {
    if (!drawing()) return;
    const box = frame().getBoundingClientRect();
    view ??= [frame().scrollLeft, frame().scrollTop, box.width, box.height];
    const [, , wide, high] = whole(drawing());
    const limit = (value, size, all) => Math.min(Math.max(value, -size / 2), all - size / 2);
    view = [limit(view[0] + dx * view[2], view[2], Math.max(wide, view[2])), limit(view[1] + dy * view[3], view[3], Math.max(high, view[3])), view[2], view[3]];
    show();
  };
  const fit = () => { const svg = drawing(); if (svg) { frame().classList.add("moved"); view = fitted(svg); show(); } };
  const actions = { in: () => zoom(0.8), out: () => zoom(1.25), fit };
  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, 0: fit,
    ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0), ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
  };
  document.addEventListener("click", (event) => { actions[event.target.closest?.("[data-view]")?.dataset.view]?.(); });
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest?.(".graph-frame") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  document.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || !event.target.closest?.(".graph-frame")) return;
    event.preventDefault();
    const box = frame().getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.85 : 1.18, [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }, { passive: false });
  let held = null;
  document.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && view && event.target.closest?.(".graph-frame") && !event.target.closest("a")) held = [event.clientX, event.clientY];
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    const box = frame().getBoundingClientRect();
    move((held[0] - event.clientX) / box.width, (held[1] - event.clientY) / box.height);
    held = [event.clientX, event.clientY];
  });
  document.addEventListener("pointerup", () => { held = null; });
  document.addEventListener("DOMContentLoaded", show);
  let scrolled = [0, 0];
  document.addEventListener("htmx:beforeSwap", () => { const box = frame(); if (box) scrolled = [box.scrollLeft, box.scrollTop]; });
  document.addEventListener("htmx:afterSwap", () => {
    show();
    const box = frame();
    if (box) [box.scrollLeft, box.scrollTop] = scrolled;
  });
})();
