// Numbers and times as people read them.

const UNITS = [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e3, " K"]];
const grouped = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });

/** 1.23 T, 456 M, 0.0000000423. */
export function compact(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  // As it will be written: 999,999 is 1 M.
  const unit = UNITS.find(([from]) => size >= from * 0.9995);
  if (!unit) return price(value);
  const scaled = value / unit[0];
  return scaled.toFixed(Math.abs(scaled) >= 99.95 ? 0 : Math.abs(scaled) >= 9.995 ? 1 : 2) + unit[1];
}

/** With four digits that count, never with an exponent. */
export function price(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 10000) return grouped(0).format(value);
  if (size >= 1) return value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: size >= 100 ? 2 : 4 });
  const text = value.toFixed(Math.min(100, 3 - Math.floor(Math.log10(size))));
  return text.replace(/0+$/, "").replace(/\.$/, "");
}

export const count = (value) => (value === null || value === undefined ? "–" : grouped(0).format(value));

/** Marks of an axis: without zeros at the end that all of them have. */
export function short(texts) {
  const parts = texts.map((text) => /^(.*?\d)(?:\.(\d+))?([^\d]*)$/.exec(text));
  if (parts.some((part) => !part)) return texts;
  const needed = Math.max(...parts.map(([, , fraction = ""]) => fraction.replace(/0+$/, "").length));
  return parts.map(([, whole, fraction = "", unit]) => whole + (needed && fraction ? "." + fraction.slice(0, needed) : "") + unit);
}

export function percent(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  // No minus before what rounds to nothing.
  if (Math.abs(value) < 0.5 / 10 ** digits) value = 0;
  return value.toFixed(digits).replace("-", "−") + " %";
}

/** With its sign. */
export function change(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  return (value >= 0.5 / 10 ** digits ? "+" : "") + percent(value, digits);
}

/** A change in words for the eye that sees no colour: an arrow before it. */
export function arrow(value) {
  return value >= 0.005 ? "▲ " : value <= -0.005 ? "▼ " : "";
}

export let zone = localStorage.getItem("zone") === "utc" ? "utc" : "local";

export function changeZone() {
  zone = zone === "utc" ? "local" : "utc";
  localStorage.setItem("zone", zone);
}

export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const written = (utc, options) =>
  new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", ...(utc ? { timeZone: "UTC" } : {}) });
const CLOCK = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };

/** In the chosen zone. */
export function time(iso) {
  if (!iso) return "–";
  const utc = zone === "utc";
  return written(utc, CLOCK).format(new Date(iso)) + (utc ? " UTC" : "");
}

/** In the zone that is not chosen, so that both are at hand. */
export function otherTime(iso) {
  const utc = zone !== "utc";
  return written(utc, CLOCK).format(new Date(iso)) + (utc ? " UTC" : ` ${ownZone}`);
}

export function day(iso) {
  if (!iso) return "–";
  return written(true, { day: "numeric", month: "short", year: "numeric" }).format(new Date(`${iso}T00:00Z`));
}

/** A time as an axis of plotly has it, which knows of no zones. */
export function axisTime(iso) {
  const at = new Date(iso);
  const shown = zone === "utc" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60000);
  return shown.toISOString().slice(0, 19).replace("T", " ");
}

export function ago(iso) {
  const minutes = Math.round((Date.now() - new Date(iso)) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 90) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / 1440)} days ago`;
}

/** Round values on an axis from low to high, five or so. */
export function ticks(low, high, wanted = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found;
}
