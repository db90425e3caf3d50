// How the promises of docs/guarantees.md are judged on a machine that may be slow or busy: each test states the promise, and
// here stands how much more it lets pass. The long runs of the chaos hold the nodes to the promises as they are.

export const slackOfShort = 5; // such a machine may take so many times a promised time

// A slow disk may hold a shutdown up beyond a short deadline, which then ends it with 70: what was left comes to others. Of
// so many shutdowns or more, however, not all may end so; fewer may all have met the same stall of the machine.
export const stopsMin = 3;

// Milliseconds that something may take which is promised within `promised`, where as much as `calm` was seen of the same kind
// while nothing was wrong: for promises of which several times as much would hide what the test looks for.
export const beyondCalm = (promised, calm) => promised + slackOfShort * calm;
