// What a reader chooses, and the panels that follow it.

import { CHARTS, colours } from "./charts.js";
import * as form from "./format.js";
import { TEXTS, make, raw } from "./tables.js";

const context = JSON.parse(document.getElementById("context").textContent);
const filters = document.getElementById("filters");
const said = document.getElementById("said");
const panels = [...document.querySelectorAll(".panel")];
const drawn = new Map();

const fields = () => [...(filters?.querySelectorAll("[data-name]") ?? [])];

/** What is chosen: from the address, which so is a link to what is shown. */
function chosen() {
  const address = new URLSearchParams(location.search);
  return Object.fromEntries(fields().map((field) => [field.dataset.name, address.get(field.dataset.name) || field.dataset.default]));
}

function choose(changes) {
  const address = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) address.set(name, value);
  history.replaceState(null, "", `?${address}`);
  show();
}

function showChosen(params) {
  for (const field of fields()) {
    const value = params[field.dataset.name];
    if (field.matches("fieldset")) {
      for (const input of field.querySelectorAll("input")) input.checked = input.value === value;
    } else if (field.matches(".coins")) {
      showCoins(field, value.split(","));
    } else {
      const input = field.querySelector("select, input");
      if (document.activeElement !== input || input.matches("select")) input.value = value;
    }
  }
  for (const link of document.querySelectorAll("nav a")) {
    // The currency goes along from page to page.
    if (params.currency) link.search = `?${new URLSearchParams({ currency: params.currency })}`;
  }
}

function showCoins(field, coins) {
  const name = (id) => document.querySelector(`#coin-list option[value="${CSS.escape(id)}"]`)?.textContent ?? id;
  const palette = colours();
  field.querySelector("ul").replaceChildren(...coins.map((id, place) => {
    const remove = make("button", { type: "button", "aria-label": `Remove ${name(id)}` }, "×");
    remove.addEventListener("click", () => {
      const left = coins.filter((one) => one !== id);
      if (left.length) choose({ [field.dataset.name]: left.join(",") });
      field.querySelector("input").focus();
    });
    return make("li", {}, make("i", { style: `background:${palette[place % palette.length]}`, "aria-hidden": "true" }), make("span", {}, name(id)), coins.length > 1 ? remove : null);
  }));
}

/** The id of what was typed: an id, a symbol or a name of a coin. */
function coinOf(text) {
  const wanted = text.trim().toLowerCase();
  const options = [...document.querySelectorAll("#coin-list option")];
  const found =
    options.find((option) => option.value === wanted) ??
    options.find((option) => option.textContent.toLowerCase() === wanted) ??
    options.find((option) => option.textContent.toLowerCase().split(" ")[0] === wanted) ??
    options.find((option) => option.textContent.toLowerCase().includes(wanted));
  return found?.value ?? wanted;
}

filters?.addEventListener("submit", (event) => event.preventDefault());
filters?.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.value.trim()) return;
  const field = input.closest("[data-name]");
  if (field.matches(".coins")) {
    const coins = chosen()[field.dataset.name].split(",");
    const added = coinOf(input.value);
    input.value = "";
    if (coins.length >= Number(field.dataset.most)) tell(`No more than ${field.dataset.most} coins at a time.`);
    else if (!coins.includes(added)) choose({ [field.dataset.name]: [...coins, added].join(",") });
  } else if (input.hasAttribute("list")) {
    input.value = coinOf(input.value);
    choose({ [field.dataset.name]: input.value });
  } else {
    choose({ [field.dataset.name]: input.value });
  }
});

const tell = (words) => said && (said.textContent = words);

async function ask(query, params) {
  const response = await fetch(`/data/${query}.json?${new URLSearchParams(params)}`);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  answer.records = answer.rows.map((row) => Object.fromEntries(answer.columns.map((name, place) => [name, row[place]])));
  return answer;
}

let turn = 0;

/** Ask for all that the page shows, each query once, and draw it. */
async function show() {
  const mine = ++turn;
  const params = chosen();
  showChosen(params);
  const asked = new Map();
  const once = (query) => asked.get(query) ?? asked.set(query, ask(query, params)).get(query);
  await Promise.all(panels.map(async (panel) => {
    const plot = panel.querySelector(".plot");
    plot.setAttribute("aria-busy", "true");
    try {
      const also = panel.dataset.also.split(" ").filter(Boolean);
      const [answer, ...more] = await Promise.all([panel.dataset.query, ...also].map(once));
      if (mine !== turn) return;
      const others = Object.fromEntries(also.map((query, place) => [query, more[place]]));
      drawn.set(panel, [answer, others, params]);
      draw(panel);
    } catch (error) {
      if (mine !== turn) return;
      drawn.delete(panel);
      empty(plot, make("p", { class: "said wrong" }, `This cannot be shown: ${error.message}`));
    } finally {
      if (mine === turn) plot.removeAttribute("aria-busy");
    }
  }));
  if (mine === turn) {
    document.body.dataset.shown = String(mine);
    tell("The page shows what you chose.");
  }
}

function empty(plot, ...content) {
  if (plot.classList.contains("chart")) {
    Plotly.purge(plot.firstElementChild);
    plot.classList.remove("chart");
  }
  plot.replaceChildren(...content);
}

function draw(panel) {
  const [answer, others, params] = drawn.get(panel);
  const plot = panel.querySelector(".plot");
  const chart = CHARTS[panel.dataset.chart];
  if (chart) drawChart(panel, plot, answer.records.length ? chart(answer, others, context) ?? {} : {}, answer);
  else empty(plot, TEXTS[panel.dataset.chart](answer, others, context, params) ?? make("p", { class: "said" }, "Nothing to show for this choice."));
  const link = panel.querySelector("[data-export]");
  link.href = `/data/${panel.dataset.query}.csv?${new URLSearchParams(params)}`;
  for (const part of ["rows", "sql"]) if (!panel.querySelector(`.${part}`).hidden) fill(panel, part);
}

function drawChart(panel, plot, made, answer) {
  if (!made.traces) {
    const nothing = panel.dataset.chart === "rejections" ? "Nothing was rejected in this time." : "Nothing to show for this choice.";
    return empty(plot, make("p", { class: "said" }, made.words ?? (panel.dataset.chart === "rates" ? "Prices are held in one currency only." : nothing)));
  }
  if (!plot.classList.contains("chart")) {
    plot.replaceChildren(make("div", { role: "img" }));
    plot.classList.add("chart");
  }
  const figure = plot.firstElementChild;
  const height = made.height ?? 300;
  plot.style.setProperty("--height", `${height}px`);
  figure.style.height = `${height}px`;
  figure.setAttribute("aria-label", `${panel.querySelector("h2").textContent}: ${made.summary}. The button Table shows the figures.`);
  Plotly.react(figure, made.traces, { ...made.layout, height }, { displayModeBar: false, responsive: true, doubleClick: false, showTips: false });
  if (made.select && !figure.dataset.selects) {
    figure.dataset.selects = "yes";
    figure.on("plotly_treemapclick", (event) => {
      const target = made.select(event.points[0]);
      if (target) location.href = `/${target.page}?${new URLSearchParams({ coin: target.coin, currency: chosen().currency })}`;
      return false;
    });
  }
  panel.querySelector(".below")?.remove();
  if (made.below) plot.after(make("p", { class: "note below" }, made.below));
}

function fill(panel, part) {
  const place = panel.querySelector(`.${part}`);
  if (!drawn.has(panel)) return;
  const [answer] = drawn.get(panel);
  if (part === "rows") return place.replaceChildren(raw(answer));
  const copy = make("button", { type: "button" }, "Copy");
  copy.addEventListener("click", () => navigator.clipboard.writeText(answer.sql).then(() => tell("The SQL is copied.")));
  place.replaceChildren(
    make("pre", { tabindex: 0, role: "group", "aria-label": "SQL, scrolls" }, answer.sql),
    make("p", {}, `For psql, as any role that reads gold. ${form.count(answer.rows.length)} rows in ${Math.max(1, Math.round(answer.seconds * 1000))} ms.`, copy),
  );
}

for (const panel of panels) {
  for (const button of panel.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      const place = panel.querySelector(`.${button.dataset.show}`);
      place.hidden = !place.hidden;
      button.setAttribute("aria-expanded", String(!place.hidden));
      if (!place.hidden) fill(panel, button.dataset.show);
    });
  }
}

function redraw() {
  for (const panel of panels) if (drawn.has(panel)) draw(panel);
  showChosen(chosen());
}

const zone = document.getElementById("zone");
const theme = document.getElementById("theme");
function showSwitches() {
  const utc = form.zone === "utc";
  zone.textContent = utc ? "UTC" : "Local time";
  zone.setAttribute("aria-label", utc ? "Times are in UTC. Show them in your own time zone" : `Times are in ${form.ownZone}. Show them in UTC`);
  document.getElementById("zone-said").textContent = `times in ${utc ? "UTC" : form.ownZone}`;
  const dark = document.documentElement.dataset.theme === "dark";
  theme.textContent = dark ? "Light" : "Dark";
  theme.setAttribute("aria-label", dark ? "Change to light" : "Change to dark");
}
zone.addEventListener("click", () => {
  form.changeZone();
  showSwitches();
  redraw();
});
theme.addEventListener("click", () => {
  const to = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = to;
  localStorage.setItem("theme", to);
  showSwitches();
  redraw();
});
addEventListener("popstate", show);

showSwitches();
if (panels.length) show();
