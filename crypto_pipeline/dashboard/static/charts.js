// How each kind of chart is drawn: from an answer to traces and a layout of plotly.js.

import * as form from "./format.js";

const dark = () => document.documentElement.dataset.theme === "dark";
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Okabe and Ito's colours, which can be told apart with any eyes; lines differ in their dashes, too.
const ON_LIGHT = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6b5b95", "#4d4d4d"];
const ON_DARK = ["#56B4E9", "#E69F00", "#00c08b", "#e09cc4", "#D55E00", "#4f8fd6", "#F0E442", "#c3c8ce"];
const DASHES = ["solid", "solid", "dash", "dash", "dot", "dot", "dashdot", "dashdot"];
export const colours = () => (dark() ? ON_DARK : ON_LIGHT);
const up = () => (dark() ? "#56B4E9" : "#0072B2");
const down = () => (dark() ? "#E69F00" : "#D55E00");

const faint = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, "0");
const phone = () => innerWidth < 640;

function frame(more = {}) {
  const line = token("--line");
  const axis = {
    gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, fixedrange: true,
    tickfont: { size: 12, color: token("--soft") }, title: { font: { size: 12, color: token("--soft") } },
  };
  const { xaxis, yaxis, ...rest } = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: token("--ink") },
    margin: { l: 8, r: 12, t: 10, b: 8 }, hovermode: "x unified", dragmode: false,
    hoverlabel: { bgcolor: token("--card"), bordercolor: line, font: { color: token("--ink"), size: 12.5 } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12.5 } },
    xaxis: { ...axis, showgrid: false, ...xaxis },
    yaxis: { ...axis, showline: false, zeroline: false, ...yaxis },
    ...rest,
  };
}

/** An axis of amounts whose marks are written as people read them. */
function amounts(values, write, { zero = false } = {}) {
  const known = values.filter((value) => value !== null);
  let low = Math.min(...known), high = Math.max(...known);
  if (zero) { low = Math.min(0, low); high = Math.max(0, high); }
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  if (!zero) { low -= room; high += room; } else if (high > 0) high += room;
  const marks = form.ticks(low, high);
  return { range: [low, high], tickvals: marks, ticktext: form.short(marks.map(write)) };
}

/** Times of points: of a day as it is, else in the chosen zone. */
const axisTimes = (values) => values.map((value) => (value.length === 10 ? value : form.axisTime(value)));
const when = (value) => (value.length === 10 ? `${form.day(value)} (UTC day)` : `${form.time(value)} · ${form.otherTime(value)}`);

function series(answer, key, x, y, name = key) {
  const found = new Map();
  for (const row of answer.records) {
    if (!found.has(row[key])) found.set(row[key], { name: row[name], x: [], y: [], rows: [] });
    const one = found.get(row[key]);
    one.x.push(row[x]);
    one.y.push(row[y]);
    one.rows.push(row);
  }
  return [...found.values()];
}

function lines(groups, write, options = {}) {
  const palette = colours();
  return groups.map((group, place) => ({
    type: "scatter", mode: "lines", name: group.name, x: axisTimes(group.x), y: group.y,
    line: { color: palette[place % palette.length], width: 2, dash: DASHES[place % DASHES.length] },
    customdata: group.y.map((value) => write(value)),
    hovertemplate: "%{customdata}<extra>%{fullData.name}</extra>",
    ...options,
  }));
}

const x = (answer) => answer.columns.find((name) => ["day", "candle_start", "at"].includes(name));
const column = (answer, name) => answer.records.map((row) => row[name]);

function area(answer) {
  const times = column(answer, x(answer)), values = column(answer, "market_cap");
  if (values.every((value) => value === null)) return null;
  return {
    traces: [{
      type: "scatter", mode: "lines", x: axisTimes(times), y: values, fill: "tozeroy",
      line: { color: up(), width: 2.2 }, fillcolor: faint(up(), 0.13),
      customdata: values.map((value, place) => [form.compact(value), when(times[place])]),
      hovertemplate: "<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
    }],
    layout: frame({ hovermode: "closest", yaxis: amounts(values, form.compact) }),
    summary: `From ${form.compact(values.find((one) => one !== null))} to ${form.compact(values.at(-1))}`,
  };
}

function bars(answer) {
  const times = column(answer, x(answer)), values = column(answer, "total_volume");
  if (values.every((value) => value === null)) return null;
  return {
    traces: [{
      type: "bar", x: axisTimes(times), y: values, marker: { color: faint(colours()[0], 0.75) },
      customdata: values.map((value, place) => [form.compact(value), when(times[place])]),
      hovertemplate: "<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
    }],
    layout: frame({ hovermode: "closest", bargap: 0.25, yaxis: amounts(values, form.compact, { zero: true }) }),
    summary: `The last ${form.compact(values.at(-1))}`,
  };
}

function dominance(answer) {
  const groups = series(answer, "crypto_id", "day", "share_pct", "name");
  const palette = colours();
  return {
    traces: groups.map((group, place) => ({
      type: "scatter", mode: "lines", stackgroup: "all", name: group.name, x: group.x, y: group.y,
      line: { width: 0.8, color: place === groups.length - 1 ? token("--soft") : palette[place] },
      fillcolor: faint(place === groups.length - 1 ? "#8a94a0" : palette[place], dark() ? 0.6 : 0.75),
      hovertemplate: "%{y:.1f} %<extra>%{fullData.name}</extra>",
    })),
    layout: frame({ yaxis: { range: [0, 100], ticksuffix: " %", nticks: 6 } }),
    height: phone() ? 320 : 470,
    summary: groups.map((group) => `${group.name} ${form.percent(group.y.at(-1), 1)}`).join(", "),
  };
}

/** A colour between down and up, through the card's; and what can be read on it. */
function between(value, most) {
  const to = value < 0 ? (dark() ? [213, 94, 0] : [204, 85, 0]) : dark() ? [44, 140, 205] : [0, 104, 170];
  const from = dark() ? [44, 57, 71] : [226, 231, 237];
  const share = Math.min(1, Math.abs(value ?? 0) / most) ** 0.8;
  const mixed = from.map((part, place) => Math.round(part + (to[place] - part) * share));
  const light = (0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2]) / 255;
  return [`rgb(${mixed})`, light > 0.55 ? "#101820" : "#ffffff"];
}

function treemap(answer) {
  const rows = answer.records.filter((row) => row.market_cap > 0);
  if (!rows.length) return null;
  const painted = rows.map((row) => between(row.change_pct_24h, 8));
  return {
    traces: [{
      type: "treemap", labels: rows.map((row) => (row.symbol ?? row.crypto_id).toUpperCase()),
      ids: rows.map((row) => row.crypto_id), parents: rows.map(() => ""),
      // One coin must not leave the others no room to be read.
      values: rows.map((row) => row.market_cap ** 0.6),
      text: rows.map((row) => form.change(row.change_pct_24h, 1)),
      texttemplate: "<b>%{label}</b><br>%{text}", textposition: "middle center",
      textfont: { size: 15 }, insidetextfont: { color: painted.map(([, ink]) => ink) },
      marker: { colors: painted.map(([fill]) => fill), line: { width: 1.5, color: token("--card") }, cornerradius: 4 },
      customdata: rows.map((row) => [row.name ?? row.crypto_id, form.price(row.price), form.compact(row.market_cap)]),
      hovertemplate: "<b>%{customdata[0]}</b><br>%{customdata[1]} · %{text} in 24 h<br>Market cap %{customdata[2]}<extra></extra>",
      tiling: { packing: "squarify", pad: 1 }, pathbar: { visible: false },
    }],
    layout: frame({ margin: { l: 0, r: 0, t: 0, b: 0 } }),
    height: phone() ? 340 : 400,
    select: (point) => point.id && { page: "coin", coin: point.id },
    summary: `${rows.length} coins; ${rows.filter((row) => row.change_pct_24h > 0).length} rose in 24 hours`,
  };
}

function movers(answer) {
  const rows = [...answer.records].reverse();
  if (!rows.length) return null;
  const values = rows.map((row) => row.change_pct);
  const most = Math.max(...values.map(Math.abs)) * (phone() ? 0.42 : 0.22);
  return {
    traces: [{
      type: "bar", orientation: "h", x: values, y: rows.map((row) => row.crypto_id),
      marker: { color: values.map((value) => (value > 0 ? up() : down())) },
      text: values.map((value) => form.change(value, 1)), textposition: "outside", cliponaxis: false,
      textfont: { size: 12 },
      customdata: rows.map((row) => [row.name ?? row.crypto_id, form.price(row.price), form.price(row.price_before)]),
      hovertemplate: "<b>%{customdata[0]}</b><br>%{text}: %{customdata[2]} → %{customdata[1]}<extra></extra>",
    }],
    layout: frame({
      hovermode: "closest", bargap: 0.3, margin: { l: 8, r: 20, t: 4, b: 8 },
      xaxis: { showgrid: true, zeroline: true, ticksuffix: " %", range: [Math.min(0, ...values) - most, Math.max(0, ...values) + most], nticks: 6 },
      yaxis: { tickmode: "array", tickvals: rows.map((row) => row.crypto_id), ticktext: rows.map((row) => (row.symbol ?? row.crypto_id).toUpperCase() + "  "), type: "category", automargin: true },
    }),
    height: Math.max(240, rows.length * 21 + 50),
    summary: `Most up ${answer.records[0].name} ${form.change(answer.records[0].change_pct)}, most down ${answer.records.at(-1).name} ${form.change(answer.records.at(-1).change_pct)}`,
  };
}

function candles(answer, also) {
  const rows = answer.records;
  if (!rows.length) return null;
  const times = axisTimes(column(answer, "candle_start"));
  const span = rows.length > 1 ? new Date(rows[1].candle_start) - new Date(rows[0].candle_start) : 0;
  const first = new Date(rows[0].candle_start), end = new Date(new Date(rows.at(-1).candle_start).getTime() + span);
  const within = (iso) => new Date(iso) >= first && new Date(iso) <= end;
  const inside = (iso) => form.axisTime(new Date(Math.min(Math.max(new Date(iso), first), end)).toISOString());
  const gaps = (also.coin_gaps?.records ?? []).filter((gap) => new Date(gap.gap_end) > first && new Date(gap.gap_start) < end);
  const events = (also.coin_events?.records ?? []).filter((event) => within(event.happened_at));
  const at = new Map();
  for (const event of events) {
    const words = event.new_value ? `${event.event}: ${event.old_value} → ${event.new_value}` : event.event;
    at.set(event.happened_at, [...(at.get(event.happened_at) ?? []), words]);
  }
  return {
    traces: [{
      type: "candlestick", x: times, open: column(answer, "open_price"), high: column(answer, "high_price"),
      low: column(answer, "low_price"), close: column(answer, "close_price"), showlegend: false,
      // Risen ones are hollow: the colour alone says nothing to some.
      increasing: { line: { color: up(), width: 1.4 }, fillcolor: token("--card") },
      decreasing: { line: { color: down(), width: 1.4 }, fillcolor: down() },
      text: rows.map((row) => `Open ${form.price(row.open_price)}<br>High ${form.price(row.high_price)}<br>Low ${form.price(row.low_price)}<br>Close <b>${form.price(row.close_price)}</b><br>${when(row.candle_start)}`),
      hoverinfo: "text",
    }],
    layout: frame({
      hovermode: "closest", margin: { l: 8, r: 12, t: at.size ? 26 : 10, b: 8 },
      xaxis: { rangeslider: { visible: false }, range: [form.axisTime(first.toISOString()), form.axisTime(end.toISOString())] },
      yaxis: amounts([...column(answer, "low_price"), ...column(answer, "high_price")], form.price),
      shapes: [
        ...gaps.map((gap) => ({
          type: "rect", xref: "x", yref: "paper", x0: inside(gap.gap_start), x1: inside(gap.gap_end), y0: 0, y1: 1,
          line: { width: 0 }, fillcolor: faint(dark() ? "#F0E442" : "#8a6d00", dark() ? 0.2 : 0.2), layer: "below",
        })),
        ...[...at.keys()].map((time) => ({
          type: "line", xref: "x", yref: "paper", x0: form.axisTime(time), x1: form.axisTime(time), y0: 0, y1: 1,
          line: { width: 1.5, dash: "dash", color: token("--soft") },
        })),
      ],
      annotations: [...at].map(([time, words]) => ({
        x: form.axisTime(time), y: 1, xref: "x", yref: "paper", yanchor: "bottom", showarrow: false,
        text: words.join("; "), font: { size: 12, color: token("--soft") },
      })),
    }),
    height: phone() ? 320 : 420,
    summary: `From ${form.price(rows[0].open_price)} to ${form.price(rows.at(-1).close_price)}; ${gaps.length} gaps, ${events.length} events`,
  };
}

function indexed(answer, name, write, words, key = "crypto_id", label = "name") {
  const groups = series(answer, key, x(answer), name, label);
  if (!groups.length) return null;
  return {
    traces: lines(groups, write),
    layout: frame({ yaxis: amounts(groups.flatMap((group) => group.y), words) }),
    height: phone() ? 300 : 360,
    summary: groups.map((group) => `${group.name} ${write(group.y.at(-1))}`).join(", "),
  };
}

function correlation(answer) {
  const names = [...new Set(column(answer, "name"))];
  if (names.length < 2) return null;
  const found = new Map(answer.records.map((row) => [`${row.name}|${row.other_name}`, row]));
  const cells = names.map((one) => names.map((other) => found.get(`${one}|${other}`)?.correlation ?? null));
  return {
    traces: [{
      type: "heatmap", x: names, y: names, z: cells, zmin: -1, zmax: 1, xgap: 3, ygap: 3, showscale: false,
      colorscale: dark() ? [[0, "#D55E00"], [0.5, "#2a3644"], [1, "#2c8ccd"]] : [[0, "#D55E00"], [0.5, "#eef1f5"], [1, "#0072B2"]],
      text: cells.map((row) => row.map((value) => (value === null ? "" : value.toFixed(2).replace("-", "−")))),
      texttemplate: "%{text}", textfont: { size: 14 }, hovertemplate: "%{y} and %{x}: <b>%{text}</b><extra></extra>",
    }],
    layout: frame({ hovermode: "closest", xaxis: { tickangle: phone() ? -40 : 0 }, yaxis: { autorange: "reversed", showgrid: false, tickfont: { size: 12, color: token("--soft") } } }),
    height: 360,
    summary: `${names.length} coins`,
  };
}

function coverage(answer) {
  const days = [...new Set(column(answer, "day"))].sort();
  const coins = [...new Set(column(answer, "crypto_id"))];
  if (!coins.length) return null;
  const all = [];
  for (let at = new Date(days[0] + "T00:00Z"); at <= new Date(days.at(-1) + "T00:00Z"); at = new Date(at.getTime() + 864e5)) all.push(at.toISOString().slice(0, 10));
  const found = new Map(answer.records.map((row) => [`${row.crypto_id}|${row.day}`, row]));
  const names = new Map(answer.records.map((row) => [row.crypto_id, (row.symbol ?? row.crypto_id).toUpperCase()]));
  const cells = coins.map((coin) => all.map((day) => (found.get(`${coin}|${day}`)?.coverage_share ?? 0) * 100));
  return {
    traces: [{
      type: "heatmap", x: all, y: coins, z: cells, zmin: 0, zmax: 100, xgap: all.length > 120 ? 0 : 1.5, ygap: 1.5,
      colorscale: dark() ? [[0, "#e0660d"], [0.5, "#8a7a5c"], [0.999, "#2f5f86"], [1, "#23445f"]] : [[0, "#D55E00"], [0.5, "#f0c789"], [0.999, "#9ccbe8"], [1, "#cfe5f4"]],
      colorbar: { thickness: 10, outlinewidth: 0, ticksuffix: " %", tickfont: { size: 11.5, color: token("--soft") }, len: 0.9 },
      customdata: coins.map((coin) => all.map((day) => [names.get(coin), found.get(`${coin}|${day}`)?.origin ?? "nothing", form.day(day)])),
      hovertemplate: "<b>%{customdata[0]}</b>, %{customdata[2]}: %{z:.0f} %, %{customdata[1]}<extra></extra>",
    }],
    layout: frame({
      hovermode: "closest", xaxis: { type: "date" },
      yaxis: { autorange: "reversed", showgrid: false, type: "category", tickmode: "array", tickvals: coins, ticktext: coins.map((coin) => names.get(coin) + " "), tickfont: { size: 11, color: token("--soft") } },
    }),
    height: coins.length * 17 + 46,
    summary: `${coins.length} coins, ${all.length} days`,
  };
}

function hours(answer) {
  const rows = answer.records;
  if (!rows.length) return null;
  return {
    traces: [
      { type: "bar", name: "Hours loaded", x: column(answer, "day"), y: column(answer, "hours"), marker: { color: faint(up(), 0.8) }, hovertemplate: "%{y} of 24 hours<extra></extra>" },
      ...(rows.some((row) => row.batches_failed) ? [{ type: "bar", name: "Files failed", x: column(answer, "day"), y: column(answer, "batches_failed"), marker: { color: down(), pattern: { shape: "/" } }, hovertemplate: "%{y} files failed<extra></extra>" }] : []),
    ],
    layout: frame({ barmode: "group", bargap: 0.2, yaxis: { range: [0, 25], tickvals: [0, 6, 12, 18, 24] }, shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: 24, y1: 24, line: { color: token("--soft"), width: 1, dash: "dot" } }] }),
    summary: `${rows.length} days, ${rows.filter((row) => row.hours === 24).length} of them whole`,
  };
}

function rejections(answer) {
  const groups = series(answer, "rule", "day", "broken");
  if (!groups.length) return { words: "Nothing was rejected in this time." };
  const palette = colours();
  return {
    traces: groups.map((group, place) => ({
      type: "bar", name: group.name, x: group.x, y: group.y,
      marker: { color: palette[place % palette.length], pattern: { shape: ["", "/", "x", ".", "\\", "+", "-", "|"][place % 8], size: 6 } },
      hovertemplate: "%{y}<extra>%{fullData.name}</extra>",
    })),
    layout: frame({ barmode: "stack", bargap: 0.2, yaxis: { rangemode: "tozero", nticks: 6 } }),
    summary: groups.map((group) => `${group.name} ${form.count(group.y.reduce((sum, one) => sum + one, 0))}`).join(", "),
  };
}

function duplicates(answer) {
  const values = column(answer, "duplicate_pct");
  if (!values.length) return null;
  return {
    traces: [{
      type: "scatter", mode: "lines+markers", x: column(answer, "day"), y: values, line: { color: up(), width: 2 }, marker: { size: 5 },
      customdata: answer.records.map((row) => [form.percent(row.duplicate_pct), form.count(row.records_duplicate), form.count(row.records_fetched)]),
      hovertemplate: "<b>%{customdata[0]}</b>: %{customdata[1]} of %{customdata[2]}<extra></extra>",
    }],
    layout: frame({ yaxis: amounts(values, (value) => form.percent(value, 1), { zero: true }) }),
    summary: `The last day ${form.percent(values.at(-1))}`,
  };
}

function budget(answer, also, context) {
  const limit = context.budget.limit;
  const so_far = answer.records.filter((row) => row.credits_so_far !== null);
  const used = so_far.at(-1)?.credits_so_far ?? 0;
  const days = column(answer, "day");
  return {
    traces: [
      { type: "bar", name: "Credits a day", x: days, y: column(answer, "credits"), marker: { color: faint(up(), 0.75) }, hovertemplate: "%{y:,} credits<extra></extra>" },
      { type: "scatter", mode: "lines+markers", name: "So far this month", x: so_far.map((row) => row.day), y: so_far.map((row) => row.credits_so_far), line: { color: down(), width: 2.2 }, marker: { size: 5 }, hovertemplate: "%{y:,} so far<extra></extra>" },
      ...(limit ? [{ type: "scatter", mode: "lines", name: `Budget of the plan ${context.budget.plan}`, x: [days[0], days.at(-1)], y: [limit, limit], line: { color: token("--soft"), width: 1.6, dash: "dash" }, hoverinfo: "skip" }] : []),
    ],
    layout: frame({ bargap: 0.2, xaxis: { range: [days[0], days.at(-1)] }, yaxis: amounts([used, limit ?? 0], form.count, { zero: true }) }),
    below: limit
      ? `${form.count(used)} of ${form.count(limit)} credits of the plan ${context.budget.plan} are used.`
      : `${form.count(used)} credits are used; the plan ${context.budget.plan} has no monthly limit that is known.`,
    summary: `${form.count(used)} credits so far${limit ? ` of ${form.count(limit)}` : ""}`,
  };
}

/** Of each currency, so that a yen and a bitcoin fit one plot. */
function rates(answer) {
  const groups = series(answer, "vs_currency", "day", "rate", "currency_name");
  if (!groups.length) return { words: "Prices are held in one currency only." };
  for (const group of groups) {
    const first = group.y[0];
    group.shown = group.y.map(form.price);
    group.y = group.y.map((value) => (100 * value) / first);
  }
  const traces = lines(groups, form.price).map((trace, place) => ({ ...trace, customdata: groups[place].shown }));
  return {
    traces,
    layout: frame({ yaxis: amounts(groups.flatMap((group) => group.y), form.price) }),
    height: phone() ? 300 : 340,
    summary: groups.map((group) => `${group.name} ${group.shown.at(-1)}`).join(", "),
  };
}

export const CHARTS = {
  "area-cap": area,
  "bars-volume": bars,
  dominance,
  treemap,
  movers,
  candles,
  indexed: (answer) => indexed(answer, "indexed", (value) => form.price(value), (value) => form.price(value)),
  drawdown: (answer) => indexed(answer, "drawdown_pct", (value) => form.percent(value, 1), (value) => form.percent(value, 0)),
  correlation,
  "currency-lines": (answer) => indexed(answer, "indexed", form.price, form.price, "vs_currency", "currency_name"),
  rates,
  coverage,
  "hours-fetched": hours,
  rejections,
  duplicates,
  budget,
};
