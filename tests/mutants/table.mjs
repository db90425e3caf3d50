// The planted faults. Each names what it stands for, the text that it spoils and what becomes of it, and the tests that
// must each fail on it; the quickest first. A new one goes to the file of its room.

import {accountSide} from './account_side.mjs';
import {broker} from './broker.mjs';
import {cluster} from './cluster.mjs';
import {database} from './database.mjs';
import {ledgerSide} from './ledger_side.mjs';
import {money} from './money.mjs';

export const table = [...money, ...ledgerSide, ...cluster, ...accountSide, ...broker, ...database];
