// What a cell shows, the field it is edited in, and a block pasted from a spreadsheet.

const WIDTHS = { text: 170, choice: 170, number: 110, money: 120, date: 125, boolean: 100 };
const SAME_AS = { yes: /^(yes|true|y|1)$/i, no: /^(no|false|n|0)$/i };

/** Money in groups of three, as people write it; anything that is not a plain number as it stands. */
function shown(column, value) {
  if (column.kind !== "money" || !/^\d{4,15}(\.\d+)?$/.test(value)) return value;
  return value.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
}

/** The options of a choice; a value that is not allowed stays among them, so that opening a cell changes nothing. */
function optionsFor(column, value) {
  const allowed = column.kind === "boolean" ? ["yes", "no"] : column.choices;
  const match = allowed.find((one) => isSame(column, one, value));
  const options = [["", "(blank)"], ...allowed.map((one) => [one === match ? value : one, one])];
  if (value && match === undefined) options.push([value, `${value} (not one of the choices)`]);
  return options;
}

function isSame(column, option, value) {
  if (column.kind === "boolean") return SAME_AS[option].test(value);
  return option.toLowerCase() === value.trim().toLowerCase();
}

function editorFor(column, value, typed, label) {
  if (column.kind === "choice" || column.kind === "boolean") return selectFor(column, value, typed, label);
  const numeric = column.kind === "number" || column.kind === "money";
  const input = h("input", {
    class: "mw-editor",
    "aria-label": label,
    placeholder: column.kind === "date" ? "YYYY-MM-DD" : null,
    inputmode: numeric ? "decimal" : null,
    autocomplete: "off",
    spellcheck: "false",
  });
  input.value = typed ?? value;
  return input;
}

function selectFor(column, value, typed, label) {
  const select = h("select", { class: "mw-editor", "aria-label": label });
  const options = optionsFor(column, value);
  for (const [key, text] of options) select.append(h("option", { value: key }, text));
  const first = typed && options.find(([, text]) => text.toLowerCase().startsWith(typed.toLowerCase()));
  select.value = first ? first[0] : value;
  return select;
}

/** "a\tb\n\"c\td\"" -> [["a", "b"], ["c d"]]: quoted as spreadsheets do, line breaks inside a cell become spaces. */
function cellsOf(text) {
  const rows = [[]];
  const pattern = /(?:"((?:[^"]|"")*)"(?=\t|\r?\n|$)|([^\t\n]*?))(\t|\r?\n|$)/gy;
  for (let found; pattern.lastIndex < text.length && (found = pattern.exec(text)); ) {
    const cell = found[1] === undefined ? found[2] : found[1].replaceAll('""', '"');
    rows.at(-1).push(cell.replace(/\s+/g, " ").trim());
    if (found[3].endsWith("\n")) rows.push([]);
    else if (found[3] === "\t" && pattern.lastIndex === text.length) rows.at(-1).push("");
  }
  return rows.at(-1).length ? rows : rows.slice(0, -1);
}

/** The rows a pasted block changes, as one splice, and how many cells of it found no place. */
function pasted(block, rows, columns, { row, column }) {
  let lost = 0;
  const blank = Object.fromEntries(columns.map(({ name }) => [name, ""]));
  const after = block.map((cells, i) => {
    const copy = { ...blank, ...rows[row + i] };
    cells.forEach((value, j) => {
      const target = columns[column + j];
      if (target && !target.read_only) copy[target.name] = value;
      else lost += 1;
    });
    return copy;
  });
  const remove = Math.min(block.length, rows.length - row);
  return { change: { kind: "splice", row, remove, rows: after }, lost };
}
