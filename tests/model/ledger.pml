/* The road of a request: a stream that delivers at least once, two nodes that may both think that they own the one
 * account, sessions of the database that outlive whoever opened them. check.sh has it searched to the end, and has
 * each broken variant refuted.
 *
 * Abstractions, each on the safe side: an acknowledgement wait may run out at any moment (what is not acknowledged may be
 * pulled by either node); a node may believe in either owner at each entry, which is every hand-over there can be;
 * a batch holds one entry. Every step is atomic and stands for one message between two processes, or one statement
 * of the database. FAULTS of these happen at most, in any order, anywhere: a crash of a node; a session that breaks or
 * falls silent, so that a commit is in doubt or comes late; a rollback by the database; the loss of a publication, of its
 * PubAck, of an acknowledgement, of the link between the nodes.
 */
#ifndef FAULTS
#define FAULTS 2
#endif

#define NODES 2
#define RECORDS 2
#define NONE 15

/* The stream: a deposit of 2, then its duplicate, or its record id with other content (a deposit of 1), or a withdrawal
 * of 1; or that and its duplicate. */
#if defined(DUPLICATE)
#define MESSAGES 2
#define record_of(m) 0
#define content_of(m) 0
#elif defined(CONFLICT)
#define MESSAGES 2
#define record_of(m) 0
#define content_of(m) (2 * (m))
#elif defined(THREE)
#define MESSAGES 3
#define record_of(m) ((m) != 0)
#define content_of(m) record_of(m)
#else
#define MESSAGES 2
#define record_of(m) (m)
#define content_of(m) (m)
#endif
#define is_deposit(c) ((c) != 1)
#define amount_of(c) ((c) == 0 -> 2 : 1)
bool acked[MESSAGES];
bool parked[MESSAGES]; /* as a dead letter */

/* The database: the account, and the rows by record. A row is 1 + 2 * balance after it + whether it was applied. */
byte head_seq = 0;
short head_balance = 0;
byte lock = NONE; /* the session that has the account locked */
byte row[RECORDS];
byte row_content[RECORDS];
#define CONFLICTING 99

/* What must come out, kept by no part of the system. */
short moved = 0; /* the sum of all movements that were applied */
byte written[RECORDS]; /* rows that were ever committed */
byte result[RECORDS]; /* the first that was published; 0: none */

/* A node's fetcher holds one message. */
mtype = {idle, held, asked, decided, forgotten, confirmed}; /* forgotten: NO_REPUBLISH */
mtype phase[NODES] = idle;
byte holds[NODES] = NONE;
byte asks[NODES] = NONE; /* the node it believes to be the owner */
byte verdict[NODES]; /* a row, or CONFLICTING */

/* A node as owner: what the fetchers have sent, the head that it knows, the one entry at the gate. */
#define place(owner, fetcher) ((owner) * NODES + (fetcher))
byte entry[NODES * NODES] = NONE;
bool unwanted[NODES * NODES]; /* its fetcher waits for it no more */
byte working_for[NODES] = NONE; /* the fetcher */
bool knows[NODES];
byte known_seq[NODES];
short known_balance[NODES];

/* The sessions: each node has one, and what is still at work in one that nobody waits for moves to the last. */
#define SESSIONS 3
#define ORPHAN 2
mtype = {unused, posted, read, looked, again, wrote, committed, answered, silent}; /* silent: NO_DEADLINE */
mtype at[SESSIONS] = unused;
byte message[SESSIONS] = NONE;
byte seq[SESSIONS]; /* what it has planned from, then what it leaves */
short balance[SESSIONS];
bool trusted[SESSIONS]; /* BELIEVE_LEASE: its node had the lease when it posted */
byte lease = 0;

hidden byte h, r, said; /* of one step, no part of the state */

byte faults = FAULTS; /* still to come */

#ifdef RENEW_FOR_EVER
byte renewed_by[MESSAGES] = NONE; /* a node that never lets the message go */
#define may_pull(m) (!acked[m] && renewed_by[m] == NONE)
#else
#define may_pull(m) (!acked[m])
#endif

#define is_decided(m) (acked[m] && row[record_of(m)] != 0 && (parked[m] || result[record_of(m)] != 0))
#define is_settled (is_decided(0) && is_decided(1) && is_decided(MESSAGES - 1) && lock == NONE)

/* ------------------------------------------------------------------------------------------------ the database */

#define is_at_work(s) (at[s] == posted || at[s] == read || at[s] == looked || at[s] == again || at[s] == wrote)

inline forget(s) {
  at[s] = unused;
  message[s] = NONE;
  seq[s] = 0;
  balance[s] = 0;
  trusted[s] = false
}

/* Its node is gone, or waits no longer. What is over leaves no trace; what runs goes on, unless there is one already. */
inline abandon(s) {
  if
  :: lock == s -> lock = (at[ORPHAN] == unused -> ORPHAN : NONE)
  :: else
  fi;
  if
  :: at[ORPHAN] == unused && is_at_work(s) ->
       at[ORPHAN] = at[s];
       message[ORPHAN] = message[s];
       seq[ORPHAN] = seq[s];
       balance[ORPHAN] = balance[s];
       trusted[ORPHAN] = trusted[s]
  :: else
  fi;
  forget(s)
}

/* What comes of deciding an entry on a balance. */
#define is_refused(s) (!is_deposit(content_of(message[s])) && balance[s] < amount_of(content_of(message[s])))
#define after(s) (balance[s] + (is_deposit(content_of(message[s])) -> amount_of(content_of(message[s])) \
                  : (is_refused(s) -> 0 : -amount_of(content_of(message[s])))))
#define row_by(s) (1 + 2 * after(s) + !is_refused(s))
#define is_known(s) (row[record_of(message[s])] != 0)

#ifdef NO_GATE
#define answers_known(s) false
#define is_unique(s) true
#else
#define answers_known(s) is_known(s)
#define is_unique(s) !is_known(s)
#endif

#if defined(NO_FENCE)
#define is_fenced_off(s) false
#elif defined(BELIEVE_LEASE)
#define is_fenced_off(s) (!trusted[s] && seq[s] != head_seq)
#else
#define is_fenced_off(s) (seq[s] != head_seq)
#endif

inline commit(s) {
  r = record_of(message[s]);
  written[r]++;
  assert(written[r] <= 1); /* each record has one effect at most */
  moved = moved + after(s) - balance[s];
  row[r] = row_by(s);
  row_content[r] = content_of(message[s]);
  balance[s] = after(s);
  seq[s]++;
  head_seq = seq[s];
  head_balance = balance[s];
  lock = NONE;
  at[s] = committed;
  assert(head_balance == moved && head_balance >= 0) /* the balance is the sum of what was applied */
}

/* A node's session has the node's number. */
inline post(o) {
  at[o] = (knows[o] -> read : posted);
  message[o] = entry[place(o, working_for[o])];
  seq[o] = known_seq[o];
  balance[o] = known_balance[o];
  trusted[o] = (lease == o)
}

proctype session(byte s) {
end:
  do
  :: d_step { at[s] == posted -> /* the head is not known */
       seq[s] = head_seq;
       balance[s] = head_balance;
       at[s] = read }
  :: d_step { at[s] == read -> /* later than the head: a row that came between shows */
       if
       :: answers_known(s) -> at[s] = answered
       :: else -> at[s] = looked
       fi }
  :: d_step { at[s] == looked && lock == NONE ->
       if
       :: is_fenced_off(s) -> at[s] = again
       :: else -> lock = s; at[s] = wrote
       fi }
  :: d_step { at[s] == again && lock == NONE ->
       seq[s] = head_seq;
       balance[s] = head_balance;
       if
       :: answers_known(s) -> at[s] = answered
       :: else -> lock = s; at[s] = wrote
       fi }
  :: d_step { at[s] == wrote ->
       if
       :: is_unique(s) -> commit(s)
       :: else -> lock = NONE; at[s] = again
       fi }
  :: d_step { at[s] == wrote && faults > 0 && s != ORPHAN ->
       faults--;
       lock = NONE;
       post(s) } /* the same once more */
  :: d_step { s == ORPHAN && at[s] != unused -> /* it is over, or the server notices that nobody is there */
       if
       :: lock == s -> lock = NONE
       :: else
       fi;
       forget(s) }
  od
}

/* --------------------------------------------------------------------------------------------------- the owner */

inline answer(o) {
  h = working_for[o];
  if
  :: unwanted[place(o, h)] == false ->
       verdict[h] = said;
       phase[h] = decided;
       asks[h] = NONE
  :: else
  fi;
  entry[place(o, h)] = NONE;
  unwanted[place(o, h)] = false;
  working_for[o] = NONE
}

/* The answer to what has a row: the row, or that its content is another. */
#define row_or_conflict(s) (row_content[record_of(message[s])] == content_of(message[s]) \
                            -> row[record_of(message[s])] : CONFLICTING)
#ifdef DECIDE_AGAIN
#define stored_answer(s) (at[s] == answered -> row_by(s) : row_or_conflict(s))
#else
#define stored_answer(s) row_or_conflict(s)
#endif

/* One at a time is at the gate. */
inline take_next(o) {
  if
  :: working_for[o] == NONE && entry[place(o, 0)] != NONE -> working_for[o] = 0; post(o)
  :: working_for[o] == NONE && entry[place(o, 0)] == NONE && entry[place(o, 1)] != NONE -> working_for[o] = 1; post(o)
  :: else
  fi
}

inline learn(o) {
  knows[o] = true;
  known_seq[o] = seq[o];
  known_balance[o] = balance[o];
  forget(o);
  take_next(o)
}

proctype owner(byte o) {
end:
  do
  :: d_step { at[o] == committed || at[o] == answered ->
       said = stored_answer(o);
       answer(o);
       learn(o) }
  :: d_step { at[o] != unused && at[o] != silent && faults > 0 -> /* broken, or silent until the deadline: in doubt */
       faults--;
       r = (at[o] == wrote);
       said = row_by(o);
       abandon(o);
#if defined(BELIEVE_COMMIT)
       if
       :: r -> answer(o); take_next(o)
       :: else -> post(o)
       fi
#elif defined(NO_DEADLINE)
       at[o] = silent
#else
       post(o) /* the same again */
#endif
       }
  od
}

/* ------------------------------------------------------------------------------------------------- the fetcher */

inline ask(f, o) {
  asks[f] = o;
  entry[place(o, f)] = holds[f];
  phase[f] = asked;
  take_next(o)
}

/* Pulled, and sent to whom this node believes to be the owner. */
inline pull(f, m, o) {
  holds[f] = m;
  ask(f, o);
#ifdef RENEW_FOR_EVER
  renewed_by[m] = f;
#endif
}

inline done(f) {
#ifdef RENEW_FOR_EVER
  renewed_by[holds[f]] = NONE;
#endif
  phase[f] = idle;
  holds[f] = NONE;
  verdict[f] = 0
}

/* The only place where a request ends: its row is committed, and its result or its dead letter is stored. */
inline acknowledge(f) {
  r = holds[f];
  acked[r] = true;
#ifndef OUTCOME_ONLY
  assert(row[record_of(r)] != 0);
  assert(parked[r] || (result[record_of(r)] != 0 && row_content[record_of(r)] == content_of(r)))
#endif
}

/* What the stream stores. A result has always the same bytes. */
inline store(f) {
  r = holds[f];
  if
  :: verdict[f] == CONFLICTING -> parked[r] = true
  :: else ->
#ifndef OUTCOME_ONLY
       assert(row[record_of(r)] == verdict[f]);
#endif
       assert(result[record_of(r)] == 0 || result[record_of(r)] == verdict[f]);
       result[record_of(r)] = verdict[f]
  fi
}

#ifdef BELIEVE_LEASE
#define believes(f, o) (lease == o)
#else
#define believes(f, o) true
#endif

#define may_send(f, o) (phase[f] == idle && entry[place(o, f)] == NONE && believes(f, o))

proctype fetcher(byte f) {
end:
  do
  :: d_step { may_send(f, 0) && may_pull(0) -> pull(f, 0, 0) }
  :: d_step { may_send(f, 1) && may_pull(0) -> pull(f, 0, 1) }
  :: d_step { may_send(f, 0) && may_pull(1) -> pull(f, 1, 0) }
  :: d_step { may_send(f, 1) && may_pull(1) -> pull(f, 1, 1) }
#ifdef THREE
  :: d_step { may_send(f, 0) && may_pull(2) -> pull(f, 2, 0) }
  :: d_step { may_send(f, 1) && may_pull(2) -> pull(f, 2, 1) }
#endif
  :: d_step { phase[f] == held && entry[place(0, f)] == NONE && believes(f, 0) -> ask(f, 0) }
  :: d_step { phase[f] == held && entry[place(1, f)] == NONE && believes(f, 1) -> ask(f, 1) }
#ifdef ACK_BEFORE_COMMIT
  :: d_step { phase[f] == asked && !acked[holds[f]] -> acknowledge(f) }
#endif
  :: d_step { phase[f] == asked && asks[f] != f && faults > 0 -> /* the link is cut: sent to somebody again */
       faults--;
       unwanted[place(asks[f], f)] = true;
       asks[f] = NONE;
       phase[f] = held }
  :: d_step { phase[f] == decided -> store(f); phase[f] = confirmed }
  :: d_step { phase[f] == decided && faults > 0 -> /* the PubAck is lost: published again */
       faults--;
       store(f);
#ifdef NO_REPUBLISH
       phase[f] = forgotten
#endif
       }
  :: d_step { phase[f] == decided && faults > 0 -> /* the publication is lost: likewise */
       faults--;
#if defined(ACK_BEFORE_PUBACK)
       phase[f] = confirmed
#elif defined(NO_REPUBLISH)
       phase[f] = forgotten
#endif
       }
  :: d_step { phase[f] == confirmed -> acknowledge(f); done(f) }
  :: d_step { phase[f] == confirmed && faults > 0 -> faults--; done(f) } /* the acknowledgement is lost */
  od
}

/* -------------------------------------------------------------------------------------------------- the faults */

/* Everything in memory is gone; what the node had sent to the database goes on or not; its peer sees the connection
 * close. */
inline crash(n, other) {
#ifdef RENEW_FOR_EVER
  if
  :: holds[n] != NONE -> renewed_by[holds[n]] = NONE
  :: else
  fi;
#endif
  phase[n] = idle;
  holds[n] = NONE;
  asks[n] = NONE;
  verdict[n] = 0;
  entry[place(n, 0)] = NONE;
  entry[place(n, 1)] = NONE;
  unwanted[place(n, 0)] = false;
  unwanted[place(n, 1)] = false;
  if
  :: entry[place(other, n)] != NONE -> unwanted[place(other, n)] = true
  :: else
  fi;
  if
  :: phase[other] == asked && asks[other] == n -> phase[other] = held; asks[other] = NONE
  :: else
  fi;
  abandon(n);
  working_for[n] = NONE;
  knows[n] = false;
  known_seq[n] = 0;
  known_balance[n] = 0
}

proctype misfortune() {
end:
  do
  :: d_step { faults > 0 -> faults--; crash(0, 1) }
  :: d_step { faults > 0 -> faults--; crash(1, 0) }
#ifdef BELIEVE_LEASE
  /* It runs out while its holder is still at work; the next one begins without a head. */
  :: d_step { lease == 0 -> lease = 1; knows[1] = false; known_seq[1] = 0; known_balance[1] = 0 }
#endif
  od
}

/* Nothing can happen any more: everything is decided, published and acknowledged, and nothing is held. */
proctype judge() {
end:
  timeout ->
    assert(is_settled);
    assert(phase[0] == idle && phase[1] == idle);
    assert(working_for[0] == NONE && working_for[1] == NONE);
    assert(at[0] == unused && at[1] == unused && at[2] == unused)
}

/* Every number of faults, so that a run that is stuck cannot be saved by one still to come. */
init {
  do
  :: faults > 0 -> faults--
  :: break
  od;
  atomic {
    run session(0); run session(1); run session(2);
    run owner(0); run owner(1);
    run fetcher(0); run fetcher(1);
    run misfortune();
    run judge()
  }
}

ltl settles { <> is_settled }
