// A live chart. Vega comes from the widget that all charts share; it may arrive before or after this script.

const OPTIONS = { actions: false, renderer: "svg" };

function sharedVega() {
  if (globalThis.martechVega) return Promise.resolve(globalThis.martechVega);
  return new Promise((resolve) => {
    addEventListener("martech-vega", () => resolve(globalThis.martechVega), { once: true });
  });
}

// A chart as wide as its place can only be drawn once the place has a width.
function hasWidth(place) {
  return new Promise((resolve) => {
    const watch = new ResizeObserver(() => {
      if (place.clientWidth > 0) {
        watch.disconnect();
        resolve();
      }
    });
    watch.observe(place);
  });
}

// What a drawing is made of besides its rows and words. Where only these change, the drawing that stands takes them
// over, which is many times faster than drawing anew.
function formOf({ datasets, description, ...form }) {
  return JSON.stringify(form) + Object.keys(datasets ?? {});
}

function isEmpty(spec) {
  return !spec?.layer && !spec?.mark;
}

// An image only where there is one: its label tells a screen reader what the picture shows.
function describe(place, model, drawn) {
  const text = model.get("text");
  if (drawn && text) {
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", text);
  } else {
    place.removeAttribute("role");
    place.removeAttribute("aria-label");
  }
}

function clear(place, shown) {
  shown.view?.finalize();
  shown.view = null;
  shown.form = null;
  place.replaceChildren();
}

async function takeOver(view, { datasets = {} }) {
  for (const [name, rows] of Object.entries(datasets)) view.data(name, structuredClone(rows));
  await view.runAsync();
}

async function draw(place, model, shown) {
  const spec = model.get("spec");
  place.toggleAttribute("data-empty", isEmpty(spec));
  if (isEmpty(spec)) {
    clear(place, shown);
    return;
  }
  const form = formOf(spec);
  if (shown.view && form === shown.form) {
    await takeOver(shown.view.view, spec);
    return;
  }
  const [embed] = await Promise.all([sharedVega(), hasWidth(place)]);
  if (shown.gone) return;
  // Keep the height while the old chart goes and the new one comes, so that the page does not jump.
  place.style.minHeight = `${place.offsetHeight}px`;
  try {
    shown.view?.finalize();
    shown.view = null;
    shown.view = await embed(place, structuredClone(spec), OPTIONS);
    shown.form = form;
  } finally {
    place.style.minHeight = "";
  }
}

// Vega looks at the width of its place when the window changes; a place may also change alone.
function fit(place, shown) {
  const width = place.clientWidth;
  if (!width || width === shown.width) return;
  shown.width = width;
  const view = shown.view?.view;
  const inner = view?.container()?.clientWidth;
  if (inner) view.signal("width", inner).runAsync();
}

function render({ model, el }) {
  const place = document.createElement("div");
  place.className = "wb-live";
  const fault = document.createElement("p");
  fault.setAttribute("role", "alert");
  el.append(place);
  const shown = { view: null, form: null, width: 0, drawing: false, again: false, gone: false };

  async function redraw() {
    describe(place, model, !isEmpty(model.get("spec")));
    if (shown.drawing) {
      shown.again = true;
      return;
    }
    shown.drawing = true;
    try {
      do {
        shown.again = false;
        await draw(place, model, shown);
      } while (shown.again && !shown.gone);
      fault.remove();
    } catch (error) {
      clear(place, shown);
      describe(place, model, false);
      fault.textContent = `This chart could not be drawn: ${error.message}`;
      el.append(fault);
    } finally {
      shown.drawing = false;
      if (shown.gone) clear(place, shown);
    }
    if (shown.again && !shown.gone) redraw();
  }

  const resized = new ResizeObserver(() => fit(place, shown));
  resized.observe(el);
  // A busy page tells several changes at once, the last one last.
  const seen = new IntersectionObserver((changes) => {
    model.set("in_view", changes.at(-1).isIntersecting);
    model.save_changes();
  });
  seen.observe(el);
  model.on("change:spec", redraw);
  redraw();
  return () => {
    shown.gone = true;
    model.off("change:spec", redraw);
    resized.disconnect();
    seen.disconnect();
    clear(place, shown);
  };
}

export default { render };
