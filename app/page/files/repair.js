// Replaying and discarding: first what would come of it, then the word, then what came of it.

import {$, el, openDialog, setText} from './dom.js';
import {count, number} from './format.js';

const verdictWords = {
  SUCCESS: 'would be applied', FAILED: 'would be refused', DUPLICATE: 'are decided already, and would get the same answer',
  PARKED: 'would be parked again, so they stay where they are',
  ENDED: 'have ended their record as FAILED, and so their caller was told; they stay where they are', RESULT: 'are results, which the account side judges',
  UNKNOWN: 'cannot be foretold: the ledger is not asked', NONE: 'cannot be replayed',
};
const doneWords = {discard: 'discarded', replay: 'published again'};
const shown = 20;

export class Repair {
  constructor(link) {
    this.link = link;
    this.dialog = $('repair-dialog');
    $('repair-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.go();
    });
  }

  // `what`: dry, replay or discard. `which`: {seqs} or {filter}, and {payload} with one letter.
  async open(what, which, words) {
    this.what = what;
    this.which = which;
    const discard = what === 'discard';
    setText($('repair-title'), {dry: 'Dry run', replay: 'Replay', discard: 'Discard'}[what]);
    setText($('repair-what'), discard ? `Discards ${words}. These requests will never be decided; who did it and why is kept.`
      : what === 'dry' ? `What would come of a replay of ${words}:` : `Publishes again: ${words}. First, what would come of it:`);
    $('repair-why').value = '';
    $('repair-why').required = discard;
    $('repair-why-label').hidden = what === 'dry';
    const go = $('repair-go');
    go.hidden = what === 'dry';
    go.disabled = true; // until it is seen what would come of it
    go.className = discard ? 'danger' : '';
    setText(go, discard ? 'Discard for good' : 'Replay');
    this.say();
    openDialog(this.dialog);
    await this.ask(discard ? 'discard' : 'replay', true);
  }

  say(...nodes) {
    $('repair-answer').replaceChildren(...nodes);
  }

  // The verdicts of a dry run, grouped, and the first of them one by one.
  report(answer, verb, dry) {
    const verdicts = answer.verdicts ?? answer.items?.reduce((all, {verdict}) => ({...all, [verdict]: (all[verdict] ?? 0) + 1}), {}) ?? {};
    const lines = Object.entries(verdicts).map(([verdict, times]) => el('li', {}, el('strong', {}, count(times)), ` ${verdictWords[verdict] ?? verdict}`));
    const became = (item) => (item.done ? doneWords[verb] : item.wouldBeDone ? `would be ${doneWords[verb]}` : 'stays where it is');
    const items = (answer.items ?? []).slice(0, shown).map((item) => `letter ${item.seq}: ${item.found === false ? 'is not there'
      : [became(item), item.verdict, item.reason, item.detail].filter(Boolean).join(', ')}`
      + `${item.balanceAfter ? `, balance after ${item.balanceAfter}` : ''}`);
    const rest = (answer.items?.length ?? 0) - items.length;
    return [
      el('p', {class: 'conclusion', tabindex: -1}, `${count(dry ? answer.wouldBeDone : answer.done)} of ${number(answer.count, 'letter')} ${dry ? 'would be ' : ''}${doneWords[verb]}`),
      ...(dry && lines.length > 0 ? [el('ul', {class: 'checks'}, ...lines)] : []),
      ...(items.length > 0 ? [el('pre', {tabindex: 0, 'aria-label': 'One by one'}, items.join('\n') + (rest > 0 ? `\nand ${count(rest)} more` : ''))] : []),
    ];
  }

  async ask(verb, dryRun) {
    const number = this.number = (this.number ?? 0) + 1;
    this.say(el('p', {class: 'quiet'}, 'Asking …'));
    const why = $('repair-why').value.trim();
    const merged = {count: 0, done: 0, wouldBeDone: 0, items: [], verdicts: {}};
    try {
      for (let after = null; ;) {
        const answer = await this.link.ask(`/v1/dead-letters/${verb}`, {
          method: 'POST', body: {...this.which, dryRun, ...(why && {why}), ...(after !== null && {after})},
        });
        if (number !== this.number) {
          return false;
        }
        merged.count += answer.count;
        merged.done += answer.done;
        merged.wouldBeDone += answer.wouldBeDone ?? 0;
        merged.items.push(...(answer.items ?? []));
        Object.entries(answer.verdicts ?? {}).forEach(([verdict, times]) => { merged.verdicts[verdict] = (merged.verdicts[verdict] ?? 0) + times; });
        after = answer.next ?? null;
        if (after === null || !this.dialog.open) {
          break;
        }
        this.say(el('p', {class: 'quiet'}, `${count(merged.count)} so far …`));
      }
      this.say(...this.report(merged, verb, dryRun));
      $('repair-go').disabled = merged.count === 0;
      return true;
    } catch (failure) {
      this.say(el('p', {class: 'empty'}, failure.status === 404 ? 'Not available on this node.' : `No answer: ${failure.message}`));
      return false;
    }
  }

  async go() {
    const go = $('repair-go');
    go.disabled = true;
    if (await this.ask(this.what, false)) {
      go.hidden = true;
      $('repair-why-label').hidden = true;
      $('repair-answer').querySelector('.conclusion').focus();
      this.done?.();
    } else {
      go.disabled = false;
    }
  }
}
