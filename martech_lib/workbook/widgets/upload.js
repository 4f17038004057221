// A file input with a drop zone. A file over the limit is refused here, before a byte of it is sent.

function refusal(file, limit, instead) {
  const inWords = sizeText(file.size) !== sizeText(limit);
  const size = (bytes) => (inWords ? sizeText(bytes) : `${bytes.toLocaleString("en")} bytes`);
  return `${file.name} is ${size(file.size)}; the limit is ${size(limit)}. Nothing was sent. ${instead}`;
}

async function send(model, file, say) {
  say(`Reading ${file.name} (${sizeText(file.size)}) …`);
  try {
    const content = { kind: "file", name: file.name, size: file.size };
    model.send(content, undefined, [await file.arrayBuffer()]);
    return true;
  } catch (error) {
    say(`${file.name} could not be read (${error.name}). A folder, or a file that has moved, cannot be sent.`, "error");
    return false;
  }
}

/** What to do with chosen or dropped files: the first one, or the reason why not. */
function taker(model, message) {
  let note = [];
  let heard = () => {};
  const say = (text, kind, lines = []) => message.show(text, kind, [...note, ...lines]);
  listen(model, ["answered"], () => heard());
  const answer = showFromPython(model, say);
  listen(model, ["answered"], answer);
  return async (files) => {
    heard();
    if (!files.length) return;
    const [file] = files;
    note = files.length > 1 ? [`${files.length} files were given; only the first, ${file.name}, is read.`] : [];
    const limit = model.get("max_bytes");
    if (file.size > limit) say(refusal(file, limit, model.get("instead")), "error");
    else if (await send(model, file, say)) heard = whenSilent(say);
  };
}

function dropZone(zone, take) {
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("mw-over", on);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    event.stopPropagation();
    take([...event.dataTransfer.files]);
  });
}

function render({ model, el }) {
  const input = h("input", { type: "file", class: "mw-file" });
  const label = h("strong");
  const choose = h("label", { class: "mw-button mw-choose" }, "Choose a file", input);
  const limit = h("span", { class: "mw-hint" });
  const zone = h("div", { class: "mw-drop" }, label, choose, limit);
  const message = messageArea();
  const take = taker(model, message);
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that choosing the same file again is a change too
    take(files);
  });
  dropZone(zone, take);
  const paint = () => {
    label.textContent = model.get("label");
    input.setAttribute("aria-label", model.get("label"));
    input.accept = model.get("accept");
    limit.textContent = `or drop it here; up to ${sizeText(model.get("max_bytes"))}`;
  };
  listen(model, ["label", "accept", "max_bytes"], paint);
  paint();
  el.replaceChildren(h("div", { class: "mw-panel mw-upload" }, zone, message.area));
}

export default { render };
