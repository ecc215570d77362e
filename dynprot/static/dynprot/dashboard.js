/* The first page while a migration runs: its numbers follow it. When its state changes, the page is read anew. */

const EVERY = 3000;

function follow(place) {
  const parts = new Map([...place.querySelectorAll("[data-live]")].map((part) => [part.dataset.live, part]));
  let spoken = -1;
  const show = (live) => {
    for (const [name, text] of Object.entries(live.texts)) {
      const part = parts.get(name);
      if (part && part.textContent !== text) part.textContent = text;
    }
    parts.get("percent").value = live.percent;
    const tenth = Math.floor(live.percent / 10);
    if (tenth !== spoken) {
      if (spoken >= 0) parts.get("spoken").textContent = live.texts.people;
      spoken = tenth;
    }
  };
  const ask = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.dashboardLive, { headers: { Accept: "application/json", "X-Background": "1" } });
        if (await window.sessionIsOver(answer, place)) return;
        if (!answer.ok) throw new Error(String(answer.status));
        const live = await answer.json();
        if (live.state !== place.dataset.state) {
          location.reload();
          return;
        }
        show(live);
      } catch {
        // The server is away for a moment: asked again.
      }
    }
    setTimeout(ask, EVERY);
  };
  setTimeout(ask, EVERY);
}

for (const place of document.querySelectorAll("[data-dashboard-live]")) follow(place);
