// The live page: binds its parts together.

import {$, closeButtons, openDialog, setLevel, setText} from './dom.js';
import {millis} from './format.js';
import {Inside} from './inside.js';
import {Letters} from './letters.js';
import {Link} from './link.js';
import {Lookup} from './lookup.js';
import {showOverview} from './overview.js';
import {Repair} from './repair.js';

const states = {
  connecting: {text: 'Connecting', level: 'unknown'},
  live: {text: 'Live', level: 'good'},
  draining: {text: 'Draining', level: 'watch'},
  stale: {text: 'Stale', level: 'watch'},
  lost: {text: 'Reconnecting', level: 'bad'},
  token: {text: 'Token needed', level: 'watch'},
};

function showState(state, sentence) {
  document.documentElement.dataset.state = state;
  const {text, level} = states[state];
  setText($('state'), text);
  setLevel($('state'), level);
  setText($('spoken'), [text, sentence].filter(Boolean).join('. '));
  if (state === 'lost' || state === 'token') {
    setLevel($('verdict'), 'unknown');
    setText($('verdict-text'), state === 'token' ? 'Nobody knows: this node asks for a token.' : 'Nobody knows: the node is not heard.');
    setText($('verdict-why'), sentence || 'The numbers below are the last that were heard.');
  }
}

function showSilence(state, silence) {
  const seconds = Math.floor(silence / 1000);
  const heard = state === 'live' || state === 'draining' || silence === null;
  setText($('heard'), heard ? '' : `last heard ${seconds < 120 ? `${seconds} s` : millis(silence)} ago`);
}

function askToken(why) {
  setText($('token-why'), why || 'One with the scope operate. It stays in this tab, and is gone when you close it.');
  $('token-open').hidden = false;
  if (!document.querySelector('dialog[open]')) {
    openDialog($('token-dialog'));
  }
}

const link = new Link({
  overview(overview) {
    showOverview(overview);
    letters.heard(overview.streams.deadLetters);
    inside.look();
  },
  state: showState,
  tick: showSilence,
  token: askToken,
});
const lookup = new Lookup(link);
const letters = new Letters(link, new Repair(link), lookup);
const inside = new Inside(link, (user) => lookup.open('account', user));

closeButtons();
$('token-open').hidden = !link.hasToken();
$('token-open').addEventListener('click', () => openDialog($('token-dialog')));
$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = $('token').value.trim();
  $('token').value = '';
  $('token-dialog').close();
  link.setToken(token);
});
$('token-forget').addEventListener('click', () => {
  $('token').value = '';
  $('token-dialog').close();
  link.setToken('');
});
letters.show();
link.start();
