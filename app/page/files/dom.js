// Small ways to write into the page. Everything goes in as text: no markup is ever made of what came from outside.

export const $ = (id) => document.getElementById(id);

// An element with attributes and children; text is text.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      Object.entries(value).forEach(([event, call]) => node.addEventListener(event, call));
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

export function setLevel(node, level) {
  if (node.dataset.level !== level) {
    node.dataset.level = level;
  }
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}

// Lets the children of `parent` be one for each item, in their order. A child stays the same element as long as its
// key is there, so that focus and choice stay, too.
export function each(parent, items, keyOf, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    old.delete(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    if (child === place) {
      place = place.nextElementSibling;
    } else {
      parent.insertBefore(child, place);
    }
    update(child, item);
  }
  old.forEach((child) => child.remove());
}

// Rows of a table. A column is {text(item), class?, head?, build?(cell, item)}: `build` fills the cell of a new row,
// `text` says what stands in it now. Without rows the table hides behind the sentence `empty`.
export function fillTable(body, items, keyOf, columns, empty) {
  each(body, items, keyOf, (item) => {
    const row = el('tr');
    columns.forEach((column) => {
      const cell = column.head ? el('th', {scope: 'row'}) : el('td');
      if (column.class) {
        cell.className = column.class;
      }
      column.build?.(cell, item);
      row.append(cell);
    });
    return row;
  }, (row, item) => {
    columns.forEach((column, index) => {
      if (column.text) {
        setText(row.children[index], column.text(item));
      }
      column.update?.(row.children[index], item);
    });
  });
  const table = body.closest('table');
  (table.parentElement.classList.contains('scroll') ? table.parentElement : table).hidden = items.length === 0;
  empty.hidden = items.length > 0;
}

// Opens a dialog, and gives the focus back when it closes: to what had it, or, when nothing can be done there any more, to
// the title of its section.
export function openDialog(dialog) {
  const before = document.activeElement;
  if (!dialog.open) {
    dialog.showModal();
    const title = $(before?.closest('section')?.getAttribute('aria-labelledby'));
    dialog.addEventListener('close', () => (before?.isConnected && !before.disabled ? before : title)?.focus(), {once: true});
  }
}

// Buttons with data-close close their dialog.
export function closeButtons() {
  for (const button of document.querySelectorAll('[data-close]')) {
    button.addEventListener('click', () => button.closest('dialog').close());
  }
}

// A word with a colour of its own.
export function word(text, level) {
  const node = el('span', {class: 'word', 'data-level': level});
  node.textContent = text;
  return node;
}

export function time(text, shown) {
  return el('time', {datetime: text ?? '', title: text ?? ''}, shown);
}

