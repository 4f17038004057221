// A button that asks Python at the click, and saves the content that comes, if any does.

function save(buffer, filename, mime) {
  const url = URL.createObjectURL(new Blob([buffer], { type: mime }));
  const link = h("a", { href: url, download: filename, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000); // a browser may read it only after the click has ended
}

function render({ model, el }) {
  const message = messageArea();
  const tell = showFromPython(model, message.show);
  let asked = null;
  let heard = () => {};
  const ask = () => {
    if (asked) return;
    asked = newId();
    press.setAttribute("aria-busy", "true");
    heard = whenSilent((text, kind) => {
      settle();
      message.show(text, kind);
    });
    model.send({ kind: "want", asked });
  };
  const settle = () => {
    heard();
    asked = null;
    press.removeAttribute("aria-busy");
  };
  const press = button("", ask);
  model.on("msg:custom", (answer, buffers) => {
    if (!asked || answer.asked !== asked) return;
    settle();
    tell();
    if (answer.kind === "content") save(buffers[0], answer.filename, answer.mime);
  });
  const paint = () => (press.textContent = model.get("label"));
  listen(model, ["label"], paint);
  paint();
  el.replaceChildren(h("div", { class: "mw-panel mw-download" }, press, message.area));
}

export default { render };
