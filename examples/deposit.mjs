// Deposits an amount and prints the verdict: node deposit.mjs USER AMOUNT [IDEMPOTENCY_KEY]. Needs Node.js 18.
import {randomUUID} from 'node:crypto';

const [user, amount, key = randomUUID()] = process.argv.slice(2);
if (amount === undefined) {
  console.error('usage: node deposit.mjs USER AMOUNT [IDEMPOTENCY_KEY]');
  process.exit(2);
}
console.error(`Idempotency-Key: ${key}`); // kept before anything is sent: your service writes it down with the payment
const {LEDGERD_URL: base = 'http://127.0.0.1:8080', LEDGERD_TOKEN: token} = process.env;
const answer = await fetch(`${base}/v1/transactions`, {
  method: 'POST',
  headers: {'Content-Type': 'application/json', 'Idempotency-Key': key, Prefer: 'wait=10',
    ...(token && {Authorization: `Bearer ${token}`})},
  body: JSON.stringify({userId: user, type: 'DEPOSIT', amount, currency: 'KRW'}), // the amount stays text: no rounding
});
console.log(await answer.text());
process.exitCode = answer.ok ? 0 : 1; // no answer, or 503? Repeat with the same key: nothing is paid twice.
