/* For pages that keep themselves fresh: when the session is over they stop asking, and say where to sign in again. */
"use strict";

/* Whether `answer` is the server's word that nobody is signed in any more; then it stands before `place`, with the way back to this page. */
window.sessionIsOver = async (answer, place) => {
  if (answer.status !== 401) return false;
  const { detail, page } = await answer.json();
  const link = document.createElement("a");
  link.className = "dp-link";
  link.href = `${page}?${new URLSearchParams({ next: window.location.pathname + window.location.search })}`;
  link.textContent = detail;
  const note = document.createElement("p");
  note.className = "dp-note dp-note--warning";
  note.setAttribute("role", "alert");
  note.append(link);
  place.before(note);
  return true;
};
