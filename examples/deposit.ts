// Deposits an amount and prints the verdict. Compile it with `tsc` (tsconfig.json), then
// node deposit.js USER AMOUNT [IDEMPOTENCY_KEY]. Needs Node.js 18.
import {randomUUID} from 'node:crypto';

// What a node answers; docs/openapi.json has all of it. Amounts are text: a number would round them.
interface TransactionRecord {
  recordId: number;
  transactionId?: number;
  userId: string;
  type: 'DEPOSIT' | 'WITHDRAWAL';
  amount: string;
  currency: string;
  status: 'PENDING' | 'SUCCESS' | 'FAILED';
  reason?: string;
  balanceAfter?: string;
  createdAt: string;
  updatedAt: string;
}

interface Problem {
  code: string; // stable; `detail` is for people
  detail: string;
  status: number;
}

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

async function deposit(userId: string, amount: string, key: string): Promise<TransactionRecord> {
  const {LEDGERD_URL: base = 'http://127.0.0.1:8080', LEDGERD_TOKEN: token} = process.env;
  const answer = await fetch(`${base}/v1/transactions`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Idempotency-Key': key,
      Prefer: 'wait=10',
      ...(token ? {Authorization: `Bearer ${token}`} : {}),
    },
    body: JSON.stringify({userId, type: 'DEPOSIT', amount, currency: 'KRW'}),
  });
  if (!answer.ok) {
    throw new Refused((await answer.json()) as Problem);
  }
  return (await answer.json()) as TransactionRecord;
}

const [user, amount, key = randomUUID()] = process.argv.slice(2);
if (user === undefined || amount === undefined) {
  console.error('usage: node deposit.js USER AMOUNT [IDEMPOTENCY_KEY]');
  process.exit(2);
}
console.error(`Idempotency-Key: ${key}`); // kept first: your service writes it down with the payment
deposit(user, amount, key).then(
  (record) => console.log(JSON.stringify(record)),
  (failure: unknown) => { // no answer, or 503? Repeat with the same key: nothing is paid twice.
    console.error(failure instanceof Error ? failure.message : failure);
    process.exitCode = 1;
  },
);
