// The rows as the page knows them: what Python has confirmed, and on top of it what is still on its way there.
// A change is {kind: "edit", row, column, value} or {kind: "splice", row, remove, rows}; grid.py does the same.

function changed(rows, change) {
  const after = rows.slice();
  if (change.kind === "splice") after.splice(change.row, change.remove, ...change.rows);
  else if (after[change.row]) after[change.row] = { ...after[change.row], [change.column]: change.value };
  return after;
}

/** What takes the change back again. */
function inverse(rows, change) {
  const { kind, row } = change;
  if (kind === "edit") return { ...change, value: rows[row]?.[change.column] ?? "" };
  return { kind, row, remove: change.rows.length, rows: rows.slice(row, row + change.remove) };
}

class GridStore {
  constructor(model) {
    this.model = model;
    this.client = newId();
    this.sent = 0;
    this.undoable = [];
    this.watchers = new Set();
    this.revision = model.get("revision");
    this.structure = model.get("structure");
    this.confirmed = this.rows = model.get("rows").slice();
    this.pending = [];
    this.applied = model.get("applied"); // already in these rows
    listen(model, ["revision", "structure", "applied"], () => this.follow());
    listen(model, ["columns", "problems"], () => this.tell());
  }

  watch(callback) {
    this.watchers.add(callback);
    return () => this.watchers.delete(callback);
  }

  tell() {
    for (const callback of this.watchers) callback();
  }

  make(change) {
    this.undoable.push(inverse(this.rows, change));
    this.send(change);
  }

  /** Take the last change back; returns what was done, or undefined when there is nothing. */
  undo() {
    const change = this.undoable.pop();
    if (change) this.send(change);
    return change;
  }

  send(change) {
    const message = { ...change, client: this.client, seq: ++this.sent, structure: this.structure };
    this.pending.push(message);
    this.rows = changed(this.rows, change);
    this.model.send(message);
    this.tell();
  }

  /** Python has sent all rows, or has dealt with a change of this page or of another. */
  follow() {
    if (this.model.get("revision") !== this.revision) {
      this.revision = this.model.get("revision");
      this.confirmed = this.model.get("rows").slice();
    }
    if (this.model.get("structure") !== this.structure) {
      this.structure = this.model.get("structure");
      this.undoable = [];
      this.pending = []; // made for rows that have moved: Python refuses them
    }
    const applied = this.model.get("applied");
    if (applied !== this.applied) {
      this.applied = applied;
      if (applied.change) this.confirmed = changed(this.confirmed, applied.change);
      if (applied.client === this.client) this.pending = this.pending.filter((one) => one.seq > applied.seq);
    }
    this.rows = this.pending.reduce(changed, this.confirmed);
    this.tell();
  }
}
