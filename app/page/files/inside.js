// Actors, hot and waiting accounts, and repairs: asked for every few seconds while somebody can see them.

import {$, each, el, fillTable, setText, time, word} from './dom.js';
import {clock, count, micros, millis, quantile, unknown} from './format.js';

const pauseMs = 2000;
const actionsPauseMs = 10000;

const subject = ({letter, recordId, session}) => session ? `session ${session.pid} of ${session.user} (${session.application})`
  : `letter ${letter ?? unknown}${recordId ? `, record ${recordId}` : ''}`;
const sum = (list) => list.reduce((all, one) => all + one, 0);

// One row for each kind of actor; a number that not all of them have said is not known.
export function kinds(actors) {
  const all = new Map();
  for (const actor of actors) {
    const kind = all.get(actor.actor) ?? {name: actor.actor, actors: [], answered: 0};
    kind.actors.push(actor);
    kind.answered += actor.answered === false ? 0 : 1;
    all.set(actor.actor, kind);
  }
  const total = (kind, name) => {
    const values = kind.actors.map(({values: own}) => own?.[name]);
    return values.some((value) => typeof value !== 'number') ? null : sum(values);
  };
  const longest = (kind, name) => {
    const known = kind.actors.map(({histograms}) => quantile(histograms?.[name], 0.99)).filter((value) => value !== null);
    return known.length > 0 ? Math.max(...known) : null;
  };
  return [...all.values()].map((kind) => ({
    name: kind.name,
    count: total(kind, 'actors') ?? kind.actors.length,
    silent: kind.actors.length - kind.answered,
    mailbox: total(kind, 'mailbox'),
    messages: total(kind, 'messages_total'),
    mailboxUs: longest(kind, 'mailbox_time'),
    handlerUs: longest(kind, 'processing_time'),
    busyMs: Math.max(-1, ...kind.actors.map(({values}) => values?.busy_ms ?? -1)),
  }));
}

const actorColumns = [
  {head: true, update: (cell, kind) => setText(cell, kind.silent > 0 ? `${kind.name} (${kind.silent} do not answer)` : kind.name)},
  {text: (kind) => count(kind.count), class: 'num'},
  {text: (kind) => count(kind.mailbox), class: 'num'},
  {text: (kind) => count(kind.messages), class: 'num'},
  {text: (kind) => micros(kind.mailboxUs), class: 'num wider'},
  {text: (kind) => micros(kind.handlerUs), class: 'num wider'},
  {text: (kind) => (kind.busyMs < 0 ? unknown : kind.busyMs === 0 ? 'at rest' : millis(kind.busyMs)), class: 'num'},
];

const accountKey = (account) => `${account.userId}\n${account.currency}`;

// The button leads to the account's history.
function accountButton(open) {
  return (cell, account) => cell.append(el('button', {type: 'button', class: 'ghost', on: {click: () => open(account.userId)}}, account.userId));
}

export class Inside {
  constructor(link, openAccount) {
    this.link = link;
    this.hotColumns = [
      {class: 'grow', build: accountButton(openAccount)},
      {text: (account) => account.currency},
      {text: (account) => count(account.entries), class: 'num'},
    ];
    this.waitingColumns = [
      {class: 'grow', build: accountButton(openAccount)},
      {text: (account) => account.why ?? unknown},
      {text: (account) => count(account.entries), class: 'num'},
      {text: (account) => millis(account.oldestMs), class: 'num'},
    ];
    this.seen = new Set();
    const observer = new IntersectionObserver((entries) => entries.forEach((entry) => {
      this.seen[entry.isIntersecting ? 'add' : 'delete'](entry.target.id);
    }), {rootMargin: '200px'});
    ['actors', 'accounts', 'waiting', 'actions'].forEach((id) => observer.observe($(id)));
  }

  // Called now and then while the node is heard.
  async look() {
    const now = performance.now();
    if (document.hidden || this.busy || now < (this.next ?? 0)) {
      return;
    }
    this.busy = true;
    this.next = now + pauseMs;
    try {
      if (['actors', 'accounts', 'waiting'].some((id) => this.seen.has(id))) {
        this.show(await this.link.ask('/v1/actors', {limit: 10000}));
      }
      if (this.seen.has('actions') && now >= (this.nextActions ?? 0)) {
        this.nextActions = now + actionsPauseMs;
        this.showActions((await this.link.ask('/v1/actions?limit=30')).items);
      }
    } catch (failure) {
      this.next = now + Math.max(5000, 1000 * (failure.retryAfter ?? 0));
    } finally {
      this.busy = false;
    }
  }

  show({actors, hotAccounts, waitingAccounts}) {
    fillTable($('actor-rows'), kinds(actors), (kind) => kind.name, actorColumns, $('actors-empty'));
    setText($('actors-note'), `of this node: ${count(actors.length)} rows of ${count(new Set(actors.map(({actor}) => actor)).size)} kinds; \`ledgerd metrics\` shows each`);
    fillTable($('hot-rows'), hotAccounts ?? [], accountKey, this.hotColumns, $('hot-empty'));
    setText($('hot-empty'), hotAccounts ? 'None of late.' : 'Not available on this node.');
    fillTable($('waiting-rows'), waitingAccounts ?? [], accountKey, this.waitingColumns, $('waiting-empty'));
    setText($('waiting-empty'), waitingAccounts ? 'None: no account is set aside.' : 'Not available on this node.');
  }

  showActions(actions) {
    each($('action-rows'), actions, (action) => action.seq, (action) => el('li', {}, time(action.at, clock(action.at)), el('span', {},
      word(action.action, action.action === 'replay' ? 'unknown' : 'watch'),
      ` ${subject(action)}, by ${action.who ?? unknown}`
        + `${action.why ? `: ${action.why}` : ''}`)), () => {});
    $('actions-empty').hidden = actions.length > 0;
    setText($('actions-empty'), 'None so far.');
  }
}
