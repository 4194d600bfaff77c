// Tiles and tables: what is best read as text.

import * as form from "./format.js";

/** An element with its attributes and children. */
export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** A time in the chosen zone, with the other one at hand. */
export const clock = (iso) =>
  iso ? make("time", { datetime: iso, title: form.otherTime(iso) }, form.time(iso)) : "–";

const changed = (value) =>
  make("span", { class: value >= 0.005 ? "up" : value <= -0.005 ? "down" : "" }, value === null ? "–" : form.arrow(value) + form.percent(Math.abs(value)));

function tiles(pairs) {
  return make("dl", { class: "tiles" }, pairs.map(([name, value, ...more]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value, ...more.filter(Boolean).map((one) => make("small", {}, one))))));
}

function marketTiles(answer) {
  const row = answer.records[0];
  if (!row?.coins) return null;
  const rising = row.rising + row.falling ? row.rising / (row.rising + row.falling) : 0;
  const share = make("span", { class: "share", "aria-hidden": "true" });
  share.append(make("i", { style: `width:${100 * rising}%` }));
  return tiles([
    ["Market cap", form.compact(row.market_cap), make("span", {}, changed(row.change_pct_24h), " in 24 h")],
    ["Volume, 24 h", form.compact(row.total_volume), row.market_cap ? `${form.percent((100 * row.total_volume) / row.market_cap, 1)} of the cap` : null],
    ["Bitcoin’s share", form.percent(row.bitcoin_share_pct, 1), `Ethereum’s ${form.percent(row.ethereum_share_pct, 1)}`],
    ["Rising · falling, 24 h", `${form.count(row.rising)} · ${form.count(row.falling)}`, share],
    ["Coins priced", form.count(row.coins), make("span", {}, "at ", clock(row.hour_start))],
  ]);
}

function coinTiles(answer) {
  const row = answer.records[0];
  if (!row) return null;
  return tiles([
    [`${row.name ?? row.crypto_id} (${(row.symbol ?? "").toUpperCase()})`, form.price(row.price), make("span", {}, changed(row.change_pct_24h), " in 24 h")],
    ["Market cap", form.compact(row.market_cap), row.market_cap ? `number ${form.count(row.cap_rank)} of those held` : null],
    ["Volume, 24 h", form.compact(row.total_volume)],
    ["Lowest · highest shown", `${form.price(row.low_price)} · ${form.price(row.high_price)}`],
    ["Newest price", form.ago(row.hour_start), clock(row.hour_start)],
  ]);
}

function pipelineTiles(answer) {
  const row = answer.records[0];
  if (!row?.newest_data) return null;
  const part = (value) => (row.records_fetched ? form.percent((100 * value) / row.records_fetched) : null);
  return tiles([
    ["Newest data", form.ago(row.newest_data), clock(row.newest_data)],
    ["Files loaded", form.count(row.batches), `${form.count(row.batches_failed)} failed`],
    ["Waiting for gold", form.count(row.batches_pending), row.batches_pending ? "the next load goes on" : "nothing waits"],
    ["Records loaded", form.compact(row.records_loaded), part(row.records_loaded)],
    ["There already", form.compact(row.records_duplicate), part(row.records_duplicate)],
    ["Rejected", form.compact(row.records_rejected), part(row.records_rejected)],
  ]);
}

/** A small line of prices, which says nothing that the figures beside it do not. */
function spark(values) {
  if (!values || values.length < 2) return "–";
  const low = Math.min(...values), range = Math.max(...values) - low || 1;
  const path = values.map((value, place) => `${place ? "L" : "M"}${((place * 98) / (values.length - 1) + 1).toFixed(1)} ${(25 - (22 * (value - low)) / range).toFixed(1)}`).join("");
  const svg = make("svg", { width: 100, height: 28, viewBox: "0 0 100 28", "aria-hidden": "true" });
  svg.append(make("path", { d: path, fill: "none", stroke: values.at(-1) >= values[0] ? "var(--up)" : "var(--down)", "stroke-width": 1.8, "stroke-linejoin": "round" }));
  return svg;
}

const coin = (row, params) =>
  make("span", {}, make("a", { href: `/coin?${new URLSearchParams({ coin: row.crypto_id, currency: params.currency })}` }, row.name ?? row.crypto_id), row.symbol ? make("span", { class: "symbol" }, row.symbol.toUpperCase()) : null);

// Columns: heading, whether it is a number, and how a row has it.
const TABLES = {
  "coin-table": [
    ["#", true, (row) => form.count(row.cap_rank)],
    ["Coin", false, coin],
    ["Price", true, (row) => form.price(row.price)],
    ["24 h", true, (row) => changed(row.change_pct_24h)],
    ["7 d", true, (row) => changed(row.change_pct_7d)],
    ["30 d", true, (row) => changed(row.change_pct_30d)],
    ["Market cap", true, (row) => form.compact(row.market_cap)],
    ["Volume, 24 h", true, (row) => form.compact(row.total_volume)],
    ["30 days", true, (row) => spark(row.closes_30d)],
  ],
  "event-table": [
    ["When", false, (row) => clock(row.happened_at)],
    ["Event", false, (row) => row.event],
    ["From", false, (row) => row.old_value ?? "–"],
    ["To", false, (row) => row.new_value ?? "–"],
    ["By", false, (row) => row.said_by],
  ],
  "gap-table": [
    ["From", false, (row) => clock(row.gap_start)],
    ["To", false, (row) => clock(row.gap_end)],
    ["Missing", true, (row) => `${form.count(row.missing_points)} ${row.grid}${row.missing_points === 1 ? "" : "s"}`],
    ["Why", false, (row) => row.reason],
  ],
  "summary-table": [
    ["Coin", false, coin],
    ["Price", true, (row) => form.price(row.price)],
    ["Return", true, (row) => changed(row.return_pct)],
    ["Volatility", true, (row) => form.percent(row.volatility_pct, 1)],
    ["Deepest drawdown", true, (row) => form.percent(row.max_drawdown_pct)],
    ["Best day", true, (row) => form.change(row.best_day_pct)],
    ["Worst day", true, (row) => form.change(row.worst_day_pct)],
    ["Days", true, (row) => form.count(row.days)],
  ],
  "currency-table": [
    ["Currency", false, (row) => `${row.vs_currency.toUpperCase()} – ${row.currency_name ?? "unknown"}`],
    ["Kind", false, (row) => row.kind ?? "–"],
    ["Coins", true, (row) => form.count(row.coins)],
    ["Price of the coin", true, (row) => form.price(row.price)],
    ["Its market cap", true, (row) => form.compact(row.market_cap)],
    ["Newest day", false, (row) => form.day(row.newest_day)],
  ],
  "freshness-table": [
    ["Source", false, (row) => row.source ?? "–"],
    ["Currency", false, (row) => (row.vs_currency ?? "–").toUpperCase()],
    ["Newest data", false, (row) => clock(row.newest_data)],
    ["Age", true, (row) => form.ago(row.newest_data)],
    ["Silver to gold", true, (row) => (row.median_seconds_to_gold === null ? "–" : `${row.median_seconds_to_gold} s`)],
    ["Files", true, (row) => form.count(row.batches)],
  ],
  "gap-summary-table": [
    ["Missing", true, (row) => `${form.count(row.missing_points)} ${row.grid}s`],
    ["Series", true, (row) => form.count(row.series)],
    ["Why", false, (row) => row.reason],
    ["Last", false, (row) => clock(row.last_missing)],
    ["", false, (row) => (row.is_explained ? "explained" : "can be repaired")],
  ],
};

const NOTHING = {
  "event-table": "Nothing has happened to this coin since it is known.",
  "gap-table": "Nothing is missing in this time.",
  "gap-summary-table": "Nothing is missing in this time.",
};

function table(name, columns, answer, params) {
  if (!answer.records.length) return make("p", { class: "said" }, NOTHING[name] ?? "Nothing to show for this choice.");
  const head = make("tr", {}, columns.map(([title, number]) => make("th", { scope: "col", class: number ? "n" : null }, title)));
  const body = answer.records.map((row) =>
    make("tr", {}, columns.map(([, number, cell]) => make("td", { class: number ? "n" : cell === coin ? "coin" : null }, cell(row, params)))));
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table, scrolls" }, make("table", {}, make("thead", {}, head), make("tbody", {}, body)));
}

export const TEXTS = {
  "market-tiles": marketTiles,
  "coin-tiles": coinTiles,
  "pipeline-tiles": pipelineTiles,
  ...Object.fromEntries(Object.entries(TABLES).map(([name, columns]) => [name, (answer, also, context, params) => table(name, columns, answer, params)])),
};

const MOST_ROWS = 500;

/** All columns of an answer, as the database has them. */
export function raw(answer) {
  const cell = (value) => (Array.isArray(value) ? `${value.length} values` : value === null ? "" : typeof value === "number" ? form.price(value).replace("–", "") : String(value));
  const number = answer.columns.map((_, place) => answer.rows.some((row) => typeof row[place] === "number"));
  const head = make("tr", {}, answer.columns.map((name, place) => make("th", { scope: "col", class: number[place] ? "n" : null }, name)));
  const body = answer.rows.slice(0, MOST_ROWS).map((row) => make("tr", {}, row.map((value, place) => make("td", { class: number[place] ? "n" : null }, cell(value)))));
  return make("div", {},
    make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Rows, scrolls" }, make("table", {}, make("thead", {}, head), make("tbody", {}, body))),
    answer.rows.length > MOST_ROWS ? make("p", {}, `The first ${MOST_ROWS} of ${form.count(answer.rows.length)} rows; the CSV file has all.`) : null);
}
