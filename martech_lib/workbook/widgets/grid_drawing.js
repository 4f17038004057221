// What the table looks like: real cells for the rows in sight; the rest is room to scroll through.

const ROW_PX = 36;
const SPARE_ROWS = 6;
const LISTED_PROBLEMS = 20;

class GridDrawing {
  constructor(model, store) {
    Object.assign(this, { model, store, at: { row: 0, column: 0 }, drawn: new Map(), editing: null });
  }

  get columns() {
    return this.model.get("columns");
  }

  get rows() {
    return this.store.rows;
  }

  build() {
    this.addButton = button("Add row", () => this.addRow());
    this.removeButton = button("Remove row", () => this.removeRow());
    this.undoButton = button("Undo", () => this.undo());
    this.count = h("span", { class: "mw-hint" });
    const keys = h("span", { class: "mw-hint mw-keys", id: newId() }, "Enter edits; Esc, then Tab, leaves the table");
    const tools = h("div", { class: "mw-tools" }, this.addButton, this.removeButton, this.undoButton, this.count, keys);
    this.head = h("div", { class: "mw-row mw-head", role: "row", "aria-rowindex": 1 });
    this.body = h("div", { class: "mw-body", role: "rowgroup" });
    const headGroup = h("div", { class: "mw-headgroup", role: "rowgroup" }, this.head);
    this.grid = h("div", { class: "mw-grid", role: "grid", "aria-describedby": keys.id }, headGroup, this.body);
    this.box = h("div", { class: "mw-box" }, this.grid);
    this.hint = h("div", { class: "mw-hint mw-under" });
    this.message = messageArea();
    this.problemList = h("div", { class: "mw-problems" });
    this.tell = showFromPython(this.model, this.message.show);
    return h("div", { class: "mw-panel mw-table", "data-lm-suppress-shortcuts": "true" }, tools, this.box, this.hint,
      this.message.area, this.problemList);
  }

  paint() {
    this.grid.setAttribute("aria-label", this.model.get("label"));
    this.grid.setAttribute("aria-rowcount", this.rows.length + 1);
    this.grid.setAttribute("aria-colcount", this.columns.length);
    this.at.row = Math.max(0, Math.min(this.at.row, this.rows.length - 1));
    this.at.column = Math.max(0, Math.min(this.at.column, this.columns.length - 1));
    if (this.editing && this.editing.row >= this.rows.length) this.closeEditor(false);
    this.box.style.maxHeight = `${this.model.get("height")}px`;
    this.body.style.height = `${this.rows.length * ROW_PX}px`;
    this.findProblems();
    this.paintHead();
    this.paintRows();
    this.paintAround();
  }

  findProblems() {
    this.problems = new Map();
    for (const { row, column, message } of this.model.get("problems")) {
      const place = `${row}\n${column}`;
      this.problems.set(place, [...(this.problems.get(place) ?? []), message]);
    }
  }

  widthOf(column) {
    return column.width ?? WIDTHS[column.kind];
  }

  paintHead() {
    const wanted = JSON.stringify(this.columns);
    if (this.headFor === wanted) return;
    this.headFor = wanted;
    this.closeEditor(false);
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this.head.replaceChildren(...this.columns.map((column, i) => {
      const cell = h("div", { role: "columnheader", "aria-colindex": i + 1, title: column.help || column.label },
        column.label);
      return this.sized(cell, column);
    }));
  }

  sized(cell, column) {
    cell.classList.add("mw-cell", `mw-${column.kind}`);
    cell.style.setProperty("--mw-width", `${this.widthOf(column)}px`);
    return cell;
  }

  /** The rows in sight, some above and below, and the active one wherever it is: focus must not get lost. */
  wantedRows() {
    const first = Math.floor(this.box.scrollTop / ROW_PX) - SPARE_ROWS;
    const last = first + Math.ceil(this.model.get("height") / ROW_PX) + 2 * SPARE_ROWS;
    const wanted = new Set([this.at.row]);
    for (let row = Math.max(0, first); row <= last; row += 1) wanted.add(row);
    return [...wanted].filter((row) => row < this.rows.length).sort((a, b) => a - b);
  }

  paintRows() {
    const wanted = this.wantedRows();
    const keep = new Set(wanted);
    for (const [row, element] of this.drawn) {
      if (!keep.has(row)) element.remove(), this.drawn.delete(row);
    }
    wanted.forEach((row, i) => {
      const element = this.drawn.get(row) ?? this.newRow(row);
      if (this.body.children[i] !== element) this.body.insertBefore(element, this.body.children[i] ?? null);
      this.columns.forEach((column, c) => this.paintCell(element.children[c], row, column, c));
    });
  }

  newRow(row) {
    const element = h("div", { class: "mw-row", role: "row", "aria-rowindex": row + 2 });
    element.style.top = `${row * ROW_PX}px`;
    this.columns.forEach((column, c) => {
      const cell = h("div", {
        role: c ? "gridcell" : "rowheader",
        "aria-colindex": c + 1,
        "aria-readonly": column.read_only ? "true" : null,
        "data-row": row,
        "data-column": c,
      });
      element.append(this.sized(cell, column));
    });
    this.drawn.set(row, element);
    return element;
  }

  paintCell(cell, row, column, c) {
    const text = shown(column, this.rows[row][column.name] ?? "");
    const active = row === this.at.row && c === this.at.column;
    const problems = this.problems.get(`${row}\n${column.name}`) ?? [];
    cell.tabIndex = active ? 0 : -1;
    cell.classList.toggle("mw-active", active);
    if (problems.length) cell.setAttribute("aria-invalid", "true");
    else cell.removeAttribute("aria-invalid");
    const cut = text.length * 6 > this.widthOf(column) ? [text] : [];
    const title = [...problems, ...cut].join("\n");
    if (cell.title !== title) cell.title = title;
    if (this.editing?.cell !== cell && cell.textContent !== text) cell.textContent = text;
  }

  cellAt({ row, column }) {
    return this.drawn.get(row)?.children[column];
  }

  paintAround() {
    const name = this.rows[this.at.row]?.[this.columns[0]?.name] ?? "";
    const short = name.length > 24 ? `${name.slice(0, 23)}…` : name;
    this.removeButton.textContent = name ? `Remove row ${this.at.row + 1} (${short})` : `Remove row ${this.at.row + 1}`;
    this.addButton.hidden = this.removeButton.hidden = this.model.get("fixed");
    this.removeButton.disabled = !this.rows.length;
    this.undoButton.disabled = !this.store.undoable.length;
    this.count.textContent = counted(this.rows.length, "row");
    this.paintHint();
    this.paintProblems();
  }

  paintHint() {
    const column = this.columns[this.at.column];
    const problems = this.problems.get(`${this.at.row}\n${column?.name}`) ?? [];
    this.hint.classList.toggle("mw-error", problems.length > 0);
    const about = column ? [column.label, column.help].filter(Boolean).join(": ") : "";
    this.hint.textContent = problems.length ? problems.join(" ") : about;
  }

  paintProblems() {
    const all = this.model.get("problems");
    const more = all.length - LISTED_PROBLEMS;
    const items = all.slice(0, LISTED_PROBLEMS).map((problem) => h("li", {}, this.problemEntry(problem)));
    if (more > 0) items.push(h("li", {}, `and ${more.toLocaleString("en")} more`));
    const title = `${counted(all.length, "problem")} in this table`;
    this.problemList.replaceChildren(...(all.length ? [h("p", {}, title), h("ul", {}, ...items)] : []));
  }

  problemEntry({ row, column, message }) {
    const c = this.columns.findIndex(({ name }) => name === column);
    if (c < 0 || !this.rows[row]) return message;
    const jump = button(`Row ${row + 1}, ${this.columns[c].label}: ${message}`, () => this.goTo(row, c));
    jump.className = "mw-jump";
    return jump;
  }
}
