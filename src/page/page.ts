import { drawChart } from "./chart.ts";
import { byId } from "./dom.ts";
import type { PageEvents } from "./events.ts";
import { showFigures, titleOf } from "./figures.ts";
import type { Item } from "./layout.ts";
import { showNow } from "./now.ts";
import { Recent } from "./recent.ts";
import { showServer } from "./server.ts";
import { showStart } from "./start.ts";
import {
  EMPTY,
  type PageState,
  withRequest,
  withRunning,
  withServer,
  withSnapshot,
  withWarmUps,
} from "./state.ts";
import { Timeline } from "./timeline.ts";
import { showTimes } from "./times.ts";
import { shareTrend } from "./trend.ts";
import { showWarmUps } from "./warm-ups.ts";
import { showWaste } from "./waste.ts";
import { clock } from "./words.ts";

let state: PageState = EMPTY;
let isDue = false;
let isConnected = true;
const recent = new Recent({ pointed: (id) => timeline.point(id) });
const timeline = new Timeline({
  pointed: (id) => recent.point(id),
  session(session) {
    recent.filter({ session });
    byId("recent-title").scrollIntoView({ block: "nearest" });
  },
});

connect();
showStart();
addEventListener("resize", showSoon);
// Clocks go on between two events.
setInterval(() => {
  if (isConnected) showNow(state.running, Date.now());
}, 1000);
byId("failures").addEventListener("click", () => {
  recent.filter("failed");
  byId("recent-title").scrollIntoView({ block: "nearest" });
});

function connect(): void {
  const events = new EventSource("events");
  events.addEventListener("open", () => showConnection(true));
  events.addEventListener("error", () => showConnection(false));
  on(events, "snapshot", (stats) => withSnapshot(state, stats));
  on(events, "request", (request) => withRequest(state, request));
  on(events, "running", (running) => withRunning(state, running));
  on(events, "warm_ups", (warmUps) => withWarmUps(state, warmUps));
  on(events, "server", (server) => withServer(state, server));
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
  document.title = titleOf(state, isConnected);
  showServer(state.server);
  showFigures(state);
  showTimes(state.totals);
  showNow(state.running, Date.now());
  showWarmUps(state.warmUps);
  drawChart(byId<SVGSVGElement>("share-chart"), shareTrend(state.records));
  timeline.show(itemsOf(state));
  recent.show(state.records);
  showWaste(state.totals);
  byId("version").textContent = `version ${state.version}`;
}

/** Running requests already have the place that they keep when they end. */
function itemsOf({ records, running }: PageState): readonly Item[] {
  const ended = new Set(records.map(({ id }) => id));
  const going = running.filter(({ id }) => !ended.has(id));
  return [...records, ...going].toSorted((a, b) => a.id - b.id);
}

function showConnection(connected: boolean): void {
  if (isConnected && !connected) {
    timeline.hideDetails();
    const words = `No word from cache-proxy since ${clock(new Date().toISOString())}; trying again.`;
    byId("connection").textContent = words;
  }
  isConnected = connected;
  if (connected) byId("connection").textContent = "";
  document.body.dataset.connection = connected ? "live" : "lost";
  document.title = titleOf(state, connected);
}
