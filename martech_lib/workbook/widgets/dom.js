// Shared by the three controls. What people or files wrote reaches the page as text only, never as markup.

const PATIENCE_MS = 30000;

/** An element with attributes (true: present, false or null: absent) and children; strings become text. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Something no other page, view or change is called. */
function newId() {
  return `mw-${Math.random().toString(36).slice(2)}`;
}

function button(label, onClick) {
  const element = h("button", { type: "button", class: "mw-button" }, label);
  element.addEventListener("click", onClick);
  return element;
}

function listen(model, names, callback) {
  for (const name of names) model.on(`change:${name}`, callback);
}

/** A live region that screen readers announce: one line, and further lines as a list. */
function messageArea() {
  const area = h("div", { class: "mw-message", role: "status", "aria-live": "polite" });
  const show = (text, kind = "info", lines = []) => {
    area.classList.toggle("mw-error", kind === "error");
    const list = h("ul", {}, ...lines.map((line) => h("li", {}, line)));
    area.replaceChildren(...(text ? [h("p", {}, text)] : []), ...(lines.length ? [list] : []));
  };
  return { area, show };
}

/** Show what Python says, now and whenever it changes. */
function showFromPython(model, show) {
  const update = () => show(model.get("message"), model.get("message_kind"), model.get("messages"));
  listen(model, ["message", "message_kind", "messages"], update);
  update();
  return update;
}

/** Say so when no answer comes: a kernel that stopped tells nobody. Returns what cancels the wait. */
function whenSilent(say) {
  const timer = setTimeout(() => {
    say("No answer yet. If this stays, the page has lost its kernel: reload the page.", "error");
  }, PATIENCE_MS);
  return () => clearTimeout(timer);
}

/** 1 row, 5,000 rows. */
function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** 9000000 -> "9 MB": decimal units, as file managers and limits are written. */
function sizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = Math.min(3, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const digits = power && bytes / 1000 ** power < 100 ? 1 : 0;
  return `${Number((bytes / 1000 ** power).toFixed(digits))} ${units[power]}`;
}
