/* The preview of a migration: follows the calculation, and shows in the form only what the choices need. */

const EVERY = 1500;

function showFor(form) {
  const parts = form.querySelectorAll("[data-shown-for]");
  const update = () => {
    const chosen = new FormData(form);
    for (const part of parts) {
      const [name, value] = part.dataset.shownFor.split("=");
      part.hidden = chosen.get(name) !== value && !part.querySelector(".dp-error");
    }
  };
  form.addEventListener("change", update);
  // unfold's script expects a text field of its own beside every file input, and throws where there is none.
  form.addEventListener("change", (event) => event.target.type === "file" && event.stopPropagation(), true);
  update();
}

function follow(place) {
  const part = (name) => place.querySelector(`[data-live="${name}"]`);
  let spoken = 0;
  const ask = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.previewLive, { headers: { Accept: "application/json", "X-Background": "1" } });
        if (await window.sessionIsOver(answer, place)) return;
        if (!answer.ok) throw new Error(String(answer.status));
        const live = await answer.json();
        if (!live.at_work) {
          location.reload();
          return;
        }
        part("percent").value = live.percent;
        part("label").textContent = live.label;
        if (live.percent - spoken >= 20) {
          spoken = live.percent;
          part("spoken").textContent = live.label;
        }
      } catch {
        // The server is away for a moment: asked again.
      }
    }
    setTimeout(ask, EVERY);
  };
  setTimeout(ask, EVERY);
}

for (const form of document.querySelectorAll("[data-start-form]")) showFor(form);
for (const place of document.querySelectorAll("[data-preview-live]")) follow(place);
