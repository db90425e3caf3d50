// The planted faults. Each names what it stands for, the text that it spoils and what becomes of it, and the tests that
// must each fail on it; the quickest first. A new one goes to the file of its room.

import {accountSide} from './account_side.mjs';
import {broker} from './broker.mjs';
import {cluster} from './cluster.mjs';
import {database} from './database.mjs';
import {doors} from './doors.mjs';
import {ledgerSide} from './ledger_side.mjs';
import {memory} from './memory.mjs';
import {money} from './money.mjs';

export const rooms = [
  {title: 'Money and decisions', faults: money},
  {title: 'From a delivery to its acknowledgement', faults: ledgerSide},
  {title: 'Memory', faults: memory},
  {title: 'Between nodes', faults: cluster},
  {title: 'From a submission to its verdict', faults: accountSide},
  {title: 'Wire format and broker', faults: broker},
  {title: 'Database', faults: database},
  {title: 'HTTP, audit and what is shown', faults: doors},
];

export const table = rooms.flatMap(({faults}) => faults);
