// What became of a record, and what an account holds, with its running balance.

import {$, el, setText, time} from './dom.js';
import {clock, count, unknown} from './format.js';

const pageSize = 20;

function table(caption, heads, rows) {
  return el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption},
    el('table', {}, el('thead', {}, el('tr', {}, ...heads.map(([text, kind]) => el('th', {scope: 'col', class: kind}, text)))),
      el('tbody', {}, ...rows)));
}

function failed(failure) {
  const words = {
    404: 'Nothing is known under this.', 403: 'This token lacks the scope that this needs.', 400: failure.message,
  };
  return el('p', {class: 'empty'}, words[failure.status] ?? `No answer: ${failure.message}`);
}

export class Lookup {
  constructor(link) {
    this.link = link;
    this.form = $('lookup-form');
    this.answer = $('lookup-answer');
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.look();
    });
    this.form.addEventListener('change', () => this.choose());
    this.choose();
  }

  kind() {
    return this.form.elements.what.value;
  }

  choose() {
    const record = this.kind() === 'record';
    setText($('lookup-label'), record ? 'Record id' : 'User');
    $('lookup-key').inputMode = record ? 'numeric' : 'text';
  }

  open(kind, key) {
    this.form.elements.what.value = kind;
    this.choose();
    $('lookup-key').value = key;
    $('lookup').scrollIntoView();
    $('lookup-key').focus({preventScroll: true});
    return this.look();
  }

  async look() {
    const key = $('lookup-key').value.trim();
    this.answer.setAttribute('aria-busy', 'true');
    const number = this.number = (this.number ?? 0) + 1;
    const nodes = await (this.kind() === 'record' ? this.record(key) : this.account(key)).catch((failure) => [failed(failure)]);
    if (number === this.number) { // else a later question is under way
      this.answer.replaceChildren(...nodes);
      this.answer.removeAttribute('aria-busy');
    }
  }

  async record(key) {
    const path = `/v1/trace/${encodeURIComponent(key)}`;
    const story = await this.link.ask(path).catch((failure) => {
      if (failure.code === 'NOT_FOUND' && failure.message.includes('under this path')) { // a node that cannot tell it
        return this.link.ask(`/v1/transactions/${encodeURIComponent(key)}`).then((found) => ({
          conclusion: `${found.status}${found.reason ? `: ${found.reason}` : ''}`,
          events: [{at: found.createdAt, what: 'recorded', detail: `${found.type} of ${found.amount} ${found.currency} for ${found.userId}`}],
        }));
      }
      throw failure;
    });
    const user = story.row?.userId ?? story.record?.userId;
    return [
      el('p', {class: 'conclusion'}, story.conclusion),
      el('ol', {class: 'story'}, ...(story.events ?? []).map((event) => el('li', {},
        event.at ? time(event.at, clock(event.at))
          : event.after ? time(event.after, `after ${clock(event.after)}`) : el('span', {class: 'quiet'}, 'time not known'),
        el('strong', {}, event.what),
        el('span', {}, [event.node && `${event.node}:`, event.detail].filter(Boolean).join(' '))))),
      ...(story.notes ?? []).map((note) => el('p', {class: 'quiet'}, note)),
      ...(user ? [el('p', {}, el('button', {type: 'button', class: 'ghost', on: {click: () => this.open('account', user)}}, `Account of ${user}`))] : []),
    ];
  }

  async account(user) {
    const base = `/v1/accounts/${encodeURIComponent(user)}`;
    const {accounts} = await this.link.ask(base);
    const rows = el('tbody');
    const older = el('button', {type: 'button', class: 'ghost'}, 'Older');
    let before = null;
    const more = async () => {
      older.disabled = true;
      const page = await this.link.ask(`${base}/transactions?limit=${pageSize}${before ? `&before=${encodeURIComponent(before)}` : ''}`);
      before = page.next;
      rows.append(...page.items.map((item) => this.posting(item)));
      older.hidden = before === null;
      older.disabled = false;
    };
    older.addEventListener('click', () => more().catch((failure) => older.replaceWith(failed(failure))));
    await more();
    const history = table(`Postings of ${user}, the newest first`, [['At'], ['Record', 'num'], ['Type'], ['Status'], ['Amount', 'num'], ['Balance after', 'num']], []);
    history.querySelector('tbody').replaceWith(rows);
    return [
      table(`Balances of ${user}`, [['Currency'], ['Balance', 'num'], ['Postings', 'num'], ['Last']], accounts.map((account) => el('tr', {},
        el('th', {scope: 'row'}, account.currency), el('td', {class: 'num'}, account.balance), el('td', {class: 'num'}, count(account.seq)),
        el('td', {}, time(account.updatedAt, clock(account.updatedAt)))))),
      el('h3', {}, 'Postings'), history, older,
    ];
  }

  posting(item) {
    return el('tr', {},
      el('td', {}, time(item.updatedAt ?? item.createdAt, clock(item.updatedAt ?? item.createdAt))),
      el('td', {class: 'num'}, el('button', {type: 'button', class: 'ghost', on: {click: () => this.open('record', String(item.recordId))}}, String(item.recordId))),
      el('td', {}, item.type),
      el('td', {}, item.reason ? `${item.status} (${item.reason})` : item.status),
      el('td', {class: 'num'}, `${item.amount} ${item.currency}`),
      el('td', {class: 'num'}, item.balanceAfter ?? unknown));
  }
}
