/* The page of a run keeps itself fresh while the run is at work. Without this script the page is the same, by reload. */
"use strict";

(() => {
  const EVERY = 2000;
  const LONGEST = 30000;
  const run = document.getElementById("run");
  if (!run) return;

  const announcer = document.getElementById("run-announce");
  let signature = run.dataset.signature;
  let watched = run.dataset.watched === "yes";
  let wait = EVERY;
  let timer = 0;

  const note = (text) => {
    const line = run.querySelector("[data-live-note]");
    if (line && line.textContent !== text) line.textContent = text;
  };

  const alive = () => note(run.querySelector("[data-live-note]")?.dataset.alive ?? "");

  const announce = (text) => {
    announcer.textContent = "";
    window.setTimeout(() => { announcer.textContent = text; }, 50);
  };

  /* Makes `old` like `fresh`, touching only what differs, so that focus, scrolling and open details stay. */
  const morph = (old, fresh) => {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh.cloneNode(true));
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const now = [...old.childNodes];
    const then = [...fresh.childNodes];
    then.forEach((child, index) => (now[index] ? morph(now[index], child) : old.append(child.cloneNode(true))));
    now.slice(then.length).forEach((child) => child.remove());
  };

  const isBeingFilledIn = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

  /* More has changed than numbers: the head with its buttons, and the tab unless somebody is typing in it. */
  const reloadParts = async () => {
    const answer = await fetch(window.location.href, { credentials: "same-origin", headers: { Accept: "text/html", "X-Background": "1" } });
    if (!answer.ok || answer.redirected) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("run");
    if (!fresh) return false;
    for (const id of ["run-head", "run-tab"]) {
      const old = document.getElementById(id);
      const part = page.getElementById(id);
      if (old && part && !(id === "run-tab" && (isBeingFilledIn(old) || old.querySelector("form[method=post]")))) morph(old, part);
    }
    signature = fresh.dataset.signature;
    watched = fresh.dataset.watched === "yes";
    return true;
  };

  const showTexts = (texts) => {
    for (const [slot, text] of Object.entries(texts)) {
      const place = run.querySelector(`[data-live="${slot}"]`);
      if (place && place.textContent !== text) place.textContent = text;
    }
  };

  const showProgress = (percent) => {
    const bar = run.querySelector("[data-live-progress]");
    if (!bar) return;
    if (percent === null) bar.removeAttribute("value");
    else bar.value = percent;
  };

  /* The last column is the tick, which only a fresh page changes. False when the table has other rows by now. */
  const showEquation = ({ rows, slices }) => {
    const panel = run.querySelector("[data-live-equation]");
    if (!panel) return true;
    const lines = [...panel.querySelectorAll("tbody tr, tfoot tr")];
    const wanted = lines.length || rows.length > 1 ? rows : [];
    if (lines.length !== wanted.length) return false;
    const bars = panel.querySelectorAll(".dp-slice").length;
    if (bars !== Object.keys(slices).length) return false;
    lines.forEach((line, index) => {
      [...line.cells].slice(0, -1).forEach((cell, column) => {
        const text = wanted[index][column];
        if (cell.textContent !== text) cell.textContent = text;
      });
    });
    for (const [outcome, percent] of Object.entries(slices)) {
      const bar = panel.querySelector(`.dp-slice--${outcome}`);
      if (bar) bar.style.width = `${percent}%`;
    }
    return true;
  };

  const showFigures = (values) => {
    if (run.dataset.tab !== "overview") return;
    const places = run.querySelectorAll("#run-tab .dp-figure-value");
    values.forEach((value, index) => {
      if (places[index] && places[index].textContent !== value) places[index].textContent = value;
    });
  };

  const show = async (live) => {
    const same = showEquation(live.equation);
    showFigures(live.figures);
    showTexts(live.texts);
    showProgress(live.percent);
    if (live.signature !== signature || !same) {
      const before = run.dataset.status;
      if (!(await reloadParts())) throw new Error("the page did not come");
      if (before !== live.status) announce(`${live.state}. ${live.sentence}`);
    }
    run.dataset.status = live.status;
  };

  const ask = async () => {
    try {
      const answer = await fetch(run.dataset.liveUrl, { credentials: "same-origin", headers: { Accept: "application/json", "X-Background": "1" } });
      if (await window.sessionIsOver(answer, run)) {
        note("");
        return;
      }
      if (answer.redirected || answer.status === 403) {
        note(run.dataset.signedOut);
        announce(run.dataset.signedOut);
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const live = await answer.json();
      await show(live);
      wait = EVERY;
      alive();
    } catch {
      wait = Math.min(wait * 2, LONGEST);
      note(run.dataset.lost);
    }
    plan();
  };

  const plan = () => {
    window.clearTimeout(timer);
    if (watched && !document.hidden) timer = window.setTimeout(ask, wait);
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? window.clearTimeout(timer) : watched && ask()));
  run.dataset.status = run.dataset.status ?? "";
  if (watched) {
    alive();
    plan();
  }
})();
