// The table at work: one cell is active, moved, edited and pasted into by keyboard, mouse or touch.
// Keys: arrows, Tab, Home, End, Page move; Enter, F2 or typing edits; Escape cancels; Delete clears; Ctrl+Z undoes;
// Escape and then Tab leaves the table, so that nobody is caught in it.

class GridView extends GridDrawing {
  constructor(model, store, el) {
    super(model, store);
    el.replaceChildren(this.build());
    this.listenToPeople();
    listen(model, ["height", "label", "fixed"], () => this.paint());
    listen(model, ["applied"], () => model.get("message") && this.tell()); // the same refusal twice is told twice
    const unwatch = store.watch(() => this.paint());
    const watchSize = new ResizeObserver(() => this.paintRows());
    watchSize.observe(this.box);
    this.leave = () => (unwatch(), watchSize.disconnect());
    this.paint();
  }

  listenToPeople() {
    this.box.addEventListener("scroll", () => this.paintRows());
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    this.grid.addEventListener("mousedown", (event) => this.onPress(event));
    this.grid.addEventListener("dblclick", () => this.openEditor());
    this.grid.addEventListener("paste", (event) => this.onPaste(event));
    this.grid.addEventListener("copy", (event) => this.onCopy(event));
    this.grid.addEventListener("focusout", () => (this.leaving = false));
  }

  // Moving --------------------------------------------------------------------------------------------------

  goTo(row, column) {
    this.at = {
      row: Math.max(0, Math.min(row, this.rows.length - 1)),
      column: Math.max(0, Math.min(column, this.columns.length - 1)),
    };
    this.reveal();
    this.paintRows();
    this.paintAround();
    this.cellAt(this.at)?.focus({ preventScroll: true });
  }

  /** Scroll the box, never the page, until the active cell is clear of the header and the first column. */
  reveal() {
    const { box } = this;
    const top = this.at.row * ROW_PX;
    const below = top + ROW_PX + this.head.offsetHeight - box.clientHeight;
    box.scrollTop = Math.min(top, Math.max(box.scrollTop, below));
    const cell = this.head.children[this.at.column];
    const fixed = this.head.children[0].offsetWidth;
    if (!this.at.column) return;
    const right = cell.offsetLeft + cell.offsetWidth - box.clientWidth;
    box.scrollLeft = Math.min(cell.offsetLeft - fixed, Math.max(box.scrollLeft, right));
  }

  /** One cell on, or back; at the end of a row to the next; false past the last: then Tab leaves the table. */
  step(by) {
    const place = this.at.row * this.columns.length + this.at.column + by;
    if (place < 0 || place >= this.rows.length * this.columns.length) return false;
    this.goTo(Math.floor(place / this.columns.length), place % this.columns.length);
    return true;
  }

  moveFor(event) {
    const { row, column } = this.at;
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW_PX) - 2);
    const far = event.ctrlKey || event.metaKey;
    return {
      ArrowUp: [far ? 0 : row - 1, column],
      ArrowDown: [far ? Infinity : row + 1, column],
      ArrowLeft: [row, far ? 0 : column - 1],
      ArrowRight: [row, far ? Infinity : column + 1],
      Home: [far ? 0 : row, 0],
      End: [far ? Infinity : row, Infinity],
      PageUp: [row - page, column],
      PageDown: [row + page, column],
    }[event.key];
  }

  onKey(event) {
    event.stopPropagation(); // a notebook around the table has shortcuts of its own
    if (event.isComposing) return;
    const done = this.editing ? this.onEditorKey(event) : this.onGridKey(event);
    if (done) event.preventDefault();
  }

  onGridKey(event) {
    const { key, shiftKey } = event;
    const command = event.ctrlKey || event.metaKey || event.altKey;
    const move = event.altKey ? undefined : this.moveFor(event);
    if (key === "Escape") return (this.leaving = true);
    if (key === "Tab") return !this.leaving && this.step(shiftKey ? -1 : 1);
    this.leaving = false;
    if (move) return this.goTo(...move), true;
    if (command) return key.toLowerCase() === "z" && !shiftKey && !event.altKey && (this.undo(), true);
    if (key === "Enter" || key === "F2") return this.openEditor(), true;
    if (key === "Delete" || key === "Backspace") return this.setCell(""), true;
    if (key.length === 1) return this.openEditor(key), true;
    return false;
  }

  onEditorKey({ key, shiftKey }) {
    if (key === "Escape") return this.closeEditor(false), true;
    if (key === "Enter") return this.closeEditor(true), this.goTo(this.at.row + (shiftKey ? -1 : 1), this.at.column), true;
    if (key === "Tab") return this.closeEditor(true), this.step(shiftKey ? -1 : 1);
    return false;
  }

  onPress(event) {
    const cell = event.target.closest("[data-row]");
    if (!cell || cell === this.editing?.cell || event.button !== 0) return;
    event.preventDefault();
    const again = document.activeElement === cell;
    this.goTo(Number(cell.dataset.row), Number(cell.dataset.column));
    if (again) this.openEditor();
  }

  // Editing -------------------------------------------------------------------------------------------------

  openEditor(typed) {
    const column = this.columns[this.at.column];
    const cell = this.cellAt(this.at);
    if (!cell || this.editing) return;
    if (column.read_only) return this.message.show(`${column.label} cannot be edited here.`);
    const value = this.rows[this.at.row][column.name] ?? "";
    const field = editorFor(column, value, typed, `${column.label}, row ${this.at.row + 1}`);
    this.editing = { ...this.at, column, cell, field };
    cell.replaceChildren(field);
    this.listenToField(field);
    field.focus();
    if (typed === undefined) field.select?.();
  }

  /** A choice made by mouse or touch counts at once; one reached by arrow keys waits for Enter or Tab. */
  listenToField(field) {
    let byKey = false;
    field.addEventListener("keydown", () => (byKey = true));
    field.addEventListener("pointerdown", () => (byKey = false));
    field.addEventListener("blur", () => this.closeEditor(true));
    field.addEventListener("change", () => {
      if (field.tagName === "SELECT" && !byKey) this.closeEditor(true);
    });
  }

  closeEditor(commit) {
    if (!this.editing) return;
    const { row, column, cell, field } = this.editing;
    const hadFocus = document.activeElement === field;
    const value = field.value;
    this.editing = null; // first, for taking a focused field away makes it blur
    cell.replaceChildren(shown(column, this.rows[row]?.[column.name] ?? ""));
    if (hadFocus) cell.focus({ preventScroll: true });
    if (commit && this.rows[row]) this.edit(row, column, value);
  }

  /** Make a change; whatever was said of the one before is out of date. */
  make(change, text = "") {
    this.message.show(text);
    this.store.make(change);
  }

  edit(row, column, value) {
    if (value === (this.rows[row][column.name] ?? "")) return;
    this.make({ kind: "edit", row, column: column.name, value });
  }

  setCell(value) {
    const column = this.columns[this.at.column];
    if (this.rows[this.at.row] && !column.read_only) this.edit(this.at.row, column, value);
  }

  addRow() {
    const blank = Object.fromEntries(this.columns.map(({ name }) => [name, ""]));
    this.make({ kind: "splice", row: this.rows.length, remove: 0, rows: [blank] });
    this.goTo(this.rows.length - 1, 0);
  }

  removeRow() {
    const { row } = this.at;
    this.make({ kind: "splice", row, remove: 1, rows: [] }, `Row ${row + 1} was removed. Undo brings it back.`);
  }

  undo() {
    const change = this.store.undo();
    if (!change) return this.message.show("There is nothing to undo.");
    const column = this.columns.findIndex(({ name }) => name === change.column);
    this.goTo(change.row, column < 0 ? this.at.column : column);
  }

  onPaste(event) {
    if (this.editing) return;
    const block = cellsOf(event.clipboardData.getData("text/plain"));
    event.preventDefault();
    event.stopPropagation();
    if (!block.length) return;
    const fitting = this.model.get("fixed") ? block.slice(0, this.rows.length - this.at.row) : block;
    const { change, lost } = pasted(fitting, this.rows, this.columns, this.at);
    const all = lost + block.slice(fitting.length).flat().length;
    const left = all ? ` ${counted(all, "cell")} found no place: outside the table, or read-only.` : "";
    this.make(change, `Pasted ${counted(fitting.length, "row")}.${left}`);
  }

  onCopy(event) {
    if (this.editing || !this.rows.length) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", this.rows[this.at.row][this.columns[this.at.column].name] ?? "");
  }
}

export default () => {
  let store;
  return {
    initialize: ({ model }) => void (store = new GridStore(model)),
    render: ({ model, el }) => new GridView(model, store, el).leave,
  };
};
