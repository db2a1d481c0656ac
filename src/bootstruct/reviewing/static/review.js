// Keys for everything, the time an item is looked at, and what to say when something could not be saved.
// Without this script the pages still work: plain forms and links.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typing = (target) => target.closest?.("textarea, input:not([type=radio]), select");
  let since = performance.now(), looked = 0; // milliseconds the item was visible

  // The time an item was in front of somebody: the clock stands while the tab is hidden.
  const begin = () => { looked = 0; since = performance.now(); };
  const spent = () => (looked + (document.hidden ? 0 : performance.now() - since)) / 1000;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) looked += performance.now() - since; else since = performance.now();
  });
  document.addEventListener("submit", (event) => {
    const field = one("input[name=seconds]", event.target);
    if (field) field.value = spent().toFixed(1);
  }, true);

  // The question that `y` and `n` answer.
  const questions = () => all("fieldset.question");
  const isAnswered = (question) => !!one("input:checked", question);
  const marked = () => questions().findIndex((each) => each.classList.contains("current"));
  const mark = (number) => questions().forEach((each, n) => each.classList.toggle("current", n === number));
  const markNext = () => mark(questions().findIndex((each) => !isAnswered(each)));
  const choose = (question, value) => {
    const input = one(`input[value=${value}]`, question);
    if (input) input.checked = true;
    question.classList.remove("missing");
  };
  const answer = (value) => {
    if (marked() < 0) markNext(); // a key may come before the new item is settled: it is for the first open question
    const at = marked() >= 0 ? marked() : questions().length - 1;
    choose(questions()[at], value);
    const later = questions().findIndex((each, n) => n > at && !isAnswered(each));
    if (later >= 0) mark(later); else markNext();
  };
  const send = (form) => {
    const missing = questions().filter((each) => !isAnswered(each));
    missing.forEach((each) => each.classList.add("missing"));
    if (missing.length) markNext(); else form.requestSubmit();
  };

  const help = () => { const keys = one("#keys"); if (keys.open) keys.close(); else keys.showModal(); };

  const quality = (event, form) => {
    const count = questions().length, at = marked();
    switch (event.key) {
      case "y": case "n": answer(event.key === "y" ? "yes" : "no"); return true;
      case "a": questions().forEach((each) => choose(each, "yes")); markNext(); return true;
      case "1": case "2": case "3": mark(Number(event.key) - 1); return true;
      case "ArrowUp": mark(at <= 0 ? count - 1 : at - 1); return true;
      case "ArrowDown": mark((at + 1) % count); return true;
      case "Enter": send(form); return true;
    }
    return false;
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target, form = one("form[data-judge]");
    if (one("#keys")?.open) { if (event.key === "?") { event.preventDefault(); help(); } return; }
    if (typing(target)) {
      if (event.key === "Escape") { target.blur(); event.preventDefault(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form?.classList.contains("quality")) {
        event.preventDefault(); send(form);
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Enter" && target.closest?.("a, button, summary")) return;
    if (event.key === "e" && one("textarea[name=note]")) {
      event.preventDefault(); one("textarea[name=note]").focus(); return;
    }
    if (event.repeat && event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (form?.classList.contains("quality") && quality(event, form)) { event.preventDefault(); return; }
    const wanted = all("[data-key]").find((each) => each.dataset.key === event.key && !each.disabled);
    if (wanted) { event.preventDefault(); wanted.click(); }
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-help]")) help(); });
  document.addEventListener("change", (event) => {
    const question = event.target.closest?.("fieldset.question");
    if (question) { question.classList.remove("missing"); markNext(); }
  });

  // A new item stands on the page.
  const shown = (first) => {
    begin();
    if (one("fieldset.question")) markNext();
    if (one("#stage") && !first) { one("#stage").focus({preventScroll: true}); window.scrollTo({top: 0}); }
    ages();
  };
  const ages = () => all("[data-since]").forEach((each) => {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - Number(each.dataset.since)));
    const words = seconds < 90 ? `${seconds} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
    each.textContent = `journal written ${words} ago`;
  });

  // Nothing is lost silently: the form stays as it is, and says so.
  const trouble = (text) => { const box = one("#trouble"); box.textContent = text; box.hidden = !text; };
  const isWatch = (event) => !!event.target.closest?.("[data-watch]");
  document.addEventListener("htmx:response:error", (event) => {
    const {text, response} = event.detail.ctx;
    const told = (response.headers.get("content-type") || "").startsWith("text/plain") ? text : "";
    const door = "This page belongs to an earlier start. Open the address that was printed last in another tab, then send again.";
    trouble(`${isWatch(event) ? "Not up to date" : "Not saved"}. ${told || (response.status === 403 ? door : `The server answered ${response.status}.`)}`);
  });
  document.addEventListener("htmx:error", (event) => {
    trouble(isWatch(event)
      ? "The server cannot be reached; what is shown is from a moment ago."
      : "Not saved: the server cannot be reached. Your answer is still here; start bootstruct review again and send it once more.");
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.response?.status >= 400) return; // nothing was put in its place
    trouble("");
    if (isWatch(event)) ages(); else shown(false);
  });
  shown(true);
})();
