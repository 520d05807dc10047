// Copies a text or saves it as a file; both only where the browser can.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const text = (id) => { const from = document.getElementById(id); return from.value ?? from.textContent; };
  const say = (button, words) => { button.closest(".copying").querySelector("[role=status]").textContent = words; };
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text(button.dataset.copy));
        say(button, "Copied.");
      } catch {
        say(button, "The browser does not allow it; select the text and copy it.");
      }
    });
  }
  for (const button of document.querySelectorAll("[data-save]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text(button.dataset.save)], { type: "application/yaml" }));
      link.download = button.dataset.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      say(button, "Saved.");
    });
  }
  for (const box of document.querySelectorAll("[data-all]")) {
    box.closest("label").hidden = false;
    box.addEventListener("change", () => {
      for (const one of document.querySelectorAll(box.dataset.all)) if (!one.disabled) one.checked = box.checked;
    });
  }
});
