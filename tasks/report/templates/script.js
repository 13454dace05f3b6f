(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("scripted");

  function all(selector, from) {
    return Array.prototype.slice.call((from || document).querySelectorAll(selector));
  }

  /* language: #lang=zh in the address, or the links at the top */
  function speak(lang) {
    root.lang = lang === "zh" ? "zh-CN" : "en";
    all("a.language").forEach(function (a) {
      var on = a.getAttribute("href") === "#lang=" + lang;
      if (on) { a.setAttribute("aria-current", "true"); } else { a.removeAttribute("aria-current"); }
    });
  }
  function follow() {
    var hash = decodeURIComponent(location.hash.slice(1));
    var lang = /(?:^|&)lang=(en|zh)/.exec(hash);
    if (lang) { speak(lang[1]); }
    var target = document.getElementById(hash.split("&")[0]);
    for (var e = target; e; e = e.parentElement) {
      if (e.tagName === "DETAILS") { e.open = true; }
    }
    var part = target && target.querySelector("details.part");
    if (part) { part.open = true; }
    if (target) { target.scrollIntoView(); }
  }
  speak(root.lang.slice(0, 2));
  window.addEventListener("hashchange", follow);
  follow();

  /* theme: the reader's system until the button is pressed */
  all("button.theme").forEach(function (button) {
    button.addEventListener("click", function () {
      var dark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : window.matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
    });
  });

  /* tables: sort by a column; what is missing stays last */
  function value(row, index) {
    var cell = row.cells[index];
    if (cell.hasAttribute("data-na")) { return null; }
    if (cell.hasAttribute("data-v")) { return parseFloat(cell.getAttribute("data-v")); }
    return cell.innerText.trim();
  }
  function compare(a, b) {
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  }
  function sort(button) {
    var head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    var index = Array.prototype.indexOf.call(head.parentElement.children, head);
    var down = head.classList.contains("num");
    var next = head.getAttribute("aria-sort") === (down ? "descending" : "ascending")
      ? (down ? "ascending" : "descending") : (down ? "descending" : "ascending");
    all("th[aria-sort]", table).forEach(function (th) { th.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", next);
    var sign = next === "ascending" ? 1 : -1;
    var shown = all("tr:not(.beyond)", body).length;
    var rows = all("tr", body).map(function (row, i) { return { row: row, v: value(row, index), i: i }; });
    rows.sort(function (a, b) {
      if (a.v === null || b.v === null) {
        return a.v === b.v ? a.i - b.i : a.v === null ? 1 : -1;
      }
      return sign * compare(a.v, b.v) || a.i - b.i;
    });
    rows.forEach(function (r, i) {
      r.row.classList.toggle("beyond", i >= shown);
      body.appendChild(r.row);
    });
  }
  all("th button").forEach(function (button) {
    button.addEventListener("click", function () { sort(button); });
  });
  all("button.all").forEach(function (button) {
    button.addEventListener("click", function () {
      button.parentElement.querySelector("table").classList.remove("long");
      button.remove();
    });
  });

  /* commands: copy */
  all("button.copy").forEach(function (button) {
    button.addEventListener("click", function () {
      var area = document.createElement("textarea");
      area.value = button.dataset.copy;
      document.body.appendChild(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.classList.add("done");
      setTimeout(function () { button.classList.remove("done"); }, 1200);
    });
  });

  /* print: every section open */
  window.addEventListener("beforeprint", function () {
    all("details.part").forEach(function (d) {
      d.dataset.was = d.open ? "1" : "";
      d.open = true;
    });
  });
  window.addEventListener("afterprint", function () {
    all("details.part").forEach(function (d) { d.open = d.dataset.was === "1"; });
  });
})();
