// What makes the pages alive. Everything works without it.
"use strict";
(() => {
  const language = document.documentElement.lang;

  // Times in the reader's zone; the title keeps UTC.
  const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const instant = new Date(time.dateTime);
      if (!Number.isNaN(instant.valueOf())) time.textContent = clock.format(instant);
    }
  };

  // Counting down to an instant.
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const count = () => {
    for (const span of document.querySelectorAll("[data-until]")) {
      const left = Math.round((new Date(span.dataset.until) - Date.now()) / 1000);
      const [unit, size] = units.find(([, seconds]) => Math.abs(left) >= seconds) ?? units[3];
      span.textContent = left > 0 ? `(${relative.format(Math.trunc(left / size), unit)})` : "";
    }
  };

  // Buttons that copy.
  const copying = (root) => {
    for (const box of root.querySelectorAll("[data-copy]:not(body)")) {
      if (box.querySelector("button") || !navigator.clipboard) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = document.body.dataset.copy;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(box.querySelector("pre").textContent);
        button.textContent = document.body.dataset.copied;
        setTimeout(() => { button.textContent = document.body.dataset.copy; }, 1500);
      });
      box.append(button);
    }
  };

  // One box that ticks all.
  const choosing = (root) => {
    for (const all of root.querySelectorAll("[data-all]")) {
      all.hidden = false;
      all.addEventListener("change", () => {
        for (const box of all.closest("form").querySelectorAll(`[name="${all.dataset.all}"]`)) box.checked = all.checked;
      });
    }
  };

  // Whether the service is there. While it is not, a bar says so.
  const bar = document.createElement("p");
  bar.className = "away";
  bar.setAttribute("role", "alert");
  bar.textContent = document.body.dataset.away;
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const answers = async () => {
    try { return (await fetch(document.body.dataset.alive, { cache: "no-store" })).ok; } catch { return false; }
  };
  let returning;
  const back = () => {
    returning ??= (async () => {
      document.querySelector("main").before(bar);
      do await pause(1000); while (!(await answers()));
      bar.remove();
      returning = undefined;
    })();
    return returning;
  };

  // What is pressed stays until it is let go: exchanged in between, it would not hear of it.
  let held = Promise.resolve(), release = () => {};
  const hold = (until) => { held = Promise.race([until, pause(3000)]); };
  const letGo = () => { const now = release; setTimeout(() => now()); };
  for (const name of ["pointerdown", "keydown"]) {
    addEventListener(name, () => { release(); hold(new Promise((done) => { release = done; })); }, true);
  }
  for (const name of ["pointerup", "pointercancel", "keyup"]) addEventListener(name, letGo, true);
  addEventListener("blur", (event) => { if (event.target === window) letGo(); });
  const free = async () => {
    let seen;
    do { seen = held; await seen; } while (seen !== held);
  };

  // A form is sent when there is somebody to take it: a browser's own error would lose what is in it.
  const asked = new WeakSet(), sure = new WeakSet();
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    // Not form.method: that may be a field of this name.
    if (form.getAttribute("method") !== "post" || sure.delete(form)) return;
    event.preventDefault();
    if (asked.has(form)) return;
    asked.add(form);
    const asking = answers();
    hold(asking);
    asking.then((there) => {
      asked.delete(form);
      if (!there) { back(); return; }
      sure.add(form);
      form.requestSubmit(button);
    });
  });

  // The server renders; the parts of the page that changed are taken over from its new rendering.
  const written = new Map();
  for (const part of document.querySelectorAll("[data-part]")) written.set(part.id, part.innerHTML);
  const dress = (root) => { localise(root); copying(root); choosing(root); };
  const takeOver = (fresh) => {
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const here = document.getElementById(part.id);
      if (!here || written.get(part.id) === part.innerHTML) continue;
      written.set(part.id, part.innerHTML);
      const open = [...here.querySelectorAll("details")].map((item) => item.open);
      const ticked = new Set([...here.querySelectorAll("input:checked")].map((item) => item.value));
      const inside = here.contains(document.activeElement) ? document.activeElement : null;
      const buttons = [...here.querySelectorAll("a, button, input, summary, [tabindex]")];
      const place = buttons.indexOf(inside);
      const scrolled = [...here.querySelectorAll(".scroll")].map((item) => [item.scrollLeft, item.scrollTop]);
      here.replaceChildren(...part.childNodes);
      here.querySelectorAll("details").forEach((item, k) => { if (open[k]) item.open = true; });
      here.querySelectorAll(".scroll").forEach((item, k) => { if (scrolled[k]) [item.scrollLeft, item.scrollTop] = scrolled[k]; });
      for (const box of here.querySelectorAll("input[type=checkbox][value]")) box.checked ||= ticked.has(box.value);
      if (place >= 0) [...here.querySelectorAll("a, button, input, summary, [tabindex]")][place]?.focus();
      dress(here);
    }
    document.title = fresh.title;
    count();
  };

  const main = document.querySelector("main");
  const live = (url) => {
    let source, over = false, busy = false, again = false, broken = false;
    const close = () => { source?.close(); source = undefined; };
    const end = () => { over = true; close(); };
    const renew = async () => {
      if (busy) { again = true; return; }
      busy = true;
      do {
        again = false;
        try {
          const answer = await fetch(location.href, { headers: { Accept: "text/html,application/xhtml+xml" } });
          if (answer.status >= 500) throw new Error(answer.statusText);
          if (!answer.ok) { end(); location.reload(); return; }
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          await free();
          takeOver(fresh);
          const next = fresh.querySelector("main");
          main.dataset.state = next.dataset.state ?? "";
          if (!next.dataset.events) end();
        } catch {
          await ((await answers()) ? pause(2000) : back());
          again = true;
        }
        await pause(250);
      } while (again);
      busy = false;
    };
    const open = () => {
      if (source || over) return;
      const mine = source = new EventSource(url);
      source.addEventListener("error", async () => {
        broken = true;
        if (await answers()) {
          // It tries again by itself, save after some answers.
          if (mine.readyState !== EventSource.CLOSED) return;
          renew();
          await pause(5000);
        } else await back();
        if (mine !== source) return;
        close();
        if (!document.hidden) open();
      });
      source.addEventListener("open", () => { if (broken) renew(); broken = false; });
      source.addEventListener("job", (event) => { if (event.lastEventId !== main.dataset.state) renew(); });
      source.addEventListener("job_deleted", () => {
        if (main.dataset.state === undefined) { renew(); return; }
        end();
        location.assign(location.pathname.replace(/\/[^/]*$/, ""));
      });
    };
    // A browser holds only so many connections to one host: tabs in the background give theirs up.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { broken = true; close(); } else open();
    });
    addEventListener("pagehide", close);
    open();
  };

  // The editor: the circuit is looked at while it is written.
  const editing = (form) => {
    for (const item of form.querySelectorAll("[data-scriptless]")) item.hidden = true;
    form.querySelectorAll(".editor textarea").forEach((text) => {
      const lines = text.parentElement.querySelector(".lines");
      const found = form.querySelector(`#${text.id.replace("circuit", "found")}`);
      const mark = (line) => {
        lines.querySelectorAll(".bad").forEach((item) => item.classList.remove("bad"));
        if (line) lines.children[line - 1]?.classList.add("bad");
        if (found.querySelector(".alert")) text.setAttribute("aria-invalid", "true");
        else text.removeAttribute("aria-invalid");
      };
      const grow = () => {
        const wanted = text.value.split("\n").length + 1;
        while (lines.children.length < wanted) lines.append(document.createElement("li"));
        if (!CSS.supports("field-sizing", "content")) text.rows = Math.max(wanted, 12);
      };
      let timer, turn = 0;
      const look = async () => {
        const mine = ++turn;
        const data = new FormData(form);
        data.set("CIRCUIT", text.value);
        try {
          const answer = await fetch(form.dataset.check, { method: "POST", body: new URLSearchParams(data) });
          if (!answer.ok || mine !== turn) return;
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".checked");
          const kept = fresh.querySelector(".circuit") ? null : found.querySelector(".scroll");
          found.replaceChildren(fresh);
          found.classList.toggle("old", Boolean(kept));
          if (kept && text.value.trim()) fresh.append(kept);
          dress(found);
          mark(fresh.dataset.line);
        } catch {
          // What was found before stays.
          if (await answers()) return;
          await back();
          if (mine === turn) look();
        }
      };
      const soon = () => { clearTimeout(timer); timer = setTimeout(look, 350); };
      text.addEventListener("input", () => { grow(); soon(); });
      for (const name of ["TARGET", "SHOTS", "LANG", "BINDINGS"]) form.elements[name]?.addEventListener("change", soon);
      grow();
      if (text.value.trim() && !found.querySelector(".circuit, .alert")) look();
    });
  };

  dress(document);
  count();
  setInterval(count, 1000);
  document.querySelectorAll("form[data-check]").forEach(editing);
  if (main.dataset.events) live(main.dataset.events);
})();
