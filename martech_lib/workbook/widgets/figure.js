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

async function draw(place, model, shown) {
  const spec = model.get("spec");
  const [embed] = await Promise.all([sharedVega(), hasWidth(place)]);
  place.toggleAttribute("data-empty", !spec?.layer && !spec?.mark);
  if (place.hasAttribute("data-empty")) {
    place.replaceChildren();
    return;
  }
  // Keep the height while the old chart goes and the new one comes, so that the page does not jump.
  place.style.minHeight = `${place.offsetHeight}px`;
  shown.view?.finalize();
  shown.view = await embed(place, structuredClone(spec), OPTIONS);
  place.style.minHeight = "";
}

function render({ model, el }) {
  const place = document.createElement("div");
  place.className = "wb-live";
  place.setAttribute("role", "img");
  el.append(place);
  const shown = { view: null, drawing: false, again: false };

  async function redraw() {
    place.setAttribute("aria-label", model.get("text"));
    if (shown.drawing) {
      shown.again = true;
      return;
    }
    shown.drawing = true;
    try {
      do {
        shown.again = false;
        await draw(place, model, shown);
      } while (shown.again);
    } catch (error) {
      place.textContent = `This chart could not be drawn: ${error.message}`;
    } finally {
      shown.drawing = false;
    }
  }

  const resized = new ResizeObserver(() => dispatchEvent(new Event("resize")));
  resized.observe(el);
  const seen = new IntersectionObserver(([entry]) => {
    model.set("in_view", entry.isIntersecting);
    model.save_changes();
  });
  seen.observe(el);
  model.on("change:spec", redraw);
  redraw();
  return () => {
    model.off("change:spec", redraw);
    resized.disconnect();
    seen.disconnect();
    shown.view?.finalize();
  };
}

export default { render };
