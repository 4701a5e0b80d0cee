import { grouped } from "../format/numbers.ts";
import { drawChart, roundUp } from "./chart.ts";
import { byId } from "./dom.ts";
import type { PageEvents } from "./events.ts";
import { showFigures } from "./figures.ts";
import type { Item } from "./layout.ts";
import { showNow } from "./now.ts";
import { showRecent } from "./recent.ts";
import { EMPTY, type PageState, withRequest, withRunning, withSnapshot, withWarmUps } from "./state.ts";
import { Timeline } from "./timeline.ts";
import { shareTrend, speedTrend } from "./trend.ts";
import { showWarmUps } from "./warm-ups.ts";
import { showWaste } from "./waste.ts";

let state: PageState = EMPTY;
let isDue = false;
const timeline = new Timeline();

connect();
addEventListener("resize", showSoon);
// Waiting times count up between two events.
setInterval(() => showNow(state.running, Date.now()), 1000);
byId("address").textContent = location.origin;

function connect(): void {
  const events = new EventSource("events");
  events.addEventListener("open", () => showConnection("live"));
  events.addEventListener("error", () => showConnection("lost"));
  on(events, "snapshot", (stats) => withSnapshot(state, stats));
  on(events, "request", (request) => withRequest(state, request));
  on(events, "running", (running) => withRunning(state, running));
  on(events, "warm_ups", (warmUps) => withWarmUps(state, warmUps));
}

function on<Name extends keyof PageEvents>(
  events: EventSource,
  name: Name,
  next: (data: PageEvents[Name]) => PageState,
): void {
  events.addEventListener(name, (event) => {
    state = next(JSON.parse(event.data));
    showSoon();
  });
}

/** At most once per frame. */
function showSoon(): void {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(show);
}

function show(): void {
  isDue = false;
  if (!state.totals) return;
  document.body.dataset.state = state.records.length + state.running.length > 0 ? "used" : "new";
  showFigures(state.totals);
  showNow(state.running, Date.now());
  showWarmUps(state.warmUps);
  showCharts();
  timeline.show(itemsOf(state));
  showRecent(state.records);
  showWaste(state.totals);
  byId("version").textContent = `version ${state.version}`;
}

function showCharts(): void {
  const share = shareTrend(state.records);
  const speed = speedTrend(state.records);
  const most = roundUp(Math.max(1, ...speed.points.map(({ y }) => y)));
  const marks = [0, 0.5, 1].map((value) => ({ value, label: `${value * 100} %` }));
  drawChart(byId<SVGSVGElement>("share-chart"), share, { most: 1, marks });
  const steps = [0, most / 2, most].map((value) => ({ value, label: grouped(value) }));
  drawChart(byId<SVGSVGElement>("speed-chart"), speed, { most, marks: steps });
}

/** Running requests already have the place that they keep when they end. */
function itemsOf({ records, running }: PageState): readonly Item[] {
  const ended = new Set(records.map(({ id }) => id));
  const going = running.filter(({ id }) => !ended.has(id));
  return [...records, ...going].toSorted((a, b) => a.id - b.id);
}

function showConnection(connection: "live" | "lost"): void {
  document.body.dataset.connection = connection;
  byId("connection").textContent = connection === "live" ? "live" : "connection lost, trying again";
}
