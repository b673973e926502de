// Keeps the page's figures current through the public event stream. Without this script the page is the same, only still.
"use strict";

const KIBIBYTE = 1024n;

// The same rules as in src/figures.rs: change both.
function bytes(number) {
  const size = BigInt(number);
  let [unit, name] = [KIBIBYTE, "KiB"];
  for (const [next, nextName] of [[KIBIBYTE ** 2n, "MiB"], [KIBIBYTE ** 3n, "GiB"], [KIBIBYTE ** 4n, "TiB"]]) {
    if (size >= next) [unit, name] = [next, nextName];
  }
  const tenths = (size * 10n + unit / 2n) / unit;
  return tenths < 100n ? `${tenths / 10n}.${tenths % 10n} ${name}` : `${tenths / 10n} ${name}`;
}

function duration(seconds) {
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

function write(id, text) {
  const element = document.getElementById(id);
  if (element && element.textContent !== text) element.textContent = text;
}

function showVitals(vitals) {
  const { total_bytes: total, available_bytes: available, daemon_bytes: daemon } = vitals.memory;
  const inUse = Math.max(0, total - available);
  write("memory", bytes(inUse));
  write("memory-total", bytes(total));
  write("daemon-memory", bytes(daemon));
  write("load", vitals.load.one.toFixed(2));
  write("load-five", vitals.load.five.toFixed(2));
  write("uptime", duration(vitals.uptime_seconds));
  const percent = total > 0 ? Math.floor((inUse * 100) / total) : 0;
  document.getElementById("memory-bar")?.setAttribute("width", String(percent));
}

// What is not a figure is written by the device: ask it for the page again and take over what it says.
async function refresh() {
  const response = await fetch("/", { headers: { accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  Object.assign(document.body.dataset, page.body.dataset);
  document.querySelector("main").replaceWith(page.querySelector("main"));
  // Screen readers are told here, because what was replaced cannot speak for itself.
  showConnection(`${page.title}. Figures are live.`);
}

function showConnection(text) {
  const live = document.getElementById("live");
  live.hidden = false;
  write("live", text);
}

const events = new EventSource("/api/v1/events");
events.addEventListener("open", () => showConnection("Figures are live."));
events.addEventListener("error", () => showConnection("The device does not answer at the moment. These are its last figures; trying again."));
events.addEventListener("vitals", (event) => showVitals(JSON.parse(event.data)));
for (const kind of ["identity", "health"]) {
  events.addEventListener(kind, (event) => {
    if (document.body.dataset[kind] !== event.lastEventId) refresh().catch(() => {});
  });
}
