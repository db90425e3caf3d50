// The cells of the chaos, as data. A cell is one fault on one target:
//   name      group.fault.nodes[.more], unique
//   what, how for the table in docs/guarantees.md: the fault, and how it is brought about
//   fault     as in faults.mjs
//   nodes     1 or 3;  roles: of each node, ledger by default;  brokers: 3 for a cluster;  proxies: false for nodes that reach the servers directly
//   script    instead of fault and rounds: plays the whole cell
//   apart     runs only when it is named in full;  armed: the nodes are of the program whose failpoints can be armed
//   lettersWait  dead letters cannot be stored for a while, which leaves a node unready for half a minute
//   rounds    how often it strikes while the records come; ten times as often in the long runs, `longRounds` at most
//   seen      what must have been counted at least once, or the cell has tested nothing: what has been done, and what the nodes
//             or the servers have made of it; `a|b`: one of them
//   late      milliseconds: a record that waits as long is counted as `late`
//   goals     {recovery, wait}: milliseconds that docs/guarantees.md promises; a long run fails beyond them, a short one
//             beyond `slackOfShort` times as much. A fault that lasts no longer than that shows nothing
//
// What is counted: kills, freezes, cuts, hangs, terminated, locks, deadlocks, jumps, full, limits, changes, inDoubt,
// redeliveries, unconfirmed, fencedOff, madeAgain, late, `<act> <frame>` of the fault proxy's rules, and the lines of the nodes'
// logs by event (docs/log-events.md).

import {brokerFaults, failovers, streamFaults} from './streams.mjs';
import {databaseFaults, everyNode, nodeFaults, oneNode, roadFaults, serverFaults} from './faults.mjs';
import {soak, sweep} from './sweep.mjs';
import {clocks, fullDisks, processLimits} from './surroundings.mjs';

export const soakRate = 100; // records a second
const both = ['postgres', 'nats'];
export const limits = {restart: 2000, databaseBack: 3000, takeover: 7000}; // the last: the acknowledgement wait of 2 s, and 5 s
const restart = {recovery: limits.restart};
const databaseBack = {recovery: limits.databaseBack};
const takeover = {wait: limits.takeover};
const untilTakeover = {first: 25000}; // of the strikes the first lasts until the others have taken over, too

const many = (nodes) => (nodes === 1 ? 'one node' : 'three nodes');

// {kill, term, stop, cut, hang} for the node itself, with one node or with three of which all are struck.
const daemonCells = [1, 3].flatMap((nodes) => [
  {name: `daemon.kill.${nodes}`, what: `${many(nodes)} killed`, how: 'SIGKILL, started again within 0.3 s', fault: nodeFaults.kill(everyNode), rounds: 4, seen: ['kills', 'redeliveries'], goals: restart},
  {name: `daemon.term.${nodes}`, what: `${many(nodes)} stopped`, how: 'SIGTERM, started again', fault: nodeFaults.term(everyNode), rounds: 3, seen: ['kills', 'node_draining'], goals: restart},
  {name: `daemon.stop.${nodes}`, what: `${many(nodes)} frozen`, how: 'SIGSTOP for 4 s, SIGCONT', fault: nodeFaults.stop(everyNode), rounds: 2, seen: ['freezes', 'redeliveries']},
  {name: `daemon.cut.${nodes}`, what: `all connections of ${many(nodes)} reset`, how: 'RST by the fault proxy, eight times in two seconds', fault: roadFaults.cut(both, everyNode), rounds: 3, seen: ['cuts', 'broker_lost']},
  {name: `daemon.hang.${nodes}`, what: `nothing gets through to ${many(nodes)}`, how: 'both roads silent in both directions for 4 to 5 s', fault: roadFaults.hang(both, everyNode), rounds: 2, seen: ['hangs', 'redeliveries']},
].map((cell) => ({...cell, nodes})));

// By which a node shows that the server was away for it.
const databaseMissed = 'server_away|circuit_opened|database_unavailable|commit_in_doubt';
const missed = {postgres: databaseMissed, nats: 'broker_lost'};
const held = {late: 3000}; // the strikes take longer

const serverCells = [['postgres', 'PostgreSQL'], ['nats', 'nats-server']].flatMap(([server, called]) => [1, 3].flatMap((nodes) => [
  {name: `${server}.kill.${nodes}`, what: `${called} killed under ${many(nodes)}`, how: 'SIGKILL to all its processes, started again within 1 s', fault: serverFaults.kill(server), rounds: 3, seen: ['kills', missed[server]], goals: databaseBack},
  {name: `${server}.term.${nodes}`, what: `${called} stopped under ${many(nodes)}`, how: server === 'nats' ? 'SIGTERM, started again' : 'pg_ctl stop -m fast, started again', fault: serverFaults.term(server), rounds: 3, seen: ['kills', missed[server]], goals: databaseBack},
  {name: `${server}.stop.${nodes}`, what: `${called} frozen under ${many(nodes)}`, how: 'SIGSTOP to all its processes for 4 s, SIGCONT', fault: serverFaults.stop(server), rounds: 2, ...held, seen: ['freezes', 'late'], goals: databaseBack},
  {name: `${server}.cut.${nodes}`, what: `connections of ${many(nodes)} to ${called} reset`, how: 'RST by the fault proxy, eight times in two seconds', fault: roadFaults.cut([server], everyNode), rounds: 3, seen: ['cuts', missed[server]], goals: databaseBack},
  {name: `${server}.hang.${nodes}`, what: `${called} silent for ${many(nodes)}`, how: 'the road silent in both directions for 4 to 5 s', fault: roadFaults.hang([server], everyNode), rounds: 2, ...held, seen: ['hangs', 'late', ...(server === 'nats' ? ['redeliveries'] : [])], goals: databaseBack},
].map((cell) => ({...cell, nodes})))).concat([
  {name: 'postgres.away.1', nodes: 1, what: 'PostgreSQL away for long', how: 'SIGKILL to all its processes, started again after 12 s', fault: serverFaults.kill('postgres', 12000), rounds: 1, longRounds: 6, seen: ['kills', databaseMissed], goals: databaseBack},
]);

// One of three, while the others go on.
const peerCells = [
  {name: 'peer.kill.3', what: 'one of three nodes killed', how: 'SIGKILL, started again within 0.3 s, another one each time', fault: nodeFaults.kill(oneNode), rounds: 6, seen: ['kills', 'redeliveries'], goals: restart},
  {name: 'peer.term.3', what: 'one of three nodes stopped', how: 'SIGTERM, started again', fault: nodeFaults.term(oneNode), rounds: 3, seen: ['kills', 'node_draining']},
  {name: 'peer.stop.3', what: 'one of three nodes frozen', how: 'SIGSTOP, SIGCONT, the first one for 25 s, the others for 4 s', fault: nodeFaults.stop(oneNode, untilTakeover), rounds: 3, seen: ['freezes', 'redeliveries'], goals: takeover},
  {name: 'peer.cut.3', what: 'all connections of one of three nodes reset', how: 'RST by the fault proxy, eight times in two seconds', fault: roadFaults.cut(both, oneNode), rounds: 3, seen: ['cuts', 'broker_lost']},
  {name: 'peer.hang.3', what: 'one of three nodes cut off from NATS and its peers, but not from PostgreSQL', how: 'its road to NATS silent in both directions, the first time for 25 s, then for 4 to 5 s', fault: roadFaults.hang(['nats'], oneNode, untilTakeover), rounds: 2, seen: ['hangs', 'redeliveries'], goals: takeover},
  {name: 'peer.hung-database.3', what: 'PostgreSQL silent for one of three nodes', how: 'its road to PostgreSQL silent in both directions for 25 s', fault: roadFaults.hang(['postgres'], oneNode, {each: 25000}), rounds: 1, longRounds: 6, seen: ['hangs', 'redeliveries'], goals: takeover},
].map((cell) => ({...cell, nodes: 3}));

const rule = (direction, on, act, more = {}) => ({direction, on, act, ...more});

const frameCells = [1, 3].flatMap((nodes) => [
  {name: `network.before-commit.${nodes}`, what: 'connection reset before COMMIT', how: 'the fault proxy swallows every third COMMIT and sends RST', fault: roadFaults.rules('postgres', [rule('up', 'commit', 'cut', {every: 3})]), rounds: 3, seen: ['cut commit', 'inDoubt']},
  {name: `network.after-commit.${nodes}`, what: 'connection reset after COMMIT, before its answer', how: 'the fault proxy swallows the answer of every third COMMIT and sends RST', fault: roadFaults.rules('postgres', [rule('down', 'committed', 'cut', {every: 3})]), rounds: 3, seen: ['cut committed', 'inDoubt']},
].map((cell) => ({...cell, nodes}))).concat([
  {name: 'network.silent-commit.1', what: 'COMMIT arrives and is never answered', how: 'after a COMMIT the fault proxy carries nothing back, for 8 s', fault: roadFaults.rules('postgres', [rule('up', 'commit', 'mute', {times: 4})], 8000), rounds: 2, seen: ['mute commit', 'inDoubt']},
  {name: 'network.pubacks.1', lettersWait: true, what: 'confirmations of publications lost', how: 'the fault proxy swallows every third PubAck', fault: roadFaults.rules('nats', [rule('down', 'puback', 'drop', {every: 3})]), rounds: 3, seen: ['drop puback', 'unconfirmed']},
  {name: 'network.acks.1', what: 'acknowledgements lost', how: 'the fault proxy swallows every second one', fault: roadFaults.rules('nats', [rule('up', 'ack', 'drop', {every: 2})]), rounds: 3, seen: ['drop ack', 'redeliveries']},
  {name: 'network.acks.3', nodes: 3, what: 'acknowledgements lost', how: 'the fault proxy swallows every second one', fault: roadFaults.rules('nats', [rule('up', 'ack', 'drop', {every: 2})]), rounds: 3, seen: ['drop ack', 'redeliveries']},
  {name: 'network.half-open.1', what: 'connections half open', how: 'the servers\' sides are closed, and the node is never told', fault: roadFaults.halfOpen(both, everyNode), rounds: 2, seen: ['hangs', 'redeliveries|unconfirmed|broker_lost']},
  {name: 'network.slow.1', what: 'slow drip', how: '500 bytes each 5 ms in each direction', fault: roadFaults.slow(both, everyNode, 500, 5), rounds: 2, seen: ['hangs', 'redeliveries']},
  {name: 'network.delay.1', what: 'delay', how: 'each message 200 ms later, in each direction', fault: roadFaults.delay(both, everyNode, 200), rounds: 2, late: 800, seen: ['hangs', 'late']},
  {name: 'network.deaf.3', nodes: 3, what: 'one of three nodes hears nothing', how: 'nothing gets through to it for 4 to 5 s, all that it sends does', fault: roadFaults.hang(both, oneNode, {directions: ['down']}), rounds: 2, seen: ['hangs', 'redeliveries']},
  {name: 'network.unheard.3', nodes: 3, what: 'one of three nodes is not heard', how: 'nothing that it sends gets through for 4 to 5 s, all that it is sent does', fault: roadFaults.hang(both, oneNode, {directions: ['up']}), rounds: 2, seen: ['hangs', 'redeliveries']},
].map((cell) => ({nodes: 1, ...cell})));

// Nodes that take requests in as well, as they do by default.
const roleCells = [
  {name: 'roles.daemon-kill.1', what: 'a node with both roles killed', how: 'SIGKILL, started again within 0.3 s', fault: nodeFaults.kill(everyNode), rounds: 4, seen: ['kills', 'redeliveries']},
  {name: 'roles.postgres-kill.1', what: 'PostgreSQL killed under a node with both roles', how: 'SIGKILL to all its processes, started again within 1 s', fault: serverFaults.kill('postgres'), rounds: 3, seen: ['kills', databaseMissed]},
  {name: 'roles.nats-kill.1', what: 'nats-server killed under a node with both roles', how: 'SIGKILL, started again within 1 s', fault: serverFaults.kill('nats'), rounds: 3, seen: ['kills', 'broker_lost']},
].map((cell) => ({nodes: 1, roles: 'ledger,account', ...cell}));

const databaseCells = [1, 3].flatMap((nodes) => [
  {name: `database.terminated.${nodes}`, what: `backends of ${many(nodes)} terminated`, how: 'pg_terminate_backend, 1 to 20 times a second', fault: databaseFaults.terminated(), rounds: 2, seen: ['terminated']},
  {name: `database.locked.${nodes}`, what: 'tables locked by a stranger', how: 'LOCK TABLE ... IN ACCESS EXCLUSIVE MODE for 4 s', fault: databaseFaults.locked(), rounds: 2, ...held, seen: ['locks', 'late']},
  {name: `database.deadlock.${nodes}`, what: 'deadlocks with a stranger', how: 'his session locks accounts in the opposite order', fault: databaseFaults.deadlock(), rounds: 2, seen: ['deadlocks']},
].map((cell) => ({...cell, nodes}))).concat([
  {name: 'database.failover.3', nodes: 3, proxies: false, what: 'failover to a synchronous standby', how: 'the primary is frozen, the standby promoted', fault: failovers.synchronous(), rounds: 1, longRounds: 1, seen: ['freezes', 'changes', databaseMissed]},
]);

const surroundingCells = [
  {name: 'disk.postgres.1', what: 'disk of PostgreSQL full', how: 'its data on a tmpfs that a file fills for 3 s', fault: fullDisks.postgres(), rounds: 2, seen: ['full']},
  {name: 'disk.nats.1', lettersWait: true, what: 'disk of JetStream full', how: 'its store on a tmpfs that a file fills for 3 s; then nats-server is started again', fault: fullDisks.nats(), rounds: 2, seen: ['full']},
  {name: 'disk.daemon.1', what: 'disk of the node\'s log full', how: 'the log at level debug on a tmpfs that a file fills', flags: ['--log-level', 'debug'], fault: fullDisks.daemon(), rounds: 2, seen: ['full']},
  {name: 'clock.daemon.1', what: 'wall clock of a node jumps', how: 'a preloaded library: an hour forward, two back, one forward', fault: clocks.daemon(everyNode), rounds: 1, seen: ['jumps']},
  {name: 'clock.daemon.3', nodes: 3, what: 'wall clock of one of three nodes jumps', how: 'the same', fault: clocks.daemon(oneNode), rounds: 1, seen: ['jumps']},
  {name: 'clock.postgres.1', what: 'wall clock of PostgreSQL jumps', how: 'the same', fault: clocks.postgres(), rounds: 1, seen: ['jumps']},
  {name: 'limits.descriptors.1', what: 'no descriptors left', how: 'prlimit below what is open, all connections reset, for 3 s', fault: processLimits.descriptors(), rounds: 2, seen: ['limits', 'cuts']},
  {name: 'limits.memory.1', what: 'no memory left', how: 'prlimit: no more address space than is in use, for 3 s', fault: processLimits.memory(), rounds: 2, seen: ['limits']},
].map((cell) => ({nodes: 1, ...cell}));

const streamCells = [
  {name: 'streams.consumer-deleted.1', what: 'a consumer deleted', how: 'the node makes it again, and all is delivered again', fault: streamFaults.consumerDeleted(), rounds: 2, seen: ['changes', 'madeAgain', 'redeliveries']},
  {name: 'streams.requests-deleted.1', what: 'the stream of requests deleted when all is decided', how: 'the node makes it again; sequences begin anew', fault: streamFaults.requestsDeleted(), rounds: 2, longRounds: 4, seen: ['changes', 'madeAgain']},
  {name: 'streams.results-deleted.1', what: 'the stream of results deleted', how: 'under load; the node makes it again', fault: streamFaults.deleted('TRANSACTION_RESULTS'), rounds: 2, seen: ['changes', 'madeAgain']},
  {name: 'streams.letters-deleted.1', lettersWait: true, what: 'the stream of dead letters deleted', how: 'under load; the node makes it again', fault: streamFaults.deleted('TRANSACTION_DEAD_LETTERS'), rounds: 2, seen: ['changes', 'madeAgain']},
  {name: 'streams.results-full.1', what: 'the stream of results full', how: 'discard new, for 3 s', fault: streamFaults.full('TRANSACTION_RESULTS'), rounds: 2, seen: ['full', 'unconfirmed']},
  {name: 'streams.letters-full.1', lettersWait: true, what: 'the stream of dead letters full', how: 'discard new, for 3 s', fault: streamFaults.full('TRANSACTION_DEAD_LETTERS'), rounds: 2, seen: ['full', 'unconfirmed']},
  {name: 'streams.requests-full.1', what: 'the stream of requests full', how: 'discard new, for 3 s', fault: streamFaults.full('TRANSACTIONS'), rounds: 2, seen: ['full']},
  {name: 'streams.results-sealed.1', what: 'the stream of results sealed', how: 'sealed for 2.5 s, then deleted; the node makes it again', fault: streamFaults.sealed('TRANSACTION_RESULTS'), rounds: 1, seen: ['changes', 'madeAgain']},
  {name: 'brokers.one-of-three.3', nodes: 3, brokers: 3, proxies: false, what: 'one of three nats-servers (R3) killed or frozen', how: 'another one every few seconds, SIGKILL for 0 to 2 s and SIGSTOP for 1 to 3 s in turn', fault: brokerFaults.oneOfThree(), rounds: 4, longRounds: 60, seen: ['kills', 'freezes', 'broker_lost|unconfirmed|redeliveries']},
].map((cell) => ({nodes: 1, ...cell}));

// Steps of the road from a delivery to its acknowledgement, of one node while the others go on.
const stepCells = [
  {name: 'failpoints.end.3', what: 'one of three nodes ends at a step of its own', how: 'SIGKILL or an exception at the 1st to 30th time of a random step from pull to acknowledgement; started again', fault: nodeFaults.endAtStep(oneNode), rounds: 5, seen: ['kills', 'redeliveries']},
  {name: 'failpoints.drop.3', what: 'one of three nodes leaves steps out', how: 'every step that may be left out, five times each', fault: nodeFaults.leaveStepsOut(oneNode), rounds: 3, seen: ['drops', 'redeliveries']},
].map((cell) => ({nodes: 3, armed: true, ...cell}));

const scriptCells = [
  {name: 'sweep.calls.1', nodes: 1, what: 'a node killed at its n-th system call of a kind, while it starts and while it works, for growing n, until a pass ends well', how: 'strace -e inject=...:signal=SIGKILL:when=n; n grows by a fifth, in the long run by one', script: (stage, long) => sweep((n) => (long ? n + 1 : Math.ceil(n * 1.2)))(stage), seen: ['kills', 'redeliveries']},
  {name: 'soak.mixed.3', nodes: 3, what: 'mixed faults for a long time', how: 'one after the other, 1 to 5 s apart, at random of nineteen kinds', script: soak(soakRate), seen: ['kills', 'freezes', 'cuts', 'hangs', 'redeliveries', 'inDoubt'], apart: true},
];

export const cells = [
  ...daemonCells, ...serverCells, ...peerCells, ...frameCells, ...roleCells, ...databaseCells, ...surroundingCells, ...streamCells, ...stepCells, ...scriptCells,
];

// What all cells of a group must have seen together, though one alone may miss it: whether a COMMIT is under way when
// PostgreSQL goes is a matter of luck.
export const evidenceOfGroups = [{group: 'postgres', seen: 'inDoubt'}];

// Those whose name holds the pattern, a regular expression.
export const choose = (pattern) => cells.filter(({name, apart}) => (apart ? name === pattern : new RegExp(pattern).test(name)));
