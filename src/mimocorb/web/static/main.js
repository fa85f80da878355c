// Puts the parts of the page together: connection, views, head line, control.

import { Connection, takeToken } from "./connection.js";
import { $, count, duration, el, setText } from "./dom.js";
import { Histograms } from "./histograms.js";
import { RunView } from "./run.js";
import { Runs } from "./runs.js";
import { Scope } from "./scope.js";

const VIEWS = ["run", "scope", "histograms", "runs"];
const OLD_S = 8;
const REFUSALS = [401, 403, 421];

const page = {
  run: null, // the newest picture
  aheadMs: Infinity, // by which our clock is ahead of the gateway's, at most
  connected: false,
  maySteer: false,
  view: "run",
};

// Another link of this page, put into the same tab, changes nothing but what is behind the #.
window.addEventListener("hashchange", () => location.reload());

const connection = new Connection(takeToken(), {
  open() {
    page.connected = true;
    banner();
    askRights();
    parts.scope.watch();
  },
  closed() {
    page.connected = false;
    askRights(); // a socket that is refused does not say why
    banner();
  },
  message(kind, content) {
    const take = { picture: takePicture, about: takeAbout, log: (lines) => parts.run.takeLog(lines), history: (h) => parts.run.takeHistory(h, false), more_history: (h) => parts.run.takeHistory(h, true), trouble: ({ text }) => setText($("scope-event"), text) };
    take[kind]?.(content);
  },
  frame: (data) => parts.scope.take(data),
});
const link = {
  send: (message) => connection.send(message),
  json: (path, options) => connection.json(path, options),
  frame: (buffer, counter) => connection.frame(buffer, counter),
  complain: (text) => toast(text),
  say: (text) => toast(text),
  view: (name) => show(name),
};

chooseLooks();
const parts = { run: new RunView(), scope: new Scope(link), histograms: new Histograms(link), runs: new Runs(link) };
window.mimocorbPage = { page, parts }; // for tests and for the curious

// --- what comes

function takeAbout(about) {
  page.maySteer = false;
  parts.run.setAbout(about);
  parts.scope.setBuffers(about.buffers);
  parts.histograms.forget();
  parts.runs.formShown = false;
  askRights();
}

function takePicture(run) {
  const before = page.run;
  page.run = run;
  page.aheadMs = Math.min(page.aheadMs, Date.now() - 1000 * run.seen_s);
  const title = run.number ? `${run.title} · run ${run.number}` : run.title;
  setText($("title"), title);
  document.title = `${run.state} · ${title}`;
  setText($("state"), run.state);
  const failed = run.failures.length > 0 || ["killed", "given up"].includes(run.state);
  $("state").className = `state ${run.state.split(" ")[0]} ${failed ? "bad" : ""}`;
  setText($("events"), count(run.events));
  setText($("elapsed"), duration(run.active_s));
  alarms(run);
  if (page.view === "run" || before?.number !== run.number) parts.run.take(run);
  if (before?.ended !== run.ended) {
    parts.runs.setEnded(run.ended);
    if (before && page.view === "runs") parts.runs.show(true);
  }
  controls();
  banner();
}

async function askRights() {
  try {
    const { may_steer: maySteer, viewer_token: viewer } = await connection.json("/api/me");
    page.maySteer = parts.runs.maySteer = maySteer;
    page.viewer = viewer;
    page.refused = "";
  } catch (error) {
    page.refused = REFUSALS.includes(error.status) ? error.message : "";
    if (error.status === 401 && connection.token) page.refused = "The token in this link is none of this run. Use the whole link, as mimocorb web --link prints it.";
  }
  controls();
  banner();
}

// --- head line

function age() {
  const run = page.run;
  if (!run) return;
  const seconds = Math.max(0, (Date.now() - page.aheadMs) / 1000 - run.seen_s);
  if (run.ended) setText($("age"), run.ended_utc ? `ended ${run.ended_utc.slice(0, 19).replace("T", " ")} UTC` : "ended");
  else setText($("age"), `as of ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s ago`);
  if (!run.ended && seconds > OLD_S !== page.isOld) {
    page.isOld = seconds > OLD_S;
    banner();
  }
}
setInterval(age, 200);

function banner() {
  let text = "";
  if (page.refused && !page.connected) text = page.refused;
  else if (!page.connected && !page.run) text = "No connection to the gateway. Trying again …";
  else if (!page.connected) text = page.run.ended ? "" : "No connection to the gateway: what you see is old. Trying again …";
  else if (page.run?.unreachable) text = `The run does not answer: ${page.run.unreachable}`;
  else if (page.isOld && !page.run?.ended) text = "The run has not answered for some seconds: what you see is old.";
  setText($("banner"), text);
  $("banner").hidden = !text;
}

// --- alarms

// In all views: red until somebody knows of them, then yellow as long as they go on.
function alarms(run) {
  const shown = run.alarms.filter((alarm) => alarm.goes_on || !alarm.acknowledged_by);
  const unknown = shown.filter((alarm) => !alarm.acknowledged_by);
  const newest = (unknown.length ? unknown : shown).toSorted((a, b) => a.since_utc.localeCompare(b.since_utc)).at(-1);
  const button = $("alarms");
  button.hidden = !newest || run.ended;
  button.classList.toggle("known", !unknown.length);
  if (newest) setText(button, `▲ ${shown.length > 1 ? `${shown.length} alarms, ` : ""}${newest.kind}: ${newest.text}`);
  button.title = newest?.text ?? "";
  $("alarm-list").replaceChildren(...shown.map(alarmItem));
  $("acknowledge").hidden = !page.maySteer || !unknown.length;
}

function alarmItem(alarm) {
  const times = `since ${alarm.since_utc.slice(11, 19)} UTC${alarm.goes_on ? "" : ", over"}${alarm.count > 1 ? `, ${alarm.count} times` : ""}`;
  const known = alarm.acknowledged_by ? ` · acknowledged by ${alarm.acknowledged_by}` : "";
  return el("li", { class: alarm.acknowledged_by ? "warn" : "bad" }, el("b", {}, `${alarm.kind}, ${alarm.subject}`), `: ${alarm.text}`, el("div", { class: "faint" }, times + known));
}

$("alarms").addEventListener("click", async () => {
  if ((await answered($("alarms-dialog"))) === "acknowledge") steer("acknowledge");
});

// --- control

function controls() {
  const state = page.run?.state;
  const runs = ["running", "paused", "starting"].includes(state);
  $("controls").hidden = !page.maySteer;
  $("pause").hidden = !["running", "paused"].includes(state);
  setText($("pause"), state === "paused" ? "Resume" : "Pause");
  $("stop").hidden = !runs;
  $("end").hidden = !(runs || state === "draining");
}

async function steer(command, body) {
  try {
    await connection.json(`/api/${command}`, { method: "POST", body });
  } catch (error) {
    toast(error.message);
  }
}

// Show a dialog; returns the value of the button that closed it, "" if it was left with Escape.
function answered(dialog) {
  dialog.returnValue = ""; // else that of the last time
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

async function sure(text) {
  setText($("sure-text"), text);
  return (await answered($("sure-dialog"))) === "yes";
}

$("pause").addEventListener("click", () => steer(page.run.state === "paused" ? "resume" : "pause"));
$("stop").addEventListener("click", async () => {
  if (await sure("Stop the run? It takes no more data, processes what has been taken, and ends.")) steer("stop");
});
$("end").addEventListener("click", async () => {
  if (await sure("End the run at once? What has been taken and not processed is lost.")) steer("end");
});
$("write-note").addEventListener("click", async () => {
  if ((await answered($("note-dialog"))) !== "keep") return;
  steer("note", { kind: $("note-kind").value, text: $("note-text").value });
  $("note-text").value = "";
});
$("share").addEventListener("click", async () => {
  const address = `${location.origin}/#${page.viewer}`;
  try {
    await navigator.clipboard.writeText(address);
    toast("The link for those who only look has been copied.");
  } catch {
    toast(`For those who only look: ${address}`);
  }
});

let toastTimer;
function toast(text) {
  setText($("toast"), text);
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

// --- views and looks

function show(name) {
  page.view = name;
  for (const view of VIEWS) {
    $(`view-${view}`).hidden = view !== name;
    $(`tab-${view}`).setAttribute("aria-selected", view === name);
    $(`tab-${view}`).tabIndex = view === name ? 0 : -1;
  }
  for (const [part, object] of Object.entries(parts)) object.show(part === name);
  if (name === "run" && page.run) parts.run.take(page.run);
  sessionStorage.setItem("mimocorb view", name);
}

for (const view of VIEWS) $(`tab-${view}`).addEventListener("click", () => show(view));

function chooseLooks() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const set = () => {
    root.dataset.theme = localStorage.getItem("mimocorb theme") ?? (system.matches ? "dark" : "light");
    root.dataset.size = localStorage.getItem("mimocorb size") ?? "usual";
  };
  const changed = () => {
    set();
    for (const part of Object.values(parts)) part.theme?.();
    parts.scope.plot.theme();
    if (parts.scope.frame) parts.scope._channels(parts.scope.frame.head.channels, true);
  };
  set();
  system.addEventListener("change", changed);
  $("theme").addEventListener("click", () => {
    localStorage.setItem("mimocorb theme", root.dataset.theme === "dark" ? "light" : "dark");
    changed();
  });
  $("size").addEventListener("click", () => {
    localStorage.setItem("mimocorb size", root.dataset.size === "large" ? "usual" : "large");
    changed();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  if (number >= 1 && number <= VIEWS.length) show(VIEWS[number - 1]);
  else if (page.view === "scope" && event.key === " " && event.target.tagName !== "BUTTON") parts.scope.hold(!parts.scope.held);
  else if (page.view === "scope" && event.key === "c") parts.scope.toggleCursors();
  else if (page.view === "scope" && event.key === "a") parts.scope.autoscale();
  else if (page.view === "histograms" && event.key === "l") $("histogram-log").click();
  else return;
  event.preventDefault();
});

show(sessionStorage.getItem("mimocorb view") ?? "run");
connection.open();
