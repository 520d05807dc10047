// The one wrapper of uPlot. `<div class="series" data-series="ADDRESS" data-name="WHAT">` becomes a
// chart for each metric of the answer and one of the scores: values, usual range, alert level,
// incidents shaded. Arrow keys move the cursor and say the values; a table has them all.
"use strict";
(() => {
  const HEIGHT = 170;
  const SOON = 3000;
  const AGAIN = 60000;
  const SYMBOLS = { Critical: "▲▲", High: "▲", Medium: "◆", Low: "●" };
  const HINT = "Left and right arrows move from window to window, with Shift by ten; Home and End go to the ends.";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const element = (tag, attributes = {}, ...children) => {
    const found = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
    found.append(...children);
    return found;
  };
  const two = (number) => String(number).padStart(2, "0");
  const clock = (at) => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  const day = (at) => `${at.getUTCDate()} ${at.toLocaleString("en-GB", { month: "short", timeZone: "UTC" })}`;
  const moment = (seconds) => { const at = new Date(seconds * 1000); return `${day(at)} ${clock(at)}`; };
  const plain = (value) => String(Number(value.toPrecision(4)));
  const SHOWN = {
    Seconds: (value) => (Math.abs(value) < 1 ? `${plain(value * 1000)} ms` : `${plain(value)} s`),
    Milliseconds: (value) => `${plain(value)} ms`,
    Ratio: (value) => `${plain(value * 100)} %`,
    Percent: (value) => `${plain(value)} %`,
    RequestsPerSecond: (value) => `${plain(value)}/s`,
    Bytes: (value) => {
      const power = Math.min(Math.floor(Math.log2(Math.abs(value) || 1) / 10), 4);
      return power > 0 ? `${plain(value / 1024 ** power)} ${["", "Ki", "Mi", "Gi", "Ti"][power]}B` : `${plain(value)} B`;
    },
  };
  const shown = (value, unit) => (value === null || value === undefined ? "no value" : (SHOWN[unit] ?? plain)(value));

  // What a chart draws: the scores are a metric with a level instead of a range.
  const panels = (answer) => {
    const found = answer.metrics.map((metric) => ({ ...metric, title: metric.name }));
    if (answer.scores.some((score) => score !== null)) {
      const nothing = answer.times.map(() => null);
      found.push({ title: "Score", name: "score", unit: "", values: answer.scores, level: answer.levels, low: nothing, high: nothing, top: 10 });
    }
    return found;
  };
  const columns = (answer, panel) => [answer.times, panel.values, panel.low, panel.high, panel.level ?? answer.times.map(() => null)];
  const sentence = (answer, panel, at) => {
    const value = panel.values[at];
    const parts = [`${moment(answer.times[at])}: ${shown(value, panel.unit)}`];
    if (panel.level && panel.level[at] !== null) {
      parts.push(`alert from ${shown(panel.level[at], "")}`);
      if (value !== null && value >= panel.level[at]) parts.push("above the alert level");
    } else if (panel.low[at] !== null && panel.high[at] !== null) {
      parts.push(`usual ${shown(panel.low[at], panel.unit)} to ${shown(panel.high[at], panel.unit)}`);
      if (value !== null && value > panel.high[at]) parts.push("above");
      if (value !== null && value < panel.low[at]) parts.push("below");
    }
    const running = answer.incidents.filter((one) => one.from < answer.times[at] && answer.times[at] <= one.to);
    for (const one of running) parts.push(`${one.severity} incident`);
    return parts.join(", ");
  };

  // The ground of an incident lies under the lines, its name on them.
  const onIncidents = (u, incidents, draw) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const one of incidents) {
      const left = u.valToPos(one.from, "x", true);
      const width = Math.max(u.valToPos(one.to, "x", true) - left, 3 * devicePixelRatio);
      ctx.fillStyle = colour(`--${one.severity.toLowerCase()}`) || colour("--accent");
      draw(ctx, bbox.top, left, width, one);
    }
    ctx.restore();
  };
  const shade = (ctx, top, left, width) => {
    ctx.globalAlpha = 0.16;
    ctx.fillRect(left, top, width, ctx.canvas.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, top, width, 2 * devicePixelRatio);
  };
  const name = (ctx, top, left, width, one) => {
    const symbol = SYMBOLS[one.severity] ?? "";
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    const label = `${symbol} ${one.severity}`;
    const fits = ctx.measureText(label).width + 8 * devicePixelRatio < width;
    ctx.fillText(fits ? label : symbol, left + 3 * devicePixelRatio, top + 5 * devicePixelRatio);
  };
  const faded = (name, alpha) => {
    const hex = colour(name);
    return /^#[0-9a-f]{6}$/i.test(hex) ? hex + Math.round(alpha * 255).toString(16).padStart(2, "0") : hex;
  };
  const axis = (extra) => ({
    stroke: () => colour("--faint"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
    ...extra,
  });
  const options = (chart, width) => ({
    width,
    height: HEIGHT,
    legend: { show: false },
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { sync: { key: chart.key }, points: { size: 7 } },
    scales: { y: { range: (_, low, high) => reach(low, high, chart.panel.top) } },
    axes: [
      axis({ values: (_, splits) => splits.map((seconds) => { const at = new Date(seconds * 1000); return at.getUTCHours() + at.getUTCMinutes() ? clock(at) : day(at); }) }),
      axis({ size: 64, values: (_, splits) => splits.map((value) => shown(value, chart.panel.unit)) }),
    ],
    series: [
      {},
      { stroke: () => colour("--link"), width: 1.5, points: { show: false } },
      { stroke: () => faded("--good", 0.5), width: 1, points: { show: false } },
      { stroke: () => faded("--good", 0.5), width: 1, points: { show: false } },
      { stroke: () => colour("--accent"), width: 1.5, dash: [6, 4], points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: () => faded("--good", 0.2) }],
    hooks: {
      drawClear: [(u) => onIncidents(u, chart.owner.answer.incidents, shade)],
      draw: [(u) => onIncidents(u, chart.owner.answer.incidents, name)],
      setCursor: [(u) => chart.moved(u.cursor.idx)],
    },
  });
  const reach = (low, high, top) => {
    if (top) return [0, top];
    if (low === null || high === null) return [0, 1];
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [low >= 0 ? Math.max(low - room, 0) : low - room, high + room];
  };

  class Chart {
    constructor(owner, panel) {
      this.owner = owner;
      this.panel = panel;
      this.key = owner.key;
      const id = `chart-${owner.number}-${owner.charts.length}`;
      this.readout = element("p", { class: "readout" });
      this.plot = element("div", { class: "plot", tabindex: "0", role: "group", "aria-labelledby": id, "aria-describedby": owner.hint.id });
      this.rows = element("tbody");
      const heads = ["Time", "Value", panel.level ? "Alert level" : "Usual"].map((text) => element("th", { scope: "col" }, text));
      const table = element("table", {}, element("caption", {}, `${panel.title}, window by window, in UTC`), element("thead", {}, element("tr", {}, ...heads)), this.rows);
      this.details = element("details", {}, element("summary", {}, `${panel.title} as a table`), element("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": `${panel.title} as a table` }, table));
      this.figure = element("figure", { class: "chart" }, element("figcaption", { id }, panel.title), this.plot, this.readout, this.details);
      owner.body.append(this.figure);
      this.details.addEventListener("toggle", () => this.fill());
      this.plot.addEventListener("keydown", (event) => this.pressed(event));
      this.u = new window.uPlot(options(this, this.width()), columns(owner.answer, panel), this.plot);
      new ResizeObserver(() => this.fit()).observe(this.plot);
      this.moved(null);
    }
    width() { return Math.max(this.plot.clientWidth, 200); }
    fit() { if (this.u.width !== this.width()) this.u.setSize({ width: this.width(), height: HEIGHT }); }
    update(panel) {
      this.panel = panel;
      const scale = this.u.scales.x;
      const old = this.u.data[0];
      const whole = scale.min === undefined || (scale.min <= old[0] && scale.max >= old[old.length - 1]);
      this.u.setData(columns(this.owner.answer, panel), whole);
      if (!whole) this.u.redraw();
      this.fill();
      this.moved(this.u.cursor.idx);
    }
    moved(at) {
      const { answer } = this.owner;
      this.at = at ?? null;
      let last = answer.times.length - 1;
      while (last > 0 && this.panel.values[last] === null) last -= 1;
      this.readout.textContent = answer.times.length ? sentence(answer, this.panel, at ?? last) : "";
    }
    pressed(event) {
      const last = this.owner.answer.times.length - 1;
      const from = this.at ?? last;
      const by = event.shiftKey ? 10 : 1;
      const to = { ArrowLeft: from - by, ArrowRight: from + by, Home: 0, End: last }[event.key];
      if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const at = Math.min(Math.max(to, 0), last);
      this.u.setCursor({ left: this.u.valToPos(this.owner.answer.times[at], "x"), top: HEIGHT / 3 });
      this.moved(at);
      this.owner.live.textContent = sentence(this.owner.answer, this.panel, at);
    }
    fill() {
      if (!this.details.open) return;
      const { answer } = this.owner;
      const usual = (at) => {
        if (this.panel.level) return shown(this.panel.level[at], "");
        if (this.panel.low[at] === null) return "–";
        return `${shown(this.panel.low[at], this.panel.unit)} to ${shown(this.panel.high[at], this.panel.unit)}`;
      };
      const lines = answer.times.map((time, at) => element("tr", {}, element("th", { scope: "row" }, moment(time)), element("td", {}, shown(this.panel.values[at], this.panel.unit)), element("td", {}, usual(at))));
      this.rows.replaceChildren(...lines.reverse());
    }
  }

  let count = 0;
  class Series {
    constructor(place) {
      this.place = place;
      this.number = count += 1;
      this.key = place.dataset.cursor ?? `series-${this.number}`;
      this.charts = [];
      this.hint = element("p", { class: "unseen", id: `hint-${this.number}` }, HINT);
      this.live = element("p", { class: "unseen", "aria-live": "polite" });
      this.said = element("p", { role: "status" }, "Loading the values …");
      this.body = element("div", { class: "charts" });
      this.notes = element("ul", { class: "notes faint", hidden: "" });
      place.replaceChildren(this.hint, this.live, this.said, this.body, this.notes);
      this.load();
    }
    async load() {
      clearTimeout(this.timer);
      if (!this.place.isConnected) return;
      let wait = AGAIN;
      try {
        const reply = await fetch(this.place.dataset.series, { headers: { Accept: "application/json" } });
        if (!reply.ok) throw new Error(`the dashboard answers ${reply.status}`);
        const answer = await reply.json();
        this.show(answer);
        if (answer.pending) wait = SOON;
      } catch (error) {
        this.said.textContent = `The values cannot be loaded: ${error.message}.`;
        this.said.hidden = false;
      }
      // What a trial found does not change.
      if (this.place.dataset.series.includes("/api/series")) this.timer = setTimeout(() => this.when(), wait);
    }
    when() {
      if (!document.hidden) this.load();
      else document.addEventListener("visibilitychange", () => this.load(), { once: true });
    }
    show(answer) {
      this.answer = answer;
      this.notes.replaceChildren(...answer.notes.map((text) => element("li", {}, text)));
      this.notes.hidden = !answer.notes.length;
      this.said.hidden = answer.times.length > 0;
      if (!answer.times.length) { this.said.textContent = "There are no values to draw."; this.body.replaceChildren(); this.charts = []; return; }
      const wanted = panels(answer);
      const names = wanted.map((panel) => panel.title).join("\n");
      if (names === this.names) { this.charts.forEach((chart, at) => chart.update(wanted[at])); return; }
      this.names = names;
      this.charts.forEach((chart) => chart.u.destroy());
      this.charts = [];
      this.body.replaceChildren(this.legend(wanted));
      for (const panel of wanted) this.charts.push(new Chart(this, panel));
    }
    legend(wanted) {
      const known = wanted.some((panel) => panel.low.some((value) => value !== null));
      const items = [["value", "value"], ...(known ? [["usual", "usual range"]] : []), ...(wanted.some((one) => one.level) ? [["level", "alert level"]] : []), ...(this.answer.incidents.length ? [["incident", "incident"]] : [])];
      return element("ul", { class: "key" }, ...items.map(([style, text]) => element("li", {}, element("span", { class: `swatch ${style}`, "aria-hidden": "true" }), text)));
    }
  }

  const all = [];
  const find = () => {
    for (const place of document.querySelectorAll("[data-series]:not([data-drawn])")) {
      place.dataset.drawn = "true";
      all.push(new Series(place));
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    find();
    document.body.addEventListener("htmx:afterSettle", find);
    document.documentElement.addEventListener("themechange", () => {
      for (const one of all) if (one.place.isConnected) for (const chart of one.charts) chart.u.redraw(false, true);
    });
  });
})();
