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
const callLimit = 10000; // letters in one call, as many as a node takes

// Adds what a call answers to what the calls before it did.
function merge(merged, answer) {
  merged.calls = (merged.calls ?? 0) + 1;
  merged.first ??= answer.count;
  merged.count += answer.count;
  merged.done += answer.done;
  merged.wouldBeDone += answer.wouldBeDone ?? 0;
  merged.items.push(...(answer.items ?? []));
  Object.entries(answer.verdicts ?? {}).forEach(([verdict, times]) => { merged.verdicts[verdict] = (merged.verdicts[verdict] ?? 0) + times; });
}

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
    this.upTo = null; // what comes after the dry run is nobody's choice
    this.after = null;
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
    const rest = Math.max(answer.count, answer.items?.length ?? 0) - items.length; // an answer shows a thousand
    return [
      el('p', {class: 'conclusion', tabindex: -1}, `${count(dry ? answer.wouldBeDone : answer.done)} of ${number(answer.count, 'letter')} ${dry ? 'would be ' : ''}${doneWords[verb]}`),
      ...(dry && lines.length > 0 ? [el('ul', {class: 'checks'}, ...lines)] : []),
      ...(dry && answer.calls > 1 ? [el('p', {class: 'quiet'}, `What is said of the letters behind the first ${count(answer.first)} does not reckon with those before them.`)] : []),
      ...(items.length > 0 ? [el('pre', {tabindex: 0, 'aria-label': 'One by one'}, items.join('\n') + (rest > 0 ? `\nand ${count(rest)} more` : ''))] : []),
    ];
  }

  // Call after call, each behind the one before, up to the last letter that the first call of the dry run knew of. False: it
  // has failed; nothing: another repair has been opened meanwhile, and what the dialog shows is of that one.
  async ask(verb, dryRun) {
    const asked = this.number = (this.number ?? 0) + 1;
    this.say(el('p', {class: 'quiet'}, 'Asking …'));
    const why = $('repair-why').value.trim();
    const merged = {count: 0, done: 0, wouldBeDone: 0, items: [], verdicts: {}};
    let failure = null;
    let after = dryRun ? null : this.after;
    try {
      do {
        const answer = await this.link.ask(`/v1/dead-letters/${verb}`, {
          method: 'POST', body: {...this.which, dryRun, ...(this.which.filter && {limit: callLimit}), ...(why && {why}), ...(after !== null && {after}),
            ...(this.upTo !== null && {upTo: this.upTo})},
        });
        if (asked !== this.number) {
          return undefined;
        }
        this.upTo ??= answer.upTo ?? null;
        merge(merged, answer);
        failure = answer.failure ?? null;
        after = answer.next ?? null;
        if (!dryRun) {
          this.after = after;
        }
        this.say(el('p', {class: 'quiet'}, `${count(merged.count)} so far …`));
      } while (after !== null && failure === null && this.dialog.open);
    } catch (problem) {
      if (asked !== this.number) {
        return undefined;
      }
      failure = problem.status === 404 ? 'Not available on this node.' : `No answer: ${problem.message}`;
    }
    const report = failure === null || merged.count > 0 ? this.report(merged, verb, dryRun) : [];
    this.say(...report, ...(failure === null ? [] : [el('p', {class: 'empty'}, merged.count > 0 ? `It went no further. ${failure}` : failure)]));
    $('repair-go').disabled = failure !== null || merged.count === 0;
    return failure === null;
  }

  async go() {
    const go = $('repair-go');
    go.disabled = true;
    const all = await this.ask(this.what, false);
    if (all) {
      go.hidden = true;
      $('repair-why-label').hidden = true;
      $('repair-answer').querySelector('.conclusion').focus();
    } else if (all === false) {
      go.disabled = false; // again, behind what was done
    }
    this.done?.(); // also what has failed may have done something
  }
}
